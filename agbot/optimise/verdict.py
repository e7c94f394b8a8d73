"""How much of the best trial is luck, out of all that were tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np

from agbot.optimise.outcome import Outcome, Trial
from agbot.quant.normal import ppf
from agbot.quant.overfit import SPLITS_MAX, Estimate, Overfit, cscv, deflated, expected_best, track_record
from agbot.quant.performance import moments, sharpe

DSR_MIN: Final = 0.95
PBO_MAX: Final = 0.5
PBO_LUCK: Final = 0.2
"""Searches among noise have a PBO of 0.5 on average and seldom less than this (docs/optimise.md)."""
BLOCKS_MAX: Final = 16
CELLS_MAX: Final = 8_000_000
"""Splits times trials: 64 MB an array."""

OVERFIT: Final = "OVERFIT"
DOUBTFUL: Final = "DOUBTFUL"
HOLDS: Final = "NOT SHOWN TO BE OVERFIT"
UNKNOWN: Final = "NO VERDICT"


@attrs.frozen(kw_only=True)
class Verdict:
    """The best of all trials, and what is left of it.

    Attributes:
        trials: every one that was ever run, the failed ones too.
        best: has the highest Sharpe ratio a period; None where none has one.
        luck: the Sharpe ratio that the best of so many has without skill.
        bar: the ratio that would be enough after so many trials, of normal returns: each trial raises it; None where
            the periods are too few for any.
        dsr: the probability that the best one's true ratio is above that; None where it has no law.
        overfit: what becomes of the best out of sample; None with fewer than two trials or four periods.
        enough: periods it would take to be 0.95 sure of being above luck; None for never.
        words: the verdict in a sentence, beginning with one of the words above.
    """

    trials: int
    failed: int
    periods: int
    best: Trial | None
    sharpe: float | None
    luck: float
    bar: float | None
    dsr: float | None
    overfit: Overfit | None
    enough: float | None
    words: str

    @property
    def word(self) -> str:
        """Return the verdict's first word or words."""
        return self.words.partition(":")[0]


def judge(trials: Sequence[Trial]) -> Verdict:
    """Return the verdict on everything that was tried.

    A trial without variance has a Sharpe ratio of 0; a failed one is counted and has none.

    Raises:
        ValueError: the trials are of different periods.
    """
    finished = [trial for trial in trials if isinstance(trial.result, Outcome)]
    table = np.array([trial.result.returns for trial in finished if isinstance(trial.result, Outcome)]).T
    periods = len(table)
    ratios = [trial.sharpe() for trial in finished]
    rated = [(ratio, trial) for ratio, trial in zip(ratios, finished, strict=True) if ratio is not None]
    ratio, best = max(rated, key=lambda pair: pair[0], default=(None, None))
    spread = float(np.var([found or 0.0 for found in ratios], ddof=1)) if len(ratios) > 1 else 0.0
    luck = expected_best(len(trials), spread) if trials else 0.0
    estimate = _estimate(best)
    dsr = deflated(estimate, periods, len(trials), spread) if estimate else None
    overfit = _overfit(table)
    return Verdict(
        trials=len(trials),
        failed=len(trials) - len(finished),
        periods=periods,
        best=best,
        sharpe=ratio,
        luck=luck,
        bar=_bar(periods, luck),
        dsr=dsr,
        overfit=overfit,
        enough=track_record(estimate, DSR_MIN, luck) if estimate else None,
        words=_words(len(trials), dsr, overfit),
    )


def _bar(periods: int, luck: float) -> float | None:
    """Return the ratio s at which (s − luck)·√((n − 1)/(1 + s²/2)) is the quantile of DSR_MIN."""
    square = ppf(DSR_MIN) ** 2
    n = periods - 1
    a, b, c = n - square / 2, luck * n, luck**2 * n - square
    return (b + math.sqrt(b * b - a * c)) / a if a > 0 else None


def _estimate(best: Trial | None) -> Estimate | None:
    if best is None or not isinstance(best.result, Outcome):
        return None
    return estimate_of(best.result.returns)


def estimate_of(returns: Sequence[float]) -> Estimate | None:
    """Return the Sharpe ratio of returns and their shape, None without variance."""
    ratio = sharpe(returns)
    if ratio is None:
        return None
    skew, kurtosis = moments(returns)
    if skew is None or kurtosis is None:
        return None
    return Estimate(sharpe=ratio, skew=skew, kurtosis=kurtosis)


def _overfit(table: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Overfit | None:
    if table.ndim < 2:
        return None
    periods, trials = table.shape
    blocks = blocks_of(periods, trials)
    return cscv(table, blocks) if blocks and trials > 1 else None


def blocks_of(periods: int, trials: int) -> int:
    """Return into how many blocks to cut the periods: 16, fewer where there are few periods or very many trials."""
    most = min(BLOCKS_MAX, SPLITS_MAX, periods // 2)
    fitting = (n for n in range(most - most % 2, 1, -2) if math.comb(n, n // 2) * trials <= CELLS_MAX)
    return next(fitting, 2 if most >= 2 else 0)


def _words(trials: int, dsr: float | None, overfit: Overfit | None) -> str:
    if dsr is None:
        return f"{UNKNOWN}: no trial of {trials} has returns that could be judged"
    if dsr < DSR_MIN:
        return f"{OVERFIT}: the best of {trials} trials is not beyond luck (DSR {dsr:.2f}, under {DSR_MIN})"
    if overfit is None:
        return f"{UNKNOWN}: DSR {dsr:.2f}, but with one trial, or under four periods, nothing says how it was chosen"
    if overfit.pbo > PBO_MAX:
        return f"{OVERFIT}: what is best in one half is worse than the median in the other (PBO {overfit.pbo:.2f})"
    if overfit.pbo > PBO_LUCK:
        return f"{DOUBTFUL}: the best is beyond luck, the choice among trials is not (PBO {overfit.pbo:.2f})"
    return f"{HOLDS}: DSR {dsr:.2f}, PBO {overfit.pbo:.2f}; new data may still say otherwise"
