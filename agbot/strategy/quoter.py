"""A two-sided quoter: rest on both sides of fair value, lean against inventory, never take.

Theory of operation. Fair value is the microprice of what others quote. Inventory (YES − NO) moves the point around
which quotes are placed by up to `skew_ticks` against it, so that the side that reduces inventory is the more likely to
fill. Quotes are whole ticks, at least `half_spread_ticks` and `edge` from that point, and never reach the other side of
the book.

What becomes of the quotes is `agbot.strategy.quoting`'s.
"""

from __future__ import annotations

import attrs

from agbot.core.view import Intent, View
from agbot.model.ids import StrategyId
from agbot.model.order import Side
from agbot.strategy.fields import count, decimal
from agbot.strategy.quoting import Quote, Wanted, Why, in_ticks, others, requote, signed, whole_size
from agbot.units import SCALE, complement, tick_down, tick_up, to_text


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

    size: int = decimal("20", attrs.validators.gt(0))
    max_position: int = decimal("200", attrs.validators.gt(0))
    half_spread_ticks: int = count(1, 1)
    edge: int = decimal("0.01", attrs.validators.ge(0))
    skew_ticks: int = count(3, 0)
    tolerance_ticks: int = count(1, 0)
    low: int = decimal("0.05", attrs.validators.ge(0))
    high: int = decimal("0.95", attrs.validators.le(SCALE))

    def __attrs_post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low {to_text(self.low)} is not below high {to_text(self.high)}")


class Quoter:
    """The reference market maker. One instance quotes every market it is shown."""

    def __init__(self, params: QuoterParams | None = None, *, name: str = "quoter") -> None:
        self.id = StrategyId(name)
        self.params = params or QuoterParams()

    def decide(self, view: View) -> list[Intent]:
        """Return cancels for quotes that are wrong, then the quotes that are missing."""
        fair = self._fair(view)
        if isinstance(fair, str):
            bid = ask = Wanted((), fair)
        else:
            bid, ask = self._sides(view, fair)
        return requote(view, {Side.BUY: bid, Side.SELL: ask}, self.params.tolerance_ticks * view.book.tick)

    def _sides(self, view: View, fair: int) -> tuple[Wanted, Wanted]:
        book, params, net = view.book, self.params, view.net_size
        tick = book.tick
        lean = min(params.skew_ticks * tick, params.skew_ticks * tick * abs(net) // params.max_position)
        shift = -lean if net > 0 else lean
        half = max(params.half_spread_ticks * tick, params.edge)
        bid = min(tick_down(fair + shift - half, tick), tick_down(book.best_ask - 1, tick))
        ask = max(tick_up(fair + shift + half, tick), tick_up(book.best_bid + 1, tick))

        def say() -> str:
            inventory = f"inventory {signed(net)}/{to_text(params.max_position)}"
            return f"fair {to_text(fair // 100 * 100)}, {inventory} shifts {in_ticks(shift, tick)}"

        why = Why(say)
        return (
            Wanted(self._quotes(view, Side.BUY, bid) if bid >= max(tick, params.low) else (), why, fair),
            Wanted(self._quotes(view, Side.SELL, ask) if ask <= min(complement(tick), params.high) else (), why, fair),
        )

    def _quotes(self, view: View, side: Side, price: int) -> tuple[Quote, ...]:
        """Return the quote on a side, none where the inventory has no room for the venue's minimum."""
        room = self.params.max_position - side.sign * view.net_size
        size = whole_size(view, min(self.params.size, room))
        return (Quote(price, size, room),) if size else ()

    def _fair(self, view: View) -> int | str:
        """Return the fair value of YES, or why nothing is quoted."""
        book = view.book
        if not view.trusted:
            return "the book is not trusted"
        if book.empty or book.locked or book.crossed:
            return "the book is empty, locked or crossed"
        market = others(view)
        if market is None:
            return "one side of the book has nobody else"
        (bid, bid_size), (ask, ask_size) = market
        fair = (2 * (bid * ask_size + ask * bid_size) + bid_size + ask_size) // (2 * (bid_size + ask_size))
        if not self.params.low <= fair <= self.params.high:
            return f"fair {to_text(fair)} is outside {to_text(self.params.low)}–{to_text(self.params.high)}"
        return fair
