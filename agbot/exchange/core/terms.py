"""How the exchange behaves when nothing misbehaves."""

from __future__ import annotations

import attrs

from agbot.matching.checks import Terms as OrderTerms
from agbot.units import NS_PER_MS, NS_PER_S, SCALE

_rate = [attrs.validators.ge(0.0), attrs.validators.le(1.0)]


@attrs.frozen(kw_only=True)
class Terms:
    """Times in nanoseconds, money in 10⁻⁶ usd.

    Args:
        mined_after_ns: from match to MINED, when usd and shares move.
        confirmed_after_ns: from MINED to CONFIRMED.
        retry_rate: the part of settlements that go through RETRYING first.
        fail_rate: the part that ends FAILED.
        self_trade: an order that would meet one of its own wallet's is refused (``refuse``), cancels that one
            (``cancel``) or trades with it (``allow``). The venue has not published its rule.
        grant_usd: what a wallet holds when it is seen for the first time.
        redeem_after_ns: holders of a resolved market are paid out this long after; negative is never by itself.
        orders: bounds of single orders.
    """

    mined_after_ns: int = attrs.field(default=500 * NS_PER_MS, validator=attrs.validators.ge(0))
    confirmed_after_ns: int = attrs.field(default=1000 * NS_PER_MS, validator=attrs.validators.ge(0))
    retry_rate: float = attrs.field(default=0.0, validator=_rate)
    fail_rate: float = attrs.field(default=0.0, validator=_rate)
    self_trade: str = attrs.field(default="refuse", validator=attrs.validators.in_(("refuse", "cancel", "allow")))
    grant_usd: int = attrs.field(default=1_000 * SCALE, validator=attrs.validators.ge(0))
    redeem_after_ns: int = 2 * NS_PER_S
    orders: OrderTerms = attrs.field(factory=OrderTerms)
