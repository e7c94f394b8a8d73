"""The exchange's memory of orders: those that live, a bounded tail of those that ended, and ids for longer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from agbot.exchange.core.digests import Digests
from agbot.exchange.core.model import Listing, Order

ENDED_KEPT: Final = 5_000
"""Finished orders that can still be asked for; of those that nobody asks for, none."""


class Orders:
    """Orders by id, by address and by market."""

    def __init__(self) -> None:
        self._all: dict[str, Order] = {}
        self._living: dict[str, dict[str, Order]] = {}
        self._ended: deque[str] = deque()
        self.ids = Digests()
        """Refused as duplicates."""

    def used(self, order_id: str) -> bool:
        """Return whether an id was used before."""
        return order_id in self._all or order_id in self.ids

    def get(self, order_id: str) -> Order | None:
        """Return an order, None when it was never there or is forgotten."""
        return self._all.get(order_id)

    def add(self, order: Order) -> None:
        """Take in an order."""
        self._all[order.id] = order
        if order.new.lasting:
            self.ids.add(order.id)
        if order.living:
            self._living.setdefault(order.new.address, {})[order.id] = order
        else:
            self._ended.append(order.id)

    def end(self, order: Order) -> None:
        """Move an order to those that ended, and forget the one that ended longest ago when there are too many."""
        mine = self._living[order.new.address]
        del mine[order.id]
        if not mine:
            del self._living[order.new.address]
        if not order.new.lasting:
            del self._all[order.id]
            return
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
