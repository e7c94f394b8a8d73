"""What is particular to trading here: restarts, terms, batches, fees, what is read and what is said."""

from __future__ import annotations

import time

import attrs
import pytest
import trio

from agbot.errors import (
    ConfigError,
    ExecutionError,
    UnsupportedOrder,
    VenueAmbiguous,
    VenueDuplicate,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
)
from agbot.model.events import OrderAccepted, OrderFilled, TickSizeChanged
from agbot.model.ids import TokenId
from agbot.model.order import OrderState, OrderType, Settlement, Side, TimeInForce
from agbot.testing.trading import TradingBench, credentials, hurried, trading
from agbot.testing.venue_stub import CONDITION, NO, YES, Reply, StubMarket, error
from agbot.units import SCALE
from agbot.venue.polymarket import desk
from agbot.venue.polymarket.adapter import PolymarketVenue

POST = ("POST", "/order")


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


async def test_the_id_does_not_depend_on_the_run() -> None:
    async with trading() as a, trading() as b:
        order = a.order()
        ids = {(await bench.venue.place_order(order)).venue_order_id for bench in (a, b)}
        assert len(ids) == 1


# ---------------------------------------------------------------- placing


async def test_fees_follow_the_markets_schedule_and_makers_pay_none() -> None:
    async with trading() as bench:
        bench.stub.add_market(StubMarket(fee_rate="0.05"))
        taker, _ = await at_rest(bench, price="0.55", size="20")
        maker, maker_id = await at_rest(bench)
        bench.stub.exchange.fill(maker_id, "10")
        await bench.until(lambda: bench.filled("t-1") == 20 and bench.filled("t-2") == 10)
        fees = {e.client_order_id: e.fee for e in bench.heard if isinstance(e, OrderFilled)}
        assert fees == {taker.client_order_id: 247_500, maker.client_order_id: 0}  # 20 · 0.05 · 0.55 · 0.45


async def test_a_delayed_order_is_open_until_the_venue_says_more() -> None:
    with hurried():
        async with trading() as bench:
            order = bench.order(price="0.55", size="20")

            def delayed(received):
                reply = bench.stub.default(received)
                return Reply(json={**reply.json, "status": "delayed", "makingAmount": "", "takingAmount": ""})

            bench.stub.reply(*POST, delayed, times=1)
            ack = await bench.venue.place_order(order)
            assert ack.status in (
                OrderState.OPEN,
                OrderState.PENDING_NEW,
                OrderState.PARTIALLY_FILLED,
                OrderState.FILLED,
            )
            await bench.until(lambda: bench.filled(order.client_order_id) == 20)


async def test_a_neg_risk_market_and_a_version_2_market_are_signed_for_their_contracts() -> None:
    async with trading() as bench:
        for market in (StubMarket(neg_risk=True), StubMarket(version="v2")):
            bench.stub.add_market(market)
            bench.venue._terms.clear()
            await bench.venue.place_order(bench.order())  # the venue here checks signature and id
        assert len(bench.stub.exchange.live) == 2


async def test_a_market_of_an_unknown_version_is_not_traded() -> None:
    async with trading() as bench:
        bench.stub.add_market(StubMarket(version="v3"))
        with pytest.raises(VenueRefused, match="version 'v3'"):
            await bench.venue.place_order(bench.order())
        assert bench.posted() == []
        assert bench.venue.closed == ""


async def test_a_tick_that_becomes_finer_is_followed() -> None:
    async with trading() as bench:
        await bench.venue.prepare([CONDITION])
        bench.stub.add_market(StubMarket(tick="0.001"))
        bench.venue.on_market([TickSizeChanged(TokenId(YES), 1_000, 1), TickSizeChanged(TokenId("other"), 1_000, 1)])
        await bench.venue.place_order(bench.order(price="0.505"))
        assert len(bench.stub.asked("GET", f"/clob-markets/{CONDITION}")) == 1


async def test_a_token_of_another_market_is_not_sent() -> None:
    async with trading() as bench:
        with pytest.raises(UnsupportedOrder, match="not an outcome of"):
            await bench.venue.place_order(bench.order(token=TokenId("12345")))
        assert bench.posted() == []


async def test_an_order_without_a_time_gets_one() -> None:
    async with trading() as bench:
        order = bench.order(created_ns=0)
        await bench.venue.place_order(order)
        assert int(bench.posted()[0]["order"]["timestamp"]) > 1_700_000_000_000
        assert [attrs.evolve(o, id=order.id) for o in await bench.venue.get_open_orders()] == [order]


async def test_the_same_order_twice_at_once_is_sent_once() -> None:
    async with trading() as bench:
        order, said = bench.order(), []

        async def place() -> None:
            said.append(await outcome(bench.venue.place_order, order))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(place)
            nursery.start_soon(place)
        assert sorted(type(answer).__name__ for answer in said) == ["OrderAck", "VenueDuplicate"]
        with pytest.raises(VenueDuplicate):
            await bench.venue.place_orders([other := bench.order(), other])
        assert len(bench.posted()) == 1


async def test_a_batch_whose_answer_is_lost_is_looked_up() -> None:
    async with trading() as bench:
        orders = [bench.order(), bench.order(price="0.49")]
        bench.stub.lose_reply("POST", "/orders")
        said = await bench.venue.place_orders(orders)
        assert [answer.status for answer in said] == [OrderState.OPEN, OrderState.OPEN]
        assert len(bench.stub.exchange.live) == 2


async def test_a_batch_that_did_not_arrive_stays_in_doubt_and_is_not_sent_again() -> None:
    with hurried():
        async with trading() as bench:
            orders = [bench.order(), bench.order(price="0.49")]
            bench.stub.reset("POST", "/orders")
            said = await bench.venue.place_orders(orders)
            assert [type(answer) for answer in said] == [VenueAmbiguous, VenueAmbiguous]
            await bench.until(lambda: bench.kinds("t-1") == ["OrderCancelled"] == bench.kinds("t-2"))
            assert len(bench.stub.asked("POST", "/orders")) == 1


async def test_sixteen_orders_are_two_batches() -> None:
    async with trading() as bench:
        said = await bench.venue.place_orders([bench.order(size="5") for _ in range(16)])
        assert {answer.status for answer in said} == {OrderState.OPEN}
        assert [len(r.json) for r in bench.stub.asked("POST", "/orders")] == [15, 1]


async def test_a_market_order_in_the_other_direction() -> None:
    async with trading() as bench:
        order = bench.order(
            Side.SELL, price="0.44", size="30", order_type=OrderType.MARKET, time_in_force=TimeInForce.FOK
        )
        ack = await bench.venue.place_order(order)
        assert (ack.status, ack.filled) == (OrderState.FILLED, 30)


async def test_the_venues_own_id_is_another_than_ours() -> None:
    """It should never be; then both names are ours, and its events are not lost."""
    async with trading() as bench:
        bench.stub.exchange.order_id = lambda order: f"0xtheirs{order['salt']}"
        order = bench.order()
        await bench.venue.place_order(order)
        (theirs,) = bench.stub.exchange.live
        bench.stub.exchange.fill(theirs, "10")
        await bench.until(lambda: bench.filled(order.client_order_id) == 10)


# ---------------------------------------------------------------- reading


async def test_a_status_of_what_is_in_doubt_is_no_answer() -> None:
    async with trading() as bench:
        order = bench.order()
        bench.stub.reset(*POST, times=None)
        with pytest.raises(VenueAmbiguous):
            await bench.venue.place_order(order)
        with pytest.raises(VenueAmbiguous, match="does not show it yet"):
            await bench.venue.get_order_status(order.client_order_id)
        with pytest.raises(VenueNotFound):
            await bench.venue.get_order_status("never sent")


async def test_a_status_by_the_venues_id() -> None:
    async with trading() as bench:
        order, order_id = await at_rest(bench)
        bench.stub.exchange.fill(order_id, "4")
        status = await bench.venue.get_order_status(order_id)
        assert (status.order_id, status.status, status.filled) == (
            order.client_order_id,
            OrderState.PARTIALLY_FILLED,
            4,
        )


async def test_provisional_fills_are_asked_about_until_they_settle() -> None:
    with hurried():
        async with trading() as bench:
            order, _ = await at_rest(bench, price="0.55", size="20")
            await bench.until(lambda: bench.filled(order.client_order_id) == 20)
            (trade,) = bench.stub.exchange.trades
            trade["status"] = "CONFIRMED"  # the stream says nothing of it
            own = bench.venue._ledger.get(order.client_order_id)
            own.look_ns = 0
            bench.venue._wake()
            await bench.until(
                lambda: [e.settlement for e in bench.of(order.client_order_id)][-1:] == [Settlement.CONFIRMED]
            )


async def test_trades_that_the_venue_counts_and_never_tells_are_given_up() -> None:
    with hurried():
        async with trading() as bench:
            order, order_id = await at_rest(bench)
            row = bench.stub.exchange.live[order_id]
            bench.stub.exchange._tell_order(row | {"status": "CANCELED", "size_matched": "4"}, "CANCELLATION")
            await bench.until(lambda: bench.kinds(order.client_order_id) == ["OrderCancelled"])
            assert "matched in no trade told" in bench.of(order.client_order_id)[0].reason


# ---------------------------------------------------------------- the shell


def test_orders_need_keys() -> None:
    with pytest.raises(ConfigError) as raised:
        PolymarketVenue(None, attrs.evolve(credentials(), api=None), None, time.time_ns)
    assert raised.value.id == "AGB-420"


async def test_nobody_reads_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "EVIDENCE_MAX", 1)
    voice = desk.Voice()
    voice.say([OrderAccepted("a", "v", 1)])
    with pytest.raises(VenueProtocolError, match="nobody reads"):
        voice.say([OrderAccepted("b", "v", 1)])


async def test_nothing_secret_is_said(caplog: pytest.LogCaptureFixture) -> None:
    async with trading() as bench:
        bench.stub.reply(*POST, error(400, "order_version_mismatch"), times=1)
        await outcome(bench.venue.place_order, bench.order())
        said = caplog.text + repr(bench.venue) + repr(credentials())
        for secret in (credentials().api.secret.reveal(), credentials().api.passphrase.reveal(), NO):
            assert secret not in said


async def test_a_partial_fill_is_told_and_the_rest_rests() -> None:
    async with trading() as bench:
        order = bench.order(price="0.55", size="50")
        ack = await bench.venue.place_order(order)
        assert (ack.status, ack.filled) == (OrderState.PARTIALLY_FILLED, 20)
        await bench.until(lambda: bench.filled(order.client_order_id) == 20)
        (rest,) = await bench.venue.get_open_orders()
        assert (rest.size, bench.stub.exchange.shares[YES]) == (30, 120 * SCALE)
