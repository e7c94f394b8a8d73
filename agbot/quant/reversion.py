"""Whether a series comes back, how fast, and whether two move together: AR(1), Dickey–Fuller, Engle–Granger.

Prices between 0 and 1 do not come back by nature: ask of their logits. P-values by the response surfaces of MacKinnon
(1994), for a constant without trend.
"""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agbot.quant.normal import cdf
from agbot.quant.signals import regressed

_Surface = tuple[float, float, float, tuple[float, ...], tuple[float, ...]]
_SURFACES: Final[dict[int, _Surface]] = {
    1: (-18.83, -1.61, 2.74, (2.1659, 1.4412, 0.038269), (1.7339, 0.93202, -0.12745, -0.010368)),
    2: (-18.86, -2.62, 0.92, (2.92, 1.5012, 0.039796), (2.1945, 0.64695, -0.29198, -0.042377)),
}
"""By number of series: below the first p is 0, above the third 1, and polynomials up to the second and beyond it."""


@attrs.frozen
class Reversion:
    """A series as a discretely seen Ornstein–Uhlenbeck process, per step; None for what does not come back.

    Args:
        statistic: of the augmented Dickey–Fuller test with one lag, and its p-value: small where it comes back.
    """

    statistic: float
    p_value: float
    ar1: float
    half_life: float | None
    mean: float | None
    theta: float | None
    sigma: float | None


def reversion(series: ArrayLike) -> Reversion:
    """Return how a series comes back to its mean; at least eight values."""
    x = _checked(series)
    statistic = dickey_fuller(x)
    (level, ar1), rest = regressed(x[1:], x[:-1])
    if not 0 < ar1 < 1:
        return Reversion(statistic, p_value(statistic), ar1, None, None, None, None)
    theta = -math.log(ar1)
    noise = math.sqrt(float(rest @ rest) / (len(rest) - 2))
    sigma = noise * math.sqrt(2 * theta / (1 - ar1**2))
    return Reversion(statistic, p_value(statistic), ar1, math.log(2) / theta, level / (1 - ar1), theta, sigma)


@attrs.frozen
class Pair:
    """y = intercept + hedge·x + spread: the test on the spread, its p-value, and how far the spread is out now.

    `zscore` is in deviations (n − 1) of the spread.
    """

    hedge: float
    intercept: float
    statistic: float
    p_value: float
    zscore: float


def cointegrated(y: ArrayLike, x: ArrayLike) -> Pair:
    """Return whether two series move together: Engle & Granger (1987), one lag."""
    ys, xs = _checked(y), _checked(x)
    (intercept, hedge), spread = regressed(ys, xs)
    statistic = dickey_fuller(spread, constant=False)
    return Pair(hedge, intercept, statistic, p_value(statistic, 2), float(spread[-1] / spread.std(ddof=1)))


def dickey_fuller(series: ArrayLike, *, constant: bool = True) -> float:
    """Return the statistic of the augmented Dickey–Fuller test with one lag; ValueError for a series without noise."""
    x = _checked(series)
    steps = np.diff(x)
    columns = [x[1:-1], steps[:-1]] + ([np.ones(len(steps) - 1)] if constant else [])
    design, after = np.column_stack(columns), steps[1:]
    weights, *_ = np.linalg.lstsq(design, after, rcond=None)
    rest = after - design @ weights
    variance = float(rest @ rest) / (len(after) - design.shape[1])
    error = variance * float(np.linalg.pinv(design.T @ design)[0, 0])
    if not error > 0:
        raise ValueError("a series without noise has no statistic")
    return float(weights[0]) / math.sqrt(error)


def p_value(statistic: float, series: int = 1) -> float:
    """Return the probability of so low a statistic, or a lower one, of one series or the spread of two that do not."""
    least, middle, most, low, high = _SURFACES[series]
    if statistic > most:
        return 1.0
    if statistic < least:
        return 0.0
    weights = low if statistic <= middle else high
    return cdf(sum(weight * statistic**power for power, weight in enumerate(weights)))


def _checked(series: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(series, dtype=float)
    if x.ndim != 1 or x.size < 8 or not np.isfinite(x).all() or not np.ptp(x) > 0:
        raise ValueError("a series has at least eight finite values that are not all the same")
    return x
