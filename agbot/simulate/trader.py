"""A strategy that wishes for a bit of everything: all times in force, both sides, whims. Decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Final

from agbot.core.view import Cancel, Intent, Place, View
from agbot.model.ids import StrategyId
from agbot.model.market import Outcome
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.units import NS_PER_S, SCALE, tick_down

RESTING_MAX: Final = 4
_KINDS: Final = (
    TimeInForce.GTC,
    TimeInForce.GTC,
    TimeInForce.GTC,
    TimeInForce.GTD,
    TimeInForce.FOK,
    TimeInForce.FAK,
)


class Trader:
    """See the module."""

    def __init__(self, seed: int, *, eagerness: float = 0.25) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._eagerness = eagerness

    @property
    def id(self) -> StrategyId:
        """Return its name."""
        return StrategyId("anything")

    def decide(self, view: View) -> Sequence[Intent]:
        """Return what it wishes."""
        return list(self._wishes(view))

    def _wishes(self, view: View) -> Iterator[Intent]:
        dice = self._dice
        for order in view.orders:
            if dice.random() < 0.03:
                yield Cancel(client_order_id=order.client_order_id, why="a whim")
        if view.trusted and len(view.orders) < RESTING_MAX and dice.random() < self._eagerness:
            yield self._place(view)

    def _place(self, view: View) -> Place:
        dice, market = self._dice, view.market
        outcome = dice.choice((Outcome.YES, Outcome.NO))
        book, token = view.books[outcome], market.token(outcome)
        held = view.yes_settled if outcome is Outcome.YES else view.no_settled
        size = 5 * SCALE * dice.randrange(1, 5)
        side = Side.SELL if held >= size and dice.random() < 0.7 else Side.BUY
        kind = dice.choice(_KINDS)
        through = kind.immediate or dice.random() < 0.3
        best = book.best_ask if side is Side.BUY else book.best_bid
        away = -side.sign if not through else side.sign
        price = tick_down(best + away * book.tick * dice.randrange(0, 4), book.tick)
        price = min(max(price, book.tick), SCALE - book.tick)
        return Place(
            token=token,
            side=side,
            price=price,
            size=size,
            why="a wish",
            order_type=OrderType.MARKET if kind.immediate else OrderType.LIMIT,
            time_in_force=kind,
            post_only=not through and dice.random() < 0.3,
            expire_ns=view.now_ns + 240 * NS_PER_S if kind is TimeInForce.GTD else 0,
            budget=price * size // SCALE // 10_000 * 10_000 if kind.immediate and side is Side.BUY else 0,
        )
