"""One side's resting orders by price and time: every step is logarithmic, whatever rests."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator

import attrs

from agbot.model.ids import ClientOrderId
from agbot.model.order import Side


@attrs.define(kw_only=True, eq=False)
class Resting:
    """An order on the book, seen from YES.

    `ahead` is the background size that trades before it, `printed` what traded at its price since its level moved last.
    """

    id: ClientOrderId
    side: Side
    price: int
    remaining: int
    ahead: int
    seq: int
    printed: int = 0


class Shelf:
    """The resting orders of one YES side, best price first, then the earliest."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self._ranks: list[int] = []
        self._at: dict[int, dict[int, Resting]] = {}
        self._sizes: dict[int, int] = {}

    def add(self, order: Resting) -> None:
        """Put an order behind all others of its price."""
        orders = self._at.get(order.price)
        if orders is None:
            orders = self._at[order.price] = {}
            insort(self._ranks, self._rank(order.price))
        orders[order.seq] = order
        self._sizes[order.price] = self._sizes.get(order.price, 0) + order.remaining

    def remove(self, order: Resting) -> None:
        """Take an order off."""
        orders = self._at[order.price]
        del orders[order.seq]
        self._sizes[order.price] -= order.remaining
        if not orders:
            del self._at[order.price], self._sizes[order.price]
            del self._ranks[bisect_left(self._ranks, self._rank(order.price))]

    def reduce(self, order: Resting, size: int) -> None:
        """Let `size` of an order trade; it stays, also with nothing left."""
        order.remaining -= size
        self._sizes[order.price] -= size

    def size(self, price: int) -> int:
        """Return what rests at a price."""
        return self._sizes.get(price, 0)

    def at(self, price: int) -> Iterable[Resting]:
        """Return the orders of one price, earliest first."""
        return self._at.get(price, {}).values()

    def prices(self) -> list[int]:
        """Return all prices, best first."""
        return [self._price(rank) for rank in self._ranks]

    def best(self) -> int | None:
        """Return the best price, None when nothing rests."""
        return self._price(self._ranks[0]) if self._ranks else None

    def __iter__(self) -> Iterator[Resting]:
        """Yield all orders in price-time priority, as they are now."""
        for price in self.prices():
            yield from list(self.at(price))

    def __bool__(self) -> bool:
        """Return whether anything rests."""
        return bool(self._ranks)

    def _rank(self, price: int) -> int:
        return price if self.side is Side.SELL else -price

    def _price(self, rank: int) -> int:
        return rank if self.side is Side.SELL else -rank
