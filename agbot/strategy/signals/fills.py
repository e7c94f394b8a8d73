"""How often a quote is reached, by its distance: A·e^(−kδ) a second, learnt from what trades."""

from __future__ import annotations

import math
from typing import Final

import attrs

from agbot.units import NS_PER_S

_BELIEF: Final = 1.959964
"""Deviations either way that hold 95 % of a normal."""


@attrs.frozen
class FillCurve:
    """`k` per usd, `rate` A a second and side; 95 % of the belief in k is between k/√ratio and k·√ratio."""

    k: float
    rate: float
    ratio: float


class FillRate:
    """The curve of largest likelihood where takers reach exponentially far, each counting half after the half-life.

    k = n/Σδ and A = n/2t over both sides; ln k̂ has deviation 1/√n, n the weights' effective number (Kish 1965).
    """

    def __init__(self, half_life_s: float) -> None:
        if not half_life_s > 0:
            raise ValueError(f"a half-life above 0, not {half_life_s}")
        self._decay = math.log(2) / half_life_s
        self._began_ns: int | None = None
        self._at_ns = 0
        self._count = self._squares = self._distance = 0.0

    def begin(self, ts_ns: int) -> None:
        """Watch from a time on (UTC ns); later calls change nothing."""
        if self._began_ns is None:
            self._began_ns = self._at_ns = ts_ns

    def update(self, ts_ns: int, distance: float) -> None:
        """Take a taker who reached `distance` (usd, above 0) from fair value, at a time never earlier than the last."""
        if distance <= 0 or ts_ns < self._at_ns:
            raise ValueError(f"a distance above 0 at {self._at_ns} or later, not {distance} at {ts_ns}")
        self.begin(ts_ns)
        fade = math.exp(-self._decay * (ts_ns - self._at_ns) / NS_PER_S)
        self._at_ns = ts_ns
        self._count = self._count * fade + 1
        self._squares = self._squares * fade * fade + 1
        self._distance = self._distance * fade + distance

    def curve(self, now_ns: int) -> FillCurve | None:
        """Return the curve as of a time, None before anything traded."""
        if not self._count or self._began_ns is None or now_ns <= self._began_ns:
            return None
        watched = -math.expm1(-self._decay * (now_ns - self._began_ns) / NS_PER_S) / self._decay
        count = self._count * math.exp(-self._decay * (now_ns - self._at_ns) / NS_PER_S)
        number = self._count**2 / self._squares
        return FillCurve(
            k=self._count / self._distance,
            rate=count / (2 * watched),
            ratio=math.exp(2 * _BELIEF / math.sqrt(number)),
        )
