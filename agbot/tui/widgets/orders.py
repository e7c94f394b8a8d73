"""Our orders: live ones first, with how much of each is filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock, plain, plain_price
from agbot.tui.widgets.sheet import Cell, Column, Sheet

STATES: Final = {
    "PENDING_NEW": ("new…", "dim"),
    "OPEN": ("open", "good"),
    "PARTIALLY_FILLED": ("part", "good"),
    "PENDING_CANCEL": ("cancel…", "warn"),
    "FILLED": ("filled", ""),
    "CANCELLED": ("cancelled", "dim"),
    "REJECTED": ("rejected", "bad"),
    "EXPIRED": ("expired", "dim"),
    "UNKNOWN": ("UNKNOWN", "bad"),
    "DENIED": ("denied", "bad"),
}


class OrdersSheet(Sheet):
    """Newest first within live and done."""

    EMPTY = "no order yet"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", 8, priority=3),
        Column("market", 8, weight=2),
        Column("side", 8),
        Column("price", 6, right=True),
        Column("filled", 7, right=True),
        Column("state", 9),
        Column("why", 24, weight=3, priority=4),
        Column("story", 30, priority=5),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Sequence[Cell]]:
        """Return a row an order."""
        orders = dashboard.newest_orders()
        live = sum(order.live for order in orders)
        self.border_subtitle = f"{live} live" if orders else ""
        return [
            (
                (clock(order.at_ms), "dim"),
                (dashboard.market_name(order.market_id), "" if order.live else "dim"),
                (f"{order.side} {order.outcome}".strip(), side_tone(order.side) if order.live else "dim"),
                (plain_price(order.price), "" if order.live else "dim"),
                (f"{plain(order.filled) or '0'}/{plain(order.size)}", "" if order.live else "dim"),
                STATES.get(order.state, (order.state.lower(), "warn")),
                (order.why, "dim"),
                (order.correlation_id, "dim"),
            )
            for order in orders
        ]


def side_tone(side: str) -> str:
    """Return the tone of BUY and SELL."""
    return {"BUY": "good", "SELL": "bad"}.get(side, "")
