"""What an execution cost, exactly, and whether a walk through the book may be made at all. Perold (1988).

Costs are usd and positive when bad; markouts are usd a share and positive when good. All in fractions, none rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TypeAlias

import attrs

Level: TypeAlias = "tuple[Fraction, Fraction]"
"""Price and size."""


@attrs.frozen(kw_only=True)
class Executed:
    """An order and what the market did around it. `sign` is 1 for a buy and −1 for a sale; prices are usd a share.

    Args:
        decision: price when it was decided; `arrival`: mid when it was sent; `last`: price at the end.
        market: trades of others meanwhile.
        mids_after: mid so long after the fills, by name.
    """

    sign: int
    decision: Fraction
    arrival: Fraction
    last: Fraction
    size: Fraction
    fees: Fraction
    fills: Sequence[Level]
    market: Sequence[Level]
    mids_after: Mapping[str, Fraction]


@attrs.frozen(kw_only=True)
class Shortfall:
    """`total` = delay + execution + opportunity + fees, to the last digit. Without a fill there is no average: None."""

    average: Fraction | None
    arrival_slippage: Fraction | None
    arrival_slippage_bps: Fraction | None
    vwap_slippage: Fraction | None
    delay: Fraction
    execution: Fraction
    opportunity: Fraction
    fees: Fraction
    total: Fraction
    fill_rate: Fraction
    participation: Fraction | None
    markouts: Mapping[str, Fraction]


def shortfall(order: Executed) -> Shortfall:
    """Return where the money of an order went."""
    filled, spent = _sum(order.fills)
    traded, turnover = _sum(order.market)
    average = spent / filled if filled else None
    delay = order.sign * (order.arrival - order.decision) * filled
    execution = order.sign * (spent - order.arrival * filled)
    opportunity = order.sign * (order.last - order.decision) * (order.size - filled)
    slip = None if average is None else order.sign * (average - order.arrival)
    return Shortfall(
        average=average,
        arrival_slippage=slip,
        arrival_slippage_bps=None if slip is None else slip / order.arrival * 10_000,
        vwap_slippage=None if average is None or not traded else order.sign * (average - turnover / traded),
        delay=delay,
        execution=execution,
        opportunity=opportunity,
        fees=order.fees,
        total=delay + execution + opportunity + order.fees,
        fill_rate=filled / order.size,
        participation=filled / traded if traded else None,
        markouts={} if average is None else {k: order.sign * (mid - average) for k, mid in order.mids_after.items()},
    )


def realised_spread(sign: int, price: Fraction, mid_after: Fraction) -> Fraction:
    """Return twice what a fill kept against the mid some time later; negative is adverse selection."""
    return -2 * sign * (price - mid_after)


def effective_spread(sign: int, price: Fraction, mid: Fraction) -> Fraction:
    """Return twice the distance of a fill from the mid of its moment."""
    return 2 * sign * (price - mid)


@attrs.frozen
class Walk:
    """What taking `size` from a ladder would do. `reason` is empty when it may be done."""

    average: Fraction | None
    slippage: Fraction | None
    reason: str = ""


@attrs.frozen(kw_only=True)
class Guard:
    """How far beyond the reference price (usd) a walk may go: `part` of the edge, the gain expected a share."""

    reference: Fraction
    edge: Fraction
    part: Fraction = Fraction(1, 2)


def guarded(sign: int, ladder: Sequence[Level], size: Fraction, guard: Guard) -> Walk:
    """Return whether a walk may be made; exactly at the guard it may, and nothing may be paid of an edge not above 0.

    Args:
        ladder: best first, as (price, size).
    """
    left, spent = size, Fraction()
    for price, there in ladder:
        taken = min(left, there)
        left, spent = left - taken, spent + taken * price
        if not left:
            break
    if left or not size:
        return Walk(None, None, "insufficient_liquidity")
    average = spent / size
    slippage = max(Fraction(), sign * (average - guard.reference))
    return Walk(average, slippage, "slippage_guard" if slippage > guard.part * max(guard.edge, Fraction()) else "")


def _sum(levels: Sequence[Level]) -> tuple[Fraction, Fraction]:
    return sum((s for _, s in levels), Fraction()), sum((p * s for p, s in levels), Fraction())
