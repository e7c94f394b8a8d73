"""Every error text the venue is known for, said on loopback: what the caller learns, and what rests afterwards."""

from __future__ import annotations

import pytest
import trio

from agbot.errors import (
    ExecutionError,
    VenueAuthFailed,
    VenueForbidden,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.testing.trading import hurried, trading
from agbot.testing.venue_stub import Reply, error, post_only_mode

NO: dict[str, tuple[int, type[ExecutionError], str]] = {
    "order_version_mismatch": (400, VenueRefused, "version"),
    "the order owner has to be the owner of the API KEY": (400, VenueAuthFailed, ""),
    "the order signer address has to be the address of the API KEY": (400, VenueAuthFailed, ""),
    "maker address not allowed, please use the deposit wallet flow": (400, VenueAuthFailed, ""),
    "'0xf39F' address banned": (400, VenueForbidden, ""),
    "'0xf39F' address in closed only mode": (400, VenueRefused, "closed_only"),
    "order 0xab is invalid. Price (0.5) breaks minimum tick size rule: 0.01": (400, VenueRefused, "tick"),
    "order 0xab is invalid. Size (10) lower than the minimum: 15": (400, VenueRefused, "min_size"),
    "order 0xab crosses the book": (400, VenueRefused, "crosses"),
    "invalid post-only order: order crosses book": (400, VenueRefused, "crosses"),
    "not enough balance / allowance": (400, VenueRefused, "balance"),
    "invalid expiration": (400, VenueRefused, "expiration"),
    "order couldn't be fully filled. FOK orders are fully filled or killed.": (400, VenueRefused, "unfilled"),
    "no orders found to match with FAK order. FAK orders are partially filled or killed": (
        400,
        VenueRefused,
        "unfilled",
    ),
    "the market is not yet ready to process new orders": (400, VenueRefused, "not_ready"),
    "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, "
    "taker amount a max of 4 decimals": (400, VenueRefused, "amounts"),
    "Unauthorized/Invalid api key": (401, VenueAuthFailed, ""),
    "Invalid L1 Request headers": (401, VenueAuthFailed, ""),
    "No orderbook exists for the requested token id": (404, VenueRefused, "no_market"),
    "market not found": (404, VenueRefused, "no_market"),
    "matching engine is restarting": (425, VenueUnavailable, ""),
    "Too Many Requests": (429, VenueThrottled, ""),
    "order timed out": (500, VenueUnavailable, ""),
    "Trading is currently disabled. Check polymarket.com for updates": (503, VenueUnavailable, ""),
    "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.": (
        503,
        VenueUnavailable,
        "",
    ),
}
MAYBE = {
    "order match delayed due to market conditions": 400,
    "context canceled": 400,
    "could not run the execution": 500,
    "could not insert order": 500,
    "there are no matching orders": 500,
    "the trade contains rounding issues": 500,
    "the price of the taker's order has a discrepancy greater than allowed with the worst maker order": 500,
    "Service is not ready": 503,
    "something nobody has seen yet": 500,
}


@pytest.mark.parametrize("text", NO)
async def test_a_no_is_final_and_asked_for_as_often_as_the_table_says(text: str) -> None:
    status, kind, code = NO[text]
    tries = {429: 2, 500: 3}.get(status, 1)
    async with trading() as bench:
        bench.stub.reply("POST", "/order", error(status, text), times=tries)
        with pytest.raises(kind) as raised:
            await bench.venue.place_order(bench.order())
        assert type(raised.value) is kind
        assert text[:40] in raised.value.reason
        assert getattr(raised.value, "code", "") == code
        assert (len(bench.posted()), bench.orders_at_venue()) == (tries, set())
        assert len({received.body for received in bench.stub.asked("POST", "/order")}) == 1
        assert bench.heard == []
        assert bench.venue._ledger.live() == []


@pytest.mark.parametrize("acted", [True, False], ids=["it was taken", "it was not taken"])
@pytest.mark.parametrize("text", MAYBE)
async def test_a_doubt_ends_in_one_order(text: str, acted: bool) -> None:
    with hurried():
        async with trading() as bench:

            def said(received):
                if acted:
                    bench.stub.default(received)
                return error(MAYBE[text], text)

            bench.stub.reply("POST", "/order", said, times=1)
            ack = await bench.venue.place_order(bench.order())
            assert len(bench.posted()) == (1 if acted else 2)
            assert set(bench.stub.exchange.live) == {ack.venue_order_id}


async def test_duplicated_is_a_yes() -> None:
    async with trading() as bench:

        def said(received):
            bench.stub.default(received)
            return error(400, "order 0xab is invalid. Duplicated.")

        bench.stub.reply("POST", "/order", said, times=1)
        ack = await bench.venue.place_order(bench.order())
        assert str(ack.status) == "OPEN"
        assert (len(bench.posted()), set(bench.stub.exchange.live)) == (1, {ack.venue_order_id})


# ---------------------------------------------------------------- what may be sent follows from what was said


async def test_in_post_only_mode_only_post_only_orders_leave() -> None:
    async with trading() as bench:
        bench.stub.clob.mode = "post_only"
        with pytest.raises(VenueUnavailable, match="post-only mode"):
            await bench.venue.place_order(bench.order())
        with pytest.raises(VenueUnavailable, match="post_only mode"):
            await bench.venue.place_order(bench.order())
        assert len(bench.posted()) == 1
        await bench.venue.place_order(bench.order(post_only=True))
        assert len(bench.posted()) == 2


@pytest.mark.parametrize("mode", ["cancel_only", "disabled"])
async def test_in_a_closed_mode_no_order_leaves(mode: str) -> None:
    async with trading() as bench:
        bench.stub.clob.mode = mode
        for _ in range(3):
            with pytest.raises(VenueUnavailable, match=r"cancel.only|disabled"):
                await bench.venue.place_order(bench.order())
        assert len(bench.posted()) == 1


async def test_after_the_post_only_minutes_everything_leaves_again() -> None:
    async with trading() as bench:
        bench.stub.reply("POST", "/order", post_only_mode(retry_after_s=0), times=1)
        await bench.venue.place_order(bench.order())
        assert (len(bench.posted()), len(bench.orders_at_venue())) == (2, 1)


async def test_after_a_restart_our_orders_are_read_anew() -> None:
    """What rested may be gone; the first order that is taken again says that the restart is over."""
    with hurried():
        async with trading() as bench:
            order = bench.order()
            ack = await bench.venue.place_order(order)
            bench.stub.reply("POST", "/order", error(425, "restarting"), times=1)
            with pytest.raises(VenueUnavailable):
                await bench.venue.place_order(bench.order())
            del bench.stub.exchange.live[ack.venue_order_id]  # lost in the restart, without a word
            await bench.venue.place_order(bench.order())
            await bench.until(lambda: bench.kinds(order.client_order_id) == ["OrderCancelled"])


async def test_without_ears_no_order_leaves_and_cancels_do() -> None:
    async with trading() as bench:
        order = bench.order()
        await bench.venue.place_order(order)
        bench.stub.user_sockets.refuse = True
        bench.stub.user_sockets.drop()
        while not bench.venue.closed:
            await trio.lowlevel.checkpoint()
        with pytest.raises(VenueUnavailable, match="fills would go unheard"):
            await bench.venue.place_order(bench.order())
        assert len(bench.posted()) == 1
        await bench.venue.cancel_order(order.client_order_id)
        assert bench.stub.exchange.live == {}


async def test_before_the_first_read_of_our_orders_nothing_leaves() -> None:
    async with trading(wait=False) as bench:
        bench.stub.reply("GET", "/data/orders", Reply(502), times=1)
        with pytest.raises(VenueUnavailable, match="not open yet"):
            await bench.venue.place_order(bench.order())
        await bench.venue.ready.wait()
        await bench.venue.place_order(bench.order())
        assert len(bench.stub.asked("GET", "/data/orders")) == 2
