"""Sets that pay more than they cost, walked through the books to the last share that does. Exact fractions.

A set of all outcomes pays one usd a share whoever wins; a set of every NO of an event with one winner pays m − 1.
Whether an event's named outcomes are exhaustive is for the caller to know: with an unnamed one only the NO side is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import attrs

Ladder: TypeAlias = "Sequence[tuple[Fraction, Fraction]]"
"""Asks, best first, as (price, size)."""


@attrs.frozen
class Sets:
    """So many sets, what they cost before fees, the fees before rounding, and what is left of what they pay."""

    size: Fraction
    cost: Fraction
    fees: Fraction
    profit: Fraction


def fee(price: Fraction, rate: Fraction, exponent: int = 1) -> Fraction:
    """Return what a taker pays a share, usd, before rounding."""
    return rate * (price * (1 - price)) ** exponent


def sets(ladders: Sequence[Ladder], pays: Fraction, rate: Fraction, *, fixed: Fraction = Fraction()) -> Sets:
    """Return the sets to buy: one share of each ladder a set, while the next one costs less than it pays.

    Args:
        rate: of the fee, the same for each; `fixed`: what a set costs beside, usd.
    """
    at, gone = [0] * len(ladders), [Fraction()] * len(ladders)
    size = cost = fees = Fraction()
    while all(level < len(ladder) for level, ladder in zip(at, ladders, strict=True)):
        tops = [ladder[level] for level, ladder in zip(at, ladders, strict=True)]
        price = sum((p for p, _ in tops), Fraction())
        toll = sum((fee(p, rate) for p, _ in tops), Fraction()) + fixed
        if price + toll >= pays:
            break
        more = min(there - taken for (_, there), taken in zip(tops, gone, strict=True))
        size, cost, fees = size + more, cost + more * price, fees + more * toll
        gone = [taken + more for taken in gone]
        for leg, (_, there) in enumerate(tops):
            if gone[leg] == there:
                at[leg], gone[leg] = at[leg] + 1, Fraction()
    return Sets(size, cost, fees, size * pays - cost - fees)


@attrs.frozen
class Converted:
    """What the exchange's adapter makes of NO shares: so many of each, cash, YES of the others, and what is left."""

    size: Fraction
    cash: Fraction
    yes: Mapping[str, Fraction]
    no_left: Mapping[str, Fraction]


def converted(no: Mapping[str, Fraction]) -> Converted:
    """Return NO of k outcomes, as many of each, as (k − 1) usd and YES of every other outcome."""
    held = {name: size for name, size in no.items() if size > 0}
    size = min(held.values(), default=Fraction())
    return Converted(
        size,
        size * max(0, len(held) - 1),
        {name: Fraction() if name in held else size for name in no},
        {name: owned - size if name in held else owned for name, owned in no.items()},
    )


@attrs.frozen
class Crossed:
    """YES at one venue and NO at another: cost of a pair with fees, what is left of a usd, and a year's simple rate."""

    cost: Fraction
    edge: Fraction
    annualised: Fraction


def crossed(yes: tuple[Fraction, Fraction], no: tuple[Fraction, Fraction], fixed: Fraction, days: int) -> Crossed:
    """Return what a pair across venues brings, if both resolve by the same rules.

    Args:
        yes: ask and fee rate; `no` likewise.
        fixed: gas and transfers of a pair, usd.
        days: until the capital is free, 365 a year.
    """
    cost = sum((price + fee(price, rate) for price, rate in (yes, no)), fixed)
    return Crossed(cost, 1 - cost, (1 - cost) / cost * Fraction(365, days))
