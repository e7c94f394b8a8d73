"""Realtime v2 over real sockets: requests, their answers, limits, and numbered data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from agbot.errors import LinkLost
from agbot.exchange.sockets import realtime
from agbot.exchange.sockets.outlet import Backlog
from agbot.exchange.sockets.realtime import AUTHS_MAX, FRAMES_PER_S, SUBSCRIPTIONS_MAX, Realtime
from agbot.exchange.sockets.references import Asset, References
from agbot.venue.polymarket.wire.realtime import Ack, OpError, Prices, RealtimeDecoder
from tests.exchange.fake_core import NOW_NS, FakeCore, FakeKeys, auth
from tests.exchange.serving import Client, connected, served

AUTH = {"op": "auth", "auth": auth(), "rid": "1"}
SECOND = 1_000_000_000


def ask(op: str, *items: tuple[str, dict[str, Any]], rid: str = "2") -> dict[str, Any]:
    return {"op": op, "subscriptions": [{"channel": c, "filter": f} for c, f in items], "rid": rid}


BTC = ("price.crypto", {"symbol": "btcusd"})
ETH = ("price.crypto", {"symbol": "ethusd"})
TWAP = ("price.crypto.twap", {"symbol": "btcusd", "window_seconds": 60})
AAPL = ("price.equity", {"symbol": "aapl", "provider": "pyth"})


@asynccontextmanager
async def exchange(references: References | None = None) -> AsyncIterator[tuple[FakeCore, Realtime, str]]:
    core = FakeCore()
    sockets = Realtime(FakeKeys(), references or References(7), core.clock)
    async with served(sockets.sockets()) as url:
        yield core, sockets, url + "/ws/realtime"


async def until_pong(client: Client) -> list[Any]:
    await client.say({"op": "ping"})
    frames = []
    while (frame := await client.next()) != {"op": "pong"}:
        frames.append(frame)
    return frames


def codes(frames: list[Any]) -> list[tuple[str, str]]:
    return [(frame.get("code", frame.get("op", "data")), frame.get("channel", "")) for frame in frames]


async def test_every_item_is_answered_in_order_with_its_history() -> None:
    async with exchange() as (_, _s, url), connected(url, AUTH) as client:
        assert await client.next() == {"op": "authed", "rid": "1"}
        await client.say(ask("subscribe", BTC, ("nope", {}), ETH, ("price.crypto", {"symbol": "zzzusd"}), AAPL))
        frames = await until_pong(client)
    assert codes(frames) == [
        ("subscribed", "price.crypto"),
        ("data", "price.crypto"),
        ("bad_channel", "nope"),
        ("subscribed", "price.crypto"),
        ("data", "price.crypto"),
        ("bad_filter", "price.crypto"),
        ("subscribed", "price.equity"),
        ("data", "price.equity"),
    ]
    assert {frame["rid"] for frame in frames if "op" in frame} == {"2"}
    data = [frame for frame in frames if "v" in frame]
    assert [(frame["seq"], frame["snapshot"]) for frame in data] == [(1, True), (2, True), (1, True)]
    assert [len(frame["payload"]["data"]) for frame in data] == [120, 120, 120]
    decoder = RealtimeDecoder()
    read = [message for frame in frames for message in decoder.decode(msgspec.json.encode(frame)).messages]
    assert [type(message) for message in read] == [Ack, Prices, OpError, Ack, Prices, OpError, Ack, Prices]
    protocol = pytest.importorskip("polymarket._internal.streams.realtime.protocol")
    assert all(protocol.parse_price_event(frame).type == "subscribe" for frame in data)


async def test_prices_come_each_second_numbered_for_each_channel() -> None:
    four = ask("subscribe", BTC, ETH, TWAP, AAPL)
    async with exchange() as (_, sockets, url), connected(url, AUTH, four) as client:
        await until_pong(client)
        sockets.tick(NOW_NS)
        sockets.tick(NOW_NS + SECOND)
        frames = await until_pong(client)
        await client.say(ask("unsubscribe", BTC, TWAP, rid="3"))
        assert codes(await until_pong(client)) == [
            ("unsubscribed", "price.crypto"),
            ("unsubscribed", "price.crypto.twap"),
        ]
        sockets.tick(NOW_NS)
        assert [frame["payload"]["symbol"] for frame in await until_pong(client)] == ["ethusd", "aapl"]
    numbers = [(frame["channel"], frame["seq"]) for frame in frames]
    once = [("price.crypto", 3), ("price.crypto", 4), ("price.crypto.twap", 2), ("price.equity", 2)]
    assert numbers == [*once, ("price.crypto", 5), ("price.crypto", 6), ("price.crypto.twap", 3), ("price.equity", 3)]
    assert frames[3]["payload"]["market_status"] == "open"
    assert frames[2]["payload"]["window_seconds"] == 60
    decoder = RealtimeDecoder()
    assert not any(decoder.decode(msgspec.json.encode(frame)).faults for frame in frames)
    protocol = pytest.importorskip("polymarket._internal.streams.realtime.protocol")
    assert all(protocol.parse_price_event(frame).type == "update" for frame in frames)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (ask("subscribe", BTC), "auth_required"),
        (AUTH | {"auth": auth("nobody")}, "auth_invalid"),
        ({"op": "auth", "rid": "2"}, "auth_invalid"),
        ({"op": "dance", "rid": "2"}, "bad_op"),
        ("{", "bad_op"),
        ("[]", "bad_op"),
    ],
)
async def test_what_is_refused_before_one_is_known(said: object, code: str) -> None:
    async with exchange() as (_, _s, url), connected(url, said) as client:
        (answer,) = await until_pong(client)
        assert (answer["op"], answer["code"]) == ("error", code)


@pytest.mark.parametrize(
    "item",
    [
        ("price.crypto", {}),
        ("price.crypto", {"symbol": "btc/usd"}),
        ("price.crypto", {"symbol": "aaplusd"}),
        ("price.crypto", {"symbol": "btcusd", "provider": "binance"}),
        ("price.crypto.twap", {"symbol": "btcusd"}),
        ("price.crypto.twap", {"symbol": "btcusd", "window_seconds": 30}),
        ("price.equity", {"symbol": "btc"}),
        ("price.equity", {"symbol": 7}),
    ],
)
async def test_bad_filters(item: tuple[str, dict[str, Any]]) -> None:
    async with exchange() as (_, _s, url), connected(url, AUTH, ask("subscribe", item)) as client:
        assert codes(await until_pong(client))[1:] == [("bad_filter", item[0])]


async def test_sixty_four_subscriptions_and_no_more() -> None:
    many = References(1, tuple(Asset(f"a{n}", 10.0, 0.01) for n in range(SUBSCRIPTIONS_MAX + 1)))
    items = [("price.crypto", {"symbol": f"a{n}usd"}) for n in range(SUBSCRIPTIONS_MAX + 1)]
    async with exchange(many) as (_, _s, url), connected(url, AUTH, ask("subscribe", *items)) as client:
        answers = [one for one in codes(await until_pong(client)) if one[0] != "data"]
        assert answers[-1] == ("sub_limit", "price.crypto")
        assert [one[0] for one in answers].count("subscribed") == SUBSCRIPTIONS_MAX
        await client.say(ask("subscribe", items[0]))
        assert codes(await until_pong(client))[0] == ("subscribed", "price.crypto")


async def test_too_many_requests_in_a_second() -> None:
    async with exchange() as (_, _s, url), connected(url, AUTH) as client:
        for _ in range(FRAMES_PER_S + 1):
            await client.say(ask("unsubscribe", BTC))
        answers = codes(await until_pong(client))[1:]
    assert answers == [("unsubscribed", "price.crypto")] * FRAMES_PER_S + [("rate_limited", "")]


async def closed(client: Client) -> int:
    with pytest.raises(LinkLost) as lost:
        await _until_lost(client)
    return int(lost.value.code or 0)


async def _until_lost(client: Client) -> None:
    while True:
        await client.raw()


async def test_close_codes() -> None:
    async with exchange() as (_, sockets, url):
        async with connected(url, *[AUTH | {"auth": auth("nobody")}] * (AUTHS_MAX + 1)) as client:
            assert await closed(client) == 4001
            assert b"auth_attempts" in client.seen[-1]
        async with connected(url, "x" * 70_000) as client:
            assert await closed(client) == 4008
        async with connected(url, AUTH, ask("subscribe", BTC, ETH)) as client:
            await until_pong(client)
            sockets.outlets.backlog = Backlog(messages=1)
            sockets.tick(NOW_NS)
            assert await closed(client) == 4002


async def test_who_does_not_say_who_they_are_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime, "AUTH_WITHIN_S", 0.05)
    async with exchange() as (_, sockets, url), trio.open_nursery() as nursery:
        await nursery.start(sockets.run)
        async with connected(url, AUTH) as known, connected(url) as stranger:
            await known.next()
            assert await closed(stranger) == 4001
            assert await until_pong(known) == []
        nursery.cancel_scope.cancel()
