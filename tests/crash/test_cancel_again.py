"""A cancel that nobody answers is sent again: no order stays out of reach because one request got lost."""

from __future__ import annotations

import pytest

from agbot.core.engine import Engine, EngineSettings
from agbot.core.oms import CANCEL_AGAIN_NS
from agbot.core.risk import Gate
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.model.events import (
    BookSnapshot,
    CancelRejected,
    HaltRequested,
    MarketListed,
    OperatorCancel,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderUnknown,
    Timer,
)
from agbot.model.market import Market
from agbot.model.order import OrderState, OrderType, Side, TimeInForce

MARKET = Market(id="m", yes="Y", no="N")
START = 10**18


class Desk:
    """An engine with one order of the operator's that the venue accepted."""

    def __init__(self):
        self.now = START
        self.engine = Engine(EngineSettings(run_id="r", capital=10**9), Gate([]), [])
        order = OperatorOrder(
            "q", "m", "Y", Side.BUY, OrderType.LIMIT, 400_000, 10_000_000, TimeInForce.GTC, False, 0, START
        )
        book = BookSnapshot("Y", ((480_000, 10**8),), ((520_000, 10**8),), START)
        (placed,) = self.tell(MarketListed(MARKET, START), book, order)
        assert isinstance(placed, PlaceOrder)
        self.id = placed.client_order_id

    @property
    def record(self):
        return self.engine.oms.get(self.id)

    def tell(self, *events, after=0):
        self.now += after
        return list(self.engine.step(self.now, list(events)).output.commands)

    def second(self, after):
        return self.tell(Timer("second", self.now), after=after)


@pytest.fixture
def desk():
    made = Desk()
    made.tell(OrderAccepted(made.id, "v", START))
    return made


@pytest.mark.parametrize(
    "wish", [OperatorCancel("", "all", START), HaltRequested("stop", START)], ids=["cancel all", "halt"]
)
def test_an_order_that_a_lost_cancel_all_left_is_cancelled_by_itself(desk, wish):
    assert [type(c) for c in desk.tell(wish)] == [CancelAll]
    assert desk.record.state is OrderState.PENDING_CANCEL
    assert desk.second(CANCEL_AGAIN_NS - 1) == []
    (again,) = desk.second(1)
    assert (type(again), again.client_order_id) == (CancelOrder, desk.id)
    assert desk.second(1) == [], "once is enough for now"
    assert len(desk.second(CANCEL_AGAIN_NS)) == 1


def test_an_order_that_was_accepted_after_a_cancel_all_is_cancelled_by_itself():
    desk = Desk()
    desk.tell(OperatorCancel("", "all", START))
    desk.tell(OrderAccepted(desk.id, "v", START), after=1)
    assert desk.record.state is OrderState.PENDING_CANCEL
    (again,) = desk.second(CANCEL_AGAIN_NS)
    assert again.client_order_id == desk.id


def test_a_cancel_without_an_answer_is_asked_again(desk):
    desk.tell(OperatorCancel(desk.id, "operator", START))
    desk.tell(OrderUnknown(desk.id, "no answer to the cancel", START), after=1)
    assert desk.record.state is OrderState.UNKNOWN
    (again,) = desk.second(CANCEL_AGAIN_NS)
    assert again.client_order_id == desk.id


def test_an_operator_may_ask_again_himself_but_not_in_one_breath(desk):
    wish = OperatorCancel(desk.id, "operator", START)
    assert len(desk.tell(wish)) == 1
    assert desk.tell(wish) == []
    assert len(desk.tell(wish, after=CANCEL_AGAIN_NS)) == 1


def test_an_unknown_order_is_not_cancelled_a_thousand_times(desk):
    desk.tell(OrderUnknown(desk.id, "silence", START))
    wish = OperatorCancel(desk.id, "operator", START)
    assert [len(desk.tell(wish, after=1)) for _ in range(5)] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "answer", [lambda o: CancelRejected(o, "no", START), lambda o: OrderCancelled(o, "", START)], ids=["no", "done"]
)
def test_an_answered_cancel_is_not_repeated(desk, answer):
    desk.tell(OperatorCancel(desk.id, "operator", START))
    desk.tell(answer(desk.id), after=1)
    assert desk.second(CANCEL_AGAIN_NS * 3) == []


def test_a_refused_cancel_may_be_asked_again_at_once(desk):
    desk.tell(OperatorCancel(desk.id, "operator", START))
    desk.tell(CancelRejected(desk.id, "no", START))
    assert len(desk.tell(OperatorCancel(desk.id, "operator", START))) == 1


def test_an_order_of_which_nobody_wished_the_end_is_left_alone(desk):
    desk.tell(OrderUnknown(desk.id, "silence", START))
    assert desk.second(CANCEL_AGAIN_NS * 3) == []
