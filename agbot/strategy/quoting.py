"""What is the same for every quoter: from the quotes it wants to the cancels and orders that bring them about.

A quoter says, for each side of YES, at which prices how much should rest. What rests already and is near enough stays:
its place in the queue is worth more than the tolerance. What is wrong is cancelled, and its place is quoted anew only
when it is gone, so a side never rests twice.

A bid is a SELL of NO when enough of it is held and settled, else a BUY of YES; an ask is a SELL of YES when enough is
held, else a BUY of NO at the complement: the same price, whichever needs no new money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import attrs

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.model.events import ASK, BID, Level
from agbot.model.ids import TokenId
from agbot.model.order import OrderState, Side
from agbot.units import SCALE, complement, notional, to_text

HUNDREDTH: Final = SCALE // 100
"""Sizes are whole multiples of this."""
_MOVABLE: Final = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)


@attrs.frozen
class Quote:
    """One price to rest at: of YES, on its tick. An order there may stay while it is not larger than `most`."""

    price: int
    size: int
    most: int


class Why:
    """A reason that is put into words when somebody asks, and once: most looks change nothing."""

    __slots__ = ("_said", "_say")

    def __init__(self, say: Callable[[], str]) -> None:
        self._say = say
        self._said = ""

    def __str__(self) -> str:
        self._said = self._said or self._say()
        return self._said


@attrs.frozen
class Wanted:
    """What should rest on one side of YES, the best price first, and why. No quotes: the side is to be empty.

    `fair` is what a share of YES is held to be worth.
    """

    quotes: Sequence[Quote]
    why: Why | str
    fair: int = 0


def requote(view: View, wanted: Mapping[Side, Wanted], tolerance: int) -> list[Intent]:
    """Return cancels for orders that are wrong, then orders for the quotes that are missing.

    Args:
        wanted: what should rest on each side of YES; the first side has the first use of the cash.
        tolerance: how far a resting order may be off, 10⁻⁶ usd.
    """
    standing = list(_standing(view, wanted, tolerance))
    intents: list[Intent] = [
        Cancel(client_order_id=order.client_order_id, why=f"{why}: {wanted[side].why}")
        for order, side, quote in standing
        if order.state in _MOVABLE and (why := _wrong(view, order, wanted[side], quote, tolerance))
    ]
    purse: _Purse | None = None
    for side, each in wanted.items():
        taken = [quote for _, where, quote in standing if where is side]
        if len(taken) >= len(each.quotes):
            continue
        purse = purse or _Purse(view)
        missing = [quote for quote in each.quotes if quote not in taken][: len(each.quotes) - len(taken)]
        apart = (quote for quote in missing if not _meets_own(view, side, quote.price))
        intents += filter(None, [purse.place(side, quote, each) for quote in apart])
    return intents


def yes_side(view: View, order: OwnOrder | Place) -> Side:
    """Return which side of YES an order is on: buying NO is asking."""
    return order.side if order.token == view.market.yes else order.side.other


def others(view: View) -> tuple[Level, Level] | None:
    """Return the best bid and ask of YES as everybody else makes them, None where a side has nobody.

    A quoter that takes its own quotes for the market runs after itself. A feed may show our orders or not: they are
    taken off a level that shows more, a level of exactly our size is ours alone, one that shows less has not got them.
    """
    bid, ask = _best_of_others(view, Side.BUY), _best_of_others(view, Side.SELL)
    return None if bid is None or ask is None else (bid, ask)


def _best_of_others(view: View, side: Side) -> Level | None:
    ours: Counter[int] = Counter()
    for order in view.orders:
        if yes_side(view, order) is side:
            ours[view.market.yes_price(order.token, order.price)] += order.remaining
    for price, size in view.book.top(BID if side is Side.BUY else ASK, len(ours) + 1):
        left = size - ours[price] if size >= ours[price] else size
        if left:
            return price, left
    return None


def whole_size(view: View, size: int) -> int:
    """Return a size in whole hundredths, 0 when it is under the venue's minimum."""
    size = size // HUNDREDTH * HUNDREDTH
    return size if size >= max(1, view.market.min_size) else 0


def in_ticks(price: int, tick: int) -> str:
    """Return a price difference in ticks with up to one decimal, such as ``−1`` or ``0.5 ticks``."""
    tenths = abs(price) * 10 // tick
    number = f"{tenths // 10}.{tenths % 10}".removesuffix(".0")
    sign = "−" if price < 0 and tenths else ""
    return f"{sign}{number} tick{'' if number == '1' else 's'}"


def signed(units: int) -> str:
    """Return shares with their sign."""
    return f"{'+' if units > 0 else ''}{to_text(units)}".replace("-", "−")


def _standing(
    view: View, wanted: Mapping[Side, Wanted], tolerance: int
) -> Iterator[tuple[OwnOrder, Side, Quote | None]]:
    """Yield each order with its side and the quote that it stands for, None where it stands for none."""
    left = {side: list(each.quotes) for side, each in wanted.items()}
    for order in view.orders:
        side, price = yes_side(view, order), view.market.yes_price(order.token, order.price)
        quote = _nearest(left[side], price)
        if quote is not None and abs(quote.price - price) <= tolerance:
            left[side].remove(quote)
            yield order, side, quote
        else:
            yield order, side, None


def _nearest(quotes: Sequence[Quote], price: int) -> Quote | None:
    if len(quotes) <= 1:
        return quotes[0] if quotes else None
    return min(quotes, key=lambda quote: abs(quote.price - price))


def _wrong(view: View, order: OwnOrder, wanted: Wanted, quote: Quote | None, tolerance: int) -> str:
    """Return why an order has to go, empty while it may stay."""
    if quote is None:
        price = view.market.yes_price(order.token, order.price)
        nearest = _nearest(wanted.quotes, price)
        if nearest is None:
            return f"no {'bid' if yes_side(view, order) is Side.BUY else 'ask'} now"
        away = abs(nearest.price - price)
        if away <= tolerance:
            return f"another stands at {to_text(nearest.price)}"
        return f"{in_ticks(away, view.book.tick)} from {to_text(nearest.price)}"
    if order.remaining > quote.most:
        return "more than the room for inventory"
    if order.remaining < view.market.min_size:
        return f"only {to_text(order.remaining)} left"
    return ""


def _meets_own(view: View, side: Side, price: int) -> bool:
    """Return whether a quote would meet one of our own on the other side, such as one still being cancelled."""
    others = (o for o in view.orders if yes_side(view, o) is not side)
    return any((price - view.market.yes_price(o.token, o.price)) * side.sign >= 0 for o in others)


class _Purse:
    """What new quotes are paid with: cash that nothing reserved, and settled shares that no order of ours offers."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._cash = view.cash
        self._shares = {view.market.yes: view.yes_settled, view.market.no: view.no_settled}
        for order in view.orders:
            if order.side is Side.SELL:
                self._shares[order.token] -= order.remaining

    def place(self, side: Side, quote: Quote, wanted: Wanted) -> Place | None:
        """Return the order for a quote, smaller where money is short, None where it is too short."""
        view, size = self._view, quote.size
        token, action, price = self._expression(side, quote)
        if action is Side.BUY:
            size = whole_size(view, min(size, self._cash * SCALE // price))
            if not size:
                return None
            self._cash -= notional(price, size) + 1
        else:
            self._shares[token] -= size
        name = "bid" if side is Side.BUY else "ask"
        return Place(
            token=token,
            side=action,
            price=price,
            size=size,
            why=f"{name} {to_text(quote.price)} ×{to_text(size)}: {wanted.why}",
            post_only=True,
            fair=view.market.yes_price(token, wanted.fair),
        )

    def _expression(self, side: Side, quote: Quote) -> tuple[TokenId, Side, int]:
        """Return token, side and own price: a sale of what is held before a purchase."""
        market = self._view.market
        own, other = (market.yes, market.no) if side is Side.BUY else (market.no, market.yes)
        price = quote.price if side is Side.BUY else complement(quote.price)
        if self._shares[other] >= quote.size:
            return other, Side.SELL, complement(price)
        return own, Side.BUY, price
