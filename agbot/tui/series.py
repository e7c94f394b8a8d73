"""Figures over time: points of a chart, and how observations are spread. No screen, no clock."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Hashable, Mapping
from typing import Final, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

STEPS: Final = 8
"""Steps of a distribution between a value and its double."""
SMALLEST: Final = 1e-3
LARGEST: Final = 1e9
"""What is beyond these two is counted as if it were one of them."""


class Series:
    """Points (UTC ms, value) of the last `window_ms`, one a `step_ms`; the newest value of a step wins."""

    def __init__(self, window_ms: int, step_ms: int) -> None:
        self._window_ms = window_ms
        self._step_ms = step_ms
        self.points: deque[tuple[int, float]] = deque(maxlen=window_ms // step_ms + 1)

    def add(self, at_ms: int, value: float) -> None:
        """Append a point; one from the past is dropped, unless the clock was set back by more than the window."""
        if self.points:
            last = self.points[-1][0]
            if at_ms < last - self._window_ms:
                self.points.clear()
            elif at_ms < last:
                return
            elif at_ms // self._step_ms == last // self._step_ms:
                self.points.pop()
        self.points.append((at_ms, value))
        while self.points[0][0] < at_ms - self._window_ms:
            self.points.popleft()


class Observed(NamedTuple):
    """What a frame tells of a histogram: how many observations, their sum, the least, the most, the newest."""

    many: int
    total: float
    least: float
    most: float
    last: float

    @property
    def mean(self) -> float:
        """Return the mean."""
        return self.total / self.many

    def beside(self, other: Observed) -> Observed:
        """Return both together; the newest is this one's."""
        return Observed(
            self.many + other.many,
            self.total + other.total,
            min(self.least, other.least),
            max(self.most, other.most),
            self.last,
        )


class Distribution:
    """How observations are spread, in steps of an eighth of a doubling.

    A frame that tells of more than two observations tells the least, the most and the sum: the others are counted at
    their mean.
    """

    def __init__(self) -> None:
        self.count = 0
        self._steps: Counter[int] = Counter()

    def add(self, told: Observed) -> None:
        """Count what one frame tells."""
        if told.many == 1:
            self._count(told.last, 1)
        elif told.many > 1:
            self._count(told.least, 1)
            self._count(told.most, 1)
            if others := told.many - 2:
                self._count((told.total - told.least - told.most) / others, others)

    def at_most(self, part: float) -> float | None:
        """Return the value that this part of all observations is at or under, to a step; None without any."""
        if not self.count:
            return None
        wanted, seen = max(1, math.ceil(part * self.count)), 0
        for step in sorted(self._steps):
            seen += self._steps[step]
            if seen >= wanted:
                break
        return edge(step)

    def doublings(self) -> list[tuple[float, float, int]]:
        """Return (from, to, how many) for each doubling from the smallest to the largest that was observed."""
        if not self.count:
            return []
        found: Counter[int] = Counter()
        for step, many in self._steps.items():
            found[(step - 1) // STEPS] += many
        return [(2.0**n, 2.0 ** (n + 1), found[n]) for n in range(min(found), max(found) + 1)]

    def _count(self, value: float, many: int) -> None:
        self.count += many
        self._steps[math.ceil(math.log2(min(max(value, SMALLEST), LARGEST)) * STEPS)] += many


def edge(step: int) -> float:
    """Return the upper end of a step."""
    return float(2.0 ** (step / STEPS))


def step_sum(series: Mapping[Key, list[tuple[int, float]]]) -> list[tuple[int, float]]:
    """Return the sum of step functions, from where all of them are known."""
    changes = sorted(
        ((at_ms, n, value) for n, points in enumerate(series.values()) for at_ms, value in points),
        key=lambda change: change[:2],
    )
    now: dict[int, float] = {}
    total: list[tuple[int, float]] = []
    for at_ms, n, value in changes:
        now[n] = value
        if len(now) == len(series):
            total.append((at_ms, sum(now.values())))
    return total
