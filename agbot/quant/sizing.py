"""How much to bet. Fractions are of the bankroll as cash at stake; a share pays 1 and costs `cost`, its fee included.

Each answer of a search comes with how far it is from satisfying the conditions of an optimum (`residual`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS_MAX: Final = 200
_ENOUGH: Final = 1e-13


@attrs.frozen
class Bet:
    """A fraction of the bankroll, and the growth of its logarithm that is expected."""

    fraction: float
    growth: float


def cost_with_fee(ask: float, fee_rate: float) -> float:
    """Return what a share costs a taker: ask + rate · ask(1 − ask)."""
    return ask + fee_rate * ask * (1 - ask)


def growth(probability: float, cost: float, fraction: float) -> float:
    """Return E ln of the wealth after betting a fraction on shares that cost `cost`; −∞ where all can be lost."""
    won, lost = 1 + fraction * (1 - cost) / cost, 1 - fraction
    if (probability > 0 and won <= 0) or (probability < 1 and lost <= 0):
        return -math.inf
    grown = probability * math.log(won) if probability > 0 else 0.0
    return grown + ((1 - probability) * math.log(lost) if probability < 1 else 0.0)


def kelly(probability: float, cost: float) -> Bet:
    """Return Kelly's fraction max(0, (p − c)/(1 − c)). For NO, take 1 − p and what NO costs."""
    if not 0 <= probability <= 1 or not cost > 0:
        raise ValueError(f"a probability, and a cost above 0, not {probability} and {cost}")
    fraction = max(0.0, (probability - cost) / (1 - cost)) if cost < 1 else 0.0
    return Bet(fraction, growth(probability, cost, fraction))


def shrunk(probability: float, cost: float, sd: float) -> tuple[float, Bet]:
    """Return a factor for an estimate with standard deviation `sd`, and the bet with it (Baker and McHale 2013).

    k = e²/(e² + s²) with the edge e = p − c.
    """
    edge = probability - cost
    factor = edge * edge / (edge * edge + sd * sd) if edge else 0.0
    fraction = factor * kelly(probability, cost).fraction
    return factor, Bet(fraction, growth(probability, cost, fraction))


def continuous_kelly(mean: float, sd: float, rate: float = 0.0) -> Bet:
    """Return f = (μ − r)/σ² and the growth r + (μ − r)²/2σ² (Thorp 2006)."""
    fraction = (mean - rate) / sd**2
    return Bet(fraction, rate + (mean - rate) ** 2 / (2 * sd**2))


@attrs.frozen(eq=False)
class Bets:
    """Fractions of several bets at once, the part that is kept, and how far they are from an optimum."""

    fractions: NDArray[np.float64]
    reserve: float
    growth: float
    residual: float


def exclusive_kelly(probabilities: Sequence[float], costs: Sequence[float]) -> Bets:
    """Return the best bets on outcomes of which exactly one wins (Smoczynski and Tomkins 2010).

    By p/c descending, an outcome is taken while p/c is above the reserve R = (1 − Σp)/(1 − Σc) of those before it;
    f = p − Rc. One with p < c can be worth taking. Where all outcomes there are cost less than 1 together, nothing is
    kept back and f = p: an arbitrage.
    """
    p, c = list(map(float, probabilities)), list(map(float, costs))
    if len(p) != len(c) or min(p) < 0 or min(c) <= 0 or sum(p) > 1 + 1e-9:
        raise ValueError("a probability and a cost above 0 for each outcome, probabilities of at most 1 in all")
    fractions = _fractions(p, c)
    kept, other = 1 - sum(fractions), 1 - sum(p)
    grown, price = (other * math.log(kept), other / kept) if other > 1e-12 else (0.0, 0.0)
    gains = []
    for share, cost, f in zip(p, c, fractions, strict=True):
        if share > 0:
            wealth = kept + f / cost
            worth = share / wealth
            gains.append(worth / cost)
            grown += share * math.log(wealth)
            price += worth
        else:
            gains.append(0.0)
    return Bets(np.array(fractions), kept, grown, _residual(gains, fractions, price, spent=kept < 1e-12))


def _residual(gains: Sequence[float], fractions: Sequence[float], price: float, *, spent: bool) -> float:
    """Return how far bets are from an optimum.

    There one more unit on outcome i brings p_i/(c_i·w_i) − Σ π/w: 0 where it is taken, elsewhere not above. Where all
    is `spent` a unit has a price of its own beyond that.
    """
    if spent:
        price += max(0.0, min((gain for gain, f in zip(gains, fractions, strict=True) if f), default=price) - price)
    off = [abs(gain - price) if f else gain - price for gain, f in zip(gains, fractions, strict=True)]
    return max(0.0, *off)


def _fractions(p: Sequence[float], c: Sequence[float]) -> list[float]:
    """Return p − Rc of the outcomes that are taken, 0 of the others."""
    ratios = [share / cost for share, cost in zip(p, c, strict=True)]
    taken, reserve, likely, paid = [], 1.0, 0.0, 0.0
    for i in sorted(range(len(p)), key=ratios.__getitem__, reverse=True):
        if ratios[i] <= reserve or paid + c[i] >= 1:
            break
        taken.append(i)
        likely, paid = likely + p[i], paid + c[i]
        reserve = (1 - likely) / (1 - paid)
    fractions = [0.0] * len(p)
    for i in taken:
        fractions[i] = p[i] - reserve * c[i]
    return fractions


def joint_kelly(returns: ArrayLike, probabilities: ArrayLike) -> Bets:
    """Return the best fractions (not below 0) of bets at once, by Newton's method over every state.

    Args:
        returns: what one unit at stake brings beyond itself, a row for each state and a column for each bet.
        probabilities: of the states.
    """
    x, pi = np.asarray(returns, dtype=float), np.asarray(probabilities, dtype=float)
    if not math.isclose(pi.sum(), 1.0, abs_tol=1e-9) or pi.min() < 0 or x.shape[0] != len(pi):
        raise ValueError("a row of returns for each state, probabilities that sum to 1")
    f = np.zeros(x.shape[1])
    for _ in range(STEPS_MAX):
        wealth = 1 + x @ f
        slope = x.T @ (pi / wealth)
        free = (f > 0) | (slope > 0)
        if not free.any() or np.abs(slope[free]).max() < _ENOUGH:
            break
        scaled = x[:, free] * (np.sqrt(pi) / wealth)[:, None]
        step = np.zeros_like(f)
        step[free] = np.linalg.lstsq(scaled.T @ scaled, slope[free], rcond=None)[0]
        moved = _towards(f, step, x, pi)
        if np.array_equal(moved, f):
            break
        f = moved
    wealth = 1 + x @ f
    slope = x.T @ (pi / wealth)
    residual = float(max(np.abs(slope[f > 0]).max(initial=0.0), slope[f <= 0].max(initial=0.0)))
    return Bets(f, 1 - float(f.sum()), float(np.dot(pi, np.log(wealth))), residual)


def _towards(
    f: NDArray[np.float64], step: NDArray[np.float64], x: NDArray[np.float64], pi: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the point along a step, never below 0, that is the first to be better."""
    now = float(np.dot(pi, np.log(1 + x @ f)))
    for _ in range(60):
        moved = np.maximum(f + step, 0.0)
        wealth = 1 + x @ moved
        if wealth.min() > 0 and float(np.dot(pi, np.log(wealth))) >= now:
            return moved
        step = step / 2
    return f


def fixed_fractional(equity: Decimal, part: Decimal, entry: Decimal, stop: Decimal, lot: Decimal) -> Decimal:
    """Return how many shares lose `part` of the equity between entry and stop, rounded down to the lot.

    A stop does not hold in a jump: the most that can be lost is the price. ValueError where stop and entry are equal.
    """
    if entry == stop or lot <= 0 or equity < 0 or part < 0:
        raise ValueError("entry and stop differ, a lot is above zero, equity and part are not below it")
    return (equity * part / abs(entry - stop) / lot).to_integral_value(rounding=ROUND_FLOOR) * lot


def vol_target(equity: float, target: float, logit_vol: float, price: float, leverage: float) -> tuple[float, float]:
    """Return the volatility of a claim's return, σ(1−p), and the usd that bring the portfolio's to `target`.

    It vanishes as p → 1, where a claim can still lose all: `leverage` caps the usd; set a cap of loss beside it.
    """
    spread = logit_vol * (1 - price)
    wanted = equity * target / spread if spread > 0 else math.inf
    return spread, min(wanted, leverage * equity)
