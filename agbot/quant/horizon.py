"""Where a price may stand after some days that do not resolve it: a few prices with their chances, for a limit."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import Final

import attrs

from agbot.quant.odds import expit, logit

YEAR_NS: Final = 365 * 86_400 * 10**9
_EDGES: Final = (0.2, 0.4, 0.62, 0.84, 1.06, 1.28, 1.4, 1.52, 1.645, 1.77, 1.9, 2.05, 2.2, 2.33, 2.58, 2.8, 3.1)
"""Of the bins of a standard normal, on both sides of 0: narrow where quantiles are asked for."""


@attrs.frozen
class Horizon:
    """`ns` from now, over which the logit of a price moves by `logit_vol` for each square root of a year."""

    ns: int
    logit_vol: float

    @property
    def variance(self) -> float:
        """Return the variance of the logit over the horizon."""
        return self.logit_vol**2 * self.ns / YEAR_NS


def _bins() -> list[tuple[float, float]]:
    """Return the chance of each bin and its mean."""
    edges = [-math.inf, *(-edge for edge in reversed(_EDGES)), *_EDGES, math.inf]
    bell = NormalDist()
    chances = [(low, high, bell.cdf(high) - bell.cdf(low)) for low, high in pairwise(edges)]
    return [(chance, (bell.pdf(low) - bell.pdf(high)) / chance) for low, high, chance in chances]


_BINS: Final = _bins()


@lru_cache(maxsize=4096)
def moved(p: float, horizon: Horizon) -> tuple[tuple[float, float], ...]:
    """Return (chance, price) of a price that is `p` now: the logit martingale (`LogitLaw`), in bins.

    In the worlds in which the claim comes true the logit drifts up by half the variance, in the others down.
    """
    variance, spread = horizon.variance, math.sqrt(horizon.variance)
    return tuple(
        (world * chance, expit(logit(p) + way * variance / 2 + spread * z))
        for world, way in ((p, 1), (1 - p, -1))
        for chance, z in _BINS
    )
