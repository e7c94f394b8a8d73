"""Maker rebates by day, as ``/rebates/current`` tells them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from agbot.exchange.clob.wire import Json, text
from agbot.exchange.core.model import Fact, Move, Moved
from agbot.units import NS_PER_S
from agbot.venue.polymarket.contracts import POLYGON

ROWS_MAX: Final = 10_000
NO_CONDITION: Final = "0x" + "0" * 64
"""Of a rebate that was paid for no market in particular."""


class Rebates:
    """What makers got back of taker fees: one row for each day, wallet and market, the latest `ROWS_MAX`."""

    def __init__(self) -> None:
        self._paid: dict[tuple[str, str, str], int] = {}

    def hear(self, fact: Fact) -> None:
        """Take a fact of the exchange."""
        if isinstance(fact, Moved) and fact.kind is Move.MAKER_REBATE:
            day = datetime.fromtimestamp(fact.ts_ns // NS_PER_S, UTC).date().isoformat()
            row = day, fact.listing.condition if fact.listing else NO_CONDITION, fact.wallet
            self._paid[row] = self._paid.get(row, 0) + fact.usd
            if len(self._paid) > ROWS_MAX:
                del self._paid[next(iter(self._paid))]

    def told(self, day: str, wallet: str) -> list[Json]:
        """Return the rows of a day (empty for any) and a wallet (any case, empty for any)."""
        return [
            {
                "date": date,
                "condition_id": condition,
                "asset_address": POLYGON.collateral,
                "maker_address": maker,
                "rebated_fees_usdc": text(usd),
            }
            for (date, condition, maker), usd in self._paid.items()
            if day in ("", date) and wallet.lower() in ("", maker.lower())
        ]
