"""Every kind of vector file there is. A kind of row that no check covers yet fails as not understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from agbot.selftest import onchain, polymarket, quant_books, quant_risk, quant_trading
from agbot.selftest.check import Row, Schema, entries


def _venue_rows(file: Mapping[str, Any]) -> Iterator[Row]:
    for place, fields, row in entries(file.get("vectors", []), "vectors"):
        yield Row(str(fields.get("id") or place), f"{fields.get('venue')}.{fields.get('kind')}", row)


def _quant_rows(file: Mapping[str, Any]) -> Iterator[Row]:
    for place, fields, row in entries(file.get("vectors", []), "vectors"):
        yield Row(str(fields.get("name") or place), str(fields.get("area")), row)


SCHEMAS: Final[Mapping[str, Schema]] = {
    schema.name: schema
    for schema in (
        polymarket.SCHEMA,
        Schema(name="agbot venue vectors v1", rows=_venue_rows, checks=onchain.CHECKS),
        Schema(
            name="quant-vectors/1",
            rows=_quant_rows,
            checks={**quant_risk.CHECKS, **quant_books.CHECKS, **quant_trading.CHECKS},
        ),
    )
}
