"""One side of the background: the market's visible size by price, as one aggregated participant per level."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from agbot.model.events import Level
from agbot.model.order import Side


class Levels:
    """Visible sizes of one side in YES price, best first, and what our own orders already took from each.

    The recorded stream does not know of our trades, so a unit we took stays taken until the level shows another size.
    """

    def __init__(self, side: Side) -> None:
        self.side = side
        self._sizes: dict[int, int] = {}
        self._taken: dict[int, int] = {}
        self._ranks: list[int] = []

    def visible(self, price: int) -> int:
        """Return the size the market shows at `price`, 0 when there is none."""
        return self._sizes.get(price, 0)

    def available(self, price: int) -> int:
        """Return the size at `price` that our own orders did not take yet."""
        return self._sizes.get(price, 0) - self._taken.get(price, 0)

    def prices(self) -> list[int]:
        """Return the prices of all visible levels, best first."""
        return [self._price(rank) for rank in self._ranks]

    def update(self, price: int, size: int) -> int:
        """Set the visible size (0 removes the level) and return the old one. The same size again is no news."""
        old = self._sizes.get(price, 0)
        if size == old:
            return old
        self._taken.pop(price, None)
        if size == 0:
            del self._sizes[price]
            del self._ranks[bisect_left(self._ranks, self._rank(price))]
        else:
            if old == 0:
                insort(self._ranks, self._rank(price))
            self._sizes[price] = size
        return old

    def replace(self, levels: Iterable[Level]) -> dict[int, int]:
        """Make `levels` the whole side and return the old sizes."""
        old = dict(self._sizes)
        new = {price: size for price, size in levels if size > 0}
        for price in old.keys() - new.keys():
            self.update(price, 0)
        for price, size in new.items():
            self.update(price, size)
        return old

    def reachable(self, limit: int) -> list[Level]:
        """Return (price, available size) of the levels that trade with an order limited at `limit`, best first."""
        found: list[Level] = []
        for rank in self._ranks:
            if rank > self._rank(limit):
                break
            price = self._price(rank)
            if self.available(price) > 0:
                found.append((price, self.available(price)))
        return found

    def take(self, price: int, size: int) -> None:
        """Mark `size` at `price` as taken by one of our orders."""
        if size > self.available(price):
            raise ValueError(f"taking {size} of {self.available(price)} at {price}")
        self._taken[price] = self._taken.get(price, 0) + size

    def __bool__(self) -> bool:
        """Return whether any level is visible."""
        return bool(self._ranks)

    def _rank(self, price: int) -> int:
        return price if self.side is Side.SELL else -price

    def _price(self, rank: int) -> int:
        return rank if self.side is Side.SELL else -rank
