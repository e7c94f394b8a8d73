"""Hooks in their order, and whatever they say is wished."""

from __future__ import annotations

import attrs

from agbot.core.view import Cancel, Intent, OwnEnd, OwnFill, Place, View
from agbot.model.ids import ClientOrderId
from agbot.model.order import Liquidity, OrderState, Side
from agbot.strategy.lifecycle import Lifecycle
from agbot.testing.builders import make_market, shares
from tests.strategy.test_quoter import view_of

FILL = OwnFill(
    client_order_id=ClientOrderId("o"),
    token=make_market().yes,
    side=Side.BUY,
    price=1,
    size=2,
    fee=0,
    liquidity=Liquidity.MAKER,
    ts_ns=3,
)
END = OwnEnd(
    client_order_id=ClientOrderId("o"),
    token=FILL.token,
    side=Side.BUY,
    price=1,
    size=2,
    filled=2,
    state=OrderState.FILLED,
    reason="",
)
WISH = Place(token=FILL.token, side=Side.BUY, price=400_000, size=shares(5), why="hook")
TAKE_BACK = Cancel(client_order_id=ClientOrderId("o"), why="hook")


class Told(Lifecycle):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(name="told")
        self.told: list[str] = []

    def initialize(self, view: View) -> None:
        self.told.append(f"initialize {view.market.id}")

    def on_market_tick(self, view: View) -> list[Intent]:
        self.told.append("tick")
        return [WISH]

    def on_fill(self, view: View, fill: OwnFill) -> list[Intent]:
        self.told.append(f"fill {fill.size}{' voided' if fill.voided else ''}")
        return [TAKE_BACK]

    def on_cancel(self, view: View, end: OwnEnd) -> None:
        self.told.append(f"end {end.state}")

    def on_timer(self, view: View) -> tuple[Intent, ...]:
        self.told.append("second")
        return (WISH,)


def test_hooks_are_called_in_order_for_what_there_is_to_hear() -> None:
    told = Told()
    assert told.decide(view_of()) == [WISH]
    assert told.told == ["initialize m1", "tick"]
    told.told.clear()
    view = attrs.evolve(view_of(), fills=[FILL, attrs.evolve(FILL, voided=True)], ended=[END], second=True)
    assert told.decide(view) == [TAKE_BACK, TAKE_BACK, WISH, WISH]
    assert told.told == ["fill 2", "fill 2 voided", "end FILLED", "second", "tick"]


def test_each_market_is_met_once() -> None:
    told = Told()
    for market in (make_market("m1"), make_market("m2"), make_market("m1")):
        told.decide(view_of(market=market))
    assert [word for word in told.told if word.startswith("initialize")] == ["initialize m1", "initialize m2"]


def test_hooks_that_say_nothing_wish_nothing() -> None:
    view = attrs.evolve(view_of(), fills=[FILL], ended=[END], second=True)
    assert list(Lifecycle(name="idle").decide(view)) == []
    assert Lifecycle(name="idle").metadata() == {"strategy": "Lifecycle", "id": "idle"}
