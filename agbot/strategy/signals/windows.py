"""Signals over the last numbers: sums that are added to and taken from, made afresh now and then against drift."""

from __future__ import annotations

import math
from collections import deque

import attrs

from agbot.quant.horizon import YEAR_NS
from agbot.strategy.signals.averages import counted


class Moments:
    """Σx, Σy, Σx², Σxy of the last `size` pairs, about the first of them; one step is a few additions.

    Rounding piles up while pairs come and go: after every `size` steps the sums are made afresh, which costs no more.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pairs: deque[tuple[float, float]] = deque()
        self._steps = 0
        self._origin = (0.0, 0.0)
        self._sums = [0.0] * 4

    @property
    def full(self) -> bool:
        """Return whether as many pairs were told as it keeps."""
        return len(self._pairs) == self.size

    def add(self, x: float, y: float = 0.0) -> None:
        """Take the next pair; the oldest goes when there are too many."""
        self._pairs.append((x, y))
        self._steps += 1
        gone = self._pairs.popleft() if len(self._pairs) > self.size else None
        if self._steps >= self.size:
            self._afresh()
            return
        if len(self._pairs) == 1:
            self._origin = (x, y)
        self._count(x, y, 1.0)
        if gone is not None:
            self._count(*gone, -1.0)

    def _afresh(self) -> None:
        self._steps, self._sums, self._origin = 0, [0.0] * 4, self._pairs[0]
        for x, y in self._pairs:
            self._count(x, y, 1.0)

    def _count(self, x: float, y: float, sign: float) -> None:
        dx, dy = x - self._origin[0], y - self._origin[1]
        for at, term in enumerate((dx, dy, dx * dx, dx * dy)):
            self._sums[at] += sign * term

    def mean(self) -> float:
        """Return the mean of x."""
        return self._origin[0] + self._sums[0] / len(self._pairs)

    def deviation(self) -> float:
        """Return the deviation of x, by n; 0 where it is no more than rounding."""
        n, (sx, _, sxx, _) = len(self._pairs), self._sums
        variance = sxx / n - (sx / n) ** 2
        return math.sqrt(variance) if variance > 1e-14 * (sxx / n) else 0.0

    def slope(self) -> float | None:
        """Return the slope of the least-squares line of y on x, None where x does not differ."""
        n, (sx, sy, sxx, sxy) = len(self._pairs), self._sums
        spread = sxx - sx * sx / n
        return (sxy - sx * sy / n) / spread if spread > 1e-12 * sxx else None


@attrs.frozen
class Bands:
    """Bollinger's: the mean of the window, and so many deviations below and above."""

    low: float
    middle: float
    high: float


class ZScore:
    """How many deviations (by n) the last number is from the mean of the window, itself in it; 0 where none differs."""

    def __init__(self, period: int) -> None:
        self._moments = Moments(counted(period, 2))
        self._last = 0.0

    @property
    def value(self) -> float | None:
        """Return the score of now, None until the window is full."""
        if not self._moments.full:
            return None
        deviation = self._moments.deviation()
        return (self._last - self._moments.mean()) / deviation if deviation else 0.0

    def update(self, x: float) -> float | None:
        """Take the next number and return its score."""
        self._moments.add(x)
        self._last = x
        return self.value

    def bands(self, deviations: float = 2.0) -> Bands | None:
        """Return Bollinger's bands, None until the window is full."""
        if not self._moments.full:
            return None
        mean, away = self._moments.mean(), deviations * self._moments.deviation()
        return Bands(mean - away, mean, mean + away)


class Momentum:
    """The last number less that of `period` steps before."""

    def __init__(self, period: int) -> None:
        self._kept: deque[float] = deque(maxlen=counted(period) + 1)

    @property
    def value(self) -> float | None:
        """Return the momentum of now, None until there was a number so long ago."""
        return self._kept[-1] - self._kept[0] if len(self._kept) == self._kept.maxlen else None

    def update(self, x: float) -> float | None:
        """Take the next number and return the momentum of now."""
        self._kept.append(x)
        return self.value


class LogitVolatility:
    """√(Σ Δx²/Σ Δt) over the last `period` changes, for each square root of a year; times need not be even."""

    def __init__(self, period: int) -> None:
        self._period = counted(period)
        self._seen: deque[tuple[int, float]] = deque(maxlen=self._period + 1)
        self._squares = Moments(self._period)

    @property
    def value(self) -> float | None:
        """Return the volatility of now; None until there are `period` changes, and while no time has passed."""
        if not self._squares.full:
            return None
        years = (self._seen[-1][0] - self._seen[0][0]) / YEAR_NS
        return math.sqrt(max(0.0, self._squares.mean() * self._period) / years) if years > 0 else None

    def update(self, ts_ns: int, x: float) -> float | None:
        """Take a logit at a time (UTC ns, never earlier than the last) and return the volatility of now."""
        if self._seen:
            before_ns, before = self._seen[-1]
            if ts_ns < before_ns:
                raise ValueError(f"{ts_ns} is before {before_ns}: logits are told in order")
            self._squares.add((x - before) ** 2)
        self._seen.append((ts_ns, x))
        return self.value


class HalfLife:
    """In how many steps half of what is out of place comes back: ln 2/−ln φ, φ the slope of each number on the last.

    Over the last `period` pairs; None where φ is not between 0 and 1, that is where nothing comes back.
    """

    def __init__(self, period: int) -> None:
        self._moments = Moments(counted(period, 3))
        self._last: float | None = None

    @property
    def value(self) -> float | None:
        """Return the half-life of now, in steps."""
        slope = self._moments.slope() if self._moments.full else None
        return math.log(2) / -math.log(slope) if slope is not None and 0 < slope < 1 else None

    def update(self, x: float) -> float | None:
        """Take the next number and return the half-life of now."""
        if self._last is not None:
            self._moments.add(self._last, x)
        self._last = x
        return self.value
