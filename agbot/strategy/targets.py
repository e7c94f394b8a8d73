"""From the position a strategy wants to the orders that bring it about, at once and within a bound of the price.

The position is the strategy's own (`View.own_net`), so it survives a restart and does not mind what others hold. What
it holds is sold before the other outcome is bought. Orders are IOC: nothing rests, so nothing has to be taken back.
"""

from __future__ import annotations

from typing import Final

import attrs

from agbot.core.view import Intent, Place, View
from agbot.model.ids import MarketId, TokenId
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, SCALE, complement, notional, tick_down

HUNDREDTH: Final = SCALE // 100
LEAST_USD: Final = SCALE
"""What a sale of less than the market's minimum has to be worth for the venue to take it."""
PAUSE_MAX_S: Final = 64


@attrs.frozen(kw_only=True)
class Target:
    """The net shares (YES − NO) that a strategy wants of its own, and why. `fair` is what YES is worth to it."""

    net: int
    why: str
    fair: int = 0


class Mover:
    """Moves a strategy's own position towards its target, one order at a time in each market.

    Args:
        slip_ticks: how far beyond the best price an order may reach.
    """

    def __init__(self, slip_ticks: int) -> None:
        self._slip_ticks = slip_ticks
        self._denials: dict[MarketId, tuple[int, int]] = {}

    def toward(self, view: View, target: Target) -> list[Intent]:
        """Return the order that comes next, none while one is under way or nothing can be done."""
        if not view.trusted or view.orders or self._waits(view):
            return []
        gap = target.net - view.own_net
        side = Side.BUY if gap > 0 else Side.SELL
        for token, action, most in _ways(view, side):
            if place := self._order(view, token, action, min(abs(gap), most), target):
                return [place]
        return []

    def there(self, view: View, target: Target) -> bool:
        """Return whether what is missing is too little to be ordered."""
        return abs(target.net - view.own_net) < max(HUNDREDTH, view.market.min_size)

    def _waits(self, view: View) -> bool:
        """Return whether to let some time pass: after a denial one second, after each more in a row twice as long."""
        count, until_ns = self._denials.get(view.market.id, (0, 0))
        if view.denied:
            count = min(count + 1, PAUSE_MAX_S.bit_length())
            until_ns = view.now_ns + (NS_PER_S << (count - 1))
            self._denials[view.market.id] = (count, until_ns)
        elif view.fills:
            self._denials.pop(view.market.id, None)
        return view.now_ns < until_ns

    def _order(self, view: View, token: TokenId, action: Side, size: int, target: Target) -> Place | None:
        book = view.books[view.market.outcome(token)]
        best = book.best_ask if action is Side.BUY else book.best_bid
        if book.empty or not 0 < best < SCALE:
            return None
        reach = best + action.sign * self._slip_ticks * book.tick
        price = min(max(reach, book.tick), tick_down(complement(book.tick), book.tick))
        if action is Side.BUY:
            size = min(size, view.cash * SCALE // price)
        step = max(HUNDREDTH, view.market.size_step)
        size = size // step * step
        if size < max(step, view.market.min_size) and (action is Side.BUY or notional(best, size) < LEAST_USD):
            return None
        fair = view.market.yes_price(token, target.fair) if target.fair else 0
        return Place(
            token=token,
            side=action,
            price=price,
            size=size,
            why=target.why,
            time_in_force=TimeInForce.IOC,
            fair=fair,
        )


def _ways(view: View, side: Side) -> list[tuple[TokenId, Side, int]]:
    """Return how a side of YES can be traded, and how much: a sale of what is our own first."""
    market = view.market
    if side is Side.BUY:
        own, settled, closing, opening = view.own_no, view.no_settled, market.no, market.yes
    else:
        own, settled, closing, opening = view.own_yes, view.yes_settled, market.yes, market.no
    held = min(own, settled)
    opens = [(opening, Side.BUY, SCALE * SCALE)] if own <= 0 else []
    return [(closing, Side.SELL, held), *opens] if held > 0 else opens


def own(view: View) -> int:
    """Return the strategy's own net shares, 0 where they are too few to be traded."""
    return view.own_net if abs(view.own_net) >= max(HUNDREDTH, view.market.min_size) else 0


def mid(view: View) -> float | None:
    """Return the microprice of YES as a probability, None where there is none to be had."""
    book = view.book
    if not view.trusted or book.empty or book.locked or book.crossed:
        return None
    micro = book.microprice()
    return None if micro is None or not 0 < micro < SCALE else micro / SCALE


def spread_ticks(view: View) -> int:
    """Return how many ticks apart the best prices of YES are."""
    return (view.book.best_ask - view.book.best_bid) // view.book.tick
