"""What a leg costs, level by level: fractions for the marginal share, integers rounded against us for the sum."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final, TypeAlias

from agbot.model.events import Level
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import SCALE, complement

Ladder: TypeAlias = Sequence[Level]
"""What a leg can take now, best first, as (price of its token, size)."""

FEE_STEP: Final = 10
"""Fees come in hundredths of a thousandth of a usd."""


def fee_ceiling(market: Market, price: int, size: int) -> int:
    """Return the most that a taker pays for one fill (10⁻⁶ usd): the exact fee, up to the next step."""
    if not market.fee_rate:
        return 0
    exponent = market.fee_exponent
    exact: int = size * market.fee_rate * (price * complement(price)) ** exponent
    steps: int = -(-exact // (FEE_STEP * SCALE * (SCALE * SCALE) ** exponent))
    return steps * FEE_STEP


def unit(market: Market, side: Side, price: int) -> Fraction:
    """Return what one share costs with its fee, before rounding (10⁻⁶ usd); negative for a sale."""
    exponent = market.fee_exponent
    fee = Fraction(market.fee_rate * (price * complement(price)) ** exponent, (SCALE * SCALE) ** exponent)
    return side.sign * price + fee


def cash(market: Market, side: Side, taken: Ladder) -> int:
    """Return what fills cost with their fees (10⁻⁶ usd), every one rounded against us; negative for a sale."""
    return sum(-(-side.sign * price * size // SCALE) + fee_ceiling(market, price, size) for price, size in taken)


def take(ladder: Ladder, size: int) -> list[Level] | None:
    """Return the levels that `size` shares take, None where the ladder is too short."""
    taken: list[Level] = []
    for price, there in ladder:
        if size <= 0:
            break
        taken.append((price, min(there, size)))
        size -= there
    return taken if size <= 0 else None


def depth(ladder: Ladder) -> int:
    """Return all shares of a ladder."""
    return sum(size for _, size in ladder)


def ends(legs: Sequence[tuple[Market, Side, Ladder]], pays: int, fixed: int = 0) -> list[int]:
    """Return the sizes at which the walk of all ladders together enters new levels, while the next share still gains.

    The last is where the marginal set costs what it pays, or a ladder ends. Empty when not even the first set gains.

    Args:
        pays: what a set brings for sure, `fixed` what it costs beside its legs (10⁻⁶ usd).
    """
    at, gone, done = [0] * len(legs), [0] * len(legs), 0
    found: list[int] = []
    while all(level < len(ladder) for level, (_, _, ladder) in zip(at, legs, strict=True)):
        tops = [ladder[level] for level, (_, _, ladder) in zip(at, legs, strict=True)]
        price = sum((unit(m, side, p) for (m, side, _), (p, _) in zip(legs, tops, strict=True)), Fraction(fixed))
        if price >= pays:
            break
        more = min(there - taken for (_, there), taken in zip(tops, gone, strict=True))
        done += more
        found.append(done)
        gone = [taken + more for taken in gone]
        for leg, (_, there) in enumerate(tops):
            if gone[leg] == there:
                at[leg], gone[leg] = at[leg] + 1, 0
    return found
