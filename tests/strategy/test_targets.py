"""From a wanted position to orders: the right token, the right size, never more than is asked, patience after a no."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.view import OwnDenial, Place, View
from agbot.model.order import Side, TimeInForce
from agbot.strategy.targets import HUNDREDTH, Mover, Target, mid, own
from agbot.testing.builders import levels, make_market, shares
from agbot.units import NS_PER_S, SCALE, to_text
from tests.strategy.test_quoter import own as own_order
from tests.strategy.test_quoter import view_of


def holding(yes: int = 0, no: int = 0, **changes: object) -> View:
    view = view_of(yes=max(yes, 0), no=max(no, 0))
    return attrs.evolve(view, own_yes=yes, own_no=no, **changes)


def orders(view: View, net: int, slip: int = 1) -> list[tuple[str, str, str, str]]:
    intents = Mover(slip).toward(view, Target(net=net, why="test", fair=500_000))
    assert all(isinstance(i, Place) and i.time_in_force is TimeInForce.IOC for i in intents)
    return [(i.token, i.side.value, to_text(i.price), to_text(i.size)) for i in intents if isinstance(i, Place)]


@pytest.mark.parametrize(
    ("yes", "no", "net", "expected"),
    [
        (0, 0, 0, []),
        (0, 0, 20, [("m1-yes", "BUY", "0.54", "20")]),
        (0, 0, -20, [("m1-no", "BUY", "0.54", "20")]),
        (30, 0, 20, [("m1-yes", "SELL", "0.46", "10")]),
        (0, 30, -20, [("m1-no", "SELL", "0.46", "10")]),
        (20, 0, 20, []),
        (20, 0, -20, [("m1-yes", "SELL", "0.46", "20")]),
        (0, 20, 20, [("m1-no", "SELL", "0.46", "20")]),
        (0, 0, 3, []),
        (20, 0, 17, [("m1-yes", "SELL", "0.46", "3")]),
        (20, 0, 19, []),
    ],
)
def test_the_next_order(yes: int, no: int, net: int, expected: list[tuple[str, str, str, str]]) -> None:
    """Closing comes before opening; under the minimum nothing is opened, and closed only what is worth a usd."""
    assert orders(holding(shares(yes), shares(no)), shares(net)) == expected


def test_only_settled_shares_of_its_own_are_sold() -> None:
    view = holding(shares(20), yes_unsettled=shares(12))
    assert orders(view, 0) == [("m1-yes", "SELL", "0.46", "8")]
    others = attrs.evolve(view_of(yes=shares(50)), own_yes=0)
    assert orders(others, -shares(20)) == [("m1-no", "BUY", "0.54", "20")]


def test_cash_bounds_what_is_bought() -> None:
    assert orders(holding(cash=shares(5)), shares(100)) == [("m1-yes", "BUY", "0.54", "9.25")]
    assert orders(holding(cash=shares(1)), shares(100)) == []


@pytest.mark.parametrize("slip", [0, 1, 100])
def test_the_limit_stays_on_the_grid(slip: int) -> None:
    ((_, _, price, _),) = orders(holding(), shares(20), slip)
    assert price == {0: "0.53", 1: "0.54", 100: "0.99"}[slip]


def test_nothing_is_asked_for_while_an_order_is_under_way_or_the_book_is_not_believed() -> None:
    assert orders(attrs.evolve(holding(), orders=[own_order()]), shares(20)) == []
    assert orders(attrs.evolve(holding(), trusted=False), shares(20)) == []
    assert orders(view_of(bids=(), asks=()), shares(20)) == []
    assert orders(view_of(bids=levels(("0.47", "9")), asks=()), shares(20)) == []


def test_after_a_denial_it_waits_twice_as_long_each_time_and_a_fill_ends_that() -> None:
    mover, target, now = Mover(1), Target(net=shares(20), why="test"), 1
    denial = OwnDenial(token=make_market().yes, side=Side.BUY, price=1, size=1, violated=("PositionLimit",))
    for waits_s in (1, 2, 4, 8):
        assert mover.toward(attrs.evolve(holding(), now_ns=now, denied=[denial]), target) == []
        assert mover.toward(attrs.evolve(holding(), now_ns=now + waits_s * NS_PER_S - 1), target) == []
        now += waits_s * NS_PER_S
        assert len(mover.toward(attrs.evolve(holding(), now_ns=now), target)) == 1


@given(
    st.integers(-500, 500),
    st.integers(-500, 500),
    st.integers(0, 300),
    st.integers(0, 10**9),
    st.booleans(),
)
def test_an_order_only_ever_brings_it_nearer(have: int, want: int, unsettled: int, cash: int, mint: bool) -> None:
    hundredths = have * HUNDREDTH * 7
    yes, no = max(hundredths, 0), max(-hundredths, 0)
    view = attrs.evolve(
        view_of(yes=yes, no=no, cash=cash),
        own_yes=yes,
        own_no=no,
        yes_unsettled=min(yes, unsettled * HUNDREDTH) if mint else 0,
    )
    target = Target(net=want * HUNDREDTH * 11, why="test")
    for intent in Mover(1).toward(view, target):
        assert isinstance(intent, Place)
        sign = intent.side.sign * (1 if intent.token == view.market.yes else -1)
        after = view.own_net + sign * intent.size
        assert abs(target.net - after) < abs(target.net - view.own_net)
        assert (target.net - view.own_net) * (target.net - after) >= 0
        assert intent.size % HUNDREDTH == 0
        if intent.side is Side.BUY:
            assert intent.price * intent.size <= cash * SCALE


def test_dust_counts_as_nothing() -> None:
    assert own(holding(shares(4))) == 0
    assert own(holding(shares(5))) == shares(5)
    assert own(holding(0, shares(6))) == -shares(6)


def test_a_price_is_the_microprice_of_a_book_that_can_be_believed() -> None:
    assert mid(view_of()) == 0.5
    assert mid(view_of(trusted=False)) is None
    assert mid(view_of(bids=(), asks=())) is None
    assert mid(view_of(bids=levels(("0.5", "1")), asks=levels(("0.5", "1")))) is None
