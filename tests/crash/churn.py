"""A strategy that trades all the time, every way there is: bait for a kill. It rests first, for a look at the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agbot.core.view import Cancel, Intent, Place, View
from agbot.model.ids import StrategyId
from agbot.model.market import Outcome
from agbot.model.order import OrderState, Side, TimeInForce
from agbot.units import NS_PER_MS, SCALE

AT_ONCE: Final = 3
LIVE_MAX: Final = 8
SIZE: Final = 6 * SCALE


class Churn:
    """Quotes, takes, sells and cancels in turn.

    Args:
        rest_ms: how long after it first sees a market it does nothing.
    """

    def __init__(self, rest_ms: int = 1500) -> None:
        self.id = StrategyId("churn")
        self._rest_ns = rest_ms * NS_PER_MS
        self._first_ns = 0
        self._turn = 0

    def decide(self, view: View) -> Sequence[Intent]:
        """Return the next thing in turn, if it can be had."""
        self._first_ns = self._first_ns or view.now_ns
        if view.now_ns < self._first_ns + self._rest_ns or not view.trusted or view.book.empty:
            return ()
        return [intent for _ in range(AT_ONCE) for intent in self._next(view)]

    def _next(self, view: View) -> Sequence[Intent]:
        self._turn += 1
        resting = [order for order in view.orders if order.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)]
        if len(view.orders) >= LIVE_MAX or (self._turn % 4 == 0 and resting):
            return [Cancel(client_order_id=order.client_order_id, why="turn") for order in resting[:2]]
        place = self._place(view)
        return [place] if place else ()

    def _place(self, view: View) -> Place | None:
        outcome = list(Outcome)[self._turn // 2 % 2]
        book, token = view.books[outcome], view.market.token(outcome)
        held = view.yes_settled if outcome is Outcome.YES else view.no_settled
        size = SIZE + self._turn % 100 * SCALE // 100
        immediate = (TimeInForce.FOK, TimeInForce.FAK)[self._turn % 2]
        if self._turn % 5 in (0, 1) and 0 < book.best_bid < SCALE:
            return Place(token=token, side=Side.BUY, price=book.best_bid, size=size, why="rests", post_only=True)
        if self._turn % 5 == 2 and held >= size and 0 < book.best_bid < SCALE:
            return Place(
                token=token, side=Side.SELL, price=book.best_bid, size=size, why="sells", time_in_force=immediate
            )
        if 0 < book.best_ask < SCALE:
            return Place(
                token=token, side=Side.BUY, price=book.best_ask, size=size, why="takes", time_in_force=immediate
            )
        return None
