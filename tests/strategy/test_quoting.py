"""From wanted quotes to intents: what stands is left, one order a place, paid with what there is."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agbot.core.view import Cancel, Intent, OwnOrder, View
from agbot.model.order import OrderState, Side
from agbot.strategy.quoting import Quote, Wanted, requote
from agbot.testing.builders import shares
from agbot.units import to_units
from tests.strategy.test_quoter import own, shown, view_of

TICK = 10_000


def quotes(*prices: str, most: str = "20") -> Wanted:
    rows = [Quote(to_units(price), shares(20), to_units(most)) for price in prices]
    return Wanted(rows, "a test", to_units("0.5"))


def asked(view: View, bids: Wanted, asks: Wanted | None = None, tolerance: int = TICK) -> list[Intent]:
    return requote(view, {Side.BUY: bids, Side.SELL: asks or quotes()}, tolerance)


def gone(intents: Sequence[Intent]) -> list[tuple[str, str]]:
    return [(i.client_order_id, i.why) for i in intents if isinstance(i, Cancel)]


def bids(*prices: str, state: OrderState = OrderState.OPEN, remaining: str = "20") -> list[OwnOrder]:
    return [
        own(name, price=price, state=state, remaining=remaining) for name, price in zip("abc", prices, strict=False)
    ]


@pytest.mark.parametrize(
    ("resting", "cancelled", "placed"),
    [
        ((), [], ["0.48", "0.45"]),
        (("0.48",), [], ["0.45"]),
        (("0.44",), [], ["0.48"]),
        (("0.48", "0.45"), [], []),
        (("0.47", "0.46"), [], []),
        # One a place: a second order where one stands goes, and its place is quoted when it is gone.
        (("0.48", "0.48"), [("b", "another stands at 0.48: a test")], []),
        (("0.48", "0.49", "0.45"), [("b", "another stands at 0.48: a test")], []),
        (("0.40",), [("a", "5 ticks from 0.45: a test")], ["0.48"]),
        (("0.40", "0.41"), [("a", "5 ticks from 0.45: a test"), ("b", "4 ticks from 0.45: a test")], []),
        (("0.48", "0.45", "0.40"), [("c", "5 ticks from 0.45: a test")], []),
    ],
)
def test_what_stands_is_left(resting: Sequence[str], cancelled: list[tuple[str, str]], placed: list[str]) -> None:
    intents = asked(view_of(orders=bids(*resting)), quotes("0.48", "0.45"))
    assert gone(intents) == cancelled
    assert [row[2] for row in shown(intents)] == placed


@pytest.mark.parametrize("state", [OrderState.PENDING_NEW, OrderState.PENDING_CANCEL, OrderState.UNKNOWN])
def test_what_is_on_its_way_has_its_place_and_is_left_alone(state: OrderState) -> None:
    intents = asked(view_of(orders=bids("0.40", state=state)), quotes("0.48", "0.45"))
    assert gone(intents) == []
    assert [row[2] for row in shown(intents)] == ["0.48"]


@pytest.mark.parametrize(
    ("remaining", "why"),
    [("4.99", "only 4.99 left: a test"), ("25.01", "more than the room for inventory: a test")],
)
def test_a_size_that_is_wrong_is_replaced(remaining: str, why: str) -> None:
    assert gone(asked(view_of(orders=bids("0.48", remaining=remaining)), quotes("0.48", most="25"))) == [("a", why)]
    assert asked(view_of(orders=bids("0.48", remaining="25")), quotes("0.48", most="25")) == []


def test_shares_and_cash_are_used_once() -> None:
    view = view_of(yes=shares(45), no=shares(20), cash=shares(16))
    assert shown(asked(view, quotes("0.48", "0.45"), quotes("0.52", "0.53", "0.54"))) == [
        ("m1-no", "SELL", "0.52", "20"),
        ("m1-yes", "BUY", "0.45", "20"),  # 9 of the 16 usd
        ("m1-yes", "SELL", "0.52", "20"),
        ("m1-yes", "SELL", "0.53", "20"),
        ("m1-no", "BUY", "0.46", "15.21"),
    ]
    offered = [own("s", Side.SELL, "0.60", "30")]
    view = view_of(yes=shares(45), orders=offered)
    assert shown(asked(view, quotes(), quotes("0.60", "0.61"))) == [("m1-no", "BUY", "0.39", "20")]


def test_our_own_orders_never_meet() -> None:
    dying = [own("s", Side.SELL, "0.48", state=OrderState.PENDING_CANCEL)]
    assert [row[2] for row in shown(asked(view_of(orders=dying), quotes("0.48", "0.47")))] == ["0.47"]
