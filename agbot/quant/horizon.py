"""Where a price may stand after some days that do not resolve it: a few prices with their chances, for a limit."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import attrs
import numpy as np

from agbot.quant.odds import expit, logit

YEAR_NS: Final = 365 * 86_400 * 10**9
_NODES: Final = 9


@attrs.frozen
class Horizon:
    """`ns` from now, over which the logit of a price moves by `logit_vol` for each square root of a year."""

    ns: int
    logit_vol: float

    @property
    def variance(self) -> float:
        """Return the variance of the logit over the horizon."""
        return self.logit_vol**2 * self.ns / YEAR_NS


@lru_cache(maxsize=4096)
def moved(p: float, horizon: Horizon) -> tuple[tuple[float, float], ...]:
    """Return (chance, price) of a price that is `p` now: the logit martingale, by Gauss–Hermite in each world.

    In the worlds in which the claim comes true the logit drifts up by half the variance, in the others down
    (`LogitLaw`). The chances sum to 1, and the prices average `p` but for the rule's error.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    chances = weights / weights.sum()
    variance, spread = horizon.variance, math.sqrt(horizon.variance)
    return tuple(
        (world * float(w), expit(logit(p) + way * variance / 2 + spread * float(z)))
        for world, way in ((p, 1), (1 - p, -1))
        for z, w in zip(nodes, chances, strict=True)
    )
