"""What a book and its trades say about the next price. Sources with each function."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from agbot.quant.normal import cdf

Floats: TypeAlias = "NDArray[np.float64]"
Top: TypeAlias = "tuple[float, float, float, float]"
"""Bid, its size, ask, its size."""


@attrs.frozen
class Leaning:
    """The middle of a book, by price and by size: imbalance is −1 with offers alone and 1 with bids alone."""

    mid: float
    weighted_mid: float
    imbalance: float
    spread: float


def leaning(top: Top) -> Leaning:
    """Return where the best prices lean: a price counts by the size on the other side."""
    bid, bid_size, ask, ask_size = top
    whole = bid_size + ask_size
    if not whole > 0:
        raise ValueError("a book without size at its best prices leans nowhere")
    weighted = (ask * bid_size + bid * ask_size) / whole
    return Leaning((bid + ask) / 2, weighted, (bid_size - ask_size) / whole, ask - bid)


def order_flow(tops: Iterable[Top]) -> float:
    """Return the order-flow imbalance over best prices as they changed: Cont, Kukanov & Stoikov (2014)."""
    return sum(_pressure(before, after) for before, after in pairwise(tops))


def _pressure(before: Top, after: Top) -> float:
    bid, bid_size, ask, ask_size = after
    was_bid, was_bid_size, was_ask, was_ask_size = before
    demand = bid_size * (bid >= was_bid) - was_bid_size * (bid <= was_bid)
    supply = ask_size * (ask <= was_ask) - was_ask_size * (ask >= was_ask)
    return demand - supply


@attrs.frozen
class Line:
    """A least-squares line: error is that of the slope, with n − 2."""

    slope: float
    intercept: float
    stderr: float
    r2: float


def fitted(x: ArrayLike, y: ArrayLike) -> Line:
    """Return the line through points; for signed volume and price changes its slope is Kyle's λ."""
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if across.shape != up.shape or across.size < 3 or not np.ptp(across) > 0:
        raise ValueError("a line needs three points that differ in x")
    (intercept, slope), rest = regressed(up, across)
    spread, error = float(((across - across.mean()) ** 2).sum()), float(rest @ rest)
    whole = float(((up - up.mean()) ** 2).sum())
    return Line(slope, intercept, math.sqrt(error / (across.size - 2) / spread), 1 - error / whole if whole else 1.0)


def regressed(y: Floats, x: Floats) -> tuple[tuple[float, float], Floats]:
    """Return level and slope of the least-squares line of y on x, and what is left of y."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    level = float(y.mean() - slope * x.mean())
    return (level, slope), y - level - slope * x


def roll_spread(changes: ArrayLike) -> tuple[float, float | None]:
    """Return the autocovariance (n − 1) of price changes and 2·√−it, None where it is not below 0: Roll (1984)."""
    path = np.asarray(changes, dtype=float)
    covariance = float(np.cov(path[:-1], path[1:])[0, 1])
    return covariance, 2 * math.sqrt(-covariance) if covariance < 0 else None


@attrs.frozen
class Insider:
    """Kyle's single auction (1985): the insider trades β a unit of value, the price moves λ a unit of volume."""

    beta: float
    impact: float
    left_variance: float


def kyle(value_variance: float, noise: float) -> Insider:
    """Return the equilibrium for a value of this variance and noise trading of this deviation."""
    deviation = math.sqrt(value_variance)
    return Insider(noise / deviation, deviation / (2 * noise), value_variance / 2)


def informed(alpha: float, mu: float, epsilon: float) -> float:
    """Return PIN, the part of trades that know something: Easley, Kiefer, O'Hara & Paperman (1996)."""
    return alpha * mu / (alpha * mu + 2 * epsilon)


def toxicity(
    changes: Sequence[float], volumes: Sequence[float], bucket: float, sigma: float, window: int
) -> tuple[list[float], int]:
    """Return VPIN after each full bucket from the `window`-th on, and how many were filled.

    Volume counts as bought by Φ(change / sigma); a trade over a bucket's edge is split. Easley, López de Prado & O'Hara
    (2012).
    """
    imbalances: list[float] = []
    left, net = bucket, 0.0
    for change, volume in zip(changes, volumes, strict=True):
        lean, rest = 2 * cdf(change / sigma) - 1, volume
        while rest >= left:
            imbalances.append(abs(net + lean * left))
            rest, left, net = rest - left, bucket, 0.0
        left, net = left - rest, net + lean * rest
    sums = np.convolve(imbalances, np.ones(window), "valid") if len(imbalances) >= window else np.array([])
    return (sums / (window * bucket)).tolist(), len(imbalances)
