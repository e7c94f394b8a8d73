"""From what a parent order wants to its children: sizes that the venue takes, and orders that are in the wrong place.

Theory of operation. Everything of ours that may still fill counts as working: resting, on its way, being cancelled,
not heard of. Done and working together never pass the total; what is placed is what is allowed beyond them. An order
in the wrong place is cancelled first and placed anew when it is gone, so a share is never offered twice.

A remainder below the venue's minimum could never be placed: so the last child takes it along, or leaves as much as the
minimum for the next one; and an order whose rest could not be placed again is left where it is.

Children are never immediate: a BUY that never rests may spend its usd, which at a better price is more than its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from agbot.core.view import BookView, Cancel, Intent, OwnOrder, Place, View
from agbot.model.events import ASK, BID
from agbot.model.fees import taker_fee
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import OrderState, Side
from agbot.units import SCALE, complement, tick_down, tick_up, to_text

MOVABLE: Final = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)
TAKING_BUY_MIN: Final = SCALE
"""A BUY that trades at once is worth at least this (10⁻⁶ usd): the venue's rule."""
ANY: Final = SCALE * SCALE
"""As many shares as one likes."""
LEVELS_MAX: Final = 200
"""How many prices of a book are looked at; what lies deeper is not taken in one go."""


@attrs.frozen(kw_only=True)
class Quote:
    """Where a child may be, and how much of it: `most` shares. `tolerance` is how far one may be off and still stay."""

    price: int
    most: int
    why: str
    post_only: bool = False
    tolerance: int = 0


@attrs.frozen(kw_only=True)
class Goal:
    """What one side of one token should come to.

    Args:
        left: shares still to be done; what works never passes them.
        due: of those, how many may be working now; never more than are left.
        quote: where, or why nowhere.
        quiet: why nothing is placed for the moment, though what rests may stay.
        over: nothing may rest any more, not even what could not be placed again.
    """

    token: TokenId
    side: Side
    left: int
    due: int
    quote: Quote | str
    why: str
    quiet: str = ""
    over: bool = False
    fair: int = 0


@attrs.frozen
class Work:
    """What to do now, and why no more than that."""

    intents: list[Intent]
    why: str


def ours(view: View, token: TokenId, side: Side) -> list[OwnOrder]:
    """Return what may still fill of one side of a token, oldest first."""
    return [order for order in view.orders if order.token == token and order.side is side]


def working(orders: Sequence[OwnOrder]) -> int:
    """Return the shares that may still fill."""
    return sum(order.remaining for order in orders)


def fit(allowed: int, left: int, most: int, least: int, step: int) -> int:
    """Return the size of a child, 0 where none is possible: whole steps, and never a remainder below `least`.

    `allowed` may be passed by less than `least` for the last child, which takes the remainder along.
    """
    left = left // step * step
    size = min(allowed, left, most) // step * step
    if 0 < left - size < least and size > 0:
        size = left if left <= most else (left - least) // step * step
    return size if size >= max(1, least) else 0


def least_of(market: Market, book: BookView, side: Side, price: int) -> int:
    """Return the smallest order the venue takes at a price, in whole steps."""
    least = max(1, market.min_size)
    if side is Side.BUY and price >= book.best_ask:
        least = max(least, -(-TAKING_BUY_MIN * SCALE // price))
    return -(-least // market.size_step) * market.size_step


def bounded(side: Side, price: int, limit: int, tick: int) -> int:
    """Return `price` no worse than `limit` (0 for none), on the grid and inside it."""
    if side is Side.BUY:
        return max(tick, tick_down(min(price, limit or complement(tick), complement(tick)), tick))
    return min(complement(tick), tick_up(max(price, limit, tick), tick))


def taking(book: BookView, side: Side, size: int, *, limit: int, max_slippage: int) -> Quote | str:
    """Return the nearest price at which the book has `size` within the slippage, and how much it has there."""
    best = book.best_ask if side is Side.BUY else book.best_bid
    if not 0 < best < SCALE:
        return "nobody is there to trade with"
    worst = bounded(side, best + side.sign * max_slippage, limit, book.tick)
    if (best - worst) * side.sign > 0:
        return f"the best price {to_text(best)} is beyond the limit {to_text(limit)}"
    shelf, price, deepest, there = ASK if side is Side.BUY else BID, best, best, 0
    for _ in range(LEVELS_MAX):
        if visible := book.size_at(shelf, price):
            deepest, there = price, there + visible
        if there >= size or price == worst:
            break
        price += side.sign * book.tick
    return Quote(price=deepest, most=there, why=f"takes to {to_text(deepest)}")


def best_of_others(view: View, token: TokenId, side: Side) -> int:
    """Return the best price of a side of the book, levels that are ours alone left out; 0 or 1 usd where there is none.

    A feed may show our orders or not: only a level of exactly our size is taken for ours.
    """
    book = view.books[view.market.outcome(token)]
    price, end = (book.best_bid, 0) if side is Side.BUY else (book.best_ask, SCALE)
    shelf, mine = (BID if side is Side.BUY else ASK), ours(view, token, side)
    for _ in range(LEVELS_MAX):
        if not 0 < price < SCALE:
            return end
        there = book.size_at(shelf, price)
        if there and there != sum(order.remaining for order in mine if order.price == price):
            return price
        price -= side.sign * book.tick
    return end


def resting(
    view: View, token: TokenId, side: Side, price: int, *, limit: int = 0, tolerance_ticks: int = 0, why: str = ""
) -> Quote | str:
    """Return a quote at `price`, no worse than `limit`, that never trades at once."""
    book = view.books[view.market.outcome(token)]
    tick, across = book.tick, book.best_ask if side is Side.BUY else book.best_bid
    price = bounded(side, price, limit, tick)
    if 0 < across < SCALE and (price - across) * side.sign >= 0:
        price = across - side.sign * tick
    if not tick <= price <= complement(tick):
        return "there is no price on this side of the book"
    return Quote(
        price=price,
        most=ANY,
        why=why or f"rests at {to_text(price)}",
        post_only=True,
        tolerance=tolerance_ticks * tick,
    )


def limited(view: View, token: TokenId, side: Side, limit: int, *, size: int, max_slippage: int) -> Quote | str:
    """Return a quote at `limit`; where the book is better than that, it takes within the slippage."""
    book = view.books[view.market.outcome(token)]
    price, across = bounded(side, limit, limit, book.tick), book.best_ask if side is Side.BUY else book.best_bid
    if 0 < across < SCALE and (price - across) * side.sign >= 0:
        return taking(book, side, size, limit=limit, max_slippage=max_slippage)
    return Quote(price=price, most=ANY, why=f"rests at {to_text(price)}")


def afforded(view: View, token: TokenId, side: Side, price: int) -> int:
    """Return the shares that cash, or what is held and settled and not offered by us, allow."""
    market = view.market
    if side is Side.BUY:  # its fee is paid from the same cash
        fee = -(-taker_fee(1000 * SCALE, price, market.fee_rate, market.fee_exponent) // 1000)
        return max(0, view.cash - 1) * SCALE // (price + fee)
    settled = view.yes_settled if token == market.yes else view.no_settled
    return max(0, settled - working(ours(view, token, side)))


def work(view: View, goal: Goal) -> Work:
    """Return what brings the orders to the goal."""
    orders = ours(view, goal.token, goal.side)
    wrong = [(order, why) for order in orders if order.state in MOVABLE and (why := _wrong(view, goal, orders, order))]
    wrong += _beyond(goal, orders, [order for order, _ in wrong])
    cancels: list[Intent] = [Cancel(client_order_id=order.client_order_id, why=why) for order, why in wrong]
    place, why = _next(view, goal, orders)
    if place is not None:
        return Work([*cancels, place], place.why)
    if not cancels and (loose := _to_regroup(view, goal, orders)):
        return Work([Cancel(client_order_id=loose.client_order_id, why="to be placed with the rest")], why)
    return Work(cancels, wrong[0][1] if wrong else why)


def _wrong(view: View, goal: Goal, orders: Sequence[OwnOrder], order: OwnOrder) -> str:
    """Return why an order has to go, empty while it may stay."""
    if goal.over:
        return goal.why
    quote, market = goal.quote, view.market
    again = goal.left - working(orders) + order.remaining
    price = quote.price if isinstance(quote, Quote) else order.price
    if again < least_of(market, view.books[market.outcome(goal.token)], goal.side, price):
        return ""
    if isinstance(quote, str):
        return quote
    off = abs(order.price - quote.price)
    return f"{to_text(off)} from {to_text(quote.price)}: {quote.why}" if off > quote.tolerance else ""


def _beyond(goal: Goal, orders: Sequence[OwnOrder], going: Sequence[OwnOrder]) -> list[tuple[OwnOrder, str]]:
    """Return the newest orders that must go because more works than is left, such as after a fill told late."""
    staying = [order for order in orders if order not in going and order.state is not OrderState.PENDING_CANCEL]
    found, excess = [], working(staying) - max(0, goal.left)
    for order in reversed(staying):
        if excess > 0 and order.state in MOVABLE:
            found.append((order, f"more works than the {to_text(max(0, goal.left))} that are left"))
            excess -= order.remaining
    return found


def _next(view: View, goal: Goal, orders: Sequence[OwnOrder]) -> tuple[Place | None, str]:
    """Return the next child, or why there is none."""
    busy, quote, market = working(orders), goal.quote, view.market
    if isinstance(quote, str) or goal.quiet:
        return None, goal.quiet or str(quote)
    free, allowed = goal.left - busy, goal.due - busy
    if allowed <= 0:
        return None, goal.why
    least = least_of(market, view.books[market.outcome(goal.token)], goal.side, quote.price)
    most = min(quote.most, afforded(view, goal.token, goal.side, quote.price))
    size = fit(allowed, free, most, least, market.size_step)
    if not size:
        return None, _too_small(free, allowed, most, least, goal.why)
    word = "buy" if goal.side is Side.BUY else "sell"
    why = f"{word} {to_text(size)} at {to_text(quote.price)}, {quote.why}: {goal.why}"
    place = Place(
        token=goal.token,
        side=goal.side,
        price=quote.price,
        size=size,
        why=why,
        post_only=quote.post_only,
        fair=goal.fair,
    )
    return place, why


def _too_small(free: int, allowed: int, most: int, least: int, why: str) -> str:
    if free < least:
        return f"{to_text(free)} left, below the venue's minimum of {to_text(least)}"
    if most < min(allowed, least):
        return f"only {to_text(most)} can be traded now, below the minimum of {to_text(least)}"
    return f"{to_text(allowed)} due, waits for {to_text(least)}: {why}"


def _to_regroup(view: View, goal: Goal, orders: Sequence[OwnOrder]) -> OwnOrder | None:
    """Return an order to take back so that a remainder too small by itself goes with it."""
    quote, free = goal.quote, goal.left - working(orders)
    if isinstance(quote, str) or goal.quiet or goal.due < goal.left or not orders or free <= 0:
        return None
    least = least_of(view.market, view.books[view.market.outcome(goal.token)], goal.side, quote.price)
    last = orders[-1]
    whole = free + last.remaining
    fits = free >= view.market.size_step and free < least <= whole <= quote.most
    can = free <= afforded(view, goal.token, goal.side, quote.price)
    return last if fits and can and last.state in MOVABLE else None
