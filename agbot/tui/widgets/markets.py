"""The markets: best bid and ask of YES, the spread, and what we hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agbot.tui.state import Dashboard, MarketRow
from agbot.tui.widgets.figures import price, shares
from agbot.tui.widgets.sheet import Cell, Column, Sheet


class MarketsSheet(Sheet):
    """Markets we hold first, then those we quote, then the rest."""

    EMPTY = "no market yet"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("market", 10, weight=1),
        Column("bid", 6, right=True),
        Column("ask", 6, right=True),
        Column("sprd", 6, right=True, priority=1),
        Column("position", 9, right=True),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Sequence[Cell]]:
        """Return a row a market."""
        markets = dashboard.markets()
        self.border_subtitle = str(len(markets)) if markets else ""
        return [self._row(market) for market in markets]

    def _row(self, market: MarketRow) -> Sequence[Cell]:
        tone = "" if market.bid is not None and market.ask is not None else "dim"
        crossed = market.spread is not None and market.spread <= 0
        return (
            (market.name, tone),
            (price(market.bid), "good" if market.bid is not None else "dim"),
            (price(market.ask), "bad" if market.ask is not None else "dim"),
            (price(market.spread), "warn" if crossed else "dim"),
            _position(market),
        )


def _position(market: MarketRow) -> Cell:
    held = [f"{shares(size)}{mark}" for size, mark in ((market.yes, "Y"), (market.no, "N")) if size]
    return (" ".join(held), "") if held else ("·", "dim")
