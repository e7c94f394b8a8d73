"""Weights from a covariance: equal risk, most diversification, least variance; and covariances to begin with.

Weights sum to 1. Each answer carries its certificate: how far it is from the conditions that define it.
"""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS_MAX: Final = 100
RESIDUAL_MAX: Final = 1e-10

Floats = NDArray[np.float64]


@attrs.frozen(eq=False)
class Weights:
    """Weights, the volatility they have, and the residual of what they are to satisfy."""

    weights: Floats
    vol: float
    residual: float


def covariance(vols: ArrayLike, correlation: ArrayLike) -> Floats:
    """Return the covariance of these volatilities and correlations."""
    v = np.asarray(vols, dtype=float)
    return np.asarray(correlation, dtype=float) * np.outer(v, v)


def contributions(weights: ArrayLike, cov: ArrayLike) -> Floats:
    """Return the part of the variance that each weight makes up; sums to 1."""
    w, c = np.asarray(weights, dtype=float), np.asarray(cov, dtype=float)
    return np.asarray(w * (c @ w) / float(w @ c @ w))


def risk_budget(cov: ArrayLike, budgets: ArrayLike) -> Weights:
    """Return the weights whose risk contributions are the budgets (Maillard, Roncalli and Teiletche 2010; Spinu 2013).

    Minimises ½y′Σy − Σb ln y by Newton's method on correlations, so the scale of an asset does not matter. An asset
    without a budget gets no weight. The residual is the largest |contribution − budget|.

    Raises:
        ValueError: a variance is not above zero, or the budgets are no shares of 1.
        ArithmeticError: no weights have that budget to `RESIDUAL_MAX`.
    """
    c, b = np.asarray(cov, dtype=float), np.asarray(budgets, dtype=float)
    if c.diagonal().min() <= 0 or b.min() < 0 or not math.isclose(b.sum(), 1.0, abs_tol=1e-9):
        raise ValueError("variances above zero, and budgets from 0 that sum to 1")
    held = b > 0
    vols = np.sqrt(c.diagonal()[held])
    y = _budgeted(c[np.ix_(held, held)] / np.outer(vols, vols), b[held])
    weights = np.zeros(len(b))
    weights[held] = y / vols / float(np.sum(y / vols))
    residual = float(np.abs(contributions(weights, c) - b).max())
    if not residual <= RESIDUAL_MAX:
        raise ArithmeticError(f"no weights have these risk budgets: they miss them by {residual:.1e}")
    return Weights(weights, math.sqrt(float(weights @ c @ weights)), residual)


def _budgeted(corr: Floats, budgets: Floats) -> Floats:
    y = np.sqrt(budgets) / math.sqrt(max(float(corr.sum()) / len(corr), 1e-6))
    for _ in range(STEPS_MAX):
        slope = corr @ y - budgets / y
        step = np.linalg.solve(corr + np.diag(budgets / y**2), slope)
        shrink = float(np.max(step / y))
        y = y - step / max(1.0, 1.5 * shrink)  # stays above zero
        if np.abs(slope * y).max() < 1e-15:
            break
    return y


def least_variance(cov: ArrayLike) -> Weights:
    """Return the weights of least variance, below zero too: Σ⁻¹1. The residual is how far marginal risks differ."""
    c = np.asarray(cov, dtype=float)
    y = np.linalg.solve(c, np.ones(len(c)))
    weights = y / y.sum()
    marginal = c @ weights
    return Weights(weights, math.sqrt(float(weights @ marginal)), float(np.ptp(marginal) / abs(marginal).max()))


@attrs.frozen(eq=False)
class Diversified:
    """Weights of the most diversified portfolio; `ratio` is Σwσ over its volatility.

    `active` are the assets whose correlation with the portfolio is 1/ratio, which every other's exceeds.
    """

    weights: Floats
    ratio: float
    active: NDArray[np.bool_]
    residual: float


def most_diversified(cov: ArrayLike) -> Diversified:
    """Return the long-only weights of the highest diversification ratio (Choueifaty and Coignard 2008).

    Least variance of the assets scaled to volatility 1, by an active set: an asset leaves when its weight would fall
    below zero, and comes back while its correlation with the portfolio is below the others'.
    """
    c = np.asarray(cov, dtype=float)
    vols = np.sqrt(c.diagonal())
    corr = c / np.outer(vols, vols)
    z = _long_only(corr)
    marginal = corr @ z
    level = float(z @ marginal)
    residual = float(max(np.abs(marginal[z > 0] - level).max(), (level - marginal[z <= 0]).max(initial=0.0)))
    weights = z / vols / float(np.sum(z / vols))
    ratio = float(weights @ vols) / math.sqrt(float(weights @ c @ weights))
    return Diversified(weights, ratio, marginal - level < 1e-7, residual)


def _long_only(corr: Floats) -> Floats:
    """Return z ≥ 0, Σz = 1, of least z′Cz."""
    n = len(corr)
    held, z = np.zeros(n, dtype=bool), np.zeros(n)
    held[0], z[0] = True, 1.0
    for _ in range(STEPS_MAX * n):
        target = np.zeros(n)
        solved = np.linalg.lstsq(corr[np.ix_(held, held)], np.ones(int(held.sum())), rcond=None)[0]
        target[held] = solved / solved.sum()
        if target[held].min() > 0:
            z = target
            marginal = corr @ z
            short = np.where(held, np.inf, marginal)
            if short.min() >= float(z @ marginal) - 1e-14:
                return z
            held[int(short.argmin())] = True
            continue
        falling = held & (target <= 0)
        part = float(np.min(z[falling] / (z[falling] - target[falling])))
        z = np.maximum(z + part * (target - z), 0.0)
        held &= ~(falling & (z <= 1e-15))
    raise ArithmeticError("the most diversified portfolio was not found")


# ---------------------------------------------------------------- covariances


def ledoit_wolf(returns: ArrayLike) -> tuple[Floats, float]:
    """Return the covariance shrunk towards equal variances, and by how much (Ledoit, Wolf 2004); rows: periods."""
    x = np.asarray(returns, dtype=float)
    n, p = x.shape
    away = x - x.mean(axis=0)
    sample = away.T @ away / n
    level = float(np.trace(sample)) / p
    spread = float(np.sum(sample**2))
    noise = float(np.sum((away**2).T @ away**2)) / n - spread
    distance = (spread - 2 * level * float(np.trace(sample)) + p * level**2) / p
    noise = min(noise / (p * n), distance)
    part = noise / distance if noise > 0 else 0.0
    return (1 - part) * sample + part * level * np.eye(p), part


def binary_covariance(probabilities: ArrayLike, both: ArrayLike | None = None) -> Floats:
    """Return the covariance of claims on outcomes of one event, of which at most one wins; −pq beside the diagonal.

    Args:
        both: the probability that two come true together where they are of different events; p·q: independent.
    """
    p = np.asarray(probabilities, dtype=float)
    joint = np.zeros((len(p), len(p))) if both is None else np.asarray(both, dtype=float).copy()
    np.fill_diagonal(joint, p)
    return np.asarray(joint - np.outer(p, p))


@attrs.frozen
class CorrelationBounds:
    """The most and the least correlation two claims can have, and that of two that exclude each other."""

    most: float
    least: float
    exclusive: float


def correlation_bounds(p: float, q: float) -> CorrelationBounds:
    """Return the bounds for two prices: a limit of 0.80 on correlation can never bind where the most is below it."""
    if not (0 < p < 1 and 0 < q < 1):
        raise ValueError(f"prices between 0 and 1, not {p} and {q}")
    spread = math.sqrt(p * (1 - p) * q * (1 - q))
    return CorrelationBounds((min(p, q) - p * q) / spread, (max(0.0, p + q - 1) - p * q) / spread, -p * q / spread)
