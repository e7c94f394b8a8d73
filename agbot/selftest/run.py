"""Reads a vector file and judges every row of it."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import attrs

from agbot.errors import ConfigError
from agbot.selftest.check import Schema, Status, Verdict
from agbot.selftest.schemas import SCHEMAS

MAX_BYTES: Final = 64 * 2**20


@attrs.frozen
class Report:
    """All verdicts on one file, in its order."""

    schema: str
    verdicts: tuple[Verdict, ...]

    def count(self, status: Status) -> int:
        """Return how many rows became `status`."""
        return Counter(verdict.status for verdict in self.verdicts)[status]

    def of(self, status: Status) -> list[Verdict]:
        """Return the rows that became `status`."""
        return [verdict for verdict in self.verdicts if verdict.status is status]


def run(path: Path) -> Report:
    """Judge every row of the vector file at `path`.

    Raises:
        ConfigError: AGB-540 it is no vector file; AGB-541 it holds no row.
    """
    schema, file = _recognise(path)
    verdicts = tuple(schema.judge(row) for row in schema.rows(file))
    if not verdicts:
        raise ConfigError("a vector file without a row proves nothing", id="AGB-541", path=path)
    return Report(schema.name, verdicts)


def run_all(folder: Path) -> tuple[dict[Path, Report], dict[Path, str]]:
    """Judge every vector file of `folder`; returns the reports, and why each other ``*.json`` in it is none.

    Raises:
        ConfigError: AGB-540 there is no vector file in it; AGB-541 one holds no row.
    """
    reports: dict[Path, Report] = {}
    others: dict[Path, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            reports[path] = run(path)
        except ConfigError as e:
            if e.id != "AGB-540":
                raise
            others[path] = e.reason
    if not reports:
        why = "".join(f"; {path.name}: {reason}" for path, reason in others.items())
        raise _no_vectors(folder, f"no *.json in it is a vector file{why}")
    return reports, others


def _recognise(path: Path) -> tuple[Schema, dict[str, Any]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _no_vectors(path, f"larger than {MAX_BYTES >> 20} MiB")
        file = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as e:
        raise ConfigError(f"cannot be read: {e.strerror}", id="AGB-540", path=path, remedy="name another file") from e
    except (ValueError, RecursionError) as e:
        raise _no_vectors(path, "not a JSON file") from e
    name = file.get("schema") if isinstance(file, dict) else None
    schema = SCHEMAS.get(name) if isinstance(name, str) else None
    if schema is None:
        raise _no_vectors(path, "no schema" if name is None else f"the schema {name!r} is not known")
    return schema, file


def _no_vectors(path: Path, reason: str) -> ConfigError:
    return ConfigError(reason, id="AGB-540", path=path, remedy=f"its schema must be one of: {', '.join(SCHEMAS)}")
