"""A probability as a price that moves: laws of p at a horizon, what options on it cost, and what a claim is exposed to.

Shares pay 1 when the claim comes true. `p` is in (0, 1); a "variance" is that of logit p over the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import brentq

from agbot.quant.normal import cdf, pdf, ppf
from agbot.quant.odds import expit, logit

_NODES: Final = 400
_REACH: Final = 10.0
_TOLERANCE: Final = 1e-14


def _probability(p: float) -> float:
    if not 0 < p < 1:
        raise ValueError(f"a price between 0 and 1, not {p}")
    return p


@attrs.frozen
class LogitLaw:
    """The law of p_T where dp = σp(1−p)dW, a martingale; `variance` v = ∫σ²dt.

    With x = logit p it is exactly a mixture: N(x₀+v/2, v) with weight p₀, the worlds in which the claim comes true, and
    N(x₀−v/2, v) with weight 1−p₀. v → ∞ is the outcome itself, v = 0 no move.
    """

    p: float = attrs.field(converter=_probability)
    variance: float = attrs.field(validator=attrs.validators.ge(0))

    def cdf(self, y: float) -> float:
        """Return P(p_T ≤ y)."""
        if not 0 < y < 1 or self.variance == 0:
            return float(y >= (1 if self.variance else self.p)) if y >= 0 else 0.0
        return self.p * cdf(self._z(y, 1)) + (1 - self.p) * cdf(self._z(y, -1))

    def quantile(self, q: float) -> float:
        """Return the y with P(p_T ≤ y) = q, 0 < q < 1."""
        if not 0 < q < 1:
            raise ValueError(f"a quantile is asked for between 0 and 1, not {q}")
        if self.variance == 0:
            return self.p
        reach = self.variance / 2 + math.sqrt(self.variance) * (1 + max(abs(ppf(q)), 1) * 2)
        return _root(lambda x: self._cdf_at(x) - q, logit(self.p), reach)

    def partial_mean(self, y: float) -> float:
        """Return E[p_T; p_T ≤ y]: p times the chance of it in the worlds in which the claim comes true."""
        if self.variance == 0 or not 0 < y < 1:
            return self.p * float(y >= (1 if self.variance else self.p))
        return self.p * cdf(self._z(y, 1))

    def moment2(self) -> float:
        """Return the variance of p_T: E[p_T²] = p₀·E[p_T | it comes true]."""
        if self.variance == 0:
            return 0.0
        mean = _mean_logistic(logit(self.p) + self.variance / 2, math.sqrt(self.variance))
        return self.p * mean - self.p**2

    def call(self, strike: float) -> float:
        """Return what the right to buy a share at `strike` is worth; a put is that less p − strike."""
        if not 0 < strike < 1:
            return max(self.p - strike, 0.0)
        if self.variance == 0:
            return max(self.p - strike, 0.0)
        return self.p * (1 - strike) * cdf(-self._z(strike, 1)) - (1 - self.p) * strike * cdf(-self._z(strike, -1))

    def put(self, strike: float) -> float:
        """Return what the right to sell a share at `strike` is worth."""
        return self.call(strike) - (self.p - strike)

    def var(self, confidence: float, *, long: bool = True) -> float:
        """Return the value at risk of one share bought at p, or of one sold."""
        if long:
            return self.p - self.quantile(1 - confidence)
        return self.quantile(confidence) - self.p

    def es(self, confidence: float, *, long: bool = True) -> float:
        """Return the expected shortfall of one share: the mean loss of the worst 1 − confidence, in closed form."""
        tail = 1 - confidence
        if long:
            return self.p - self.partial_mean(self.quantile(tail)) / tail
        return (self.p - self.partial_mean(self.quantile(confidence))) / tail - self.p

    def _z(self, y: float, way: int) -> float:
        return (logit(y) - logit(self.p) - way * self.variance / 2) / math.sqrt(self.variance)

    def _cdf_at(self, x: float) -> float:
        root, start, half = math.sqrt(self.variance), logit(self.p), self.variance / 2
        return self.p * cdf((x - start - half) / root) + (1 - self.p) * cdf((x - start + half) / root)


@cache
def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and weights that integrate over a standard normal: Gauss–Legendre, as a logistic may be steep."""
    points, weights = np.polynomial.legendre.leggauss(_NODES)
    z = _REACH * points
    return z, _REACH * weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _mean_logistic(mean: float, sd: float) -> float:
    """Return E[1/(1+e^{−X})] of a normal X."""
    z, weights = _grid()
    return float(np.dot(weights, special.expit(mean + sd * z)))


def _root(gap: Callable[[float], float], start: float, reach: float) -> float:
    low, high = start - reach, start + reach
    while gap(low) > 0:
        low -= reach
    while gap(high) < 0:
        high += reach
    return expit(float(brentq(gap, low, high, xtol=_TOLERANCE, rtol=4 * np.finfo(float).eps)))


@attrs.frozen
class ResolutionLaw:
    """The law of p where the claim may resolve within the horizon, with probability `resolves`; else `LogitLaw`."""

    p: float = attrs.field(converter=_probability)
    resolves: float = attrs.field(validator=[attrs.validators.ge(0), attrs.validators.le(1)])
    variance: float = attrs.field(validator=attrs.validators.ge(0))

    def var(self, confidence: float) -> float:
        """Return the value at risk of one share bought at p: all of p once resolves·(1−p) ≥ 1 − confidence."""
        y = self._quantile(1 - confidence)
        return self.p - y

    def es(self, confidence: float) -> float:
        """Return the expected shortfall of one share bought at p."""
        tail = 1 - confidence
        y = self._quantile(tail)
        below = self._cdf(y)
        mean = self._partial_mean(y) + y * (tail - below)
        return self.p - mean / tail

    def _lost(self) -> float:
        return self.resolves * (1 - self.p)

    def _cdf(self, y: float) -> float:
        law = LogitLaw(self.p, self.variance)
        return self._lost() + (1 - self.resolves) * law.cdf(y) + (self.resolves * self.p if y >= 1 else 0.0)

    def _partial_mean(self, y: float) -> float:
        moved = (1 - self.resolves) * LogitLaw(self.p, self.variance).partial_mean(y)
        return moved + (self.resolves * self.p if y >= 1 else 0.0)

    def _quantile(self, q: float) -> float:
        if q <= self._lost():
            return 0.0
        if self.resolves == 1 or (left := (q - self._lost()) / (1 - self.resolves)) >= 1:
            return 1.0
        return LogitLaw(self.p, self.variance).quantile(left)


@attrs.frozen
class ProbitBridge:
    """A price that resolves at a known time: p = Φ(m/√τ), τ the time that is left. It needs no volatility (Taleb 2018).

    Args:
        left: time to resolution now.
        left_then: time to resolution at the horizon, above zero and at most `left`; in the same unit.
    """

    p: float = attrs.field(converter=_probability)
    left: float
    left_then: float

    def __attrs_post_init__(self) -> None:
        if not 0 < self.left_then <= self.left:
            raise ValueError(f"0 < time left then ≤ time left, not {self.left_then} and {self.left}")

    def quantile(self, q: float) -> float:
        """Return the y with P(p ≤ y) = q at the horizon."""
        moved = ppf(self.p) * math.sqrt(self.left) + math.sqrt(self.left - self.left_then) * ppf(q)
        return cdf(moved / math.sqrt(self.left_then))

    def local_vol(self) -> float:
        """Return the volatility of p now, per square root of time."""
        return pdf(ppf(self.p)) / math.sqrt(self.left)

    def variance(self) -> float:
        """Return the variance of p at the horizon: P(both of two looks with correlation 1−τ₁/τ₀ come true) − p²."""
        rho = 1 - self.left_then / self.left
        return _both(ppf(self.p), rho) - self.p**2


def _both(h: float, rho: float) -> float:
    """Return P(X ≤ h, Y ≤ h) of two standard normals: Φ(h) − Owen's T with a = √((1−ρ)/(1+ρ)), twice."""
    return cdf(h) - 2 * float(special.owens_t(h, math.sqrt((1 - rho) / (1 + rho))))


@attrs.frozen
class Jacobi:
    """dp = s√(p(1−p))dW: a variance in closed form, and the Beta law with the same two moments (it has no atoms)."""

    p: float = attrs.field(converter=_probability)
    rate: float
    """s², a year."""
    years: float

    @property
    def variance(self) -> float:
        """Return p(1−p)(1−e^{−s²t})."""
        return self.p * (1 - self.p) * -math.expm1(-self.rate * self.years)

    @property
    def beta(self) -> tuple[float, float]:
        """Return (a, b) of the Beta law; ValueError when nothing moves."""
        if self.rate * self.years <= 0:
            raise ValueError("a law without variance is no Beta law")
        total = 1 / -math.expm1(-self.rate * self.years) - 1
        return self.p * total, (1 - self.p) * total


@attrs.frozen
class ClaimGreeks:
    """What `quantity` shares are exposed to: per 1.00 of price, per 1 of logit, twice; and usd per √year."""

    price_delta: float
    logit_delta: float
    logit_gamma: float
    price_vol: float
    theta: float = 0.0
    """0: the price is a martingale."""


def claim_greeks(p: float, quantity: float, logit_vol: float) -> ClaimGreeks:
    """Return the exposure of shares; a claim is linear in its own price, so gamma needs the logit."""
    spread = _probability(p) * (1 - p)
    return ClaimGreeks(quantity, quantity * spread, quantity * spread * (1 - 2 * p), logit_vol * spread)


def jump_drift(p: float, variance_rate: float, jump_rate: float, mean: float, sd: float) -> float:
    """Return the drift of logit p that keeps p a martingale where logit p diffuses and jumps by N(mean, sd²).

    μ = −[½σ²S″ + λ(E S(x+Z) − S(x))]/S′ with S the logistic function (Dalen 2025, arXiv 2510.15205).
    """
    x, first = logit(_probability(p)), p * (1 - p)
    after = _mean_logistic(x + mean, sd)
    return -(variance_rate / 2 * first * (1 - 2 * p) + jump_rate * (after - p)) / first
