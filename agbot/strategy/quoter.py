"""A two-sided quoter: rest on both sides of fair value, lean against inventory, never take.

Theory of operation. Fair value is the microprice. Inventory (YES − NO) moves the point around which quotes are placed
by up to `skew_ticks` against it, so that the side that reduces inventory is the more likely to fill. Quotes are whole
ticks, at least `half_spread_ticks` from that point, and never cross the book. The ask is a SELL of YES when enough is
held, else a BUY of NO at the complement: the same price, without shares. An order whose price is still within
`tolerance_ticks` of where it should be stays: its place in the queue is worth more than the tick.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import attrs

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.model.ids import StrategyId, TokenId
from agbot.model.order import OrderState, Side
from agbot.units import SCALE, complement, tick_down, tick_up, to_text, to_units

BUY_YES: Final = "bid"
SELL_YES: Final = "ask"


def _units(value: object) -> int:
    return to_units(value if isinstance(value, Decimal | int) else str(value))


def _field(default: str, validator: Any) -> Any:
    """Return an attribute that a person writes as a decimal and the code reads in 10⁻⁶."""
    return attrs.field(default=default, converter=_units, validator=validator)


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

    size: int = _field("20", attrs.validators.gt(0))
    max_position: int = _field("200", attrs.validators.gt(0))
    half_spread_ticks: int = attrs.field(default=1, converter=int, validator=attrs.validators.ge(1))
    edge: int = _field("0.01", attrs.validators.ge(0))
    skew_ticks: int = attrs.field(default=3, converter=int, validator=attrs.validators.ge(0))
    tolerance_ticks: int = attrs.field(default=1, converter=int, validator=attrs.validators.ge(0))
    low: int = _field("0.05", attrs.validators.ge(0))
    high: int = _field("0.95", attrs.validators.le(SCALE))


@attrs.frozen
class _Quote:
    name: str
    token: TokenId
    side: Side
    price: int
    size: int
    why: str


class Quoter:
    """The reference market maker. One instance quotes every market it is shown."""

    def __init__(self, params: QuoterParams | None = None, *, name: str = "quoter") -> None:
        self.id = StrategyId(name)
        self.params = params or QuoterParams()

    def decide(self, view: View) -> list[Intent]:
        """Return cancels for quotes that are wrong, then the quotes that are missing."""
        wanted = {q.name: q for q in self._wanted(view)}
        cancels: list[Intent] = []
        busy: set[str] = set()
        for order in view.orders:
            name = _name(view, order)
            busy.add(name)
            reason = self._wrong(view, order, wanted.get(name))
            if reason and order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED):
                cancels.append(Cancel(client_order_id=order.client_order_id, why=reason))
        return [*cancels, *(_place(q) for q in wanted.values() if q.name not in busy)]

    def _wanted(self, view: View) -> Iterator[_Quote]:
        fair = self._fair(view)
        if fair is None:
            return
        tick, net, params = view.book.tick, view.net_size, self.params
        lean = params.skew_ticks * tick * net // params.max_position
        center = int(fair) - max(-params.skew_ticks * tick, min(params.skew_ticks * tick, lean))
        half = max(params.half_spread_ticks * tick, params.edge)
        bid = min(tick_down(center - half, tick), view.book.best_ask - tick)
        ask = max(tick_up(center + half, tick), view.book.best_bid + tick)
        moved = round((center - int(fair)) / tick)
        full = to_text(params.max_position)
        why = f"fair {to_text(int(fair))}, inventory {_signed(net)}/{full} moves quotes {moved:+d} ticks"
        if params.low <= bid and net < params.max_position:
            yield from self._bid(view, bid, why)
        if ask <= params.high and net > -params.max_position:
            yield from self._ask(view, ask, why)

    def _fair(self, view: View) -> float | None:
        book = view.book
        if not view.trusted or book.empty or book.locked or book.crossed:
            return None
        if not (self.params.low <= book.best_bid and book.best_ask <= self.params.high):
            return None
        return book.microprice()

    def _bid(self, view: View, price: int, why: str) -> Iterator[_Quote]:
        size = self._size(view, self.params.max_position - view.net_size)
        if view.no_size >= size > 0:
            price_no, token, side = complement(price), view.market.no, Side.SELL
        else:
            price_no, token, side = price, view.market.yes, Side.BUY
        if size:
            yield _Quote(BUY_YES, token, side, price_no, size, f"bid {to_text(price)} ×{to_text(size)}: {why}")

    def _ask(self, view: View, price: int, why: str) -> Iterator[_Quote]:
        size = self._size(view, self.params.max_position + view.net_size)
        if view.yes_size >= size > 0:
            price_yes, token, side = price, view.market.yes, Side.SELL
        else:
            price_yes, token, side = complement(price), view.market.no, Side.BUY
        if size:
            yield _Quote(SELL_YES, token, side, price_yes, size, f"ask {to_text(price)} ×{to_text(size)}: {why}")

    def _size(self, view: View, room: int) -> int:
        """Return what may still be added on a side, 0 when it is under the venue's minimum."""
        size = min(self.params.size, room)
        return size if size >= max(1, view.market.min_size) else 0

    def _wrong(self, view: View, order: OwnOrder, wanted: _Quote | None) -> str:
        if wanted is None:
            return "no quote on this side now"
        if (order.token, order.side) != (wanted.token, wanted.side):
            return "the other token quotes this side now"
        away = abs(order.price - wanted.price)
        if away > self.params.tolerance_ticks * view.book.tick:
            return f"{away // view.book.tick} ticks from {to_text(wanted.price)}"
        return ""


def _name(view: View, order: OwnOrder) -> str:
    """Return which side of YES an order is on: buying NO is asking."""
    return BUY_YES if (order.token == view.market.yes) == (order.side is Side.BUY) else SELL_YES


def _place(quote: _Quote) -> Place:
    return Place(token=quote.token, side=quote.side, price=quote.price, size=quote.size, why=quote.why, post_only=True)


def _signed(units: int) -> str:
    return f"{'+' if units >= 0 else ''}{to_text(units)}"
