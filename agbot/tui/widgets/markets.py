"""The markets: best bid and ask of YES, the spread, whether the books are believed, and what we hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agbot.tui.state import Dashboard, MarketRow
from agbot.tui.widgets.figures import compact, price
from agbot.tui.widgets.sheet import Cell, Column, Row, Sheet


class MarketsSheet(Sheet):
    """Markets we hold first, then those we quote, then the rest. The selected one's ladder is shown."""

    EMPTY = "no market yet"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("market", 10, weight=1),
        Column("bid", 6),
        Column("ask", 6),
        Column("sprd", 6, priority=3),
        Column("trust", 5, priority=1),
        Column("position", 8, right=True, priority=2),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a market."""
        markets = dashboard.markets()
        self.note = str(len(markets)) if markets else ""
        return [Row(market.market_id, self._cells(dashboard, market)) for market in markets]

    def show(self, dashboard: Dashboard) -> None:
        """Draw, and tell whose ladder is wanted."""
        super().show(dashboard)
        dashboard.told.market = self.selected.key if self.selected else ""

    def _cells(self, dashboard: Dashboard, market: MarketRow) -> Sequence[Cell]:
        tone = "" if market.bid is not None and market.ask is not None else "dim"
        crossed = market.spread is not None and market.spread <= 0
        return (
            (market.name, tone),
            (price(market.bid), "good" if market.bid is not None else "dim"),
            (price(market.ask), "bad" if market.ask is not None else "dim"),
            (price(market.spread), "warn" if crossed else "dim"),
            trust(dashboard.told.doubt(market.market_id)),
            _position(market),
        )


def trust(doubt: str | None) -> Cell:
    """Return whether a book is believed: ok, the doubt, or that it is not known."""
    return ("–", "dim") if doubt is None else (doubt, "warn") if doubt else ("ok", "good")


def _position(market: MarketRow) -> Cell:
    both = bool(market.yes and market.no)
    sizes = ((market.yes, "Y"), (market.no, "N"))
    held = [f"{compact(round(size) if both else size)}{mark}" for size, mark in sizes if size]
    return (" ".join(held), "") if held else ("·", "dim")
