"""Value at risk and expected shortfall. A loss is positive; both may be negative where nothing can be lost.

VaR is the smallest l with P(L ≤ l) ≥ c; ES is [E(L; L>VaR) + VaR·(P(L≤VaR)−c)]/(1−c), right also where an atom sits at
the VaR (Acerbi and Tasche 2002). Nothing is interpolated: a book of binary claims cannot lose what lies between two
outcomes. Ranks are computed exactly: as floats, n·c is wrong now and then (0.55 · 100 is above 55).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from agbot.quant.normal import cdf, pdf, ppf
from agbot.quant.volatility import Garch

Confidence: TypeAlias = Decimal | Fraction | float | str
"""A float is read as it is written: 0.95 is 95/100."""

DRAWS_MIN_TAIL: Final = 100
"""Draws beyond the quantile without which a simulation is refused."""
_SIDE: Final = 0.975


@attrs.frozen
class Risk:
    """Value at risk and expected shortfall, in the unit of the losses; `note` says what a reader has to know."""

    var: float
    es: float
    note: str = ""


def exact(confidence: Confidence) -> Fraction:
    """Return a confidence as the fraction that was meant; ValueError unless it lies between 0 and 1."""
    fraction = Fraction(str(confidence)) if isinstance(confidence, float) else Fraction(confidence)
    if not 0 < fraction < 1:
        raise ValueError(f"a confidence lies between 0 and 1, not {confidence}")
    return fraction


def rank(n: int, confidence: Confidence) -> int:
    """Return which of `n` ascending losses is the VaR, from 1."""
    if n < 1:
        raise ValueError("no loss is known")
    return math.ceil(n * exact(confidence))


def historical(losses: ArrayLike, confidence: Confidence) -> Risk:
    """Return VaR and ES of a sample; what happened, weighted alike."""
    ordered = np.sort(_finite(losses))
    level = exact(confidence)
    at = rank(len(ordered), level)
    var = float(ordered[at - 1])
    beyond = Fraction(len(ordered)) * (1 - level)
    whole = float(np.sum(ordered[at:]))
    es = (whole + var * float(at - len(ordered) * level)) / float(beyond)
    return Risk(var, es, "extrapolated: no loss of the sample lies beyond it" if beyond < 1 else "")


@attrs.frozen
class Elsewhere:
    """What other tools print for the same sample; between outcomes, or biased where an atom sits at the VaR."""

    linear: float
    """numpy's default, type 7."""
    higher: float
    mean_beyond: float
    """The mean of the losses that are at least the VaR."""


def elsewhere(losses: ArrayLike, confidence: Confidence) -> Elsewhere:
    """Return the figures of other conventions, to be compared with and not to be limited by."""
    sample, level = _finite(losses), float(exact(confidence))
    linear, higher = (float(np.quantile(sample, level, method=how)) for how in ("linear", "higher"))
    return Elsewhere(linear, higher, float(sample[sample >= historical(sample, confidence).var].mean()))


def discrete(losses: ArrayLike, probabilities: ArrayLike, confidence: Confidence) -> Risk:
    """Return VaR and ES of a law with atoms; ValueError unless the probabilities are such and sum to 1."""
    level = float(exact(confidence))
    values, weights = _finite(losses), _finite(probabilities)
    if values.shape != weights.shape or weights.min() < 0 or not math.isclose(weights.sum(), 1.0, abs_tol=1e-9):
        raise ValueError("a loss for each probability; none below zero, 1 in all")
    order = np.argsort(values, kind="stable")
    values, below = values[order], np.cumsum(weights[order])
    at = min(int(np.searchsorted(below, level - 1e-12)), len(values) - 1)
    var = float(values[at])
    worse = values > var
    mass = 1 - float(np.sum(weights[order][worse]))
    tail = float(np.dot(values[worse], weights[order][worse]))
    return Risk(var, (tail + var * (mass - level)) / (1 - level))


def age_weighted(losses: Sequence[float], lam: float, confidence: Confidence) -> Risk:
    """Return VaR and ES with weight λ^age, the last loss of the sequence being the newest (Boudoukh et al. 1998)."""
    if not 0 < lam < 1:
        raise ValueError(f"λ lies between 0 and 1, not {lam}")
    weights = lam ** np.arange(len(losses) - 1, -1, -1, dtype=float)
    return discrete(losses, weights / weights.sum(), confidence)


def normal(mean: float, sd: float, confidence: Confidence, horizon: float = 1.0) -> Risk:
    """Return VaR and ES of a normal profit with this mean and deviation a period, over `horizon` periods."""
    level = float(exact(confidence))
    drift, spread = -mean * horizon, sd * math.sqrt(horizon)
    z = ppf(level)
    return Risk(drift + z * spread, drift + spread * pdf(z) / (1 - level))


def student(mean: float, sd: float, confidence: Confidence, dof: float, horizon: float = 1.0) -> Risk:
    """Return the same for a Student t with the same deviation; ValueError unless its variance exists (dof > 2)."""
    if dof <= 2:
        raise ValueError(f"the variance of a Student t exists from more than 2 degrees of freedom, not {dof}")
    level = float(exact(confidence))
    scale = sd * math.sqrt(horizon * (dof - 2) / dof)
    t = float(special.stdtrit(dof, level))
    log_norm = special.gammaln((dof + 1) / 2) - special.gammaln(dof / 2) - 0.5 * math.log(dof * math.pi)
    density = math.exp(log_norm - (dof + 1) / 2 * math.log1p(t * t / dof))
    factor = density * (dof + t * t) / ((dof - 1) * (1 - level))
    return Risk(-mean * horizon + scale * t, -mean * horizon + scale * factor)


def correlated(sds: ArrayLike, correlation: ArrayLike, confidence: Confidence, horizon: float = 1.0) -> Risk:
    """Return the normal VaR of positions with these deviations of profit (usd) and their correlation."""
    spread, matrix = _finite(sds), np.asarray(correlation, dtype=float)
    return normal(0.0, math.sqrt(float(spread @ matrix @ spread)), confidence, horizon)


def cornish_fisher_z(skew: float, excess: float, confidence: Confidence) -> float:
    """Return the adjusted quantile at 1 − confidence (Zangari 1996); `excess` is kurtosis less 3."""
    z = ppf(float(1 - exact(confidence)))
    return z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * excess / 24 - (2 * z**3 - 5 * z) * skew**2 / 36


def cornish_fisher(mean: float, sd: float, skew: float, excess: float, confidence: Confidence) -> float | None:
    """Return the VaR of a return with these moments; None where the expansion is no quantile function any more.

    It is one only while it rises: its slope is looked at over the whole tail.
    """
    tail = np.linspace(-8.0, ppf(float(1 - exact(confidence))), 200)
    slope = 1 + tail * skew / 3 + (tail**2 - 1) * excess / 8 - (6 * tail**2 - 5) * skew**2 / 36
    if slope.min() <= 0:
        return None
    return -(mean + cornish_fisher_z(skew, excess, confidence) * sd)


def filtered(changes: Sequence[float], garch: Garch, backcast: float, confidence: Confidence) -> Risk:
    """Return VaR and ES of the next change: past ones, each over its own volatility, at the volatility of now.

    Barone-Adesi, Giannopoulos and Vosper 1999.
    """
    variances = garch.filtered(changes, backcast)
    standard = historical(-np.asarray(changes) / np.sqrt(variances[:-1]), confidence)
    now = math.sqrt(float(variances[-1]))
    return Risk(standard.var * now, standard.es * now, standard.note)


@attrs.frozen
class Simulated:
    """VaR and ES of draws, with a 95 % interval for the VaR; `generator` and `seed` make it again."""

    risk: Risk
    low: float
    high: float
    draws: int
    seed: int
    generator: str = "PCG64"


def simulated(losses: ArrayLike, confidence: Confidence, seed: int) -> Simulated:
    """Return VaR and ES of simulated losses and the order statistics between which the VaR lies with 95 %.

    Raises:
        ValueError: fewer than `DRAWS_MIN_TAIL` draws lie beyond the quantile.
    """
    ordered, level = np.sort(_finite(losses)), exact(confidence)
    n = len(ordered)
    if n * (1 - level) < DRAWS_MIN_TAIL:
        raise ValueError(
            f"{n} draws are too few for {float(level):g}: {math.ceil(DRAWS_MIN_TAIL / (1 - level))} at least"
        )
    spread = ppf(_SIDE) * math.sqrt(n * float(level * (1 - level)))
    low, high = (min(max(math.ceil(n * float(level) + way * spread), 1), n) for way in (-1, 1))
    return Simulated(historical(ordered, level), float(ordered[low - 1]), float(ordered[high - 1]), n, seed)


def calculate_historical_var(
    portfolio_value: float, confidence_level: Confidence, time_horizon_days: int, returns: ArrayLike
) -> Risk:
    """Return VaR and ES, in the unit of the value, of past daily returns (0.01 is 1 %, oldest first).

    Over several days the returns of every window of that length are compounded: nothing is scaled by √time. Windows
    overlap, so they are fewer than they look; the note says how many do not.

    Raises:
        ValueError: a horizon below one day, a value that is not finite, or fewer returns than days.
    """
    changes, days = _finite(returns), _days(time_horizon_days)
    if len(changes) < days:
        raise ValueError(f"{len(changes)} returns are too few for {days} days")
    grown = np.lib.stride_tricks.sliding_window_view(1 + changes, days).prod(axis=1) - 1
    found = historical(-float(portfolio_value) * grown, confidence_level)
    apart = f"{len(changes) // days} windows do not overlap" if days > 1 else ""
    return Risk(found.var, found.es, "; ".join(filter(None, (found.note, apart))))


def calculate_monte_carlo_var(  # noqa: PLR0917 - the names people look for
    portfolio_value: float,
    confidence_level: Confidence,
    time_horizon_days: int,
    mean_return: float,
    volatility: float,
    num_simulations: int = 100_000,
    seed: int = 0,
) -> Simulated:
    """Return VaR and ES, in the unit of the value, of normal daily log returns with this mean and deviation.

    Draws come from PCG64 with `seed`. A claim is not lognormal: `agbot.quant.logit` has its law, and `agbot risk show`
    that of a book.

    Raises:
        ValueError: a horizon below one day, a volatility below zero, or too few draws beyond the quantile.
    """
    days = _days(time_horizon_days)
    if not (volatility >= 0 and math.isfinite(volatility) and math.isfinite(mean_return)):
        raise ValueError(f"a volatility from 0 and a mean that is finite, not {volatility} and {mean_return}")
    draws = np.random.default_rng(seed).standard_normal(num_simulations)
    losses = -float(portfolio_value) * np.expm1(mean_return * days + volatility * math.sqrt(days) * draws)
    return simulated(losses, confidence_level, seed)


def _days(horizon: int) -> int:
    if int(horizon) != horizon or horizon < 1:
        raise ValueError(f"a horizon is whole days, 1 at least, not {horizon}")
    return int(horizon)


def vasicek(default: float, correlation: float, confidence: Confidence) -> float:
    """Return the part of many alike claims that fails at this confidence, under one factor (Vasicek 2002)."""
    z, root = ppf(float(exact(confidence))), math.sqrt(correlation)
    return cdf((ppf(default) + root * z) / math.sqrt(1 - correlation))


@attrs.frozen
class Decomposition:
    """How a portfolio's VaR is made up: by unit of weight, by part (sums to `var`), and without each part."""

    var: float
    marginal: NDArray[np.float64]
    component: NDArray[np.float64]
    incremental: NDArray[np.float64]
    """What the VaR falls by when the part is left out."""


def decompose(weights: ArrayLike, covariance: ArrayLike, confidence: Confidence) -> Decomposition:
    """Return the normal VaR of weights (usd) by part: marginal z(Σw)ᵢ/σ, component wᵢ times that (Jorion ch. 7)."""
    w, cov, z = _finite(weights), np.asarray(covariance, dtype=float), ppf(float(exact(confidence)))
    sd = math.sqrt(float(w @ cov @ w))
    marginal = z * (cov @ w) / sd if sd else np.zeros_like(w)
    kept = [np.where(np.arange(len(w)) == i, 0.0, w) for i in range(len(w))]
    without = np.array([z * math.sqrt(max(float(k @ cov @ k), 0.0)) for k in kept])
    return Decomposition(z * sd, marginal, w * marginal, z * sd - without)


def _finite(values: ArrayLike) -> NDArray[np.float64]:
    array = np.atleast_1d(np.asarray(values, dtype=float))
    if not array.size or not np.isfinite(array).all():
        raise ValueError("at least one number, and all finite")
    return array
