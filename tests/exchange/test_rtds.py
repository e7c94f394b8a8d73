"""RTDS over real sockets: topics, filters, the quirks that were measured, and what decoders make of each frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio

from agbot.exchange.core.model import OrderNews
from agbot.exchange.sockets.references import References
from agbot.exchange.sockets.rtds import Rtds
from agbot.exchange.sockets.rtds_topics import PRICES, TYPES, Filter
from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, TickSizeChanged, TradePrint
from agbot.model.order import Side
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.rtds import Activity, MarketNotice, Refusal, RtdsDecoder
from tests.exchange.fake_core import KEY, NOW_NS, OTHER_KEY, FakeCore, FakeKeys, listing, order, trade
from tests.exchange.serving import Client, connected, served


@asynccontextmanager
async def exchange() -> AsyncIterator[tuple[FakeCore, Rtds, str]]:
    core = FakeCore(listing(1), listing(2))
    sockets = Rtds(core, FakeKeys(), References(7), core.clock)
    core.listeners.append(sockets.hear)
    core.change(core.market, (BID, 480_000, 30_000_000), (ASK, 520_000, 25_500_000))
    async with served(sockets.sockets()) as url:
        yield core, sockets, url + "/ws/rtds"


def subscribe(topic: str, kind: str = "*", filters: str | None = None, **more: Any) -> dict[str, Any]:
    row = {"topic": topic, "type": kind, **({"filters": filters} if filters is not None else {}), **more}
    return {"action": "subscribe", "subscriptions": [row]}


class Listener:
    """Everything up to a marker, which is a refusal the test provokes."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.decoder = RtdsDecoder()

    async def heard(self) -> list[Any]:
        await self.client.say(subscribe("no_such_topic"))
        frames: list[Any] = []
        while True:
            raw = await self.client.raw()
            decoded = self.decoder.decode(raw)
            assert not decoded.faults
            if decoded.items and isinstance(decoded.items[0], Refusal):
                return frames
            if raw:
                frames.append(msgspec.json.decode(raw))


@asynccontextmanager
async def listening(url: str, *told: object) -> AsyncIterator[Listener]:
    async with connected(url, *told) as client:
        yield Listener(client)


def quotes(frames: list[Any]) -> list[Quote]:
    decoder = RtdsDecoder()
    decoded = [decoder.decode(msgspec.json.encode(frame)) for frame in frames]
    assert not any(one.faults for one in decoded)
    return [item for one in decoded for item in one.items if isinstance(item, Quote)]


# ---------------------------------------------------------------- quirks


async def test_the_first_frame_is_empty_and_pings_get_no_answer() -> None:
    async with exchange() as (_, _s, url), connected(url, "PING", "ping", "{", subscribe("x")) as client:
        assert await client.raw() == b""
        assert (await client.next())["statusCode"] == 401


@pytest.mark.parametrize("bad", [("nonsense", "update"), ("crypto_prices", "nonsense"), ("clob_user", "*")])
async def test_one_unknown_topic_ends_all_of_its_frame(bad: tuple[str, str]) -> None:
    both = [{"topic": "activity", "type": "trades"}, {"topic": bad[0], "type": bad[1]}]
    async with exchange() as (core, _, url), connected(url, {"action": "subscribe", "subscriptions": both}) as client:
        assert await client.raw() == b""
        refused = await client.next()
        assert refused["statusCode"] == 401
        assert refused["body"]["message"]
        core.trade(trade(order(core.market), order(core.market, n=2)))
        assert await Listener(client).heard() == []


async def test_a_blank_in_a_filter_brings_the_history_and_then_nothing() -> None:
    async with exchange() as (_, rtds, url):
        spaced = subscribe("crypto_prices_chainlink", "update", '{"symbol": "btc/usd"}')
        async with listening(url, spaced) as client:
            assert [frame["type"] for frame in await client.heard()] == ["subscribe"]
            rtds.tick(NOW_NS)
            assert await client.heard() == []
            await client.client.say(subscribe("crypto_prices_chainlink", "update", '{"symbol":"BTC/USD"}'))
            await client.heard()
            rtds.tick(NOW_NS)
            assert [frame["payload"]["symbol"] for frame in await client.heard()] == ["btc/usd"]


async def test_the_history_of_chainlink_comes_under_the_other_topic_s_name() -> None:
    wanted = subscribe("crypto_prices_chainlink", "update", '{"symbol":"eth/usd"}')
    async with exchange() as (_, _s, url), listening(url, wanted) as client:
        (history,) = await client.heard()
    assert (history["topic"], history["type"], history["payload"]["symbol"]) == (
        "crypto_prices",
        "subscribe",
        "eth/usd",
    )
    assert "connection_id" not in history
    assert {quote.source for quote in quotes([history])} == {"crypto_prices_chainlink"}


async def test_naming_a_topic_again_replaces_its_filter_and_unsubscribing_ends_it() -> None:
    async with exchange() as (_, rtds, url), listening(url) as client:

        async def symbols() -> list[str]:
            await client.heard()
            rtds.tick(NOW_NS)
            return [frame["payload"]["symbol"] for frame in await client.heard()]

        await client.client.say(subscribe("crypto_prices", "update"))
        assert len(await symbols()) == 6
        await client.client.say(subscribe("crypto_prices", "update", '{"symbol":"solusdt"}'))
        assert await symbols() == ["solusdt"]
        await client.client.say(subscribe("crypto_prices", "update") | {"action": "unsubscribe"})
        assert await symbols() == []
        assert rtds._by_topic == {}


# ---------------------------------------------------------------- prices


@pytest.mark.parametrize("topic", PRICES)
async def test_prices_come_each_second_and_agree_with_their_accurate_text(topic: str) -> None:
    async with exchange() as (_, rtds, url), listening(url, subscribe(topic, "update")) as client:
        await client.heard()
        rtds.tick(NOW_NS)
        frames = await client.heard()
    read = quotes(frames)
    assert len(read) == len(frames) == (5 if topic == "equity_prices" else 6)
    assert {quote.source for quote in read} == {topic}
    assert {quote.window_s for quote in read} == {{"thirty": 30, "sixty": 60}.get(topic.rpartition("_")[2], 0)}
    assert all(frame["connection_id"] and frame["timestamp"] == NOW_NS // 1_000_000 for frame in frames)
    events = pytest.importorskip("polymarket.models.rtds_events")
    for frame in frames:
        assert events.parse_rtds_event(frame).payload.value > 0


async def test_run_tells_prices_by_the_exchange_s_clock() -> None:
    async with exchange() as (core, rtds, url), listening(url, subscribe("crypto_prices", "update")) as client:
        await client.heard()
        async with trio.open_nursery() as nursery:
            await nursery.start(rtds.run)
            assert (await client.client.next())["payload"]["timestamp"] == 1_790_000_000_000
            core.now_ns -= 3_600_000_000_000
            while (await client.client.next())["payload"]["timestamp"] != 1_789_996_400_000:
                pass
            nursery.cancel_scope.cancel()


# ---------------------------------------------------------------- facts


async def test_activity_tells_the_taker_s_part_of_a_trade() -> None:
    async with (
        exchange() as (core, _, url),
        listening(url, subscribe("activity")) as everything,
        listening(url, subscribe("activity", "trades", '{"market_slug":"will-it-2"}')) as other,
    ):
        await everything.heard()
        await other.heard()
        core.trade(trade(order(core.market, price=520_000), order(core.market, n=2, side=Side.SELL)))
        trades, matched = await everything.heard()
        assert await other.heard() == []
    assert (trades["type"], matched["type"]) == ("trades", "orders_matched")
    (item,) = RtdsDecoder().decode(msgspec.json.encode(trades)).items
    assert isinstance(item, Activity)
    assert (item.token, item.side, item.price, item.size) == (core.market.market.yes, Side.BUY, 520_000, 10_000_000)


async def test_clob_market_tells_books_changes_prints_ticks_and_markets() -> None:
    core_tokens = listing(1).tokens
    wanted = subscribe("clob_market", "*", msgspec.json.encode(core_tokens).decode())
    async with exchange() as (core, _, url), listening(url, wanted) as client:
        await client.heard()
        core.trade(trade(order(core.market), order(core.market, n=2)))
        core.change(core.market, (BID, 490_000, 5_000_000))
        core.change(list(core.listings.values())[1], (BID, 490_000, 5_000_000))
        core.tick(core.market, 1_000)
        core.list_market(core.market)
        core.resolve(core.market)
        frames = await client.heard()
    kinds = ["last_trade_price", "price_change", "agg_orderbook", "agg_orderbook", "tick_size_change"]
    assert [frame["type"] for frame in frames] == [*kinds, "market_created", "market_resolved"]
    assert sorted(frames[1]["payload"]["pc"][0]) == ["a", "ba", "bb", "h", "p", "s", "si"]
    decoder = RtdsDecoder()
    items = [item for frame in frames for item in decoder.decode(msgspec.json.encode(frame)).items]
    counted = [sum(isinstance(item, kind) for item in items) for kind in (TradePrint, BookDelta, BookSnapshot)]
    assert counted == [1, 2, 2]
    assert sum(isinstance(item, TickSizeChanged) for item in items) >= 2
    assert sum(isinstance(item, MarketNotice) for item in items) == 2


async def test_changes_without_a_filter_are_not_told() -> None:
    async with exchange() as (core, _, url), listening(url, subscribe("clob_market", "price_change")) as client:
        await client.heard()
        core.change(core.market, (BID, 490_000, 5_000_000))
        assert await client.heard() == []


async def test_clob_user_needs_a_key_and_tells_its_owner() -> None:
    good = {"key": KEY, "secret": "c2VjcmV0", "passphrase": "words"}
    async with (
        exchange() as (core, _, url),
        listening(url, subscribe("clob_user", clob_auth=good)) as mine,
        listening(url, subscribe("clob_user", clob_auth=good | {"key": OTHER_KEY})) as other,
    ):
        await mine.heard()
        await other.heard()
        core.order(order(core.market), OrderNews.PLACEMENT)
        core.settle(trade(order(core.market), order(core.market, n=2)))
        told = await mine.heard()
        assert await other.heard() == []
    assert [frame["type"] for frame in told] == ["order", "trade", "trade"]
    assert told[0]["payload"]["type"] == "PLACEMENT"


async def test_somebody_comments_now_and_then() -> None:
    async with exchange() as (_, rtds, url), listening(url, subscribe("comments", "comment_created")) as client:
        await client.heard()
        for second in range(200):
            rtds.tick(NOW_NS + second * 1_000_000_000)
        frames = await client.heard()
    assert 2 <= len(frames) <= 30
    events = pytest.importorskip("polymarket.models.rtds_events")
    assert {events.parse_rtds_event(frame).payload.parent_entity_type for frame in frames} == {"Event"}


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        (None, True),
        ("", True),
        ('{"symbol":"btcusdt"}', True),
        ('{"symbol":"BTCUSDT"}', True),
        ('{"symbol":"ethusdt"}', False),
        ('{"symbol": "btcusdt"}', False),
        ('{"other":1}', True),
        ("btcusdt,ethusdt", False),
        ("7", False),
        (7, False),
    ],
)
def test_filters(given: object, passes: bool) -> None:
    assert Filter.of(given).takes(symbol="btcusdt") is passes


def test_every_topic_has_types() -> None:
    assert all(TYPES.values())
