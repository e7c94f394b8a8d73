"""The user channel over real sockets: who hears what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from agbot.errors import LinkLost
from agbot.exchange.core.model import OrderNews, TradeStatus
from agbot.exchange.sockets.user import UserSockets
from tests.exchange.fake_core import ADDRESS, OTHER_KEY, FakeCore, FakeKeys, auth, listing, order, trade
from tests.exchange.serving import connected, served


def first(key: dict[str, str] | None = None, *markets: str) -> dict[str, Any]:
    return {"type": "user", "auth": auth() if key is None else key, **({"markets": list(markets)} if markets else {})}


@asynccontextmanager
async def exchange() -> AsyncIterator[tuple[FakeCore, UserSockets, str]]:
    core = FakeCore(listing(1), listing(2))
    sockets = UserSockets(FakeKeys())
    core.listeners.append(sockets.hear)
    async with served(sockets.sockets()) as url:
        yield core, sockets, url + "/ws/user"


async def test_orders_go_to_their_owner_s_connections_only() -> None:
    async with exchange() as (core, sockets, url):
        async with (
            connected(url, first()) as one,
            connected(url, first()) as two,
            connected(url, first(auth(OTHER_KEY))) as other,
        ):
            for client in (one, two, other):
                await client.ponged()
            core.order(order(core.market))
            core.order(order(core.market, n=2, mine=False), OrderNews.CANCELLATION)
            assert [(e["id"][-1], e["type"]) for e in await one.until_pong()] == [("1", "PLACEMENT")]
            assert len(await two.until_pong()) == 1
            assert [(e["id"][-1], e["type"]) for e in await other.until_pong()] == [("2", "CANCELLATION")]
            assert next(iter(sockets.outlets.open)).address == ADDRESS
        while sockets.outlets.open:
            await trio.sleep(0.01)
        assert sockets._clients == {}


async def test_a_trade_goes_to_both_sides_at_each_step() -> None:
    async with (
        exchange() as (core, _, url),
        connected(url, first()) as taker,
        connected(url, first(auth(OTHER_KEY))) as maker,
    ):
        await taker.ponged()
        await maker.ponged()
        for status in (TradeStatus.MATCHED, TradeStatus.MINED, TradeStatus.CONFIRMED):
            core.settle(trade(order(core.market), order(core.market, n=2, mine=False), status=status))
        told = await taker.until_pong()
        assert [e["status"] for e in told] == ["MATCHED", "MINED", "CONFIRMED"]
        assert {e["trader_side"] for e in told} == {"TAKER"}
        assert {e["trader_side"] for e in await maker.until_pong()} == {"MAKER"}


async def test_markets_narrow_what_is_told_and_none_is_all() -> None:
    async with exchange() as (core, _, url):
        a, b = core.listings.values()
        async with connected(url, first(None, a.condition.upper().replace("0X", "0x"))) as client:

            async def heard() -> list[str]:
                core.order(order(a))
                core.order(order(b, n=2))
                return [event["id"][-1] for event in await client.until_pong()]

            await client.ponged()
            assert await heard() == ["1"]
            await client.say({"operation": "subscribe", "markets": [b.condition]})
            await client.ponged()
            assert await heard() == ["1", "2"]
            await client.say({"operation": "unsubscribe", "markets": [a.condition, "0xnone"]})
            await client.ponged()
            assert await heard() == ["2"]
            await client.say({"operation": "unsubscribe", "markets": [b.condition]})
            await client.ponged()
            assert await heard() == ["1", "2"]


@pytest.mark.parametrize(
    "said",
    [
        first(auth(secret="d3Jvbmc=")),
        first(auth("nobody")),
        first({"apiKey": "x"}),
        {"type": "user"},
        {"type": "user", "auth": 7},
        {"operation": "subscribe", "markets": []},
        "{",
    ],
    ids=["secret", "key", "parts", "none", "number", "change", "junk"],
)
async def test_without_good_credentials_the_connection_is_closed(said: object) -> None:
    async with exchange() as (core, sockets, url), connected(url, "PING", said) as client:
        assert await client.raw() == b"PONG"
        with pytest.raises(LinkLost) as lost:
            await client.raw()
        assert lost.value.code == 1008
        core.order(order(core.market))
        assert sockets._clients == {}


async def test_nothing_is_replayed_to_who_connects_late() -> None:
    async with exchange() as (core, _, url):
        core.order(order(core.market))
        async with connected(url, first()) as client:
            assert await client.until_pong() == []


async def test_junk_after_the_credentials_is_answered() -> None:
    async with exchange() as (_, _sockets, url), connected(url, first(), "{", {"operation": "dance"}) as client:
        assert [await client.raw(), await client.raw()] == [b"INVALID OPERATION"] * 2
        assert await client.until_pong() == []
