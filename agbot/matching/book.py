"""One book per condition, in YES price: the market's background and our own resting orders in front of it.

BUY NO at q is SELL YES at 1 − q, so both tokens share one book and nothing is counted twice. The background trades
with us only where it shows size; its own trades are history and reach us as level updates and trade prints.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

import attrs

from agbot.matching.levels import Levels
from agbot.matching.queue import BackOfQueue, QueueRule
from agbot.model.events import BID, Change, Level
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side


@attrs.define(kw_only=True)
class Resting:
    """One of our orders on the book, seen from YES. `ahead` is the background size that trades before it."""

    id: ClientOrderId
    side: Side
    price: int
    remaining: int
    ahead: int
    seq: int

    @property
    def priority(self) -> tuple[int, int]:
        """Return the sort key of price-time priority: best price first, then the earliest."""
        return (-self.price * self.side.sign, self.seq)


@attrs.frozen
class MakerMatch:
    """`size` of our resting order traded at its own YES price."""

    id: ClientOrderId
    price: int
    size: int


def _priority(order: Resting) -> tuple[int, int]:
    return order.priority


class ConditionBook:
    """Background levels and our resting orders of one market; every change returns the fills it caused.

    Without trade prints an order fills when the opposite background reaches its price: with the opposite size at its
    price or through it, less what stands ahead of it. Our own orders never trade with each other.
    """

    def __init__(self, rule: QueueRule | None = None) -> None:
        self._rule: QueueRule = rule or BackOfQueue()
        self._levels = {side: Levels(side) for side in Side}
        self._own: dict[Side, list[Resting]] = {side: [] for side in Side}
        self._by_id: dict[ClientOrderId, Resting] = {}
        self._seq = 0

    def levels(self, side: Side) -> Levels:
        """Return the background's BUY levels (bids) or SELL levels (asks)."""
        return self._levels[side]

    def resting(self, side: Side) -> Sequence[Resting]:
        """Return our orders of one YES side in price-time priority."""
        return tuple(self._own[side])

    def get(self, order_id: ClientOrderId) -> Resting | None:
        """Return one of our resting orders, None when it does not rest."""
        return self._by_id.get(order_id)

    def snapshot(self, bids: Iterable[Level], asks: Iterable[Level]) -> list[MakerMatch]:
        """Replace the whole background."""
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            old = self._levels[side].replace(levels)
            for order in self._own[side]:
                self._move(order, old.get(order.price, 0))
        return self._fill_reached()

    def change(self, changes: Iterable[Change]) -> list[MakerMatch]:
        """Apply absolute level changes, then look once whether the opposite side reached us."""
        for which, price, size in changes:
            side = Side.BUY if which == BID else Side.SELL
            old = self._levels[side].update(price, size)
            for order in self._own[side]:
                if order.price == price:
                    self._move(order, old)
        return self._fill_reached()

    def trade(self, side: Side, price: int, size: int) -> list[MakerMatch]:
        """Let a print of `size` by a taker on `side` run through our orders on the other side, each unit once.

        Through our price it fills us; at our price it uses up the queue ahead of us first.
        """
        matches: list[MakerMatch] = []
        left = size
        for order in list(self._own[side.other]):
            through = (order.price - price) * order.side.sign
            if through < 0:
                break
            order.ahead, reach = self._run_queue(order, left) if through == 0 else (0, left)
            left -= self._fill(order, reach, matches)
        return matches

    def rest(self, order_id: ClientOrderId, side: Side, price: int, size: int) -> Resting:
        """Put our order behind what its level shows now.

        Raises:
            ValueError: it would cross one of our own orders, or the id rests already.
        """
        if order_id in self._by_id or self.crosses_own(side, price):
            raise ValueError(f"order {order_id} rests already or crosses our own book")
        self._seq += 1
        ahead = self._rule.joined(self._levels[side].visible(price))
        order = Resting(id=order_id, side=side, price=price, remaining=size, ahead=ahead, seq=self._seq)
        self._by_id[order_id] = order
        insort(self._own[side], order, key=_priority)
        return order

    def remove(self, order_id: ClientOrderId) -> Resting | None:
        """Take our order off; None when it does not rest."""
        order = self._by_id.pop(order_id, None)
        if order is not None:
            self._own[order.side].remove(order)
        return order

    def crosses_own(self, side: Side, price: int) -> bool:
        """Return whether an order at this limit could meet one of our own on the other side."""
        others = self._own[side.other]
        return bool(others) and (price - others[0].price) * side.sign >= 0

    def reachable(self, side: Side, limit: int) -> list[Level]:
        """Return the background levels, best first, that a taker on `side` limited at `limit` can hit."""
        return self._levels[side.other].reachable(limit)

    def take(self, side: Side, fills: Iterable[Level]) -> None:
        """Use up background levels for a taker on `side`."""
        for price, size in fills:
            self._levels[side.other].take(price, size)

    def _run_queue(self, order: Resting, size: int) -> tuple[int, int]:
        ahead = self._rule.traded(order.ahead, size)
        return ahead, size - (order.ahead - ahead)

    def _move(self, order: Resting, old: int) -> None:
        order.ahead = self._rule.level_moved(order.ahead, old, self._levels[order.side].visible(order.price))

    def _fill_reached(self) -> list[MakerMatch]:
        matches: list[MakerMatch] = []
        for side in Side:
            for order in list(self._own[side]):
                levels = self.reachable(side, order.price)
                if not levels:
                    break
                room = sum(size for _, size in levels) - order.ahead
                self.take(side, first_of(levels, self._fill(order, room, matches)))
        return matches

    def _fill(self, order: Resting, reach: int, matches: list[MakerMatch]) -> int:
        size = max(0, min(order.remaining, reach))
        if size > 0:
            order.remaining -= size
            matches.append(MakerMatch(order.id, order.price, size))
        if order.remaining == 0:
            self.remove(order.id)
        return size


def first_of(levels: Iterable[Level], size: int) -> list[Level]:
    """Return the first `size` units of `levels`, level by level; less when they do not hold as much."""
    taken: list[Level] = []
    for price, available in levels:
        if size <= 0:
            break
        taken.append((price, min(size, available)))
        size -= available
    return taken
