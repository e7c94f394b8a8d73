"""The traps that users of this venue fell into, played on loopback: each does here what it did to them, and we do not.

Numbers are those of the project's fact sheet on Polymarket, section 9. Whatever the trap, no client order becomes two
orders at the venue, and none is lost: what the core is told in the end is what the venue has.
"""

from __future__ import annotations

import time
from decimal import Decimal
from unittest.mock import patch

import msgspec
import pytest
import trio

from agbot.errors import VenueAuthFailed, VenueForbidden, VenueRefused, VenueUnavailable
from agbot.model.events import BookTrust, Doubt, OrderFilled
from agbot.model.order import OrderState, OrderType, Settlement, Side, TimeInForce
from agbot.testing.builders import make_market
from agbot.testing.trading import TradingBench, credentials, hurried, trading
from agbot.testing.venue_stub import CONDITION, HTML_403, NO, NOT_EXECUTED, TIMED_OUT, YES, Reply, StubMarket, error
from agbot.units import NS_PER_S, SCALE, to_units
from agbot.venue.polymarket.amounts import limit_amounts, market_amounts
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, post_body, salt_of
from agbot.venue.polymarket.retry import POSTS
from agbot.venue.polymarket.session import MarketSession
from agbot.venue.polymarket.wallets import Account, SignatureType, derive
from agbot.venue.polymarket.wire.rtds import Refusal, RtdsDecoder

POST, DELETE = ("POST", "/order"), ("DELETE", "/order")
MARKET = make_market(id=CONDITION, yes=YES, no=NO)
FAK, FOK = TimeInForce.FAK, TimeInForce.FOK


async def refused(bench: TradingBench, reply: Reply, kind: type[Exception] = VenueRefused) -> Exception:
    """Place an order that gets this reply, once; nothing may rest, nothing may be sent twice."""
    bench.stub.reply(*POST, reply, times=1)
    before = len(bench.posted())
    with pytest.raises(kind) as raised:
        await bench.venue.place_order(bench.order())
    assert len(bench.posted()) == before + 1
    assert bench.orders_at_venue() == set()
    return raised.value


async def trap_01_a_version_that_is_over(bench: TradingBench) -> None:
    error_ = await refused(bench, error(400, "order_version_mismatch"))
    assert error_.code == "version"
    with pytest.raises(VenueUnavailable, match="order_version_mismatch"):
        await bench.venue.place_order(bench.order())
    (posted,) = bench.posted()
    assert {"taker", "nonce", "feeRateBps"}.isdisjoint(posted["order"])


async def trap_02_the_wrong_collateral(bench: TradingBench) -> None:
    assert POLYGON.collateral == "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
    error_ = await refused(bench, error(400, "not enough balance / allowance"))
    assert (error_.code, bool(error_.remedy)) == ("balance", True)
    told = await bench.client.balance()
    assert {POLYGON.exchange_v2, POLYGON.neg_risk_exchange_v2} <= told.allowances.keys()


async def trap_03_key_and_wallet_do_not_fit(bench: TradingBench) -> None:
    await refused(bench, error(400, "the order signer address has to be the address of the API KEY"), VenueAuthFailed)
    with pytest.raises(VenueUnavailable, match="signer address"):
        await bench.venue.place_order(bench.order())
    key = credentials().key
    wallet = derive(key.address).deposit_uups
    signer = OrderSigner(key, Account(key.address, wallet, SignatureType.DEPOSIT), POLYGON)
    signed = signer.sign(OrderFields(1, 1, 1, Side.BUY, 1, 1), version=2, neg_risk=False)
    order = msgspec.json.decode(post_body(signed, owner="k", order_type="GTC", post_only=False))["order"]
    assert (order["maker"], order["signer"], len(order["signature"])) == (wallet, wallet, 2 + 2 * 317)


async def trap_04_filled_behind_a_timeout(bench: TradingBench) -> None:
    order = bench.order(price="0.55", size="20")
    bench.stub.hold(*POST)
    with trio.move_on_after(0.2):
        await bench.venue.place_order(order)
    await bench.until(lambda: bench.filled(order.client_order_id) == 20)
    assert bench.kinds(order.client_order_id)[0] == "OrderAccepted"
    assert len(bench.posted()) == 1
    assert bench.stub.exchange.shares[YES] == 120 * SCALE


async def trap_05_a_fill_that_never_settles(bench: TradingBench) -> None:
    order = bench.order(price="0.55", size="20")
    await bench.venue.place_order(order)
    await bench.until(lambda: bench.filled(order.client_order_id) == 20)
    (trade,) = bench.stub.exchange.trades
    bench.stub.exchange.settle(trade["id"], "FAILED")
    await bench.until(lambda: bench.filled(order.client_order_id) == 0)
    words = [e.settlement for e in bench.of(order.client_order_id) if isinstance(e, OrderFilled)]
    assert words == [Settlement.MATCHED, Settlement.FAILED]


async def trap_06_a_size_that_the_venue_does_not_take(bench: TradingBench) -> None:
    order = bench.order(Side.SELL, price="0.45", size="10.009")
    await bench.venue.place_order(order)
    await bench.until(lambda: "OrderCancelled" in bench.kinds(order.client_order_id))
    assert bench.posted()[0]["order"]["makerAmount"] == "10000000"
    assert bench.filled(order.client_order_id) == 10


async def trap_07_matched_orders_that_are_not_released(bench: TradingBench) -> None:
    text = "not enough balance / allowance: the balance is not enough -> balance: 100, sum of matched orders: 80"
    error_ = await refused(bench, error(400, text))
    assert error_.code == "balance"
    assert "sum of matched orders: 80" in error_.reason


async def trap_08_decimals_of_market_orders(bench: TradingBench) -> None:
    bench.stub.add_market(StubMarket(tick="0.0001"))
    bench.stub.set_book(YES, asks=[("0.5501", "100")])
    await bench.venue.place_order(
        bench.order(price="0.5503", size="11.11", order_type=OrderType.MARKET, time_in_force=FAK)
    )
    order = bench.posted()[0]["order"]
    assert int(order["makerAmount"]) % 10_000 == 0
    assert int(order["takerAmount"]) % 100 == 0


async def trap_09_shares_rounded_up_never_match(bench: TradingBench) -> None:
    bench.stub.set_book(YES, asks=[("0.6", "100")])
    ack = await bench.venue.place_order(
        bench.order(price="0.60", size="10", order_type=OrderType.MARKET, time_in_force=FAK)
    )
    order = bench.posted()[0]["order"]
    assert int(order["makerAmount"]) * 10 >= int(order["takerAmount"]) * 6
    assert ack.filled == Decimal("16.6666")


async def trap_10_floats_lose_cents(bench: TradingBench) -> None:
    sizes = ["5.29", "6.15", "7.03", "8.2", "16.4", "19.99"]
    for size in sizes:
        await bench.venue.place_order(bench.order(price="0.29", size=size))
    assert [o["order"]["takerAmount"] for o in bench.posted()] == [str(to_units(size)) for size in sizes]


async def trap_11_a_stale_tick(bench: TradingBench) -> None:
    await bench.venue.place_order(bench.order(price="0.50"))
    bench.stub.add_market(StubMarket(tick="0.001"))
    await bench.venue.place_order(bench.order(price="0.505"))  # by what we knew it was off the tick
    with pytest.raises(VenueRefused) as raised:
        await bench.venue.place_order(bench.order(price="0.5055"))
    assert (raised.value.code, len(bench.posted())) == ("tick", 2)
    assert len(bench.stub.asked("GET", f"/clob-markets/{CONDITION}")) == 3


async def trap_12_a_grid_is_more_than_decimals(bench: TradingBench) -> None:
    bench.stub.add_market(StubMarket(tick="0.0025"))
    with pytest.raises(VenueRefused, match=r"not on the tick 0\.0025"):
        await bench.venue.place_order(bench.order(price="0.5026"))
    await bench.venue.place_order(bench.order(price="0.5025"))
    assert len(bench.posted()) == 1


async def trap_13_the_best_price_is_last(bench: TradingBench) -> None:
    bench.stub.set_book(YES, bids=[("0.01", "9"), ("0.47", "5")], asks=[("0.99", "9"), ("0.49", "5")])
    book = await bench.client.book(YES)
    assert (book.bids[0][0], book.asks[0][0]) == (470_000, 490_000)


def opened() -> MarketSession:
    """Return a market session whose books have come: 0.45 bid, 0.55 asked."""
    session = MarketSession([MARKET])
    session.opened(0)
    session.received([book(YES, "0.45", "0.55"), book(NO, "0.45", "0.55")], 0)
    return session


def book(token: str, bid: str, ask: str, at_ms: int = 1) -> bytes:
    return msgspec.json.encode(
        {
            "event_type": "book",
            "market": CONDITION,
            "asset_id": token,
            "timestamp": str(1_790_000_000_000 + at_ms),
            "bids": [{"price": bid, "size": "9"}],
            "asks": [{"price": ask, "size": "9"}],
        }
    )


async def trap_14_a_ghost_book(_: TradingBench) -> None:
    events = opened().received([book(YES, "0.01", "0.99", 2)], NS_PER_S)
    assert [e.cause for e in events if isinstance(e, BookTrust)] == [Doubt.GHOST]


async def trap_15_a_socket_that_lives_and_says_nothing(_: TradingBench) -> None:
    session = opened()
    causes = []
    for second in range(1, 47):
        session.received([b"PONG"], second * NS_PER_S)
        causes += [e.cause for e in session.tick(second * NS_PER_S) if isinstance(e, BookTrust)]
    assert set(causes) == {Doubt.SILENT}
    assert "no data" in session.dead


async def trap_16_a_stream_that_replays_nothing(bench: TradingBench) -> None:
    a, b = bench.order(), bench.order(price="0.49")
    ids = [(await bench.venue.place_order(order)).venue_order_id for order in (a, b)]
    bench.stub.user_sockets.refuse = True
    bench.stub.user_sockets.drop()
    while bench.stub.user_sockets.open:
        await trio.lowlevel.checkpoint()
    bench.stub.exchange.fill(ids[0], "10")  # nobody hears it
    bench.stub.exchange.cancel([ids[1]])
    bench.stub.user_sockets.refuse = False
    await bench.until(lambda: bench.kinds("t-1") == ["OrderFilled"] and bench.kinds("t-2") == ["OrderCancelled"])
    with pytest.raises(VenueRefused, match="nothing to replace"):
        await bench.venue.replace_order("t-1", price=Decimal("0.4"), size=Decimal(10))
    assert len(bench.posted()) == 2


async def trap_17_a_bid_hit_by_a_bid_for_the_other_outcome(bench: TradingBench) -> None:
    order = bench.order()
    ack = await bench.venue.place_order(order)
    trade = bench.stub.exchange._trade(bench.stub.exchange.live[ack.venue_order_id], 500_000, 10 * SCALE, "MAKER")
    trade |= {"asset_id": NO, "side": "BUY", "outcome": "No"}  # the taker's view: it bought NO
    bench.stub.exchange._tell_trade(trade)
    await bench.until(lambda: bench.filled(order.client_order_id) == 10)
    (fill,) = [e for e in bench.of(order.client_order_id) if isinstance(e, OrderFilled)]
    assert (fill.price, fill.fee, fill.match) == (500_000, 0, "mint")


async def trap_18_cancelled_and_then_a_trade(bench: TradingBench) -> None:
    order = bench.order()
    ack = await bench.venue.place_order(order)
    exchange = bench.stub.exchange
    row = exchange.live[ack.venue_order_id]
    exchange._tell_order(row | {"status": "CANCELED_order couldn't be fully filled."}, "UPDATE")
    await bench.until(lambda: bench.kinds(order.client_order_id) == ["OrderCancelled"])
    exchange.fill(ack.venue_order_id, "10")
    await bench.until(lambda: bench.filled(order.client_order_id) == 10)
    assert bench.kinds(order.client_order_id) == ["OrderCancelled", "OrderFilled"]


async def trap_19_prices_from_a_socket_that_refuses_in_silence(_: TradingBench) -> None:
    frame = RtdsDecoder().decode('{"body":{"message":"unauthorized"},"statusCode":401}')
    assert [type(item) for item in frame.items] == [Refusal]
    assert frame.items[0].status == 401


async def trap_20_a_key_that_is_refused_now_and_then(bench: TradingBench) -> None:
    no = error(401, "Unauthorized/Invalid api key")
    for _ in range(2):
        await refused(bench, no, VenueAuthFailed)
    await bench.venue.place_order(bench.order())  # signed exactly over its bytes: the venue here checks
    for _ in range(3):
        bench.stub.reply(*POST, no, times=1)
        with pytest.raises(VenueAuthFailed):
            await bench.venue.place_order(bench.order())
    with pytest.raises(VenueUnavailable, match="401"):
        await bench.venue.place_order(bench.order())
    assert not [r for r in bench.stub.requests if r.path.startswith("/auth/")]


async def trap_21_a_page_instead_of_json(bench: TradingBench) -> None:
    await refused(bench, HTML_403, VenueForbidden)
    with pytest.raises(VenueUnavailable, match="403"):
        await bench.venue.place_order(bench.order())
    assert len(bench.posted()) == 1


async def trap_22_a_busy_engine(bench: TradingBench) -> None:
    for reply in (NOT_EXECUTED, NOT_EXECUTED):
        bench.stub.reply(*POST, reply, times=1)
    await bench.venue.place_order(bench.order())
    bodies = {received.body for received in bench.stub.asked(*POST)}
    assert (len(bench.posted()), len(bodies)) == (3, 1)
    bench.stub.reply(*POST, TIMED_OUT, times=POSTS[VenueUnavailable].most)
    again = bench.order()
    with pytest.raises(VenueUnavailable):
        await bench.venue.place_order(again)
    await bench.venue.place_order(again)
    assert len(bench.orders_at_venue()) == 2


async def trap_23_a_refusal_that_says_success(bench: TradingBench) -> None:
    orders = [bench.order(), bench.order(size="100000"), bench.order(price="0.49"), bench.order(price="0.505")]
    said = await bench.venue.place_orders(orders)
    assert [getattr(answer, "code", answer) for answer in said][1] == "balance"
    assert [type(answer).__name__ for answer in said] == ["OrderAck", "VenueRefused", "OrderAck", "VenueRefused"]
    assert len(bench.stub.exchange.live) == 2
    silent = Reply(json={"success": True, "errorMsg": "", "orderID": "", "status": "live"})
    bench.stub.reply(*POST, silent, times=1)
    with pytest.raises(VenueRefused):
        await bench.venue.place_order(bench.order())


async def trap_24_an_order_that_cannot_be_cancelled_yet(bench: TradingBench) -> None:
    order = bench.order()
    ack = await bench.venue.place_order(order)
    wait = Reply(json={"canceled": [], "not_canceled": {ack.venue_order_id: "order is delayed"}})
    bench.stub.reply(*DELETE, wait, times=2)
    assert (await bench.venue.cancel_order(order.client_order_id)).status is OrderState.CANCELLED
    assert len(bench.stub.asked(*DELETE)) == 3
    held = bench.stub.hold(*POST)
    async with trio.open_nursery() as nursery:
        late = bench.order()
        nursery.start_soon(bench.venue.place_order, late)
        await held.arrived.wait()
        bench.stub.reply("DELETE", "/cancel-all", Reply(json={"canceled": [], "not_canceled": {}}), times=1)
        nursery.start_soon(bench.venue.cancel_all)  # it misses the one that is under way
        await bench.stub.wait_for("DELETE", "/cancel-all")
        held.release()
    assert bench.stub.exchange.live == {}
    await bench.until(lambda: bench.kinds(late.client_order_id) == ["OrderCancelled"])


async def trap_25_a_heartbeat_that_dies(bench: TradingBench) -> None:
    venue = bench.venue
    venue._heart = heart = venue_heart(bench)
    bench.stub.clob.heartbeats.expected = "what the venue remembers of the last run"
    await heart._once()
    assert heart.beat.id == "heartbeat-1"
    assert heart.beat.misses == 0
    bench.stub.reply("POST", "/v1/heartbeats", Reply(502), times=1)
    await heart._once()
    assert heart.beat.misses == 1
    order = bench.order()
    ack = await venue.place_order(order)
    heart.beat._accepted_ns -= 10 * NS_PER_S
    with pytest.raises(VenueUnavailable, match="heartbeat"):
        await venue.place_order(bench.order())
    del bench.stub.exchange.live[ack.venue_order_id]  # the venue took everything off
    heart.beat.newly_lost(time.time_ns())
    assert await heart._once()
    await heart._resync()
    await bench.until(lambda: bench.kinds(order.client_order_id) == ["OrderCancelled"])


def venue_heart(bench: TradingBench):
    from agbot.venue.polymarket.heartbeat import Heart  # noqa: PLC0415

    return Heart(bench.client.heartbeat, back=bench.venue._asking.barrier, now_ns=time.time_ns)


async def trap_26_a_cancel_that_costs_more_than_the_burst(bench: TradingBench) -> None:
    for _ in range(7):
        await bench.venue.place_order(bench.order())
    with patch("agbot.venue.polymarket.cancelling.AT_ONCE", 3):
        assert len(await bench.venue.cancel_all()) == 7
    assert bench.stub.asked("DELETE", "/cancel-all") == []
    assert [len(r.json) for r in bench.stub.asked("DELETE", "/orders")] == [3, 3, 1]


async def trap_27_an_end_that_nobody_announces(bench: TradingBench) -> None:
    bench.stub.exchange.winners[CONDITION] = NO
    assert (await bench.client.record(CONDITION)).winner == NO


async def trap_28_dust(bench: TradingBench) -> None:
    order = bench.order(price="0.55", size="10")
    await bench.venue.place_order(order)
    assert await bench.venue.get_order_status(order.client_order_id)
    bench.stub.exchange.shares[YES] += 3_000  # 0.003 shares from nowhere
    await bench.until(lambda: bench.filled(order.client_order_id) == 10)
    assert limit_amounts(Side.SELL, 500_000, 10_003_000, 10_000).maker == 10_000_000
    assert market_amounts(Side.SELL, 10_003_000, 500_000, 10_000).maker == 10_000_000


async def trap_29_a_salt_that_json_cannot_hold(bench: TradingBench) -> None:
    for _ in range(5):
        await bench.venue.place_order(bench.order())
    for posted in bench.posted():
        salt = posted["order"]["salt"]
        assert isinstance(salt, int)
        assert int(float(salt)) == salt == salt_of(f"t-{bench.posted().index(posted) + 1}")


TRAPS = {name: trap for name, trap in globals().items() if name.startswith("trap_")}


def test_there_are_all_of_them():
    assert [int(name[5:7]) for name in TRAPS] == list(range(1, 30))


@pytest.mark.parametrize("name", TRAPS)
async def test_trap(name: str) -> None:
    with hurried():
        async with trading() as bench:
            await TRAPS[name](bench)
            posted = {r["order"]["salt"] for r in bench.posted()}
            assert len(bench.orders_at_venue()) <= len(posted)
            assert not [own for own in bench.venue._ledger if own.stage == "UNRESOLVED"]
