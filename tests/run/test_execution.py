"""Orders beside the strategies: every way a submit and a cancel can end."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing

from agbot.core.rules import PositionLimit
from agbot.errors import (
    KillSwitchActiveError,
    NotFoundError,
    RiskRejected,
    TimedOutError,
    UnsupportedOrder,
    VenueRefused,
)
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    KillSwitchSet,
    MarketListed,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce
from agbot.run.execution import ANSWER_S, LocalExecution
from agbot.run.inbox import Inbox
from agbot.testing.builders import make_order
from agbot.units import to_units
from agbot.venue.ports import ExecutionEngine


class Bench:
    """An execution over a core; `answer` says what the venue makes of a new order (None: silence)."""

    def __init__(self, core, venue):
        self.core = core
        self.inbox = Inbox()
        self.execution = LocalExecution(core.engine, self.inbox, venue, core.now_ns)
        core.observers.append(self.execution.observe)
        self.answer = lambda order_id: [OrderAccepted(order_id, "v", 1)]
        self.commands = []

    async def serve(self, task_status=trio.TASK_STATUS_IGNORED):
        task_status.started()
        while True:
            commands = self.core.step(*await self.inbox.receive()).output.commands
            self.commands += commands
            for command in commands:
                if isinstance(command, PlaceOrder):
                    await trio.lowlevel.checkpoint()
                    self.inbox.send_urgent(*self.answer(command.client_order_id))
                elif isinstance(command, CancelOrder):
                    self.inbox.send_urgent(OrderCancelled(command.client_order_id, command.reason, 5))


@pytest.fixture
async def bench(core, venue, nursery):
    bench = Bench(core, venue)
    await nursery.start(bench.serve)
    return bench


def test_it_is_an_execution_engine(core, venue):
    execution: ExecutionEngine = LocalExecution(core.engine, Inbox(), venue, core.now_ns)
    assert callable(execution.submit_order)


async def test_a_submit_returns_the_venues_word(bench):
    ack = await bench.execution.submit_order(make_order("mine", Side.BUY, "0.40", "10"))
    assert (ack.order_id, ack.status) == ("r-1", OrderState.OPEN)
    assert await bench.execution.get_status("r-1") == ack
    (command,) = bench.commands
    assert (command.price, command.size, command.strategy) == (to_units("0.40"), to_units("10"), "operator")


async def test_a_fill_at_once_is_in_the_ack(bench):
    bench.answer = lambda o: [
        OrderAccepted(o, "v", 1),
        OrderFilled(o, "t1", to_units("0.4"), to_units("2.5"), 0, Liquidity.TAKER, 1),
    ]
    ack = await bench.execution.submit_order(make_order(price="0.40", size="10"))
    assert (ack.status, f"{ack.filled:f}") == (OrderState.PARTIALLY_FILLED, "2.5")


@pytest.mark.parametrize(
    ("ends", "status", "filled"),
    [
        ([("26", True)], OrderState.FILLED, "26"),
        ([("10", False), ("26", True)], OrderState.FILLED, "36"),
        ([("10", False), "cancel"], OrderState.CANCELLED, "10"),
        (["cancel"], OrderState.CANCELLED, "0"),
        (["silence"], OrderState.UNKNOWN, "0"),
    ],
)
async def test_an_order_that_never_rests_is_acknowledged_by_its_end(ends, status, filled, bench, nursery):
    """The acknowledgement and the fills of one match arrive in steps of their own."""

    async def happen(order_id):
        for n, end in enumerate(ends):
            await trio.testing.wait_all_tasks_blocked()
            if end == "cancel":
                bench.inbox.send_urgent(OrderCancelled(order_id, "the rest never rests", 1))
            elif end == "silence":
                bench.inbox.send_urgent(OrderUnknown(order_id, "x", 1))
            else:
                size, final = end
                fill = OrderFilled(
                    order_id, f"t{n}", to_units("0.5"), to_units(size), 0, Liquidity.TAKER, 1, final=final
                )
                bench.inbox.send_urgent(fill)

    def accept(order_id):
        nursery.start_soon(happen, order_id)
        return [OrderAccepted(order_id, "v", 1)]

    bench.answer = accept
    order = make_order(price="0.60", size="26", order_type=OrderType.MARKET, time_in_force=TimeInForce.FAK)
    ack = await bench.execution.submit_order(order)
    assert (ack.status, f"{ack.filled:f}") == (status, filled)
    (command,) = bench.commands
    assert (command.budget, command.size) == (to_units("26"), to_units("50"))


async def test_our_risk_denies_and_nothing_leaves(make_core, venue, nursery):
    bench = Bench(make_core(PositionLimit("m1", to_units("5"))).open(), venue)
    await nursery.start(bench.serve)
    with pytest.raises(RiskRejected) as caught:
        await bench.execution.submit_order(make_order(price="0.40", size="10"))
    assert caught.value.violated_policies == ("PositionLimit(m1)",)
    assert caught.value.remedy == "lower the size or change the policy file"
    assert bench.commands == []


@pytest.mark.parametrize(
    ("wish", "policy", "remedy"),
    [
        ({"price": "0.405", "size": "10"}, "VenueTerms", "prices are multiples of 0.01, the smallest order 5 shares"),
        ({"price": "0.40", "size": "1"}, "VenueTerms", "prices are multiples of 0.01, the smallest order 5 shares"),
        ({"price": "0.40", "size": "10", "side": Side.SELL}, "SharesHeld", "sell at most what is held"),
        ({"price": "0.40", "size": "999999"}, "BuyingPower", "buy less"),
    ],
)
async def test_a_denial_says_what_would_pass(bench, wish, policy, remedy):
    with pytest.raises(RiskRejected) as caught:
        await bench.execution.submit_order(make_order(**wish))
    assert policy in caught.value.violated_policies
    assert caught.value.remedy.startswith(remedy)


async def test_a_denial_names_the_step_of_sizes(bench):
    market = bench.core.engine.markets["m1"]
    bench.core.step(MarketListed(msgspec.structs.replace(market, size_step=10_000), 1), *bench.core.book())
    with pytest.raises(RiskRejected) as caught:
        await bench.execution.submit_order(make_order(price="0.40", size="10.005"))
    assert "sizes of 0.01, the smallest order 5" in caught.value.remedy


async def test_the_kill_switch_has_its_own_error(bench):
    bench.core.step(KillSwitchSet(True, "fire", "me", 1))
    with pytest.raises(KillSwitchActiveError, match="fire"):
        await bench.execution.submit_order(make_order())


async def test_the_venues_no_is_raised_with_its_reason(bench):
    bench.answer = lambda o: [OrderRejected(o, "too small", 1)]
    with pytest.raises(VenueRefused, match="too small"):
        await bench.execution.submit_order(make_order(price="0.40"))


async def test_what_the_venue_cannot_express_is_refused_before_the_gate(bench):
    with pytest.raises(UnsupportedOrder, match="GTD"):
        await bench.execution.submit_order(make_order(time_in_force=TimeInForce.GTD, expire_ns=10**18))
    assert len(bench.inbox) == 0


async def test_an_unknown_order_is_acknowledged_as_unknown(bench):
    bench.answer = lambda o: [OrderUnknown(o, "silence", 1)]
    ack = await bench.execution.submit_order(make_order(price="0.40"))
    assert ack.status is OrderState.UNKNOWN


async def test_an_unknown_orders_fate_is_told_once_it_is_known(bench):
    bench.answer = lambda o: [OrderUnknown(o, "silence", 1)]
    ack = await bench.execution.submit_order(make_order(price="0.40"))
    bench.inbox.send_urgent(OrderAccepted(ack.order_id, "v", 1))
    assert (await bench.execution.known(ack)).status is OrderState.OPEN


async def test_an_unknown_order_that_stays_so_is_told_as_unknown(bench, autojump_clock):
    bench.answer = lambda o: [OrderUnknown(o, "silence", 1)]
    ack = await bench.execution.submit_order(make_order(price="0.40"))
    began = trio.current_time()
    assert (await bench.execution.known(ack)).status is OrderState.UNKNOWN
    assert trio.current_time() - began == pytest.approx(10)


@pytest.mark.parametrize("engine_runs", [True, False])
async def test_silence_is_a_timeout_that_says_the_fate_is_unknown(engine_runs, core, venue, nursery, autojump_clock):
    bench = Bench(core, venue)
    bench.answer = lambda o: []
    if engine_runs:
        await nursery.start(bench.serve)
    began = trio.current_time()
    with pytest.raises(TimedOutError, match="unknown") as caught:
        await bench.execution.submit_order(make_order(price="0.40"))
    assert caught.value.id == "AGB-502"
    assert trio.current_time() - began >= ANSWER_S
    assert bench.execution._waiting == set()
    assert bench.execution._decided == {}


async def test_two_requests_with_one_name_get_their_own_answers(bench):
    acks = []

    async def submit(size):
        acks.append((size, (await bench.execution.submit_order(make_order("same", price="0.40", size=size))).order_id))

    async with trio.open_nursery() as both:
        both.start_soon(submit, "10")
        both.start_soon(submit, "11")
    sizes = {order_id: bench.core.engine.oms.get(order_id).command.size for _, order_id in acks}
    assert {to_units(size) for size, _ in acks} == set(sizes.values())
    assert all(sizes[order_id] == to_units(size) for size, order_id in acks)


async def test_a_cancel_returns_the_final_state(bench):
    ack = await bench.execution.submit_order(make_order(price="0.40"))
    done = await bench.execution.cancel_order(ack.order_id)
    assert (done.order_id, done.status) == (ack.order_id, OrderState.CANCELLED)
    again = await bench.execution.cancel_order(ack.order_id)
    assert again.status is OrderState.CANCELLED
    assert sum(isinstance(c, CancelOrder) for c in bench.commands) == 1


@pytest.mark.parametrize("ask", ["cancel_order", "get_status"])
async def test_an_order_nobody_knows_is_not_found(ask, bench):
    with pytest.raises(NotFoundError) as caught:
        await getattr(bench.execution, ask)("nope")
    assert caught.value.id == "AGB-531"
    assert len(bench.inbox) == 0


async def test_decisions_of_others_are_not_kept(bench):
    bench.core.step(
        OperatorOrder("other", "m1", "m1-yes", Side.BUY, OrderType.LIMIT, 1, 1, TimeInForce.GTC, False, 0, 1)
    )
    assert bench.execution._decided == {}
