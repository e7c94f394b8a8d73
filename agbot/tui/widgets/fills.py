"""Our executions, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock, cut, plain, plain_price
from agbot.tui.widgets.orders import side_tone
from agbot.tui.widgets.sheet import Column, Row, Sheet


class FillsSheet(Sheet):
    """One row an execution."""

    EMPTY = "no fill yet"
    FOLLOWS = True
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", 8, priority=1),
        Column("market", 8, weight=1),
        Column("side", 8),
        Column("price", 6),
        Column("size", 7, right=True),
        Column("fee", 6, right=True, priority=3),
        Column("role", 5, priority=2),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a fill."""
        self.note = str(len(dashboard.fills)) if dashboard.fills else ""
        return [
            Row(
                f"{fill.trade_id} {fill.client_order_id}",
                (
                    (clock(fill.at_ms), "dim"),
                    (dashboard.market_name(fill.market_id), ""),
                    (f"{fill.side} {fill.outcome}".strip(), side_tone(fill.side)),
                    (plain_price(fill.price), ""),
                    (cut(fill.size), ""),
                    (plain(fill.fee_usd), "dim"),
                    (fill.liquidity.lower(), "dim"),
                ),
                fill.client_order_id,
            )
            for fill in reversed(dashboard.fills)
        ]
