"""Signals that forget slowly: exponential averages, and what is made of them."""

from __future__ import annotations

import math

from agbot.units import NS_PER_S


def counted(period: int, least: int = 1) -> int:
    """Return a number of steps; ValueError below `least`."""
    if period < least:
        raise ValueError(f"a period of {least} at least, not {period}")
    return period


class Ema:
    """The exponential average e ← e + α(x − e), α = 2/(period + 1); it begins at the first number."""

    def __init__(self, period: int) -> None:
        self.alpha = 2 / (counted(period) + 1)
        self.value: float | None = None

    def update(self, x: float) -> float:
        """Take the next number and return the average."""
        self.value = x if self.value is None else self.value + self.alpha * (x - self.value)
        return self.value


class Rsi:
    """Wilder's relative strength (1978): 100·gain/(gain + loss), averages of the ups and the downs between numbers.

    The first averages are the plain means of `period` changes, later ones a ← a + (change − a)/period. 50 where nothing
    moved.
    """

    def __init__(self, period: int = 14) -> None:
        self._period = counted(period)
        self._seen = 0
        self._last: float | None = None
        self._up = self._down = 0.0

    @property
    def value(self) -> float | None:
        """Return the strength of now, 0 to 100; None before `period` changes."""
        if self._seen < self._period:
            return None
        whole = self._up + self._down
        return 100 * self._up / whole if whole else 50.0

    def update(self, x: float) -> float | None:
        """Take the next number and return the strength of now."""
        if self._last is not None:
            change = x - self._last
            self._seen += 1
            part = min(self._seen, self._period)  # a mean while it is seeded: a ← a + (x − a)/count
            self._up += (max(change, 0.0) - self._up) / part
            self._down += (max(-change, 0.0) - self._down) / part
        self._last = x
        return self.value


class TradeIntensity:
    """Trades a second, each counting half after `half_life_s`: λ = ln 2/half-life · Σ 2^(−age/half-life)."""

    def __init__(self, half_life_s: float) -> None:
        if not half_life_s > 0:
            raise ValueError(f"a half-life above 0, not {half_life_s}")
        self._decay = math.log(2) / (half_life_s * NS_PER_S)
        self._sum = 0.0
        self._at_ns: int | None = None

    def update(self, ts_ns: int, count: float = 1.0) -> float:
        """Take `count` trades at a time (UTC ns, never earlier than the last) and return the intensity then."""
        self._sum = self._decayed(ts_ns) + count
        self._at_ns = ts_ns
        return self.at(ts_ns)

    def at(self, ts_ns: int) -> float:
        """Return the trades a second as of a time."""
        return self._decayed(ts_ns) * self._decay * NS_PER_S

    def _decayed(self, ts_ns: int) -> float:
        if self._at_ns is None:
            return 0.0
        if ts_ns < self._at_ns:
            raise ValueError(f"{ts_ns} is before {self._at_ns}: trades are told in order")
        return self._sum * math.exp(-self._decay * (ts_ns - self._at_ns))
