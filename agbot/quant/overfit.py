"""How much of a good backtest is luck: probabilistic and deflated Sharpe ratios, and the overfit of a selection.

Sharpe ratios are a period, kurtosis is Pearson's (normal: 3). None where the law of the estimate does not exist.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agbot.quant.normal import cdf, ppf

EULER: Final = 0.5772156649015329
SPLITS_MAX: Final = 20


@attrs.frozen(kw_only=True)
class Estimate:
    """A Sharpe ratio as it was measured, and the shape of the returns."""

    sharpe: float
    skew: float = 0.0
    kurtosis: float = 3.0

    def variance(self) -> float:
        """Return the variance of the estimate, times observations − 1; not above zero where it does not exist."""
        return 1 - self.skew * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def probabilistic(estimate: Estimate, observations: int, benchmark: float = 0.0) -> float | None:
    """Return P(the true Sharpe ratio is above `benchmark`) (PSR, Bailey and López de Prado 2012)."""
    variance = estimate.variance()
    if variance <= 0 or observations < 2:
        return None
    return cdf((estimate.sharpe - benchmark) * math.sqrt((observations - 1) / variance))


def expected_best(trials: int, variance: float) -> float:
    """Return the Sharpe ratio that the best of `trials` without skill has on average (2014); `variance` among them."""
    if trials < 1 or variance < 0:
        raise ValueError(f"at least one trial, and a variance, not {trials} and {variance}")
    if trials == 1:
        return 0.0
    best = (1 - EULER) * ppf(1 - 1 / trials) + EULER * ppf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * best


def deflated(estimate: Estimate, observations: int, trials: int, variance: float) -> float | None:
    """Return P(the true Sharpe ratio is above what the best of so many trials has by luck) (DSR)."""
    return probabilistic(estimate, observations, expected_best(trials, variance))


def track_record(estimate: Estimate, confidence: float, benchmark: float = 0.0) -> float | None:
    """Return how many observations it takes to be that sure of being above `benchmark` (minTRL); None if never."""
    variance, ahead = estimate.variance(), estimate.sharpe - benchmark
    if variance <= 0 or ahead <= 0:
        return None
    return 1 + variance * (ppf(confidence) / ahead) ** 2


@attrs.frozen
class Overfit:
    """What became, out of sample, of the strategy that was best in sample, over every way to split the periods.

    `pbo` is the part of splits in which it is not better than the median: logit of its relative rank ≤ 0.
    """

    pbo: float
    splits: int
    mean_logit: float


def cscv(returns: ArrayLike, blocks: int) -> Overfit:
    """Return the probability of backtest overfitting of strategies (columns) by combinatorially symmetric splits.

    Bailey et al. 2015. The measure is the Sharpe ratio; among equals in sample the first is chosen, and out of sample
    equals share the middle of their ranks.

    Raises:
        ValueError: `blocks` is odd or too many, or there are fewer than two strategies.
    """
    table = np.asarray(returns, dtype=float)
    periods, strategies = table.shape
    if blocks % 2 or not 2 <= blocks <= min(SPLITS_MAX, periods // 2) or strategies < 2:
        raise ValueError(f"an even number of blocks up to {min(SPLITS_MAX, periods // 2)}, and two strategies or more")
    parts = np.array_split(table, blocks)
    sums, squares = (np.array([(part**power).sum(axis=0) for part in parts]) for power in (1, 2))
    counts = np.array([len(part) for part in parts])
    chosen = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, picked in enumerate(combinations(range(blocks), blocks // 2)):
        chosen[row, picked] = 1.0
    inside, outside = (_sharpes(pick, counts, sums, squares) for pick in (chosen, 1 - chosen))
    rows = np.arange(len(chosen))
    best = outside[rows, inside.argmax(axis=1)][:, None]
    ranks = (outside < best).sum(axis=1) + ((outside == best).sum(axis=1) + 1) / 2
    relative = ranks / (strategies + 1)
    logits = np.log(relative / (1 - relative))
    return Overfit(float(np.mean(logits <= 0)), len(chosen), float(logits.mean()))


def _sharpes(
    pick: NDArray[np.float64], counts: NDArray[np.int64], sums: NDArray[np.float64], squares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Sharpe ratios by split (row) and strategy from the sums of the blocks; without variance −∞ or +∞."""
    n = (pick @ counts)[:, None]
    mean = pick @ sums / n
    variance = np.maximum((pick @ squares - n * mean**2) / (n - 1), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.nan_to_num(mean / np.sqrt(variance), nan=0.0, posinf=np.inf, neginf=-np.inf))


@attrs.frozen
class BlockLength:
    """The best mean length of blocks for the stationary bootstrap, and the best length for the circular one."""

    stationary: float
    circular: float


def block_length(series: ArrayLike) -> BlockLength:
    """Return block lengths for bootstrapping a series (Politis and White 2004, corrected by Patton et al. 2009)."""
    x = np.asarray(series, dtype=float)
    n, away = len(x), x - x.mean()
    run = max(5, int(math.log10(n)))
    most = math.ceil(math.sqrt(n)) + run
    lags = min(_lags(away, run, most), most)
    covariances = np.array([away[k:] @ away[: n - k] for k in range(lags + 1)]) / n
    at = np.arange(1, lags + 1)
    taper = np.where(at / lags <= 0.5, 1.0, 2 * (1 - at / lags))
    g = 2 * float(np.sum(taper * at * covariances[1:]))
    spectrum = covariances[0] + 2 * float(np.sum(taper * covariances[1:]))
    longest = math.ceil(min(3 * math.sqrt(n), n / 3))

    def best(d: float) -> float:
        return min((2 * g**2 / (d * spectrum**2) * n) ** (1 / 3), longest) if spectrum else 1.0

    return BlockLength(best(2.0), best(4 / 3))


def _lags(away: NDArray[np.float64], run: int, most: int) -> int:
    """Return twice the lag after which `run` autocorrelations in a row are noise, `most` when there is none."""
    n = len(away)
    noise = 2 * math.sqrt(math.log10(n) / n)
    seen: list[float] = []
    for k in range(most + 1):
        scale = math.sqrt(float(away[k + 1 :] @ away[k + 1 :]) * float(away[: -(k + 1)] @ away[: -(k + 1)]))
        seen.append(abs(float(away[k:] @ away[: n - k])) / scale if scale else 0.0)
        if k >= run and all(value < noise for value in seen[k - run : k]):
            return 2 * max(k - run, 1)
    return most
