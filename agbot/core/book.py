"""One token's order book and how far it can be believed.

Theory of operation: levels live in the native grid (`agbot._book`), absolute sizes on integer ticks. A message either
applies whole or not at all; an impossible one leaves the book as it was, untrusted until the next snapshot, because
what it missed cannot be known. (An unannounced finer tick is announced upstream, by `agbot.core.ticks`.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agbot._book import Book
from agbot.model.events import ASK, BID, Change, Doubt, Level
from agbot.units import SCALE

CURED_BY_SNAPSHOT: Final = frozenset(Doubt) - {Doubt.UNSUBSCRIBED, Doubt.REST, Doubt.GHOST}
"""Doubts that a whole new book ends. One that comes late, or is itself the ghost, ends nothing."""


class OrderBook:
    """The book of one token. Prices and sizes in 10⁻⁶; satisfies `agbot.core.view.BookView`.

    Attributes:
        whole: whether a snapshot and everything after it was applied.
        doubt: why the feed does not believe it, empty when it does.
    """

    def __init__(self, tick: int) -> None:
        self.grid = Book(tick)
        self.whole = False
        self.doubt = ""
        self.snapshots = 0
        self.deltas = 0
        self.faults = 0
        self.tick_changes = 0
        self.locked_states = 0
        self.crossed_states = 0
        self.updated_ns = 0
        self._tick_due = 0

    def __deepcopy__(self, _memo: object) -> OrderBook:
        copied = OrderBook(self.grid.tick)
        grid = copied.grid
        copied.__dict__.update(self.__dict__)
        grid.snapshot(self.grid.levels(BID), self.grid.levels(ASK))
        copied.grid = grid
        return copied

    def snapshot(self, bids: Sequence[Level], asks: Sequence[Level], ts_ns: int) -> bool:
        """Replace the whole book; returns whether it could be applied."""
        self.snapshots += 1
        grid = Book(self._tick_due) if self._tick_due else self.grid
        try:
            grid.snapshot(bids, asks)
        except ValueError:
            return self._impossible()
        self.grid, self._tick_due = grid, 0
        self.whole = True
        if self.doubt in CURED_BY_SNAPSHOT:
            self.doubt = ""
        return self._applied(ts_ns)

    def delta(self, changes: Sequence[Change], ts_ns: int) -> bool:
        """Apply absolute level changes in order; returns whether they could be applied."""
        self.deltas += 1
        try:
            self.grid.apply(changes)
        except ValueError:
            return self._impossible()
        return self._applied(ts_ns)

    def retick(self, tick: int) -> bool:
        """Follow a tick change; returns whether the levels fit the new grid. If not, the next snapshot is put on it."""
        self._tick_due = 0
        if tick == self.grid.tick:
            return True
        try:
            self.grid.regrid(tick)
        except ValueError:
            self._tick_due = tick
            return self._impossible()
        self.tick_changes += 1
        return True

    def distrust(self) -> None:
        """Believe nothing until the next snapshot."""
        self.whole = False

    @property
    def trusted(self) -> bool:
        """Return whether it is whole and not doubted."""
        return self.whole and not self.doubt

    def _applied(self, ts_ns: int) -> bool:
        self.updated_ns = ts_ns
        self.locked_states += self.grid.locked
        self.crossed_states += self.grid.crossed
        return True

    def _impossible(self) -> bool:
        self.faults += 1
        self.whole = False
        return False

    @property
    def tick(self) -> int:
        """Return the current tick."""
        return self.grid.tick

    @property
    def best_bid(self) -> int:
        """Return the best bid, 0 when there is none."""
        return self.grid.best_bid

    @property
    def best_ask(self) -> int:
        """Return the best ask, 1 000 000 when there is none."""
        return self.grid.best_ask

    @property
    def best_bid_size(self) -> int:
        """Return the size at the best bid."""
        return self.grid.best_bid_size

    @property
    def best_ask_size(self) -> int:
        """Return the size at the best ask."""
        return self.grid.best_ask_size

    @property
    def empty(self) -> bool:
        """Return whether there is no level at all."""
        return self.grid.empty

    @property
    def locked(self) -> bool:
        """Return whether best bid equals best ask."""
        return self.grid.locked

    @property
    def crossed(self) -> bool:
        """Return whether best bid is above best ask."""
        return self.grid.crossed

    def size_at(self, side: int, price: int) -> int:
        """Return the visible size of a level, 0 when there is none."""
        return self.grid.size_at(side, price)

    def top(self, side: int, n: int, /) -> list[Level]:
        """Return up to `n` levels as (price, size), best first."""
        return self.grid.top(side, n)

    def size_down_to(self, price: int) -> int:
        """Return the visible size of all bids at `price` or above."""
        return sum(size for bid, size in self.grid.levels(BID) if bid >= price)

    def microprice(self) -> float | None:
        """Return the size-weighted mid in 10⁻⁶ usd, None unless both sides are there."""
        return self.grid.microprice()

    def imbalance(self, levels: int = 1) -> float | None:
        """Return (bid − ask)/(bid + ask) sizes over the best levels, None on an empty book."""
        return self.grid.imbalance(levels)

    def proceeds(self, size: int) -> tuple[int, int]:
        """Return (10⁻⁶ usd, shares sold) of selling `size` into the bids now; the rest has no buyer."""
        return self._walk(BID, size)

    def price_to_buy(self, size: int) -> tuple[int, int]:
        """Return (10⁻⁶ usd, shares bought) of buying `size` from the asks now."""
        return self._walk(ASK, size)

    def _walk(self, side: int, size: int) -> tuple[int, int]:
        value, left, levels = 0, size, 8
        walked = self.grid.top(side, levels)
        if sum(level[1] for level in walked) < size:
            walked = self.grid.top(side, SCALE // self.grid.tick)
        for price, visible in walked:
            if left == 0:
                break
            taken = min(left, visible)
            value += price * taken
            left -= taken
        return value // SCALE, size - left
