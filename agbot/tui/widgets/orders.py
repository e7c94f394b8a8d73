"""Our orders: live ones first, with how much of each is filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock, cut, plain_price
from agbot.tui.widgets.sheet import Column, Row, Sheet
from agbot.tui.wire import OrderRow

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
    _made: Mapping[str, tuple[OrderRow, Row]] = MappingProxyType({})
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", 8, priority=3),
        Column("market", 8, weight=2),
        Column("side", 8),
        Column("price", 6),
        Column("filled", 9, right=True),
        Column("state", 9),
        Column("strategy", 9, priority=2),
        Column("why", 24, weight=3, priority=4),
        Column("story", 30, priority=5),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row an order."""
        orders = dashboard.newest_orders()
        live = sum(order.live for order in orders)
        unknown = sum(order.state == "UNKNOWN" for order in orders)
        self.note = (f"{live} live" + (f", {unknown} UNKNOWN" if unknown else "")) if orders else ""
        return self._rows_of(dashboard, orders)

    def _rows_of(self, dashboard: Dashboard, orders: Sequence[OrderRow]) -> list[Row]:
        """Return the rows; one of an order that has not changed is the one of before."""
        made: dict[str, tuple[OrderRow, Row]] = {}
        for order in orders:
            known, name = self._made.get(order.client_order_id), dashboard.market_name(order.market_id)
            same = known is not None and known[0] is order and known[1].cells[1][0] == name
            made[order.client_order_id] = known if known and same else (order, order_row(dashboard, order))
        self._made = made
        return [row for _, row in made.values()]


class HereSheet(OrdersSheet):
    """Those in the selected market."""

    EMPTY = "no order in this market yet"

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row an order."""
        wanted = dashboard.told.market
        found = [order for order in dashboard.newest_orders() if order.market_id == wanted]
        self.note = f"{sum(order.live for order in found)} live" if found else ""
        return self._rows_of(dashboard, found)


def filled_of(order: OrderRow) -> str:
    """Return how much of how much is filled."""
    return f"{cut(order.filled) or '0'}/{cut(order.size)}"


def order_row(dashboard: Dashboard, order: OrderRow) -> Row:
    """Return an order's row, dim once it has ended."""
    tone = "" if order.live else "dim"
    return Row(
        order.client_order_id,
        (
            (clock(order.at_ms), "dim"),
            (dashboard.market_name(order.market_id), tone),
            (f"{order.side} {order.outcome}".strip(), side_tone(order.side) if order.live else "dim"),
            (plain_price(order.price), tone),
            (filled_of(order), tone),
            STATES.get(order.state, (order.state.lower(), "warn")),
            (order.strategy_id, "dim"),
            ((order.reason if not order.live else "") or order.why, "dim"),
            (order.correlation_id, "dim"),
        ),
        order.client_order_id,
    )


def side_tone(side: str) -> str:
    """Return the tone of BUY and SELL."""
    return {"BUY": "good", "SELL": "bad"}.get(side, "")
