"""What markets cost before: the last YES price of each minute and of each hour, for ``/prices-history``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from agbot.exchange.core.model import BookChanged, Fact, Listed, Listing, Resolved, Traded
from agbot.units import NS_PER_S, SCALE

MINUTES_MAX: Final = 10_080
"""A week."""
HOURS_MAX: Final = 8_784
"""A year."""
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
_PRICE_BITS: Final = 20

Point: TypeAlias = tuple[int, int]
"""UTC seconds, YES price in 10⁻⁶."""


class _Row:
    """The last price of each span of time; the newest `size` spans. A point is one integer: seconds and price."""

    def __init__(self, span_s: int, size: int) -> None:
        self.span_s = span_s
        self.points: deque[int] = deque(maxlen=size)

    def note(self, at_s: int, price: int) -> None:
        if self.points and (self.points[-1] >> _PRICE_BITS) // self.span_s >= at_s // self.span_s:
            self.points.pop()
        self.points.append(at_s << _PRICE_BITS | price)


class PriceHistory:
    """Notes prices as facts arrive, bounded per market.

    Args:
        price: the YES price of a market now; the middle of its book, or its last trade where the book says little.
    """

    def __init__(self, price: Callable[[Listing], int]) -> None:
        self._price = price
        self._rows: dict[str, tuple[_Row, _Row]] = {}
        self._looked_s: dict[str, int] = {}

    def hear(self, fact: Fact) -> None:
        """Take a fact of the exchange."""
        match fact:
            case BookChanged(listing=listing, ts_ns=ts_ns):
                self._look(listing, ts_ns)
            case Listed(listing=listing, ts_ns=ts_ns):
                self.note(listing, self._price(listing), ts_ns)
            case Traded(trade=trade, ts_ns=ts_ns):
                self.note(trade.listing, trade.listing.last_price, ts_ns)
            case Resolved(listing=listing, ts_ns=ts_ns):
                self.note(listing, SCALE if listing.winner == listing.market.yes else 0, ts_ns)

    def _look(self, listing: Listing, ts_ns: int) -> None:
        """Note the price of a book that changed, at most once a second: books change far more often."""
        second = ts_ns // NS_PER_S
        if self._looked_s.get(listing.condition) != second:
            self._looked_s[listing.condition] = second
            self.note(listing, self._price(listing), ts_ns)

    def note(self, listing: Listing, price: int, ts_ns: int) -> None:
        """Note that YES costs `price` (10⁻⁶) now."""
        if listing.condition not in self._rows:
            self._rows[listing.condition] = _Row(MINUTE_S, MINUTES_MAX), _Row(HOUR_S, HOURS_MAX)
        for row in self._rows[listing.condition]:
            row.note(ts_ns // NS_PER_S, price)

    def points(self, condition: str, start_s: int, end_s: int, step_s: int = MINUTE_S) -> Iterator[Point]:
        """Yield the last point of each step in [start_s, end_s], oldest first; hours where minutes are forgotten."""
        last: Point | None = None
        for at_s, price in self._all(condition):
            if not start_s <= at_s <= end_s:
                continue
            if last is not None and last[0] // step_s != at_s // step_s:
                yield last
            last = at_s, price
        if last is not None:
            yield last

    def _all(self, condition: str) -> Iterator[Point]:
        if condition not in self._rows:
            return
        minutes, hours = self._rows[condition]
        first = minutes.points[0] if minutes.points else 0
        for packed in (*(hour for hour in hours.points if hour < first), *minutes.points):
            yield packed >> _PRICE_BITS, packed & (1 << _PRICE_BITS) - 1
