"""The same book in C: what `ConditionBook` does for a paper account, for histories of millions of changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from agbot._condition import Condition
from agbot.matching.book import MakerMatch
from agbot.matching.listings import BookOf
from agbot.matching.queue import BackOfQueue, FrontOfQueue, LogQueue, PowerQueue, ProportionalQueue, QueueRule
from agbot.matching.shelf import Resting
from agbot.model.events import ASK, BID, Change, Level
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side

_NUMBERS: Final[dict[type[QueueRule], int]] = {
    BackOfQueue: 0,
    FrontOfQueue: 1,
    ProportionalQueue: 2,
    PowerQueue: 3,
    LogQueue: 4,
}
"""The rules by number, as in native/include/agbot/ag_condition.h."""
_SIDES: Final = (Side.BUY, Side.SELL)


def has_native(rule: QueueRule) -> bool:
    """Return whether a rule exists in C: one of somebody's own does not."""
    return type(rule) in _NUMBERS


def native_books(rule: QueueRule | None = None) -> BookOf:
    """Return what makes books in C for `PaperMatcher`; `BackOfQueue` unless a rule is given.

    Raises:
        ValueError: the rule is somebody's own, and does not exist in C.
    """
    of = rule or BackOfQueue()
    if not has_native(of):
        raise ValueError(f"queue rule {type(of).__name__} does not exist in C: give the matcher the rule itself")
    return lambda market: NativeBook(of, market.tick)


class NativeBook:
    """One market's background and our orders, seen from YES; `agbot.matching.book.ConditionBook` is the reference.

    Prices of levels are multiples of 0.0001 usd inside (0, 1), sizes at most 2⁴⁸: ValueError for others.

    Args:
        rule: how the queue moves; one for which `has_native` holds.
        tick: the coarsest tick that prices are expected on: memory is 16 bytes a tick. A finer price moves the book
            to its tick.
    """

    def __init__(self, rule: QueueRule, tick: int) -> None:
        exponent = rule.exponent if isinstance(rule, PowerQueue) else 1
        self.condition = Condition(_NUMBERS[type(rule)], exponent, tick)
        self._numbers: dict[ClientOrderId, int] = {}
        self._names: dict[int, ClientOrderId] = {}
        self._seq = 0

    def get(self, order_id: ClientOrderId) -> Resting | None:
        """Return one of our resting orders as it is now, None when it does not rest."""
        number = self._numbers.get(order_id, -1)
        found = self.condition.get(number)
        if found is None:
            return None
        side, price, remaining, ahead = found
        return Resting(id=order_id, side=_SIDES[side], price=price, remaining=remaining, ahead=ahead, seq=number)

    def snapshot(self, bids: Iterable[Level], asks: Iterable[Level]) -> list[MakerMatch]:
        """Replace the whole background; return the fills it caused."""
        return self.named(self.condition.snapshot(bids, asks))

    def change(self, changes: Iterable[Change]) -> list[MakerMatch]:
        """Apply absolute level changes; return the fills they caused."""
        return self.named(self.condition.change(changes))

    def trade(self, side: Side, price: int, size: int) -> list[MakerMatch]:
        """Let a print by a taker on `side` run through our orders; return the fills."""
        return self.named(self.condition.trade(_number(side), price, size))

    def rest(self, order_id: ClientOrderId, side: Side, price: int, size: int) -> None:
        """Put our order behind what its level shows now.

        Raises:
            ValueError: it would cross one of our own orders, or the id rests already.
        """
        if order_id in self._numbers:
            raise ValueError(f"order {order_id} rests already")
        self._seq += 1
        self.condition.rest(self._seq, _number(side), price, size)
        self._numbers[order_id], self._names[self._seq] = self._seq, order_id

    def remove(self, order_id: ClientOrderId) -> Resting | None:
        """Take our order off; None when it does not rest."""
        resting = self.get(order_id)
        if resting is not None:
            self.condition.remove(resting.seq)
            self._forget(resting.seq)
        return resting

    def crosses_own(self, side: Side, price: int) -> bool:
        """Return whether an order at this limit could meet one of our own on the other side."""
        return self.condition.crosses_own(_number(side), price)

    def reachable(self, side: Side, limit: int) -> list[Level]:
        """Return the background levels, best first, that a taker on `side` limited at `limit` can hit."""
        return self.condition.reachable(_number(side), limit)

    def take(self, side: Side, fills: Sequence[Level]) -> None:
        """Use up background levels for a taker on `side`."""
        for price, size in fills:
            self.condition.take(_number(side), price, size)

    def named(self, matches: Iterable[tuple[int, int, int]]) -> list[MakerMatch]:
        """Return fills by the names of our orders; those that ended by them are forgotten."""
        found = [MakerMatch(self._names[number], price, size) for number, price, size in matches]
        for match in found:
            number = self._numbers[match.id]
            if self.condition.get(number) is None:
                self._forget(number)
        return found

    def _forget(self, number: int) -> None:
        del self._numbers[self._names.pop(number)]


def _number(side: Side) -> int:
    return BID if side is Side.BUY else ASK
