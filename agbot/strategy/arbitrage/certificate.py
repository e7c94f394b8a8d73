"""How much any arbitrage in given books can gain, by duality of linear programs, checked in fractions.

A pricing measure gives each state a probability. Under it a share is worth what it pays on average, so what any basket
gains in the worst state is at most what all offers cheaper than their worth gain on average (weak duality). A measure
under which no offer is cheaper than its worth proves that there is no arbitrage at all. HiGHS finds the measure; what
it proves is computed from the measure alone, so an error of the solver makes the bound worse, never wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import attrs

from agbot.model.market import Market
from agbot.strategy.arbitrage.baskets import State, Want
from agbot.strategy.arbitrage.proof import Proof
from agbot.strategy.arbitrage.walk import Ladder, unit
from agbot.units import SCALE

_DENOMINATOR: Final = 10**9


@attrs.frozen
class Offer:
    """What can be bought or sold of one token."""

    market: Market
    want: Want
    ladder: Ladder


@attrs.frozen
class Certificate:
    """A pricing measure, and what it proves (10⁻⁶ usd, before rounding of fees).

    Args:
        measure: the probability of each state; they add up to one exactly.
        bound: no portfolio of these offers gains more in its worst state.
        portfolio: shares of each level of each offer (10⁻⁶) that come near to it, and `gains` what they do gain.
    """

    measure: Sequence[Fraction]
    bound: Fraction
    portfolio: Sequence[Sequence[int]]
    gains: Fraction


def bound_of(measure: Sequence[Fraction], states: Sequence[State], offers: Sequence[Offer]) -> Fraction:
    """Return what no portfolio of these offers can exceed in its worst state, by this measure.

    Raises:
        ValueError: it is no measure.
    """
    if len(measure) != len(states) or min(measure) < 0 or sum(measure) != 1:
        raise ValueError("a pricing measure gives every state a probability, and they add up to one")
    total = Fraction()
    for offer in offers:
        worth = sum((q * state.pays(offer.want) for q, state in zip(measure, states, strict=True)), Fraction())
        for price, size in offer.ladder:
            total += size * max(Fraction(), worth - unit(offer.market, offer.want.side, price)) / SCALE
    return total


def certify(states: Sequence[State], offers: Sequence[Offer]) -> Certificate:
    """Return the best measure there is, and the portfolio that gains most in its worst state."""
    rows = [(o, price, size) for o in offers for price, size in o.ladder]
    gains = [[state.pays(o.want) - unit(o.market, o.want.side, price) for o, price, _ in rows] for state in states]
    shares, weights = _solved(gains, [size for _, _, size in rows])
    measure = _measure(weights)
    worst = min(sum((g * x for g, x in zip(row, shares, strict=True)), Fraction()) / SCALE for row in gains)
    if worst < 0:
        shares, worst = [0] * len(rows), Fraction()
    levels = iter(shares)
    portfolio = [[next(levels) for _ in offer.ladder] for offer in offers]
    return Certificate(measure, bound_of(measure, states, offers), portfolio, worst)


def certificate_of(proof: Proof) -> Certificate:
    """Return what bounds a proof: the most that its legs' ladders hold, with equal shares or not."""
    offers = [Offer(leg.market, leg.want, leg.ladder) for leg in proof.legs]
    return certify([state for state in proof.basket.states if not state.mismatch], offers)


def _solved(gains: Sequence[Sequence[Fraction]], sizes: Sequence[int]) -> tuple[list[int], Sequence[float]]:
    """Maximise the gain of the worst state: whole shares of each row (10⁻⁶, rounded down), and the states' weights."""
    from scipy.optimize import linprog  # noqa: PLC0415 - half a second that only a certificate costs

    count = len(sizes)
    result = linprog(
        [0.0] * count + [-1.0],
        A_ub=[[-float(g) / SCALE for g in row] + [1.0] for row in gains],
        b_ub=[0.0] * len(gains),
        bounds=[(0.0, size / SCALE) for size in sizes] + [(0.0, None)],
        method="highs",
    )
    found = result.x if result.x is not None else [0.0] * count
    shares = [min(size, max(0, math.floor(x * SCALE))) for x, size in zip(found[:count], sizes, strict=True)]
    return shares, [-float(w) for w in result.ineqlin.marginals]


def _measure(weights: Sequence[float]) -> list[Fraction]:
    """Return weights as exact probabilities."""
    exact = [Fraction(max(0.0, weight)).limit_denominator(_DENOMINATOR) for weight in weights]
    total = sum(exact)
    return [weight / total for weight in exact] if total else [Fraction(1, len(exact))] * len(exact)
