"""Is a risk figure right? Tests of VaR, of ES and of probabilities against what happened.

An exception is a loss strictly above the VaR. "Fewer than 5 % exceptions" is no test: a perfect model passes it about
half the time.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from agbot.quant.normal import cdf

YELLOW: Final = 0.95
RED: Final = 0.9999
BASEL: Final = ((5, 3.40), (6, 3.50), (7, 3.65), (8, 3.75), (9, 3.85), (10, 4.00))
"""Multipliers of Basel 1996 for 250 days at 99 %: from so many exceptions on; 3 below."""
Z2_CRITICAL: Final = -0.70
"""Acerbi–Szekely: 5 % for 250 observations at 97.5 %."""


@attrs.frozen
class Test:
    """A likelihood ratio and the probability of one as large, if the model is right."""

    statistic: float
    p_value: float


def _chi2(statistic: float, dof: int) -> Test:
    statistic = max(statistic, 0.0)
    return Test(statistic, float(special.chdtrc(dof, statistic)))


def _term(count: float, share: float) -> float:
    """Return count · ln share, 0 where nothing is counted."""
    return count * math.log(share) if count else 0.0


def _bernoulli(no: float, yes: float, share: float) -> float:
    return _term(no, 1 - share) + _term(yes, share)


def kupiec(exceptions: int, observations: int, p: float) -> Test:
    """Return whether the share of exceptions is p (proportion of failures, Kupiec 1995)."""
    _check(exceptions, observations, p)
    quiet = observations - exceptions
    fitted = _bernoulli(quiet, exceptions, exceptions / observations)
    return _chi2(2 * (fitted - _bernoulli(quiet, exceptions, p)), 1)


def accepted(observations: int, p: float, confidence: float = 0.95) -> tuple[int, int]:
    """Return from how many to how many exceptions Kupiec's test does not reject."""
    critical = float(special.chdtri(1, 1 - confidence))
    fine = [x for x in range(observations + 1) if kupiec(x, observations, p).statistic <= critical]
    return fine[0], fine[-1]


def at_most(exceptions: int, observations: int, p: float) -> float:
    """Return P(X ≤ exceptions) of a right model."""
    return float(special.bdtr(exceptions, observations, p)) if exceptions >= 0 else 0.0


def at_least(exceptions: int, observations: int, p: float) -> float:
    """Return P(X ≥ exceptions) of a right model."""
    return float(special.bdtrc(exceptions - 1, observations, p)) if exceptions > 0 else 1.0


def binomial(exceptions: int, observations: int, p: float) -> float:
    """Return the exact two-sided probability: of everything that is no likelier than what happened."""
    _check(exceptions, observations, p)
    counts = np.arange(observations + 1)
    logs = special.gammaln(observations + 1) - special.gammaln(counts + 1) - special.gammaln(observations - counts + 1)
    logs = logs + special.xlogy(counts, p) + special.xlog1py(observations - counts, -p)
    return min(1.0, float(np.exp(logs[logs <= logs[exceptions] + 1e-7]).sum()))


def below_target(observations: int, p: float) -> float:
    """Return how likely a right model has strictly fewer than p exceptions: what "< 5 %" is worth as a test."""
    return at_most(math.ceil(round(observations * p, 9)) - 1, observations, p)


@attrs.frozen(kw_only=True)
class Transitions:
    """How often a quiet day (0) or an exception (1) was followed by either."""

    n00: int
    n01: int
    n10: int
    n11: int

    @classmethod
    def of(cls, exceptions: Sequence[bool]) -> Transitions:
        """Count them."""
        pairs = list(pairwise(exceptions))
        counts = {(a, b): sum(pair == (a, b) for pair in pairs) for a in (False, True) for b in (False, True)}
        return cls(n00=counts[False, False], n01=counts[False, True], n10=counts[True, False], n11=counts[True, True])

    def independence(self) -> Test:
        """Return whether exceptions come one by one (Christoffersen 1998); a row nobody saw says nothing."""
        after0, after1 = self.n00 + self.n01, self.n10 + self.n11
        yes, total = self.n01 + self.n11, after0 + after1
        if not total:
            return _chi2(0.0, 1)
        same = _bernoulli(total - yes, yes, yes / total)
        apart = _bernoulli(self.n00, self.n01, self.n01 / after0) if after0 else 0.0
        apart += _bernoulli(self.n10, self.n11, self.n11 / after1) if after1 else 0.0
        return _chi2(2 * (apart - same), 1)


def christoffersen(transitions: Transitions, exceptions: int, observations: int, p: float) -> Test:
    """Return conditional coverage: the right share, and one by one."""
    both = kupiec(exceptions, observations, p).statistic + transitions.independence().statistic
    return _chi2(both, 2)


class Zone(enum.StrEnum):
    """The traffic light of Basel 1996."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


def zone(exceptions: int, observations: int, p: float) -> Zone:
    """Return the zone: yellow once a right model has fewer with 95 %, red with 99.99 %."""
    cumulative = at_most(exceptions, observations, p)
    return Zone.RED if cumulative >= RED else Zone.YELLOW if cumulative >= YELLOW else Zone.GREEN


def bounds(observations: int, p: float) -> tuple[int, int]:
    """Return the first number of exceptions that is yellow, and the first that is red."""
    zones = [zone(x, observations, p) for x in range(observations + 1)]
    return next(x for x, z in enumerate(zones) if z is not Zone.GREEN), zones.index(Zone.RED)


def multiplier(exceptions: int) -> float:
    """Return Basel's multiplier for 250 days at 99 %."""
    return next((factor for least, factor in reversed(BASEL) if exceptions >= least), 3.0)


@attrs.frozen
class ShortfallTest:
    """Acerbi and Szekely 2014: 0 is expected, below it the risk was understated. z1 is None without an exception."""

    z1: float | None
    z2: float
    exceptions: int

    @property
    def rejected(self) -> bool:
        """Return whether z2 is beyond the 5 % value for 250 observations at 97.5 %."""
        return self.z2 < Z2_CRITICAL


def acerbi_szekely(profits: ArrayLike, var: ArrayLike, es: ArrayLike, confidence: float) -> ShortfallTest:
    """Return Z1 and Z2 of profits against VaR and ES (positive), each one figure or one a day."""
    r = np.asarray(profits, dtype=float)
    shortfall = np.broadcast_to(np.asarray(es, dtype=float), r.shape)
    hit = -r > np.asarray(var, dtype=float)
    count, total = int(hit.sum()), float(np.sum(r[hit] / shortfall[hit]))
    z1 = total / count + 1 if count else None
    return ShortfallTest(z1, total / (len(r) * (1 - confidence)) + 1, count)


# ---------------------------------------------------------------- probabilities


@attrs.frozen
class Brier:
    """Mean squared error of probabilities, and what it is made of: score = reliability − resolution + uncertainty."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float


def brier(forecasts: ArrayLike, outcomes: ArrayLike) -> Brier:
    """Return the score and its decomposition over equal forecasts (Murphy 1973)."""
    p, o = np.asarray(forecasts, dtype=float), np.asarray(outcomes, dtype=float)
    base = float(o.mean())
    levels, at = np.unique(p, return_inverse=True)
    counts = np.bincount(at)
    hit = np.bincount(at, weights=o) / counts
    reliability = float(np.dot(counts, (levels - hit) ** 2)) / len(p)
    resolution = float(np.dot(counts, (hit - base) ** 2)) / len(p)
    return Brier(float(np.mean((p - o) ** 2)), reliability, resolution, base * (1 - base))


def spiegelhalter(forecasts: ArrayLike, outcomes: ArrayLike) -> Test:
    """Return whether probabilities are calibrated, Z and its two-sided probability (Spiegelhalter 1986)."""
    p, o = np.asarray(forecasts, dtype=float), np.asarray(outcomes, dtype=float)
    spread = float(np.sum((1 - 2 * p) ** 2 * p * (1 - p)))
    if spread == 0:
        return Test(0.0, 1.0)
    z = float(np.sum((o - p) * (1 - 2 * p))) / math.sqrt(spread)
    return Test(z, 2 * cdf(-abs(z)))


def wilson(hits: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return the interval of a share (Wilson 1927); 95 % unless told."""
    if not n:
        return 0.0, 1.0
    share, z2 = hits / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _check(exceptions: int, observations: int, p: float) -> None:
    if not 0 <= exceptions <= observations or observations < 1 or not 0 < p < 1:
        raise ValueError(f"0 ≤ exceptions ≤ observations and 0 < p < 1, not {exceptions}, {observations}, {p}")
