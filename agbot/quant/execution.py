"""How a large order is cut: Almgren–Chriss, and whole-unit schedules by time, by a volume profile and by volume.

Schedules are in whole units (ticks of size), sum exactly to the total, and stray less than a unit from the ideal
cumulative path. Source: Almgren & Chriss (2000), discrete form.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

ALL_AT_ONCE: Final = 700.0
"""κT beyond which sinh overflows: the whole order goes in the first slice."""
STRAIGHT: Final = 1e-12
"""κT below which the path is the straight line to machine precision."""


@attrs.frozen
class Trajectory:
    """An Almgren–Chriss path: `holdings` at the interval ends (n + 1), `trades` between; cost in usd, variance usd²."""

    kappa: float
    holdings: NDArray[np.float64]
    trades: NDArray[np.float64]
    cost: float
    variance: float


@attrs.frozen(kw_only=True)
class Impact:
    """What trading costs, usd: `eta` for a share a unit of time, `gamma` a share for good, half a spread `epsilon`."""

    eta: float
    gamma: float = 0.0
    epsilon: float = 0.0


def almgren_chriss(
    shares: float, horizon: float, intervals: int, *, sigma: float, impact: Impact, aversion: float
) -> Trajectory:
    """Return the path of least cost + aversion · variance.

    Args:
        shares: to be sold or bought, above 0.
        sigma: of the price, usd per square root of the unit of `horizon`.
        aversion: λ, per usd; negative seeks risk, and has a path only while κT < π.

    Raises:
        ValueError: no such path: η̃ = η − γτ/2 is not above 0, or the horizon is too long for a negative aversion.
    """
    if intervals < 1 or not horizon > 0 or not shares > 0:
        raise ValueError("shares, horizon and intervals are above 0")
    step = horizon / intervals
    eta = impact.eta - impact.gamma * step / 2
    if not eta > 0:
        raise ValueError(f"eta - gamma·tau/2 is {eta:g}: the permanent impact alone pays for trading")
    kappa = _kappa(aversion * sigma**2 / eta, step)
    left = shares * _shape(
        kappa, horizon, np.arange(intervals, -1, -1, dtype=np.float64) * step, seeks_risk=aversion < 0
    )
    trades = -np.diff(left)
    cost = impact.gamma * shares**2 / 2 + impact.epsilon * np.abs(trades).sum() + eta / step * (trades**2).sum()
    return Trajectory(kappa, left, trades, float(cost), float(sigma**2 * step * (left[1:] ** 2).sum()))


def _kappa(squared: float, step: float) -> float:
    """Return κ from cosh κτ = 1 + κ̃²τ²/2, or cos κτ for a negative κ̃²."""
    turn = 1 + squared * step**2 / 2
    if turn < -1:
        raise ValueError("so much love of risk has no path in steps this long")
    return (math.acosh(turn) if squared >= 0 else math.acos(turn)) / step


def _shape(kappa: float, horizon: float, left_s: NDArray[np.float64], *, seeks_risk: bool) -> NDArray[np.float64]:
    """Return the part that is still held with `left_s` of the horizon to go."""
    reach = kappa * horizon
    if reach < STRAIGHT:
        return left_s / horizon
    if seeks_risk:
        if reach >= math.pi:
            raise ValueError(f"kappa·T is {reach:.3g}: with a love of risk there is a path below pi only")
        return np.asarray(np.sin(kappa * left_s) / math.sin(reach))
    if reach > ALL_AT_ONCE:
        return np.asarray(np.exp(kappa * (left_s - horizon)) * (left_s > 0))
    return np.asarray(np.sinh(kappa * left_s) / math.sinh(reach))


def whole_units(path: Sequence[float]) -> list[int]:
    """Return the trades of a falling path of holdings in whole units: rounded cumulatively, exact in sum."""
    done = [round(path[0] - left) for left in path]
    return [after - before for before, after in pairwise(done)]


def twap(total: int, slices: int, least: int = 1) -> list[int]:
    """Return equal slices of `total` units, none below `least`; empty where the total itself is."""
    if total < 0 or slices < 1 or least < 1:
        raise ValueError("total is not negative, slices and least are at least 1")
    count = min(slices, total // least)
    return [total * (at + 1) // count - total * at // count for at in range(count)]


def vwap(total: int, profile: Sequence[Fraction | int | str]) -> list[int]:
    """Return slices of `total` units by a volume profile; a bucket without volume gets nothing."""
    weights = [Fraction(weight) for weight in profile]
    whole = sum(weights)
    if total < 0 or min(weights, default=Fraction(-1)) < 0 or not whole:
        raise ValueError("a profile has weights that are not negative and not all zero")
    done = [math.floor(total * part / whole) for part in accumulate(weights, initial=Fraction())]
    return [after - before for before, after in pairwise(done)]


def pov(total: int, rate: Fraction | str, volumes: Sequence[int], least: int = 1) -> list[int]:
    """Return what is sent after each volume of others, so that our part of theirs stays at `rate`.

    What is below `least` waits, unless it completes the order.
    """
    part, seen, done, slices = Fraction(rate), 0, 0, []
    if part <= 0:
        raise ValueError("a rate is above 0")
    for volume in volumes:
        seen += volume
        child = min(total, math.floor(part * seen)) - done
        if child < least and done + child < total:
            child = 0
        slices.append(child)
        done += child
    return slices
