"""A two-sided quoter: rest on both sides of fair value, lean against inventory, never take.

Theory of operation. Fair value is the microprice. Inventory (YES − NO) moves the point around which quotes are placed
by up to `skew_ticks` against it, so that the side that reduces inventory is the more likely to fill. Quotes are whole
ticks, at least `half_spread_ticks` and `edge` from that point, and never reach the other side of the book.

A bid is a SELL of NO when enough is held, else a BUY of YES; an ask is a SELL of YES when enough is held, else a BUY of
NO at the complement: the same price, whichever needs no new money.

An order within `tolerance_ticks` of where it should be stays: its place in the queue is worth more than the tick. One
that is wrong is cancelled, and its side is quoted anew only when it is gone, so a side never rests twice.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import attrs

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.model.ids import StrategyId, TokenId
from agbot.model.order import OrderState, Side
from agbot.units import SCALE, complement, notional, tick_down, tick_up, to_text, to_units

_HUNDREDTH: Final = SCALE // 100
_MOVABLE: Final = (OrderState.OPEN, OrderState.PARTIALLY_FILLED)


def _units(value: object) -> int:
    return to_units(value if isinstance(value, Decimal | int) else str(value))


def _whole(value: object) -> int:
    units = _units(value)
    if units % SCALE:
        raise ValueError(f"{value} is not a whole number")
    return units // SCALE


def _decimal(default: str, *validators: Any) -> Any:
    """Return an attribute that a person writes as a decimal and the code reads in 10⁻⁶."""
    return attrs.field(default=default, converter=_units, validator=list(validators))


def _count(default: int, least: int) -> Any:
    return attrs.field(default=default, converter=_whole, validator=attrs.validators.ge(least))


@attrs.frozen(kw_only=True)
class QuoterParams:
    """How to quote. Sizes in shares, prices in usd; ticks are the market's of the moment.

    Args:
        size: shares per quote.
        max_position: net shares, long or short, beyond which the growing side is not quoted.
        half_spread_ticks: least distance from the leaning fair value; whole ticks, at least 1.
        edge: least distance in usd, for markets with a fine tick.
        skew_ticks: how far a full inventory moves the quotes.
        tolerance_ticks: how far a resting quote may be off before it is moved.
        low, high: outside these prices nothing is quoted.
    """

    size: int = _decimal("20", attrs.validators.gt(0))
    max_position: int = _decimal("200", attrs.validators.gt(0))
    half_spread_ticks: int = _count(1, 1)
    edge: int = _decimal("0.01", attrs.validators.ge(0))
    skew_ticks: int = _count(3, 0)
    tolerance_ticks: int = _count(1, 0)
    low: int = _decimal("0.05", attrs.validators.ge(0))
    high: int = _decimal("0.95", attrs.validators.le(SCALE))

    def __attrs_post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low {to_text(self.low)} is not below high {to_text(self.high)}")


@attrs.frozen(kw_only=True)
class _Sides:
    """Where to quote in YES price, None for a side that is not quoted, and why."""

    bid: int | None
    ask: int | None
    why: str
    fair: int = 0

    def price(self, side: Side) -> int | None:
        return self.bid if side is Side.BUY else self.ask


class Quoter:
    """The reference market maker. One instance quotes every market it is shown."""

    def __init__(self, params: QuoterParams | None = None, *, name: str = "quoter") -> None:
        self.id = StrategyId(name)
        self.params = params or QuoterParams()

    def decide(self, view: View) -> list[Intent]:
        """Return cancels for quotes that are wrong, then the quotes that are missing."""
        sides = self._sides(view)
        intents: list[Intent] = [
            Cancel(client_order_id=order.client_order_id, why=why)
            for order in view.orders
            if order.state in _MOVABLE and (why := self._wrong(view, order, sides))
        ]
        busy = {_yes_side(view, order) for order in view.orders}
        cash = view.cash
        for side in Side:
            if side not in busy and (place := self._quote(view, side, sides, cash)):
                cash -= notional(place.price, place.size) + 1 if place.side is Side.BUY else 0
                intents.append(place)
        return intents

    def _sides(self, view: View) -> _Sides:
        book, params, net = view.book, self.params, view.net_size
        fair = self._fair(view)
        if isinstance(fair, str):
            return _Sides(bid=None, ask=None, why=fair)
        tick = book.tick
        lean = min(params.skew_ticks * tick, params.skew_ticks * tick * abs(net) // params.max_position)
        shift = -lean if net > 0 else lean
        half = max(params.half_spread_ticks * tick, params.edge)
        bid = min(tick_down(fair + shift - half, tick), tick_down(book.best_ask - 1, tick))
        ask = max(tick_up(fair + shift + half, tick), tick_up(book.best_bid + 1, tick))
        inventory = f"inventory {_signed(net)}/{to_text(params.max_position)}"
        return _Sides(
            bid=bid if bid >= max(tick, params.low) and self._room(view, Side.BUY) else None,
            ask=ask if ask <= min(complement(tick), params.high) and self._room(view, Side.SELL) else None,
            why=f"fair {to_text(fair // 100 * 100)}, {inventory} shifts {_in_ticks(shift, tick)}",
            fair=fair,
        )

    def _fair(self, view: View) -> int | str:
        """Return the fair value of YES, or why nothing is quoted."""
        book = view.book
        if not view.trusted:
            return "the book is not trusted"
        if book.empty or book.locked or book.crossed:
            return "the book is empty, locked or crossed"
        micro = book.microprice()
        if micro is None:
            return "the book has one side only"
        fair = round(micro)
        if not self.params.low <= fair <= self.params.high:
            return f"fair {to_text(fair)} is outside {to_text(self.params.low)}–{to_text(self.params.high)}"
        return fair

    def _room(self, view: View, side: Side) -> int:
        """Return the shares that may still be quoted on a YES side, 0 when under the venue's minimum."""
        room = self.params.max_position - side.sign * view.net_size
        size = min(self.params.size, room) // _HUNDREDTH * _HUNDREDTH
        return size if size >= max(1, view.market.min_size) else 0

    def _quote(self, view: View, side: Side, sides: _Sides, cash: int) -> Place | None:
        price, size = sides.price(side), self._room(view, side)
        if price is None or _meets_own(view, side, price):
            return None
        token, action, own_price = _expression(view, side, price, size)
        if action is Side.BUY:
            size = min(size, cash * SCALE // own_price // _HUNDREDTH * _HUNDREDTH)
            if size < max(1, view.market.min_size):
                return None
        name = "bid" if side is Side.BUY else "ask"
        return Place(
            token=token,
            side=action,
            price=own_price,
            size=size,
            why=f"{name} {to_text(price)} ×{to_text(size)}: {sides.why}",
            post_only=True,
            fair=view.market.yes_price(token, sides.fair),
        )

    def _wrong(self, view: View, order: OwnOrder, sides: _Sides) -> str:
        """Return why an order has to go, empty while it may stay."""
        side = _yes_side(view, order)
        price = sides.price(side)
        if price is None:
            return f"no {'bid' if side is Side.BUY else 'ask'} now: {sides.why}"
        away = abs(view.market.yes_price(order.token, order.price) - price)
        if away > self.params.tolerance_ticks * view.book.tick:
            return f"{_in_ticks(away, view.book.tick)} from {to_text(price)}: {sides.why}"
        if order.remaining > self.params.max_position - side.sign * view.net_size:
            return f"more than the room for inventory: {sides.why}"
        if order.remaining < view.market.min_size and self._room(view, side):
            return f"only {to_text(order.remaining)} left: {sides.why}"
        return ""


def _yes_side(view: View, order: OwnOrder) -> Side:
    """Return which side of YES an order is on: buying NO is asking."""
    return order.side if order.token == view.market.yes else order.side.other


def _expression(view: View, side: Side, price: int, size: int) -> tuple[TokenId, Side, int]:
    """Return token, side and own price for a quote on a YES side: a sale of what is held before a purchase."""
    yes, no = view.market.yes, view.market.no
    if side is Side.BUY:
        return (no, Side.SELL, complement(price)) if view.no_settled >= size else (yes, Side.BUY, price)
    return (yes, Side.SELL, price) if view.yes_settled >= size else (no, Side.BUY, complement(price))


def _meets_own(view: View, side: Side, price: int) -> bool:
    """Return whether a quote would meet one of our own on the other side, such as one still being cancelled."""
    others = (o for o in view.orders if _yes_side(view, o) is not side)
    return any((price - view.market.yes_price(o.token, o.price)) * side.sign >= 0 for o in others)


def _signed(units: int) -> str:
    return f"{'+' if units > 0 else ''}{to_text(units)}".replace("-", "−")


def _in_ticks(price: int, tick: int) -> str:
    """Return a price difference in ticks with up to one decimal, such as ``−1`` or ``0.5 ticks``."""
    tenths = abs(price) * 10 // tick
    number = f"{tenths // 10}.{tenths % 10}".removesuffix(".0")
    sign = "−" if price < 0 and tenths else ""
    return f"{sign}{number} tick{'' if number == '1' else 's'}"
