"""One book per condition, in YES price: the market's background and our own resting orders in front of it.

BUY NO at q is SELL YES at 1 − q, so both tokens share one book and nothing is counted twice. The background trades
with us only where it shows size; its own trades are history and reach us as level updates and trade prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import attrs

from agbot.matching.levels import Levels
from agbot.matching.queue import BackOfQueue, QueueRule
from agbot.matching.shelf import Resting, Shelf
from agbot.model.events import BID, Change, Level
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side


@attrs.frozen
class Offer:
    """What a taker meets next: `size` at a YES price, of a resting order, or of the background when `order` is None."""

    price: int
    size: int
    order: Resting | None = None


@attrs.frozen
class MakerMatch:
    """`size` of our resting order traded at its own YES price."""

    id: ClientOrderId
    price: int
    size: int


class ConditionBook:
    """Background levels and resting orders of one market; every change of the background returns the fills it caused.

    Without trade prints an order fills when the opposite background reaches its price: with the opposite size at its
    price or through it, less what stands ahead of it. On a paper account the orders are all ours and never trade with
    each other; on an exchange they are everybody's, and who takes what of the `offers` is the caller's plan.
    """

    def __init__(self, rule: QueueRule | None = None) -> None:
        self._rule: QueueRule = rule or BackOfQueue()
        self._levels = {side: Levels(side) for side in Side}
        self._own = {side: Shelf(side) for side in Side}
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
            for order in self._own[side].at(price):
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
            if through == 0:
                order.printed += size
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
        self._own[side].add(order)
        return order

    def remove(self, order_id: ClientOrderId) -> Resting | None:
        """Take our order off; None when it does not rest."""
        order = self._by_id.pop(order_id, None)
        if order is not None:
            self._own[order.side].remove(order)
        return order

    def crosses_own(self, side: Side, price: int) -> bool:
        """Return whether an order at this limit could meet one of our own on the other side."""
        best = self._own[side.other].best()
        return best is not None and (price - best) * side.sign >= 0

    def reachable(self, side: Side, limit: int) -> list[Level]:
        """Return the background levels, best first, that a taker on `side` limited at `limit` can hit."""
        return self._levels[side.other].reachable(limit)

    def take(self, side: Side, fills: Iterable[Level]) -> None:
        """Use up background levels for a taker on `side`."""
        for price, size in fills:
            self._levels[side.other].take(price, size)
            for order in self._own[side.other].at(price):
                order.ahead = max(0, order.ahead - size)

    def offers(self, side: Side, limit: int) -> Iterator[Offer]:
        """Yield what a taker on `side` limited at `limit` meets, in price-time priority; change nothing meanwhile."""
        levels, shelf = self._levels[side.other], self._own[side.other]
        for price in self.prices(side.other):
            if (limit - price) * side.sign < 0:
                return
            available, passed = levels.available(price), 0
            for order in shelf.at(price):
                before = min(order.ahead, available) - passed
                if before > 0:
                    yield Offer(price, before)
                    passed += before
                yield Offer(price, order.remaining, order)
            if available > passed:
                yield Offer(price, available - passed)

    def hit(self, side: Side, offer: Offer, size: int) -> None:
        """Let a taker on `side` have `size` of an offer."""
        if offer.order is None:
            self.take(side, [(offer.price, size)])
        else:
            self._reduce(offer.order, size)

    def prices(self, side: Side) -> list[int]:
        """Return the prices of one side at which anything can be had, best first."""
        shelf, levels = self._own[side].prices(), self._levels[side]
        if not levels:
            return shelf
        behind = [price for price in levels.prices() if levels.available(price)]
        return sorted({*shelf, *behind}, reverse=side is Side.BUY)

    def best(self, side: Side) -> Level | None:
        """Return the best price of one side at which anything can be had, and all that can; None when nothing can."""
        price = next(iter(self.prices(side)), None) if self._levels[side] else self._own[side].best()
        return None if price is None else (price, self.size(side, price))

    def size(self, side: Side, price: int) -> int:
        """Return all that can be had at a price of one side: the background and everybody's orders."""
        return self._levels[side].available(price) + self._own[side].size(price)

    def _run_queue(self, order: Resting, size: int) -> tuple[int, int]:
        ahead = self._rule.traded(order.ahead, size)
        return ahead, size - (order.ahead - ahead)

    def _move(self, order: Resting, old: int) -> None:
        new = self._levels[order.side].visible(order.price)
        if new != old:
            order.ahead = self._rule.level_moved(order.ahead, old, new, order.printed)
            order.printed = 0

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
            matches.append(MakerMatch(order.id, order.price, size))
            self._reduce(order, size)
        return size

    def _reduce(self, order: Resting, size: int) -> None:
        self._own[order.side].reduce(order, size)
        if order.remaining == 0:
            self.remove(order.id)


def first_of(levels: Iterable[Level], size: int) -> list[Level]:
    """Return the first `size` units of `levels`, level by level; less when they do not hold as much."""
    taken: list[Level] = []
    for price, available in levels:
        if size <= 0:
            break
        taken.append((price, min(size, available)))
        size -= available
    return taken
