"""What a market maker remembers of one market: how much it moves, who trades how far, and who ran over its quotes."""

from __future__ import annotations

from collections import deque

import attrs

from agbot.core.view import OwnFill, View
from agbot.model.events import TradePrint
from agbot.model.order import Side
from agbot.quant.odds import logit
from agbot.quant.signals import Top
from agbot.strategy.signals import LogitVolatility, OrderFlow
from agbot.strategy.signals.fills import FillRate
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class GuardTerms:
    """`fills` on one side within `window_ns` take that side off for `pause_ns`; 0 fills: never."""

    fills: int
    window_ns: int
    pause_ns: int


class Guard:
    """Pulls a side of YES on which too much filled too fast: who knows more takes one side only."""

    def __init__(self, terms: GuardTerms) -> None:
        self._terms = terms
        self._times: dict[Side, deque[int]] = {side: deque() for side in Side}
        self._until_ns: dict[Side, int] = dict.fromkeys(Side, 0)

    def filled(self, now_ns: int, side: Side) -> None:
        """Note an execution of ours on a side of YES."""
        terms, times = self._terms, self._times[side]
        times.append(now_ns)
        while times[0] <= now_ns - terms.window_ns:
            times.popleft()
        if 0 < terms.fills <= len(times):
            times.clear()
            self._until_ns[side] = now_ns + terms.pause_ns

    def until_ns(self, side: Side) -> int:
        """Return until when a side is not quoted; a time that has passed: it is."""
        return self._until_ns[side]


class Watch:
    """Signals of one market, told by its views; `mid` is that of YES when both sides were there last, usd."""

    def __init__(self, guard: GuardTerms, *, vol_period: int, fit_half_life_s: float, flow_period: int) -> None:
        self.guard = Guard(guard)
        self.fills = FillRate(fit_half_life_s)
        self.mid: float | None = None
        self._vol = LogitVolatility(vol_period) if vol_period else None
        self._flow = OrderFlow(flow_period) if flow_period else None
        self._top: Top | None = None

    @property
    def logit_vol(self) -> float | None:
        """Return the realised volatility of the logit for each √year, None while it is not known."""
        return self._vol.value if self._vol else None

    @property
    def flow(self) -> float:
        """Return the order-flow imbalance at the best prices in shares, 0 while it is not known."""
        return (self._flow.value or 0.0) if self._flow else 0.0

    def second(self, view: View) -> None:
        """Take the price of this second."""
        if self._vol is not None and self.mid is not None and view.trusted:
            self._vol.update(view.now_ns, logit(self.mid))

    def fill(self, view: View, fill: OwnFill) -> None:
        """Take an execution of ours; one that is taken back says nothing."""
        if not fill.voided:
            side = fill.side if fill.token == view.market.yes else fill.side.other
            self.guard.filled(view.now_ns, side)

    def look(self, view: View) -> None:
        """Take what traded, against the mid from before it, and then the book."""
        self.fills.begin(view.now_ns)
        if view.prints and self.mid is not None:
            self._traded(view, self.mid)
        book = view.book
        if not view.trusted or book.empty or book.best_bid == 0 or book.best_ask == SCALE:
            return
        self.mid = (book.best_bid + book.best_ask) / (2 * SCALE)
        if self._flow is not None:
            top = (book.best_bid, book.best_bid_size / SCALE, book.best_ask, book.best_ask_size / SCALE)
            if top != self._top:
                self._flow.update(top)
            self._top = top

    def _traded(self, view: View, mid: float) -> None:
        """Take one taker a side and batch, who reached as far as the furthest of its prints."""
        reached: dict[Side, float] = {}
        for each in view.prints:
            side, distance = _reach(view, each, mid)
            reached[side] = max(distance, reached.get(side, view.book.tick / (2 * SCALE)))
        for distance in reached.values():
            self.fills.update(view.now_ns, distance)


def _reach(view: View, traded: TradePrint, mid: float) -> tuple[Side, float]:
    """Return the taker's side of YES, and how far from the mid it traded."""
    side = traded.side if traded.token == view.market.yes else traded.side.other
    return side, side.sign * (view.market.yes_price(traded.token, traded.price) / SCALE - mid)
