"""What is held: size, what was paid, what selling now brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agbot.tui import wire
from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import price, shares, usd
from agbot.tui.widgets.sheet import Cell, Column, Row, Sheet


class PositionsSheet(Sheet):
    """One row a token. What was paid is the bot's own answer; without one it is a dash."""

    EMPTY = "nothing is held"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("market", 10, weight=1),
        Column("token", 5),
        Column("size", 8, right=True),
        Column("paid", 6, priority=1),
        Column("bid", 6),
        Column("value", 9, right=True),
        Column("pnl", 8, right=True, priority=2),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a token held."""
        told = dashboard.told.of("status")
        rows = self._told(dashboard) if told else self._watched(dashboard)
        self.note = str(len(rows)) if rows else ""
        return rows

    def _told(self, dashboard: Dashboard) -> list[Row]:
        rows = []
        for held in dashboard.told.rows("status", "positions"):
            size, value, pnl = (wire.decimal(held, field) for field in ("size", "value", "pnl"))
            paid, bid = (price(wire.decimal(held, field)) for field in ("average", "price"))
            place = wire.text(held, "market"), wire.text(held, "outcome")
            rows.append(_row(place, (size, value, pnl), paid, bid))
        return rows

    def _watched(self, dashboard: Dashboard) -> list[Row]:
        rows = []
        for market in dashboard.markets():
            no_bid = None if market.ask is None else 1 - market.ask
            for outcome, size, bid in (("YES", market.yes, market.bid), ("NO", market.no, no_bid)):
                if size:
                    value = None if bid is None else size * bid
                    rows.append(_row((market.name, outcome), (size, value, None), "–", price(bid)))
        return rows


def _row(place: tuple[str, str], figures: Sequence[float | None], paid: str, bid: str) -> Row:
    size, value, pnl = figures
    tone = "" if pnl is None else "bad" if pnl < 0 else "good"
    cells: Sequence[Cell] = (
        (place[0], ""),
        (place[1], ""),
        ("–" if size is None else shares(size), ""),
        (paid, "dim"),
        (bid, ""),
        (usd(value), ""),
        (usd(pnl, signed=True), tone),
    )
    return Row(" ".join(place), cells)
