"""One token's order book and how far it can be believed.

Theory of operation: levels live in the native grid (`agbot._book`), absolute sizes on integer ticks. A message either
applies whole or not at all. A price off the grid but on a finer known tick means the venue changed the tick and did
not say so: the book re-grids and counts it. Any other impossible message leaves the book as it was, untrusted until
the next snapshot, because what it missed cannot be known.
"""

from __future__ import annotations

from collections.abc import Sequence

from agbot._book import Book
from agbot.model.events import ASK, BID, Change, Level
from agbot.units import SCALE, finest_tick


class OrderBook:
    """The book of one token. Prices and sizes in 10⁻⁶; satisfies `agbot.core.view.BookView`."""

    def __init__(self, tick: int) -> None:
        self.grid = Book(tick)
        self.trusted = False
        self.snapshots = 0
        self.deltas = 0
        self.faults = 0
        self.synthetic_ticks = 0
        self.locked_states = 0
        self.crossed_states = 0
        self.updated_ns = 0

    def snapshot(self, bids: Sequence[Level], asks: Sequence[Level], ts_ns: int) -> bool:
        """Replace the whole book; returns whether it could be applied."""
        self.snapshots += 1
        prices = tuple(price for price, _ in bids) + tuple(price for price, _ in asks)
        applied = self._fits(prices, replaced=True)
        if applied:
            self.grid.snapshot(bids, asks)
            self.trusted = True
        return self._seen(applied, ts_ns)

    def delta(self, changes: Sequence[Change], ts_ns: int) -> bool:
        """Apply absolute level changes in order; returns whether they could be applied."""
        self.deltas += 1
        try:
            self.grid.apply(changes)
            applied = True
        except ValueError:
            applied = self._fits(tuple(price for _, price, _ in changes), replaced=False)
            if applied:
                applied = self._retry(changes)
        return self._seen(applied, ts_ns)

    def retick(self, tick: int) -> bool:
        """Follow an announced tick change; returns whether the levels fit the new grid."""
        try:
            self.grid.regrid(tick)
        except ValueError:
            self.faults += 1
            self.trusted = False
            return False
        return True

    def distrust(self) -> None:
        """Believe nothing until the next snapshot."""
        self.trusted = False

    def _retry(self, changes: Sequence[Change]) -> bool:
        try:
            self.grid.apply(changes)
        except ValueError:
            return False
        return True

    def _fits(self, prices: tuple[int, ...], *, replaced: bool) -> bool:
        tick = finest_tick(self.grid.tick, prices)
        if tick is None or any(not 0 < price < SCALE for price in prices):
            return False
        if tick != self.grid.tick:
            if replaced:
                self.grid.clear()
            self.grid.regrid(tick)
            self.synthetic_ticks += 1
        return True

    def _seen(self, applied: bool, ts_ns: int) -> bool:
        self.updated_ns = ts_ns
        if not applied:
            self.faults += 1
            self.trusted = False
            return False
        self.locked_states += self.grid.locked
        self.crossed_states += self.grid.crossed
        return True

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
