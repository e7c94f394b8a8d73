"""The market channel over real sockets: what a subscriber gets, when, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from agbot.errors import LinkLost
from agbot.exchange.sockets.market import SNAPSHOTS_MAX, MarketSockets
from agbot.exchange.sockets.outlet import FRAME_BYTES_MAX, Backlog, Outlet
from agbot.model.events import ASK, BID
from agbot.model.order import Side
from tests.exchange.fake_core import FakeCore, listing, order, trade
from tests.exchange.serving import Client, connected, served


def first(*tokens: str, **more: Any) -> dict[str, Any]:
    return {"type": "market", "assets_ids": list(tokens), **more}


def subscribe(*tokens: str, **more: Any) -> dict[str, Any]:
    return {"operation": "subscribe", "assets_ids": list(tokens), **more}


def unsubscribe(*tokens: str) -> dict[str, Any]:
    return {"operation": "unsubscribe", "assets_ids": list(tokens)}


@asynccontextmanager
async def exchange(*listings: Any) -> AsyncIterator[tuple[FakeCore, MarketSockets, str]]:
    core = FakeCore(*listings)
    sockets = MarketSockets(core, core.clock)
    core.listeners.append(sockets.hear)
    core.change(core.market, (BID, 480_000, 30_000_000), (BID, 470_000, 10_000_000), (ASK, 520_000, 25_500_000))
    async with served(sockets.sockets()) as url:
        yield core, sockets, url + "/ws/market"


def kinds(frames: list[Any]) -> list[str]:
    return [frame["event_type"] for frame in frames]


async def test_the_first_frame_brings_a_book_of_each_token_best_level_last() -> None:
    async with exchange() as (core, _, url):
        yes, no = core.market.tokens
        async with connected(url, first(yes, no, "123")) as client:
            book, mirrored = await client.until_pong()
    assert book["asset_id"] == yes
    assert [level["price"] for level in book["bids"]] == ["0.47", "0.48"]
    assert mirrored["asks"] == [{"price": "0.53", "size": "10"}, {"price": "0.52", "size": "30"}]
    assert mirrored["bids"] == [{"price": "0.48", "size": "25.5"}]
    assert len(book["hash"]) == 40
    assert book["timestamp"] == "1790000000123"


async def test_a_change_is_told_for_both_outcomes_in_one_message_with_the_best_prices() -> None:
    async with exchange() as (core, _, url), connected(url, first(core.market.market.no)) as client:
        await client.next()
        core.change(core.market, (BID, 490_000, 5_000_000))
        told = await client.next()
    assert told["event_type"] == "price_change"
    rows = [[row[k] for k in ("price", "size", "side", "best_bid", "best_ask")] for row in told["price_changes"]]
    assert rows == [["0.49", "5", "BUY", "0.49", "0.52"], ["0.51", "5", "SELL", "0.48", "0.51"]]
    assert [row["asset_id"] for row in told["price_changes"]] == list(core.market.tokens)
    assert all(len(row["hash"]) == 40 for row in told["price_changes"])


async def test_after_a_trade_come_its_print_the_change_and_the_whole_book() -> None:
    async with exchange() as (core, _, url), connected(url, first(*core.market.tokens)) as client:
        await client.take(2)
        core.trade(trade(order(core.market, price=520_000), order(core.market, n=2, side=Side.SELL, price=520_000)))
        core.change(core.market, (ASK, 520_000, 15_500_000))
        core.change(core.market, (ASK, 530_000, 1_000_000))
        told = await client.until_pong()
    assert kinds(told) == ["last_trade_price", "price_change", "book", "book", "price_change"]
    assert told[0]["side"] == "BUY"
    assert told[0]["price"] == "0.52"


async def test_a_token_named_again_gets_no_second_book_but_its_flag_counts() -> None:
    async with exchange() as (core, _, url):
        yes = core.market.market.yes
        async with connected(url, first(yes, custom_feature_enabled=False)) as client:
            await client.next()
            await client.say(subscribe(yes, custom_feature_enabled=True))
            assert await client.until_pong() == []
            core.change(core.market, (BID, 490_000, 5_000_000))
            assert kinds(await client.until_pong()) == ["price_change", "best_bid_ask"]
            await client.say(subscribe(yes, custom_feature_enabled=False))
            assert await client.until_pong() == []
            core.change(core.market, (BID, 500_000, 5_000_000))
            assert kinds(await client.until_pong()) == ["price_change"]
            await client.say(unsubscribe(yes))
            await client.say(subscribe(yes))
            assert kinds(await client.until_pong()) == ["book"]


async def test_best_prices_are_told_only_when_they_change() -> None:
    flagged = first(*listing().tokens, custom_feature_enabled=True)
    async with exchange() as (core, _, url), connected(url, flagged) as client:
        await client.take(2)
        core.change(core.market, (BID, 460_000, 5_000_000))
        core.change(core.market, (ASK, 520_000, 0))
        told = await client.until_pong()
    assert kinds(told) == ["price_change", "price_change", "best_bid_ask", "best_bid_ask"]
    assert [told[2][k] for k in ("best_bid", "best_ask", "spread")] == ["0.48", "1", "0.52"]
    assert [told[3][k] for k in ("best_bid", "best_ask", "spread")] == ["0", "0.52", "0.52"]


async def test_listings_and_winners_are_told_to_those_with_the_flag() -> None:
    async with exchange() as (core, _, url):
        new = listing(2)
        asked = [*core.market.tokens, *new.tokens]
        async with (
            connected(url, first(*asked, custom_feature_enabled=True)) as client,
            connected(url, first(*asked)) as plain,
        ):
            await client.take(2)
            await plain.take(2)
            core.list_market(new)
            assert kinds(await client.take(3)) == ["new_market", "book", "book"]
            core.resolve(new)
            resolved = await client.next()
            assert kinds(await plain.until_pong()) == ["book", "book"]
    assert resolved["event_type"] == "market_resolved"
    assert resolved["assets_ids"] == list(new.tokens)
    assert resolved["winning_outcome"] == "Yes"


async def test_a_new_tick_is_told_for_each_token() -> None:
    async with exchange() as (core, _, url), connected(url, first(*core.market.tokens)) as client:
        await client.take(2)
        core.tick(core.market, 1_000)
        told = await client.take(2)
    assert [row["asset_id"] for row in told] == list(core.market.tokens)
    assert {(row["old_tick_size"], row["new_tick_size"]) for row in told} == {("0.01", "0.001")}


async def test_nothing_comes_for_tokens_that_were_left() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(*core.market.tokens)) as client:
        await client.take(2)
        await client.say(unsubscribe(*core.market.tokens, "7"))
        await client.ponged()
        core.change(core.market, (BID, 490_000, 5_000_000))
        assert await client.until_pong() == []
        assert sockets._clients == {}


@pytest.mark.parametrize(
    "junk", ["{", "[]", "7", '"x"', "{}", '{"operation":"dance"}', '{"type":"user"}', "[" * 5000, "pong"]
)
async def test_junk_is_answered_and_changes_nothing(junk: str) -> None:
    async with exchange() as (core, _, url), connected(url, junk) as client:
        assert await client.raw() == b"INVALID OPERATION"
        await client.say(first(core.market.market.yes))
        assert kinds([await client.next()]) == ["book"]


@pytest.mark.parametrize("assets", [None, "x", {"a": 1}, [1, None, "", "x" * 10_000, ["y"]]])
async def test_tokens_that_are_none_are_passed_over(assets: object) -> None:
    async with exchange() as (_, _sockets, url), connected(url, {"type": "Market", "assets_ids": assets}) as client:
        assert await client.until_pong() == []


async def test_beyond_five_hundred_tokens_there_is_no_book_to_begin_with() -> None:
    markets = [listing(n) for n in range(1, 302)]
    many = first(*(token for market in markets for token in market.tokens))
    async with exchange(*markets) as (core, _, url), connected(url, many) as client:
        assert len(await client.until_pong()) == SNAPSHOTS_MAX
        core.change(markets[-1], (BID, 490_000, 5_000_000))
        assert kinds(await client.until_pong()) == ["price_change"]


async def test_ping_is_answered_with_pong_in_capitals_only() -> None:
    async with exchange() as (_, _sockets, url), connected(url, "PING", "PING") as client:
        assert [await client.raw(), await client.raw()] == [b"PONG", b"PONG"]


# ---------------------------------------------------------------- what the fault layer may do


async def test_a_filter_drops_repeats_and_delays_frames_of_a_connection() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        seen: list[tuple[str, Outlet]] = []

        def change(channel: str, outlet: Outlet, frame: bytes) -> list[tuple[float, bytes]]:
            seen.append((channel, outlet))
            return [[], [(0, frame), (0, frame)], [(0.05, frame)], [(0, frame)]][len(seen) - 1]

        sockets.outlets.filter = change
        for price in (10_000, 20_000, 30_000, 40_000):
            core.change(core.market, (BID, price, 5_000_000))
        got = [frame["price_changes"][0]["price"] for frame in await client.take(4)]
    assert got == ["0.02", "0.02", "0.04", "0.03"]
    assert seen[0] == ("market", seen[-1][1])


async def test_a_silent_connection_still_answers_pings() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        (outlet,) = sockets.outlets.open
        outlet.silent = True
        core.change(core.market, (BID, 490_000, 5_000_000))
        assert await client.until_pong() == []
        outlet.silent = False
        core.change(core.market, (BID, 500_000, 5_000_000))
        assert kinds(await client.until_pong()) == ["price_change"]


async def test_a_deaf_connection_answers_no_ping() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        next(iter(sockets.outlets.open)).deaf = True
        await client.say("PING")
        await client.say("junk")
        assert await client.raw() == b"INVALID OPERATION"


async def test_the_fault_layer_is_told_of_connections_and_may_close_one_at_once() -> None:
    async with exchange() as (_, sockets, url):
        told: list[tuple[str, int]] = []

        def opened(channel: str, outlet: Outlet) -> None:
            told.append((channel, outlet.number))
            outlet.close(1012)

        sockets.outlets.opened = opened
        async with connected(url) as client:
            with pytest.raises(LinkLost) as lost:
                await client.raw()
        assert (lost.value.code, told) == (1012, [("market", 1)])


async def test_a_filter_may_send_what_is_longer_than_a_mebibyte() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        sockets.outlets.filter = lambda _, __, frame: [(0.0, frame.ljust(FRAME_BYTES_MAX + 1))]
        core.change(core.market, (BID, 490_000, 5_000_000))
        assert len(await client.raw()) == FRAME_BYTES_MAX + 1


@pytest.mark.parametrize(("end", "code"), [("drop", 1006), ("close", 1001)])
async def test_a_connection_is_dropped_or_closed(end: str, code: int) -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        (outlet,) = sockets.outlets.open
        outlet.drop() if end == "drop" else outlet.close(1001, "restart")
        with pytest.raises(LinkLost) as lost:
            await client.raw()
        assert (lost.value.code or 1006) == code
        while sockets.outlets.open:
            await trio.sleep(0.01)
        assert sockets._clients == {}


# ---------------------------------------------------------------- bounds


async def test_who_does_not_read_is_dropped_and_the_others_get_everything() -> None:
    core = FakeCore()
    sockets = MarketSockets(core, core.clock)
    sockets.outlets.backlog = Backlog(messages=400, bytes=8 * 1024 * 1024)
    core.listeners.append(sockets.hear)
    async with served(sockets.sockets()) as base:
        url = base + "/ws/market"
        async with (
            connected(url, first(core.market.market.yes)) as slow,
            connected(url, first(core.market.market.yes)) as quick,
        ):
            await slow.next()
            await quick.next()
            n = 0
            while sockets.outlets.slow == 0:
                core.change(core.market, *((BID, price * 10_000, n + 1) for price in range(1, 50)))
                n += 1
                assert kinds([await quick.next()]) == ["price_change"]
                assert n < 5000
            while len(sockets.outlets.open) > 1:
                await trio.sleep(0.01)
            core.change(core.market, (BID, 10_000, 77))
            assert (await quick.next())["price_changes"][0]["size"] == "0.000077"
            with pytest.raises(LinkLost):
                await _drained(slow)


async def test_who_does_not_read_is_closed_all_the_same() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        (outlet,) = sockets.outlets.open
        while outlet.backlog < 100:
            outlet.put(b"x" * 10_000)
            await trio.lowlevel.checkpoint()
        outlet.close(1001)
        with trio.fail_after(10):
            while sockets.outlets.open:
                await trio.sleep(0.01)


async def _drained(client: Client) -> None:
    while True:
        await client.raw()


async def test_a_flood_in_one_turn_closes_with_1013() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        sockets.outlets.backlog = Backlog(messages=10)
        for price in range(1, 40):
            core.change(core.market, (BID, price * 10_000, 5_000_000))
        with pytest.raises(LinkLost) as lost:
            await client.raw()
    assert lost.value.code == 1013


async def test_no_frame_is_longer_than_a_mebibyte_even_with_ten_thousand_levels() -> None:
    async with exchange() as (core, sockets, url), connected(url, first(core.market.market.yes)) as client:
        await client.next()
        core.change(core.market, *((BID if p < 5000 else ASK, p * 100, 123_456_789_123) for p in range(1, 10_000)))
        core.trade(trade(order(core.market), order(core.market, n=2)))
        core.change(core.market, (BID, 100, 123_456_789_124))
        told = await client.until_pong()
        assert sum(kind == "price_change" for kind in kinds(told)) == 11
        assert kinds(told)[-1] == "book"
        assert max(map(len, client.seen)) < FRAME_BYTES_MAX
        next(iter(sockets.outlets.open)).put(b"x" * (FRAME_BYTES_MAX + 1))
        assert await client.until_pong() == []
        assert sockets.outlets.oversized == 1
