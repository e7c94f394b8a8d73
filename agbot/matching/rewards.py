"""What makers are paid beside their trades: rebates and liquidity rewards, estimated by the venue's formulas. Pure.

Estimates, never part of the cash: what others earn is not in a recording. A rebate is exact but for rounding: a
market's pool is a share of its taker fees, makers have it by the fee their own fills would have paid, and those fees
add up to the taker's. A reward is shared with everybody who quotes: `Programme.rivals` says how much of the visible
book competes. The book is taken as one maker, which is too hard on us where others quote one side only, and too kind
where the venue's clock catches the book at a better moment than ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import attrs

from agbot.matching.book import ConditionBook
from agbot.model.fees import taker_fee
from agbot.model.ids import ClientOrderId, MarketId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, complement

MINUTE_NS: Final = 60 * NS_PER_S
DAY_NS: Final = 86_400 * NS_PER_S
MINUTES_A_DAY: Final = DAY_NS // MINUTE_NS
LEAST: Final = SCALE
"""Less than this is not paid for a day, 10⁻⁶ usd."""
ONE_SIDED_FROM: Final = SCALE // 10
"""A mid nearer to 0 or 1 than this earns nothing for one side alone."""


@attrs.frozen(kw_only=True)
class Programme:
    """What a market pays its makers. Money, prices, sizes and rates in 10⁻⁶.

    Args:
        rebate_rate: the share of taker fees that goes back to makers.
        daily_usd: the liquidity rewards of one day, for all makers together.
        max_spread: an order this far from the mid, or farther, scores nothing.
        min_size: a smaller order scores nothing, and a smaller level does not move the mid.
        min_age_ns: how long an order must have rested.
        rivals: how much of the score of the visible book competes with ours: 10⁶ is all of it, 0 nobody.
    """

    rebate_rate: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(SCALE)])
    daily_usd: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    max_spread: int = attrs.field(default=30_000, validator=attrs.validators.gt(0))
    min_size: int = attrs.field(default=20 * SCALE, validator=attrs.validators.ge(0))
    min_age_ns: int = attrs.field(default=3_500 * NS_PER_MS, validator=attrs.validators.ge(0))
    rivals: int = attrs.field(default=SCALE, validator=attrs.validators.ge(0))


@attrs.frozen(kw_only=True)
class Incentives:
    """The programmes of all markets: `programme` unless the market has its own."""

    programme: Programme = Programme()
    markets: Mapping[MarketId, Programme] = attrs.field(factory=dict)

    def of(self, market: MarketId) -> Programme:
        """Return a market's programme."""
        return self.markets.get(market, self.programme)


def doubled_mid(book: ConditionBook, min_size: int) -> int | None:
    """Return twice the YES mid between the best levels of at least `min_size`, None when a side has none."""
    best = [
        next((price for price in book.prices(side) if book.size(side, price) >= max(min_size, 1)), None)
        for side in Side
    ]
    bid, ask = best
    return None if bid is None or ask is None else bid + ask


def order_score(price: int, size: int, mid2: int, programme: Programme) -> int:
    """Return ``(v − s)² · size``, which is the venue's ``((v − s)/v)² · size`` without its common factor."""
    inside = 2 * programme.max_spread - abs(2 * price - mid2)
    return inside * inside * size if inside > 0 and size >= programme.min_size else 0


def two_sided(bids: int, asks: int, mid2: int) -> int:
    """Return three times the score of both sides: the lesser one, or a third of the greater in the middle."""
    lesser = 3 * min(bids, asks)
    middle = 2 * ONE_SIDED_FROM <= mid2 <= 2 * complement(ONE_SIDED_FROM)
    return max(lesser, bids, asks) if middle else lesser


class Earnings:
    """Adds up what is due, by UTC day and market."""

    def __init__(self, incentives: Incentives) -> None:
        self._incentives = incentives
        self._rebates: Counter[tuple[int, MarketId]] = Counter()
        self._rewards: Counter[int] = Counter()
        self._minute = 0

    @property
    def rebates(self) -> int:
        """Return the rebates so far (10⁻⁶ usd), days of a market with less than `LEAST` left out."""
        return sum(usd for usd in self._rebates.values() if usd >= LEAST)

    @property
    def rewards(self) -> int:
        """Return the liquidity rewards so far (10⁻⁶ usd), days with less than `LEAST` left out."""
        return sum(usd for usd in self._rewards.values() if usd >= LEAST)

    def traded(self, at_ns: int, market: Market, yes_price: int, size: int) -> None:
        """Count a settled fill of a resting order."""
        fee = taker_fee(size, yes_price, market.fee_rate, market.fee_exponent)
        self._rebates[at_ns // DAY_NS, market.id] += fee * self._incentives.of(market.id).rebate_rate // SCALE

    def minutes(self, until_ns: int) -> Iterator[int]:
        """Yield, once each, the full minutes up to `until_ns`; the first call begins the count."""
        minute = until_ns // MINUTE_NS
        self._minute = self._minute or minute
        while self._minute < minute:
            self._minute += 1
            yield self._minute * MINUTE_NS

    def sample(self, at_ns: int, market: MarketId, book: ConditionBook, since: Callable[[ClientOrderId], int]) -> None:
        """Score what rests at a full minute. `since` tells when an order began to rest."""
        programme = self._incentives.of(market)
        mid2 = doubled_mid(book, programme.min_size) if programme.daily_usd else None
        if mid2 is None:
            return
        ours, theirs = (dict.fromkeys(Side, 0) for _ in range(2))
        for side in Side:
            for order in book.resting(side):
                if at_ns - since(order.id) >= programme.min_age_ns:
                    ours[side] += order_score(order.price, order.remaining, mid2, programme)
            levels = book.levels(side)
            theirs[side] = sum(order_score(p, levels.visible(p), mid2, programme) for p in levels.prices())
        mine = two_sided(ours[Side.BUY], ours[Side.SELL], mid2) * SCALE
        rivals = two_sided(theirs[Side.BUY], theirs[Side.SELL], mid2) * programme.rivals
        if mine:
            self._rewards[at_ns // DAY_NS] += programme.daily_usd * mine // ((mine + rivals) * MINUTES_A_DAY)
