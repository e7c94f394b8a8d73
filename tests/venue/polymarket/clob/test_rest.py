"""The CLOB client against the venue on loopback: shapes, signatures, pages, and what each fault becomes."""

from collections.abc import Callable

import pytest

from agbot.errors import (
    ConfigError,
    VenueAmbiguous,
    VenueRefused,
    VenueUnavailable,
)
from agbot.model.order import Settlement, Side
from agbot.testing.venue_stub import (
    CONDITION,
    NO,
    YES,
    Reply,
    StubKey,
    VenueStub,
    error,
)
from agbot.units import SCALE
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wire.rest import CancelReply

Body = Callable[..., bytes]
Clob = Callable[..., ClobClient]
NOW_S = 1_790_000_000


# ---------------------------------------------------------------- what works


async def test_public_reads(client: ClobClient, stub: VenueStub) -> None:
    book = await client.book(YES)
    assert (book.bids[0][0], book.asks[0][0], book.tick, book.neg_risk) == (480_000, 520_000, 10_000, False)
    assert {b.token for b in await client.books([YES, NO, "1"])} == {YES, NO}
    assert await client.tick_size(YES) == 10_000
    market = await client.market(CONDITION)
    assert (market.tokens, market.min_size) == (((YES, "Yes"), (NO, "No")), 5 * SCALE)
    assert await client.server_time() == NOW_S * 1_000_000_000
    assert await client.version() == 2
    assert not (await client.geoblock()).blocked
    stub.clob.prices = [{"t": NOW_S, "p": 0.5}]
    assert [p.price for p in await client.price_history(YES, interval="1d", fidelity_min=1)] == [500_000]
    assert stub.asked("GET", "/prices-history")[0].query == {"market": YES, "interval": "1d", "fidelity": "1"}
    assert stub.requests[0].headers["user-agent"].startswith("agbot/")
    stub.exchange.winners[CONDITION] = YES
    assert (await client.record(CONDITION)).winner == YES


async def test_an_order_from_post_to_cancel(client: ClobClient, stub: VenueStub, body: Body) -> None:
    reply = await client.submit(body())
    assert reply.accepted
    assert stub.asked("POST", "/order")[0].body == body()
    (order,) = await client.open_orders(market=CONDITION)
    assert (order.id, order.price, order.original_size, order.side) == (reply.order_id, 480_000, 10 * SCALE, Side.BUY)
    assert await client.order(reply.order_id) == order
    trade_id = stub.exchange.fill(reply.order_id, "4")
    stub.exchange.settle(trade_id)
    (trade,) = await client.trades(token=YES, after_s=NOW_S - 60, before_s=NOW_S + 60)
    assert (trade.status, trade.maker_orders[0].order_id) == (Settlement.CONFIRMED, reply.order_id)
    assert (await client.balance()).balance == 1000 * SCALE - 4 * 480_000
    assert (await client.balance("CONDITIONAL", YES)).balance == 4 * SCALE
    await client.update_balance()
    assert (await client.cancel(reply.order_id)).canceled == (reply.order_id,)
    assert reply.order_id in (await client.cancel(reply.order_id)).not_canceled
    assert await client.order(reply.order_id) is None
    assert await client.open_orders() == ()


async def test_batches_and_sweeps(client: ClobClient, stub: VenueStub, body: Body) -> None:
    replies = await client.submit_batch([body(salt=1), body(salt=2, price=485_000), body(salt=3)])
    assert [reply.accepted for reply in replies] == [True, False, True]
    assert (await client.cancel_market(token=YES)).canceled == (replies[0].order_id, replies[2].order_id)
    replies = await client.submit_batch([body(salt=n) for n in range(10, 13)])
    assert len((await client.cancel_all()).canceled) == 3
    with pytest.raises(ValueError, match="1 to 15"):
        await client.submit_batch([])
    with pytest.raises(ValueError, match="name a market"):
        await client.cancel_market()
    # 3 + 3 orders; 2 sweeps and what they cancelled
    assert client.limiter.utilisation()["signer-orders"] <= 6 / 50
    assert stub.asked("DELETE", "/cancel-all")[0].body == b""


async def test_pages_are_followed_to_the_end(client: ClobClient, stub: VenueStub, body: Body) -> None:
    await client.submit(body())
    row = next(iter(stub.exchange.live.values()))
    stub.exchange.live |= {f"0x{n:064x}": row | {"id": f"0x{n:064x}"} for n in range(249)}
    assert len(await client.open_orders()) == 250
    assert [r.query["next_cursor"] for r in stub.asked("GET", "/data/orders")] == ["MA==", "MTAw", "MjAw"]


async def test_many_cancels_go_in_chunks_and_one_failure_stops_none(
    client: ClobClient, stub: VenueStub, clob: Clob
) -> None:
    ids = [f"0x{n:064x}" for n in range(101)]
    reply = await client.cancel_many(ids)
    assert list(reply.not_canceled) == ids
    assert [len(r.json) for r in stub.asked("DELETE", "/orders")] == [100, 1]
    stub.lose_reply("DELETE", "/orders")
    with pytest.raises(VenueAmbiguous):
        await clob(stub.hosts).cancel_many(ids)
    assert [len(r.json) for r in stub.asked("DELETE", "/orders")][2:] == [100, 1]
    assert await client.cancel_many([]) == CancelReply((), {})


async def test_heartbeats_adopt_the_expected_id(client: ClobClient, stub: VenueStub) -> None:
    first = await client.heartbeat()
    second = await client.heartbeat(first)
    third = await client.heartbeat("stale")
    assert len({first, second, third}) == 3
    stub.reply("POST", "/v1/heartbeats", Reply(400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "x"}))
    with pytest.raises(VenueRefused) as caught:
        await client.heartbeat()
    assert caught.value.code == "heartbeat"


async def test_keys_are_made_then_derived(
    client: ClobClient, stub: VenueStub, key: SigningKey, credentials: ApiCredentials
) -> None:
    made = await client.create_key(key, nonce=3)
    assert await client.create_key(key, nonce=3) == made
    assert await client.derive_key(key) == credentials
    with pytest.raises(VenueRefused) as caught:
        await client.derive_key(key, nonce=9)
    assert caught.value.code == "no_key"
    stub.reply("POST", "/auth/api-key", error(500, "down"), times=1)
    asked = len(stub.asked("GET", "/auth/derive-api-key"))
    with pytest.raises(VenueUnavailable):
        await client.create_key(key)
    assert len(stub.asked("GET", "/auth/derive-api-key")) == asked
    assert StubKey().key in await client.api_keys()
    assert await client.closed_only() is False


async def test_without_an_api_key_private_calls_are_refused_here(stub: VenueStub, body: Body, clob: Clob) -> None:
    client = clob(stub.hosts, credentials=None)
    with pytest.raises(ConfigError, match="AGB-415"):
        await client.submit(body())
    assert not stub.requests
    assert await client.version() == 2
