"""One client order is one venue order, whatever is lost, late, doubled or broken on the way."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot.core.oms import Oms
from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.model.events import OrderAccepted, OrderRejected, OrderUnknown
from agbot.model.order import Order, OrderState
from agbot.testing.trading import TradingBench, hurried, trading
from agbot.testing.venue_stub import DUPLICATED, HTML_403, NOT_EXECUTED, RESTARTING, TIMED_OUT, Reply, throttled
from agbot.venue.convert import to_command

DEADLINE_S = 0.3
REJECTED = (VenueRefused, VenueUnavailable, VenueThrottled, VenueAuthFailed)


@pytest.fixture
def hurry():
    with hurried():
        yield


@attrs.define
class Caller:
    """What the gateway and the core make of an order."""

    bench: TradingBench
    oms: Oms = attrs.field(factory=Oms)
    _folded: int = 0

    async def place(self, order: Order) -> ExecutionError | None:
        """Place with a deadline, as the gateway does, and fold the answer in."""
        name = order.client_order_id
        self.oms.begin(1, to_command(order))
        error: ExecutionError | None = VenueAmbiguous("no answer in time")
        said = OrderUnknown(name, "no answer in time", 2)
        with trio.move_on_after(DEADLINE_S):
            try:
                ack = await self.bench.venue.place_order(order)
            except REJECTED as e:
                error, said = e, OrderRejected(name, e.reason, 2)
            except ExecutionError as e:
                error, said = e, OrderUnknown(name, e.reason, 2)
            else:
                error, said = None, OrderAccepted(name, ack.venue_order_id, 2)
        self.oms.apply(2, said)
        return error

    def state(self, name: str) -> OrderState:
        """Return what the core thinks now; a contradiction raises."""
        for evidence in self.bench.heard[self._folded :]:
            self.oms.apply(3, evidence)
        self._folded = len(self.bench.heard)
        return self.oms.get(name).state

    async def settled(self, name: str) -> OrderState:
        """Return what the core thinks once it knows."""
        await self.bench.until(lambda: self.state(name) is not OrderState.UNKNOWN, "an end of the doubt")
        return self.state(name)


def one_id(bench: TradingBench) -> None:
    """Every copy that was posted is the same, byte for byte."""
    bodies = {received.body for received in bench.stub.asked("POST", "/order")}
    assert len(bodies) <= 1, bodies
    assert len(bench.orders_at_venue()) <= 1


Fault = Callable[[TradingBench], object]
POST = ("POST", "/order")


def on_post(reply: Reply) -> Fault:
    """Answer one post with this, not acting on it."""
    return lambda bench: bench.stub.reply(*POST, reply, times=1)


def acted_then(reply: Reply) -> Fault:
    """Take one post, and answer it with this."""

    def script(bench: TradingBench) -> None:
        def said(received):
            bench.stub.default(received)
            return reply

        bench.stub.reply(*POST, said, times=1)

    return script


ARRIVED: dict[str, Fault] = {
    "the reply is lost": lambda bench: bench.stub.lose_reply(*POST),
    "half a reply": lambda bench: bench.stub.truncate_reply(*POST),
    "500 although it was taken": acted_then(NOT_EXECUTED),
    "502 although it was taken": acted_then(Reply(502, body=b"<html>bad gateway</html>", content_type="text/html")),
    "a reply nobody can read": acted_then(Reply(body=b"{")),
    "the reply is late": lambda bench: bench.stub.hold(*POST),
    "a copy was there before": acted_then(DUPLICATED),
}
NOT_ARRIVED: dict[str, Fault] = {
    "the connection is reset": lambda bench: bench.stub.reset(*POST),
    "500 and not taken": on_post(NOT_EXECUTED),
    "502 and not taken": on_post(Reply(502, {"error": "bad gateway"})),
    "unmatched": on_post(Reply(json={"success": True, "errorMsg": "", "orderID": "0x1", "status": "unmatched"})),
}


@pytest.mark.parametrize("fault", ARRIVED.values(), ids=ARRIVED)
async def test_an_order_that_arrived_is_found(fault, hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        fault(bench)
        await caller.place(order)
        assert await caller.settled(order.client_order_id) is OrderState.OPEN
        one_id(bench)
        assert [o.client_order_id for o in await bench.venue.get_open_orders()] == [order.client_order_id]


@pytest.mark.parametrize("fault", NOT_ARRIVED.values(), ids=NOT_ARRIVED)
async def test_an_order_that_did_not_arrive_is_posted_again_with_the_same_bytes(fault, hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        fault(bench)
        assert await caller.place(order) is None
        assert len(bench.posted()) == 2
        one_id(bench)


NOES = {
    "restarting": (RESTARTING, VenueUnavailable, 1),
    "throttled": (throttled(0), VenueThrottled, 2),
    "throttled for longer than anybody waits": (throttled(3), VenueThrottled, 1),
    "timed out before the book": (TIMED_OUT, VenueUnavailable, 3),
    "a page": (HTML_403, VenueAuthFailed, 1),
    "no money": (Reply(400, {"error": "not enough balance / allowance"}), VenueRefused, 1),
}


@pytest.mark.parametrize(("reply", "kind", "tries"), NOES.values(), ids=NOES)
async def test_a_no_is_a_no_and_is_asked_for_as_often_as_the_table_says(reply, kind, tries, hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        bench.stub.reply(*POST, reply, times=tries)
        assert isinstance(await caller.place(order), kind)
        assert caller.state(order.client_order_id) is OrderState.REJECTED
        assert len(bench.posted()) == tries
        assert bench.orders_at_venue() == set()


@pytest.mark.parametrize(("reply", "tries"), [(RESTARTING, 1), (throttled(0), 2), (TIMED_OUT, 3)])
async def test_what_was_not_taken_may_be_placed_again_and_is_the_same_order(reply, tries):
    async with trading() as bench:
        order = bench.order()
        bench.stub.reply(*POST, reply, times=tries)
        with pytest.raises((VenueUnavailable, VenueThrottled)):
            await bench.venue.place_order(order)
        await bench.venue.place_order(order)
        one_id(bench)
        with pytest.raises(VenueDuplicate):
            await bench.venue.place_order(order)


async def test_a_no_to_the_second_copy_says_nothing_of_the_first(hurry):
    """The first copy took the money: the second one lacks it. Only the venue's own record settles it."""
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        bench.stub.reply("GET", "/data/order/*", Reply(json=None), times=1)
        bench.stub.lose_reply(*POST)
        on_post(Reply(400, {"error": "not enough balance / allowance"}))(bench)
        assert isinstance(await caller.place(order), VenueAmbiguous)
        assert await caller.settled(order.client_order_id) is OrderState.OPEN
        one_id(bench)


async def test_an_order_that_filled_behind_a_lost_reply_is_filled_once(hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order(price="0.55", size="20")
        bench.stub.lose_reply(*POST)
        await caller.place(order)
        await bench.until(lambda: caller.state(order.client_order_id) is OrderState.FILLED)
        assert bench.filled(order.client_order_id) == 20
        one_id(bench)


async def test_an_order_that_never_arrived_is_written_off_by_what_the_venue_says(hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        bench.stub.reset(*POST, times=None)
        assert isinstance(await caller.place(order), VenueAmbiguous)
        assert await caller.settled(order.client_order_id) is OrderState.CANCELLED
        assert "has no such order" in bench.of(order.client_order_id)[-1].reason
        assert len(bench.stub.asked("DELETE", "/order")) == 1
        one_id(bench)


async def test_while_the_venue_is_not_heard_nothing_is_concluded(hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        bench.stub.lose_reply(*POST)
        for path in ("/data/order/*", "/data/trades"):
            bench.stub.reply("GET", path, Reply(502), times=6)
        await caller.place(order)
        assert caller.state(order.client_order_id) is OrderState.UNKNOWN
        assert await caller.settled(order.client_order_id) is OrderState.OPEN
        one_id(bench)


async def test_one_that_was_written_off_and_rests_all_the_same_is_cancelled(hurry):
    async with trading() as bench:
        caller, order = Caller(bench), bench.order()
        taken = []
        bench.stub.reply(*POST, lambda received: taken.append(received) or Reply(502), times=None)
        await caller.place(order)
        assert await caller.settled(order.client_order_id) is OrderState.CANCELLED
        bench.stub.default(taken[0])  # it had been on its way all the time
        await bench.stub.wait_for("DELETE", "/order", 2)
        assert bench.stub.exchange.live == {}
        assert caller.state(order.client_order_id) is OrderState.CANCELLED


WORDS = [*ARRIVED, *NOT_ARRIVED, "restarting", "honest"]
schedules = st.tuples(
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.integers(0, 4),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(["rests", "takes"]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(schedules)
async def test_no_schedule_of_faults_makes_two_orders_or_loses_one(schedule):
    await play(*schedule)


async def play(faults: list[str], lost_reads: int, lost_lists: int, drop: bool, what: str) -> None:
    with hurried():
        async with trading() as bench:
            caller = Caller(bench)
            order = bench.order() if what == "rests" else bench.order(price="0.55", size="15")
            name = order.client_order_id
            for fault in faults:
                if fault != "honest":
                    {**ARRIVED, **NOT_ARRIVED, "restarting": on_post(RESTARTING)}[fault](bench)
            bench.stub.reply("GET", "/data/order/*", Reply(502), times=lost_reads)
            bench.stub.reply("GET", "/data/trades", Reply(502), times=lost_lists)
            await caller.place(order)
            if drop:
                bench.stub.user_sockets.drop()
            at_venue = bench.stub.exchange
            await bench.until(lambda: caller.state(name) is not OrderState.UNKNOWN, f"an end of the doubt: {faults}")
            await bench.until(lambda: bool(at_venue.live) is not caller.state(name).terminal or at_venue.finished)
            one_id(bench)
            if at_venue.finished:
                await bench.until(lambda: caller.state(name) is OrderState.FILLED, f"its fill: {faults}")
                assert caller.oms.get(name).filled == 15 * 10**6
