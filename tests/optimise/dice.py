"""Strategies for searches: one that throws dice, one that raises, one that is too late to be honest."""

from __future__ import annotations

from hashlib import sha256

from agbot.model.order import Side, TimeInForce
from agbot.strategy.base import Intent, Place, View
from agbot.units import NS_PER_S, SCALE

EVERY_NS = 10 * NS_PER_S
SIZE = 10 * SCALE


class Dice:
    """Every ten seconds wants ten shares of YES, or none, as the throw says; `n` is which dice."""

    id = "dice"

    def __init__(self, n: int = 1) -> None:
        self._n = int(n)

    def decide(self, view: View) -> list[Intent]:
        """Go where the dice say, at the other side's price."""
        if not view.trusted or view.orders:
            return []
        throw = sha256(f"{self._n} {view.market.id} {view.now_ns // EVERY_NS}".encode()).digest()[0] % 2
        if throw and not view.yes_size:
            return [self._take(view, Side.BUY, view.book.best_ask, SIZE)]
        if not throw and view.yes_size:
            return [self._take(view, Side.SELL, view.book.best_bid, view.yes_size)]
        return []

    def _take(self, view: View, side: Side, price: int, size: int) -> Place:
        return Place(
            token=view.market.yes, side=side, price=price, size=size, why="dice", time_in_force=TimeInForce.FAK
        )


class Raises:
    """Fails of its parameter where that is odd."""

    id = "raises"

    def __init__(self, n: int = 1) -> None:
        self._n = int(n)

    def decide(self, _view: View) -> list[Intent]:
        """Fail, or wish for nothing."""
        if self._n % 2:
            raise LookupError("odd")
        return []
