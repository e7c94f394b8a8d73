"""The selected market's book: asks above bids, our orders at their price, and how many shares are ahead of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs

from agbot.tui import wire
from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import compact, plain_price, price
from agbot.tui.widgets.markets import trust
from agbot.tui.widgets.sheet import Cell, Column, Row, Sheet


class LadderSheet(Sheet):
    """A row a level, in YES prices: what is bid and asked there in all, ours, and the queue ahead of ours."""

    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("bids", 6, right=True, weight=1),
        Column("price", 6, right=True),
        Column("asks", 6, right=True, weight=1),
        Column("ours", 5, right=True),
        Column("queue", 6, right=True),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a level, as many on either side as there is room for."""
        told, ladder = dashboard.told, dashboard.told.ladder()
        self.note = ""
        self.entitle(dashboard.market_name(told.market) or "ladder")
        if not ladder:
            self.note = told.why or ("asking" if told.market else "")
            return ()
        bids, asks = (_levels(ladder, side) for side in ("bid", "ask"))
        doubt = trust(told.doubt(told.market))[0]
        self.note = f"spread {_spread(bids, asks)} · trust {doubt}"
        room = max(2, self.scrollable_content_region.height - 1)
        above = min(len(asks), max(room // 2, room - len(bids)))
        shown = [*reversed(nearest(asks, above)), *nearest(bids, room - above)]
        digits = max((len(plain_price(level.price).partition(".")[2]) for level in (*asks, *bids)), default=0)
        return [_row(dashboard, level, digits) for level in shown]

    def on_resize(self) -> None:
        """Ask to be drawn anew: there is room for more levels, or for fewer."""
        self.post_message(self.Selected())

    def action_sort(self) -> None:
        """Leave it: a ladder has one order."""

    def action_reverse(self) -> None:
        """Leave it."""


@attrs.frozen
class Level:
    """One price of one side; `size` is all that rests there, `ours` the part that is ours, by `orders`."""

    side: str
    price: str
    size: float
    ours: float
    orders: tuple[str, ...]


def nearest(levels: Sequence[Level], room: int) -> list[Level]:
    """Return the `room` levels to show, best first: those where we rest, and the best of the others."""
    ours = [at for at, level in enumerate(levels) if level.orders][: max(0, room)]
    others = [at for at, level in enumerate(levels) if not level.orders][: max(0, room - len(ours))]
    return [levels[at] for at in sorted([*ours, *others])]


def _levels(ladder: wire.Mapping, side: str) -> list[Level]:
    """Return a side's levels, best first, with those where only we are known to rest."""
    told = [row for row in map(wire.items, wire.items(ladder.get(f"{side}s"))) if len(row) == 2]
    sizes = {str(row[0]): wire.decimal({"size": row[1]}, "size") or 0.0 for row in told}
    ours: dict[str, list[wire.Mapping]] = {}
    for order in map(wire.mapping, wire.items(ladder.get("orders"))):
        if wire.text(order, "side") == side:
            ours.setdefault(wire.text(order, "price"), []).append(order)
            sizes.setdefault(wire.text(order, "price"), wire.decimal(order, "level") or 0.0)
    levels = []
    for at, size in sizes.items():
        here = ours.get(at, [])
        ids = tuple(wire.text(order, "client_order_id") for order in here)
        levels.append(Level(side, at, size, sum(wire.decimal(order, "left") or 0.0 for order in here), ids))
    return sorted(levels, key=lambda level: _usd(level.price), reverse=side == "bid")


def _usd(at: str) -> float:
    return wire.decimal({"price": at}, "price") or 0.0


def _spread(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    best = [next((level for level in side if level.size), None) for side in (bids, asks)]
    bid, ask = best
    return "none" if bid is None or ask is None else price(_usd(ask.price) - _usd(bid.price))


def _row(dashboard: Dashboard, level: Level, digits: int) -> Row:
    size: Cell = (compact(level.size), "good" if level.side == "bid" else "bad")
    none: Cell = ("", "")
    cells: Sequence[Cell] = (
        size if level.side == "bid" else none,
        (f"{_usd(level.price):.{digits}f}", "" if level.orders else "dim"),
        size if level.side == "ask" else none,
        (compact(level.ours) if level.orders else "", "warn"),
        (_queue(dashboard, level.orders), ""),
    )
    return Row(f"{level.side} {level.price}", cells, level.orders[0] if level.orders else "")


def _queue(dashboard: Dashboard, ids: Sequence[str]) -> str:
    """Return at most how many shares are ahead of our first order at a level."""
    ahead = [dashboard.told.queues[each] for each in ids if each in dashboard.told.queues]
    return f"≤{compact(min(ahead))}" if ahead else ""
