"""Where a market maker quotes: Avellaneda–Stoikov, Guéant–Lehalle–Fernandez-Tapia, a claim held to its end, LMSR.

Sources: Avellaneda & Stoikov (2008) 3.17 and 3.18; Guéant et al. (2013); Hanson (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

from agbot.quant.odds import expit, logit


def _log_sum_exp(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(math.fsum(math.exp(value - top) for value in values))


TERMS: Final = 24
"""Of the exponential's series, for a matrix of norm 1."""


@attrs.frozen
class Quotes:
    """A reservation price and the two prices around it."""

    reservation: float
    spread: float

    @property
    def bid(self) -> float:
        """Return the price to buy at."""
        return self.reservation - self.spread / 2

    @property
    def ask(self) -> float:
        """Return the price to sell at."""
        return self.reservation + self.spread / 2


def fill_spread(gamma: float, k: float) -> float:
    """Return (2/γ)·ln(1 + γ/k), what a quote earns for waiting; 2/k where γ is 0."""
    return 2 / k if gamma == 0 else 2 / gamma * math.log1p(gamma / k)


def avellaneda_stoikov(mid: float, inventory: float, gamma: float, variance: float, k: float) -> Quotes:
    """Return quotes by inventory.

    Args:
        gamma: risk aversion, per usd; k: decay of the fill rate, per usd of distance.
        variance: of the price over the time that is left, usd²; for a claim, `agbot.quant.logit` bounds it by p(1 − p).
    """
    return Quotes(mid - inventory * gamma * variance, gamma * variance + fill_spread(gamma, k))


@attrs.frozen(kw_only=True)
class Glft:
    """A market maker with at most `most` shares either way; `sigma` usd per √s, fills at rate·e^(−kδ) a second."""

    most: int
    gamma: float
    sigma: float
    k: float
    rate: float

    def distances(self, horizon: float) -> dict[int, tuple[float | None, float | None]]:
        """Return by inventory how far bid and ask are from the mid, None where the inventory is full."""
        logs = self._log_values(horizon)
        charge = fill_spread(self.gamma, self.k) / 2
        told: dict[int, tuple[float | None, float | None]] = {}
        for at, q in enumerate(range(-self.most, self.most + 1)):
            bid = None if q == self.most else (logs[at] - logs[at + 1]) / self.k + charge
            ask = None if q == -self.most else (logs[at] - logs[at - 1]) / self.k + charge
            told[q] = bid, ask
        return told

    def far_from_the_end(self, q: int) -> tuple[float, float]:
        """Return the closed form for bid and ask that holds long before the end and far from the limits."""
        ratio = 1 + self.gamma / self.k
        slope = math.sqrt(self.sigma**2 * self.gamma / (2 * self.k * self.rate) * ratio ** (1 + self.k / self.gamma))
        charge = fill_spread(self.gamma, self.k) / 2
        return charge + (2 * q + 1) / 2 * slope, charge - (2 * q - 1) / 2 * slope

    def _log_values(self, horizon: float) -> NDArray[np.float64]:
        """Return ln v(q) up to a constant: only ratios matter.

        v is the exponential of a matrix. Shifted so that no entry is below zero and rescaled at each squaring, it
        loses no digit to cancellation and overflows for no horizon.
        """
        alpha = self.k * self.gamma * self.sigma**2 / 2
        eta = self.rate * (1 + self.gamma / self.k) ** -(1 + self.k / self.gamma)
        q = np.arange(-self.most, self.most + 1, dtype=float)
        side = np.full(len(q) - 1, eta)
        matrix = (np.diag(alpha * (self.most**2 - q**2)) + np.diag(side, 1) + np.diag(side, -1)) * horizon
        halvings = max(0, math.ceil(math.log2(max(float(matrix.sum(axis=1).max()), 1.0))))
        grown = term = np.eye(len(q))
        for order in range(1, TERMS):
            term = term @ matrix / (order * 2.0**halvings)
            grown = grown + term
        for _ in range(halvings):
            grown = grown @ grown
            grown /= grown.max()
        return np.asarray(np.log(grown.sum(axis=1)))


def inventory_slope(gamma: float, variance: float, k: float, fills: float) -> float:
    """Return how far one share of inventory moves bid and ask, usd: γV·tanh(x)/x with x² = 2kγV·η, for V at the end.

    ln v(q) of `Glft` to second order in q: its slope s solves ds/dt = γσ² − 2kηs². With no fills to come this is
    Avellaneda and Stoikov's γV, with many the closed form far from the end; V may be that of a bounded price.

    Args:
        variance: V, of the price over the horizon, usd².
        fills: rate·horizon, the fills a side would have over the horizon at the mid; η = fills·(1 + γ/k)^−(1 + k/γ).
    """
    alone = gamma * variance
    x = math.sqrt(2 * k * alone * fills * math.exp(-(1 + k / gamma) * math.log1p(gamma / k)))
    return alone * math.tanh(x) / x if x > 1e-8 else alone


@attrs.frozen
class Indifferent:
    """Prices at which one more share of a claim changes nothing: to buy, to sell, and for a little of either."""

    bid: float
    ask: float
    marginal: float


def held_to_the_end(probability: float, gamma: float, inventory: float) -> Indifferent:
    """Return the prices of who holds a claim until it resolves, with utility −e^(−γw); always within (0, 1)."""

    marginal = expit(logit(probability) - gamma * inventory)
    bid = -math.log1p(marginal * math.expm1(-gamma)) / gamma
    ask = math.log1p(marginal * math.expm1(gamma)) / gamma
    return Indifferent(min(bid, 1.0), min(max(bid, ask), 1.0), marginal)


@attrs.frozen
class Lmsr:
    """Hanson's market scoring rule: `b` is its depth; it loses at most b·ln n."""

    b: float
    quantities: tuple[float, ...]

    def prices(self) -> list[float]:
        """Return the price of each outcome; they sum to 1."""
        shifted = [q / self.b for q in self.quantities]
        whole = _log_sum_exp(shifted)
        return [math.exp(q - whole) for q in shifted]

    def cost(self, outcome: int, shares: float) -> float:
        """Return what `shares` of an outcome cost now, usd."""
        after = [q / self.b for q in self.quantities]
        before = _log_sum_exp(after)
        after[outcome] += shares / self.b
        return self.b * (_log_sum_exp(after) - before)

    @property
    def max_loss(self) -> float:
        """Return the most it can lose, usd."""
        return self.b * math.log(len(self.quantities))


def on_ticks(bid: Fraction, ask: Fraction, tick: Fraction) -> tuple[Fraction | None, Fraction | None]:
    """Return prices on the tick, the bid down and the ask up, at least a tick apart; None for a side outside (0, 1)."""
    low, high = bid // tick * tick, -(-ask // tick) * tick
    if low >= high:
        low = high - tick
    return _quotable(low, tick), _quotable(high, tick)


def _quotable(price: Fraction, tick: Fraction) -> Fraction | None:
    return price if tick <= price <= 1 - tick else None


@attrs.frozen
class Simulated:
    """Profit and final inventory of many market makers, mean and deviation (n − 1)."""

    mean_profit: float
    std_profit: float
    mean_q: float
    std_q: float


def simulated(
    gamma: float,
    k: float,
    rate: float,
    sigma: float,
    *,
    steps: int,
    step: float,
    paths: int,
    seed: int,
    by_inventory: bool,
) -> Simulated:
    """Return what a quoter makes in the procedure of the 2008 paper, from a mid of 100 and no inventory.

    Args:
        by_inventory: quotes around the reservation price with the whole spread; else a constant spread around the mid.
    """
    dice = np.random.default_rng(seed)
    mid, cash, held = np.full(paths, 100.0), np.zeros(paths), np.zeros(paths)
    constant = fill_spread(gamma, k)
    for at in range(steps):
        variance = sigma**2 * (steps - at) * step
        centre = mid - held * gamma * variance if by_inventory else mid
        half = (constant + (gamma * variance if by_inventory else 0)) / 2
        bought = dice.random(paths) < rate * np.exp(-k * (mid - centre + half)) * step
        sold = dice.random(paths) < rate * np.exp(-k * (centre + half - mid)) * step
        cash += sold * (centre + half) - bought * (centre - half)
        held += bought.astype(float) - sold
        mid += sigma * math.sqrt(step) * np.where(dice.random(paths) < 0.5, -1.0, 1.0)
    profit = cash + held * mid
    return Simulated(float(profit.mean()), float(profit.std(ddof=1)), float(held.mean()), float(held.std(ddof=1)))
