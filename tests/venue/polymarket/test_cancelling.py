"""Taking orders off and replacing them: what crosses on the way, what is lost, what others placed."""

from __future__ import annotations

from decimal import Decimal

import pytest
import trio

from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueRefused,
    VenueUnavailable,
)
from agbot.model.order import OrderState, TimeInForce
from agbot.testing.trading import TradingBench, hurried, trading
from agbot.testing.venue_stub import CONDITION, NOT_EXECUTED, Reply

POST, DELETE = ("POST", "/order"), ("DELETE", "/order")
LOST = Reply(502, {"error": "bad gateway"})


async def at_rest(bench: TradingBench, **changes):
    """Place an order that rests; returns it and the venue's id."""
    order = bench.order(**changes)
    return order, (await bench.venue.place_order(order)).venue_order_id


async def outcome(call, *args) -> object:
    """Return what a call returns or raises."""
    try:
        return await call(*args)
    except ExecutionError as e:
        return e


# ---------------------------------------------------------------- replace


async def test_a_fill_in_between_shrinks_the_new_order() -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.reply(*DELETE, lambda _: bench.stub.exchange.fill(order_id, "4") and None, times=1)
        ack = await bench.venue.replace_order(order.client_order_id, price=Decimal("0.49"), size=Decimal(12))
        (rests,) = await bench.venue.get_open_orders()
        assert (ack.order_id, rests.client_order_id, rests.size) == ("t-1.r1", "t-1.r1", 8)


async def test_a_fill_that_was_known_does_not_shrink_it() -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.exchange.fill(order_id, "4")
        await bench.until(lambda: bench.filled(order.client_order_id) == 4)
        await bench.venue.replace_order(order.client_order_id, price=Decimal("0.49"), size=Decimal(12))
        (rests,) = await bench.venue.get_open_orders()
        assert rests.size == 12


@pytest.mark.parametrize("matched", ["10", "9"])
async def test_nothing_is_placed_when_nothing_is_left(matched: str) -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.reply(*DELETE, lambda _: bench.stub.exchange.fill(order_id, matched) and None, times=1)
        with pytest.raises(VenueRefused):
            await bench.venue.replace_order(order.client_order_id, price=Decimal("0.49"), size=Decimal(9))
        assert (len(bench.posted()), bench.stub.exchange.live) == (1, {})


async def test_nothing_is_placed_unless_the_cancel_is_proven() -> None:
    with hurried():
        async with trading() as bench:
            order, _ = await at_rest(bench)
            bench.stub.reply(*DELETE, LOST, times=5)
            bench.stub.reply("GET", "/data/order/*", LOST)
            with pytest.raises(ExecutionError):
                await bench.venue.replace_order(order.client_order_id, price=Decimal("0.49"), size=Decimal(12))
            assert len(bench.posted()) == 1


# ---------------------------------------------------------------- cancels


async def test_a_cancel_whose_answer_is_lost_is_sent_again() -> None:
    async with trading() as bench:
        order, _ = await at_rest(bench)
        bench.stub.lose_reply(*DELETE)
        assert (await bench.venue.cancel_order(order.client_order_id)).status is OrderState.CANCELLED
        await bench.until(lambda: bench.kinds(order.client_order_id) == ["OrderCancelled"])


async def test_a_cancel_in_doubt_is_carried_through_by_asking() -> None:
    """The caller hears of the doubt; then that the order is there, and then that it is off."""
    with hurried():
        async with trading() as bench:
            order, _ = await at_rest(bench)
            bench.stub.reply(*DELETE, LOST, times=5)
            bench.stub.reply("GET", "/data/order/*", LOST, times=5)
            with pytest.raises(ExecutionError):
                await bench.venue.cancel_order(order.client_order_id)
            await bench.until(lambda: "OrderCancelled" in bench.kinds(order.client_order_id))
            assert bench.kinds(order.client_order_id) == ["OrderAccepted", "OrderCancelled"]
            assert bench.stub.exchange.live == {}


async def test_an_order_that_stays_in_its_delay_window_is_told_as_open() -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.reply(*DELETE, Reply(json={"canceled": [], "not_canceled": {order_id: "delayed"}}))
        assert (await bench.venue.cancel_order(order.client_order_id)).status is OrderState.OPEN
        assert len(bench.stub.asked(*DELETE)) == 5


async def test_a_cancel_finds_the_fill_that_was_first() -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.reply(*DELETE, lambda _: bench.stub.exchange.fill(order_id, "10") and None, times=1)
        assert (await bench.venue.cancel_order(order.client_order_id)).status is OrderState.FILLED


async def test_a_cancel_waits_for_the_order_it_crosses() -> None:
    async with trading() as bench:
        held, order, found = bench.stub.hold(*POST), bench.order(), []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.venue.place_order, order)
            await held.arrived.wait()

            async def cancel() -> None:
                found.append(await bench.venue.cancel_order(order.client_order_id))

            nursery.start_soon(cancel)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert bench.stub.asked(*DELETE) == []
            held.release()
        assert [ack.status for ack in found] == [OrderState.CANCELLED]
        assert bench.stub.exchange.live == {}


@pytest.mark.parametrize("everything", [False, True], ids=["cancel", "cancel all"])
async def test_an_order_that_is_cancelled_before_it_is_signed_is_never_sent(everything: bool) -> None:
    async with trading() as bench:
        held, order, said = bench.stub.hold("GET", f"/clob-markets/{CONDITION}"), bench.order(), []

        async def place() -> None:
            said.append(await outcome(bench.venue.place_order, order))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(place)
            await held.arrived.wait()
            if everything:
                nursery.start_soon(bench.venue.cancel_all)
            else:
                nursery.start_soon(bench.venue.cancel_order, order.client_order_id)
            await trio.testing.wait_all_tasks_blocked(0.02)
            held.release()
        assert isinstance(said[0], VenueUnavailable)
        assert bench.posted() == []
        await bench.venue.place_order(order)  # nothing was sent: it may be


async def test_a_cancel_stops_further_copies() -> None:
    async with trading() as bench:
        order = bench.order()
        bench.stub.reply(*POST, NOT_EXECUTED)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outcome, bench.venue.place_order, order)
            await bench.stub.wait_for(*POST)
            nursery.start_soon(outcome, bench.venue.cancel_order, order.client_order_id)
        assert len(bench.posted()) == 1


async def test_cancel_all_takes_the_orders_of_others_too() -> None:
    async with trading() as bench:
        order, _ = await at_rest(bench)
        (row,) = bench.stub.exchange.live.values()
        bench.stub.exchange.live["0xforeign"] = {
            **row,
            "id": "0xforeign",
            "order_type": "GTD",
            "expiration": "1900000000",
        }
        shown = {o.client_order_id: o.time_in_force for o in await bench.venue.get_open_orders()}
        assert shown == {order.client_order_id: TimeInForce.GTC, "0xforeign": TimeInForce.GTD}
        assert {ack.order_id for ack in await bench.venue.cancel_all()} == {order.client_order_id, "0xforeign"}
        assert bench.stub.exchange.live == {}


async def test_cancel_all_falls_back_to_ids() -> None:
    async with trading() as bench:
        for _ in range(3):
            await at_rest(bench)
        bench.stub.reply("DELETE", "/cancel-all", Reply(429, {"error": "Too Many Requests"}, (("Retry-After", "0"),)))
        assert len(await bench.venue.cancel_all()) == 3
        assert [len(r.json) for r in bench.stub.asked("DELETE", "/orders")] == [3]


async def test_cancel_all_says_when_orders_still_rest() -> None:
    async with trading() as bench:
        await at_rest(bench)
        nothing = Reply(json={"canceled": [], "not_canceled": {}})
        bench.stub.reply("DELETE", "/cancel-all", nothing)
        for path in ("/orders", "/order"):
            bench.stub.reply("DELETE", path, nothing)
        with pytest.raises(VenueAmbiguous, match="1 order still rests"):
            await bench.venue.cancel_all()


async def test_cancel_all_reaches_an_order_nobody_knows_of() -> None:
    async with trading() as bench:
        order = bench.order()
        bench.stub.lose_reply(*POST)
        bench.stub.reply("GET", "/data/order/*", LOST, times=1)
        with pytest.raises(VenueAmbiguous):
            await bench.venue.place_order(order)
        await bench.venue.cancel_all()
        assert bench.stub.exchange.live == {}
        await bench.until(lambda: bench.kinds(order.client_order_id)[-1:] == ["OrderCancelled"])


async def test_cancel_all_leaves_alone_what_is_placed_after_it() -> None:
    async with trading() as bench:
        await at_rest(bench)
        held = bench.stub.hold("DELETE", "/cancel-all")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.venue.cancel_all)
            await held.arrived.wait()
            after, _ = await at_rest(bench)
            held.release()
        assert [o.client_order_id for o in await bench.venue.get_open_orders()] == [after.client_order_id]
