"""One simulated order book on its tick grid, and what its crowd does to it.

Prices are tick indices 1 … n − 1 of YES; sizes are 10⁻⁶ shares in whole hundredths of a share. Every action keeps the
best bid below the best ask and both sides populated.
"""

from __future__ import annotations

import math
import random
from typing import Final, NamedTuple, TypeAlias

from agbot.model.events import ASK, BID
from agbot.units import SCALE

CENT_SHARE: Final = SCALE // 100
"""Sizes are whole multiples of this."""

Change: TypeAlias = tuple[int, int, int]
"""(BID or ASK, tick index, new size)"""

_LEVELS: Final = (8, 16)
_ROUND_SIZES: Final = (25, 50, 100, 100, 150, 200, 250, 500, 1000)
_SWEEP: Final = 3
_SLACK: Final = 0.35
"""Part of the half spread by which a quote may be off before the crowd moves it."""


class Take(NamedTuple):
    """A taker's execution against `side` (the resting side) at one tick index. `size` in 10⁻⁶ shares."""

    side: int
    at: int
    size: int


class Act(NamedTuple):
    """What happened at one instant: executions in order, then the level changes that include them."""

    takes: list[Take]
    changes: list[Change]


class Ladder:
    """Resting sizes by tick index, for bids and asks.

    Args:
        rng: the simulation's dice.
        ticks: ticks in one usd; valid indices are 1 … ticks − 1.
        fair: the starting price between 0 and 1; `half_spread` in usd.
    """

    def __init__(self, rng: random.Random, ticks: int, fair: float, half_spread: float) -> None:
        self._rng = rng
        self.ticks = ticks
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, index in enumerate(self.targets(fair, half_spread)):
            self.sides[side][index] = self._size(0)
            while len(self.sides[side]) < 12 and self._grow(side, []):
                pass

    @property
    def best_bid(self) -> int:
        """Return the highest bid's index."""
        return max(self.sides[BID])

    @property
    def best_ask(self) -> int:
        """Return the lowest ask's index."""
        return min(self.sides[ASK])

    def targets(self, fair: float, half_spread: float) -> tuple[int, int]:
        """Return where the crowd wants best bid and ask: `half_spread` usd around `fair`, on the grid, never locked."""
        bid = min(max(math.floor((fair - half_spread) * self.ticks), 1), self.ticks - 2)
        ask = min(max(math.ceil((fair + half_spread) * self.ticks), bid + 1), self.ticks - 1)
        return bid, ask

    def act(self, fair: float, half_spread: float) -> Act:
        """Let one thing happen that moves the book towards its fair price, or, when it is there, some noise."""
        bid, ask = self.targets(fair, half_spread)
        if self.best_ask <= bid:
            return self._tended(self._sweep(ASK, bid))
        if self.best_bid >= ask:
            return self._tended(self._sweep(BID, ask))
        changes: list[Change] = []
        slack = int(half_spread * self.ticks * _SLACK)
        self._retreat(BID, bid + slack, changes)
        self._retreat(ASK, ask - slack, changes)
        self._improve(bid, ask, slack, changes)
        return self._tended(Act([], changes) if changes else self._noise())

    def _sweep(self, side: int, limit: int) -> Act:
        """Takers lift quotes that became wrong, best first, up to `limit`."""
        act = Act([], [])
        for index in self._nearest(side)[:_SWEEP]:
            if index > limit if side == ASK else index < limit:
                break
            last = len(self.sides[side]) == 1
            size = self.sides[side][index]
            self._take(side, index, size // 2 // CENT_SHARE * CENT_SHARE if last else size, act)
        if not act.changes:
            self._resize(side, self._nearest(side)[0], 0, act.changes)
        return act

    def _take(self, side: int, index: int, size: int, act: Act) -> None:
        if size > 0:
            act.takes.append(Take(side, index, size))
            self._set(side, index, self.sides[side][index] - size, act.changes)

    def _retreat(self, side: int, target: int, changes: list[Change]) -> None:
        """Pull quotes that are better than the crowd wants to show, a few at a time."""
        for index in self._nearest(side)[:_SWEEP]:
            if (index > target if side == BID else index < target) and len(self.sides[side]) > 1:
                self._set(side, index, 0, changes)

    def _improve(self, bid: int, ask: int, slack: int, changes: list[Change]) -> None:
        """Quote up to the target where the best is far from it; the other side's best is never reached."""
        if self.best_bid < bid - slack and bid < self.best_ask:
            self._set(BID, bid, self._size(0), changes)
        if self.best_ask > ask + slack and self.best_bid < ask:
            self._set(ASK, ask, self._size(0), changes)

    def _noise(self) -> Act:
        act = Act([], [])
        side = self._rng.choice((BID, ASK))
        near = self._nearest(side)
        spare = self.sides[side][near[0]] - (CENT_SHARE if len(near) == 1 else 0)
        if spare > 0 and self._rng.random() < 0.2:
            self._take(side, near[0], min(spare, self._size(0)), act)
            return act
        depth = min(int(self._rng.expovariate(0.45)), len(near) - 1)
        if depth > 0 and self._rng.random() < 0.15:
            self._set(side, near[depth], 0, act.changes)
        else:
            self._resize(side, near[depth], depth, act.changes)
        return act

    def _tended(self, act: Act) -> Act:
        """Keep each side between its fewest and most levels."""
        fewest, most = _LEVELS
        for side in (BID, ASK):
            if len(self.sides[side]) < fewest:
                self._grow(side, act.changes)
            elif len(self.sides[side]) > most:
                self._set(side, self._nearest(side)[-1], 0, act.changes)
        return act

    def _grow(self, side: int, changes: list[Change]) -> bool:
        """Add a level beyond the last one; False at the edge of the grid."""
        away = -1 if side == BID else 1
        last = self._nearest(side)[-1]
        reach = max(self.ticks // 100, 1)
        index = last + away * self._rng.randint(max(reach // 3, 1), reach)
        if not 0 < index < self.ticks:
            return False
        self._set(side, index, self._size(len(self.sides[side])), changes)
        return True

    def _set(self, side: int, index: int, size: int, changes: list[Change]) -> None:
        if size:
            self.sides[side][index] = size
        else:
            del self.sides[side][index]
        changes.append((side, index, size))

    def _nearest(self, side: int) -> list[int]:
        return sorted(self.sides[side], reverse=side == BID)

    def _resize(self, side: int, index: int, depth: int, changes: list[Change]) -> None:
        size = self._size(depth)
        self._set(side, index, size if size != self.sides[side][index] else size + CENT_SHARE, changes)

    def _size(self, depth: int) -> int:
        """Return a size for the level `depth` places from the best: thin at the touch, lumpy, deep behind."""
        if self._rng.random() < 0.5:
            return self._rng.choice(_ROUND_SIZES) * (1 + depth // 4) * SCALE
        shares = self._rng.uniform(5.0, 300.0) * (1.0 + 0.5 * depth)
        return round(shares * 100) * CENT_SHARE
