"""What an order would do if it were sent now: what it takes, what it costs at worst, what a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import attrs

from agbot.core.book import OrderBook
from agbot.model.events import Level
from agbot.model.fees import taker_fee
from agbot.model.market import Market
from agbot.model.order import Order, OrderType, Side
from agbot.run.requests import levels_taken
from agbot.units import NS_PER_S, SCALE, notional, on_tick, to_text, to_units, usd_text

NEAR_END_NS: Final = 24 * 3600 * NS_PER_S
FAR: Final = SCALE // 10
"""A limit this much worse than the best price is worth a word: 0.10 usd."""
SHOWN: Final = 3


@attrs.frozen(kw_only=True)
class Preview:
    """An order and the book it meets. Integers of 10⁻⁶.

    Args:
        price: the limit, or the worst price of a MARKET order.
        taken: shares that match at once, for `taken_usd` and `fee`.
        worst_usd: the most it can cost, or the least it can bring when all is sold; all at `price`, without fee.
        worst_fee: the most the venue can charge: all of it taken where part of it would take now, else a maker's, none.
        levels: of the side it takes, best first.
    """

    market: Market
    order: Order
    price: int
    size: int
    best_bid: int
    best_ask: int
    taken: int
    taken_usd: int
    fee: int
    worst_usd: int
    worst_fee: int
    levels: Sequence[Level]
    warnings: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Return it as plain values, numbers as decimal text."""
        order, market = self.order, self.market
        return {
            "market": market.name,
            "market_id": market.id,
            "question": market.question,
            "outcome": str(market.outcome(order.token)),
            "side": str(order.side),
            "type": str(order.order_type),
            "tif": str(order.time_in_force),
            "post_only": order.post_only,
            "price": to_text(self.price),
            "size": f"{order.size:f}",
            "shares": to_text(self.size),
            "best_bid": to_text(self.best_bid) if self.best_bid else None,
            "best_ask": to_text(self.best_ask) if self.best_ask < SCALE else None,
            "levels": [[to_text(price), to_text(size)] for price, size in self.levels[:SHOWN]],
            "takes_shares": to_text(self.taken),
            "takes_usd": usd_text(self.taken_usd),
            "fee_usd": to_text(self.fee),
            "worst_usd": usd_text(self.worst_usd),
            "worst_fee_usd": to_text(self.worst_fee),
            "end_ns": market.end_ns,
            "warnings": list(self.warnings),
        }


def preview(market: Market, book: OrderBook, order: Order, now_ns: int) -> Preview:
    """Return what `order` would do against `book` now."""
    assert order.price is not None
    price, asked = to_units(order.price), to_units(order.size)
    budget = asked if order.order_type is OrderType.MARKET and order.side is Side.BUY else 0
    levels = levels_taken(book, order.side)
    matches = [] if order.post_only else list(_matches(order, levels, price, asked, budget=bool(budget)))
    taken, usd = sum(size for _, size in matches), sum(notional(p, size) for p, size in matches)
    size = asked if not budget else taken or budget * SCALE // price
    takes = bool(taken) or order.time_in_force.immediate
    return Preview(
        market=market,
        order=order,
        price=price,
        size=size,
        best_bid=book.best_bid,
        best_ask=book.best_ask,
        taken=taken,
        taken_usd=usd,
        fee=sum(taker_fee(s, p, market.fee_rate, market.fee_exponent) for p, s in matches),
        worst_usd=budget or notional(price, size),
        worst_fee=_worst_fee(market, size, levels[0][0] if levels else price, price) if takes else 0,
        levels=levels,
        warnings=(
            *_about_time(market, now_ns),
            *_about_terms(market, book, order, price, size),
            *_about_book(book, order, price, taken),
        ),
    )


def _matches(order: Order, levels: Iterable[Level], limit: int, left: int, *, budget: bool) -> Iterator[Level]:
    for price, size in levels:
        if left <= 0 or (price > limit if order.side is Side.BUY else price < limit):
            return
        taken = min(size, left * SCALE // price if budget else left)
        left -= notional(price, taken) if budget else taken
        if taken == 0:
            return
        yield price, taken


def _worst_fee(market: Market, size: int, best: int, limit: int) -> int:
    """Return the fee where it is highest on the way from the best price to the limit: closest to one half."""
    prices = {best, limit, *((SCALE // 2,) if min(best, limit) < SCALE // 2 < max(best, limit) else ())}
    return max(taker_fee(size, price, market.fee_rate, market.fee_exponent) for price in sorted(prices))


def _about_time(market: Market, now_ns: int) -> Iterator[str]:
    if market.end_ns and market.end_ns <= now_ns:
        yield "its end date has passed: it may resolve at any moment"
    elif market.end_ns and market.end_ns - now_ns < NEAR_END_NS:
        yield f"it ends in {(market.end_ns - now_ns) / (3600 * NS_PER_S):.1f} h: near resolution prices jump"


def _about_terms(market: Market, book: OrderBook, order: Order, price: int, size: int) -> Iterator[str]:
    if not on_tick(price, book.tick):
        yield f"{to_text(price)} is no price here: prices are multiples of {to_text(book.tick)}"
    if size < market.min_size and not order.time_in_force.immediate:
        yield f"too small: the smallest order is {to_text(market.min_size)} shares"


def _about_book(book: OrderBook, order: Order, price: int, taken: int) -> Iterator[str]:
    buys = order.side is Side.BUY
    if not book.trusted:
        yield "its book is not to be trusted now"
    best = book.best_ask if buys else book.best_bid
    empty = best in (0, SCALE)
    if not empty and (price - best if buys else best - price) >= FAR:
        yield f"the price is {to_text(abs(price - best))} worse than the best one, {to_text(best)}"
    if order.post_only and not empty and (price >= best if buys else price <= best):
        yield "post-only, and it would take: the venue refuses it"
    if order.time_in_force.immediate and not taken:
        yield "there is nothing to take at that price: the venue refuses it"
