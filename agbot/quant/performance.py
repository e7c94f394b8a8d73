"""What a series of returns was worth. Returns are simple and per period; None where a figure does not exist.

Conventions: deviation with n − 1, downside deviation with n, skew and kurtosis as biased moments (normal: 3), drawdowns
from the equity before the first return on and at most 0.
"""

from __future__ import annotations

import math
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

DAYS_A_YEAR: Final = 365
"""The market never closes."""


@attrs.frozen
class Drawdown:
    """The deepest fall from a peak, as a part of it (at most 0), and where both were; None for a path without one."""

    depth: float
    peak: int | None
    trough: int | None


def deepest(equity: ArrayLike) -> Drawdown:
    """Return the deepest fall of an equity path; ValueError for a path that is empty or not above zero."""
    path = np.asarray(equity, dtype=float)
    if not path.size or not np.isfinite(path).all() or path.min() < 0 or path[0] <= 0:
        raise ValueError("an equity path begins above zero and stays finite, never below zero")
    falls = path / np.maximum.accumulate(path) - 1
    trough = int(np.argmin(falls))
    if falls[trough] == 0:
        return Drawdown(0.0, None, None)
    return Drawdown(float(falls[trough]), int(np.argmax(path[: trough + 1])), trough)


def equity_of(returns: ArrayLike) -> NDArray[np.float64]:
    """Return the path of 1.0 that earns these returns (one more point than returns)."""
    return np.concatenate([[1.0], np.cumprod(1 + np.asarray(returns, dtype=float))])


def sharpe(returns: ArrayLike, risk_free: float = 0.0, periods: float = 1.0) -> float | None:
    """Return mean over deviation of the excess, times √periods; None without variance.

    Only right for `periods` above 1 where returns do not depend on those before; else see `lo_factor`.
    """
    excess = np.asarray(returns, dtype=float) - risk_free
    if len(excess) < 2:
        return None
    spread = float(excess.std(ddof=1))
    return _over(float(excess.mean()), spread if spread > _noise(excess) else 0.0, math.sqrt(periods))


def sharpe_error(per_period: float, observations: int) -> float:
    """Return the standard error of a Sharpe ratio a period, of independent normal returns (Lo 2002)."""
    return math.sqrt((1 + per_period**2 / 2) / observations)


def lo_factor(autocorrelation: float, periods: int) -> float:
    """Return η(q), by which a Sharpe ratio grows over q periods of AR(1) returns; √q where ρ is 0 (Lo 2002)."""
    lags = np.arange(1, periods)
    return periods / math.sqrt(periods + 2 * float(np.sum((periods - lags) * autocorrelation**lags)))


def downside(returns: ArrayLike, least: float = 0.0) -> float:
    """Return the root of the mean square of what falls short of `least`."""
    short = np.minimum(np.asarray(returns, dtype=float) - least, 0.0)
    return math.sqrt(float(np.mean(short * short)))


def sortino(returns: ArrayLike, least: float = 0.0, periods: float = 1.0) -> float | None:
    """Return the mean beyond `least` over the downside deviation, times √periods; None where nothing fell short."""
    return _over(float(np.asarray(returns, dtype=float).mean()) - least, downside(returns, least), math.sqrt(periods))


@attrs.frozen(kw_only=True)
class Performance:
    """Everything about one series; see the functions of this module."""

    sharpe: float | None
    sortino: float | None
    max_drawdown: float
    cagr: float
    calmar: float | None
    annual_vol: float
    omega: float | None
    skew: float | None
    kurtosis: float | None
    ulcer_index: float
    profit_factor: float | None
    win_rate: float


def performance(returns: ArrayLike, *, risk_free: float = 0.0, periods: float = DAYS_A_YEAR) -> Performance:
    """Return every figure; `periods` a year. ValueError for fewer than two returns or a loss of more than all."""
    r = np.asarray(returns, dtype=float)
    if len(r) < 2 or not np.isfinite(r).all() or r.min() < -1:
        raise ValueError("at least two returns, finite, none below −1")
    path = equity_of(r)
    cagr = float(path[-1] ** (periods / len(r)) - 1)
    fall = deepest(path).depth
    gains, losses = float(r[r > 0].sum()), float(-r[r < 0].sum())
    skew, kurtosis = moments(r)
    falls = path / np.maximum.accumulate(path) - 1
    return Performance(
        sharpe=sharpe(r, risk_free, periods),
        sortino=sortino(r, risk_free, periods),
        max_drawdown=fall,
        cagr=cagr,
        calmar=_over(cagr, -fall),
        annual_vol=float(r.std(ddof=1)) * math.sqrt(periods),
        omega=_over(gains, losses),
        skew=skew,
        kurtosis=kurtosis,
        ulcer_index=math.sqrt(float(np.mean(falls[1:] ** 2))),
        profit_factor=_over(gains, losses),
        win_rate=float(np.mean(r > 0)),
    )


def moments(returns: ArrayLike) -> tuple[float | None, float | None]:
    """Return biased skew and Pearson kurtosis; None without variance."""
    r = np.asarray(returns, dtype=float)
    away = r - r.mean()
    variance = float(np.mean(away**2))
    if math.sqrt(variance) <= _noise(r):
        return None, None
    return float(np.mean(away**3)) / variance**1.5, float(np.mean(away**4)) / variance**2


def _noise(values: NDArray[np.float64]) -> float:
    """Return the deviation that rounding alone may make of equal values."""
    return 8 * float(np.finfo(float).eps) * float(np.abs(values).max(initial=0.0))


def _over(numerator: float, denominator: float, times: float = 1.0) -> float | None:
    return numerator / denominator * times if denominator > 0 else None
