"""The exchange's memory of orders: those that live, a bounded tail of those that ended, and every id for longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from agbot.exchange.core.model import Listing, Order

ENDED_KEPT: Final = 5_000
"""Finished orders that can still be asked for."""
IDS_KEPT: Final = 200_000
"""Ids that are still refused as duplicates; 64 of their bits are kept."""


class Orders:
    """Orders by id, by address and by market."""

    def __init__(self) -> None:
        self._all: dict[str, Order] = {}
        self._living: dict[str, dict[str, Order]] = {}
        self._ended: deque[str] = deque()
        self._ids: dict[int, None] = {}

    def used(self, order_id: str) -> bool:
        """Return whether an id was used before."""
        return order_id in self._all or _bits(order_id) in self._ids

    def ids(self) -> list[int]:
        """Return what is remembered of the ids that were used, oldest first."""
        return list(self._ids)

    def remember(self, ids: Iterable[int]) -> None:
        """Count these as used, before any order is added."""
        self._ids = dict.fromkeys(ids)

    def get(self, order_id: str) -> Order | None:
        """Return an order, None when it was never there or is forgotten."""
        return self._all.get(order_id)

    def add(self, order: Order) -> None:
        """Take in an order."""
        self._all[order.id] = order
        self._ids[_bits(order.id)] = None
        if order.living:
            self._living.setdefault(order.new.address, {})[order.id] = order
        else:
            self._ended.append(order.id)
        if len(self._ids) > IDS_KEPT:
            del self._ids[next(iter(self._ids))]

    def end(self, order: Order) -> None:
        """Move an order to those that ended, and forget the one that ended longest ago when there are too many."""
        mine = self._living[order.new.address]
        del mine[order.id]
        if not mine:
            del self._living[order.new.address]
        self._ended.append(order.id)
        if len(self._ended) > ENDED_KEPT:
            del self._all[self._ended.popleft()]

    def living(self, address: str) -> Sequence[Order]:
        """Return an address's living orders, oldest first."""
        return tuple(self._living.get(address, {}).values())

    def in_market(self, listing: Listing) -> list[Order]:
        """Return a market's living orders."""
        return [order for order in self.all_living() if order.listing is listing]

    def all_living(self) -> Iterator[Order]:
        """Yield every living order."""
        for mine in self._living.values():
            yield from mine.values()

    def latest(self, ended: int) -> list[Order]:
        """Return the living orders and of those that ended at most so many, in the order they came."""
        old = set(islice(self._ended, max(0, len(self._ended) - ended)))
        return [order for name, order in self._all.items() if name not in old]

    def all(self) -> Iterator[Order]:
        """Yield every order that is remembered, in the order they came."""
        yield from self._all.values()


def _bits(order_id: str) -> int:
    """Return what is remembered of an id, which is a digest: 0x and 64 hexadecimal digits."""
    return int(order_id[-16:], 16)
