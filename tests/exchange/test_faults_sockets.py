"""Faults of messages and connections, each seen by a WebSocket client."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx
import msgspec
import pytest
import trio

from agbot.errors import LinkLost, MessageTooLarge
from agbot.exchange.clob.wire import book_hash
from agbot.fault_switch import Where
from agbot.faults import CATALOGUE
from agbot.web.socket import Socket, open_socket
from tests.exchange.fake_core import OTHER_ADDRESS
from tests.exchange.faulty import Venue, faulty
from tests.exchange.serving import Client


def kinds(events: list[Any]) -> list[str]:
    return [event["event_type"] for event in events]


async def told_until(client: Client, kind: str) -> list[Any]:
    """Return events up to the first of a kind."""
    events: list[Any] = []
    while not events or events[-1]["event_type"] != kind:
        told = await client.next()
        events += told if isinstance(told, list) else [told]
    return events


async def quiet(client: Client, seconds: float = 0.15) -> bool:
    """Return whether nothing comes for a while."""
    with trio.move_on_after(seconds):
        await client.raw()
        return False
    return True


async def test_duplicated_frames() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        book = await client.raw()
        venue.plan.switch("duplicated_frames", copies=2)
        await venue.order("BUY", "0.4")
        change = [await client.raw() for _ in range(3)]
        assert len(set(change)) == 1
        assert change[0] != book


async def test_reordered_frames() -> None:
    async with faulty() as venue, venue.user() as client:
        await client.ponged()
        venue.plan.switch("reordered_frames", probability=1, times=1, delay_s=0.3)
        resting = (await venue.order("BUY", "0.4")).json()["orderID"]
        await venue.ask("DELETE", "/order", {"orderID": resting})
        assert [(await client.next())["type"] for _ in range(2)] == ["CANCELLATION", "PLACEMENT"]


async def test_delayed_frames() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("delayed_frames", delay_s=0.3)
        before = time.monotonic()
        await venue.order("BUY", "0.4")
        venue.plan.switch("delayed_frames", False)
        for price in ("0.41", "0.42", "0.43"):
            await venue.order("BUY", price)
        assert time.monotonic() - before < 0.3
        changes = [(await client.next())["price_changes"][0]["price"] for _ in range(4)]
        assert time.monotonic() - before >= 0.3
        assert changes == ["0.4", "0.41", "0.42", "0.43"], "late, and in order still"


async def test_dropped_frames() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("dropped_frames", probability=1, times=1)
        for price in ("0.4", "0.41"):
            await venue.order("BUY", price)
        assert (await client.next())["price_changes"][0]["price"] == "0.41"
        assert venue.plan.report()["dropped_frames"]["struck"] == 1


@pytest.mark.parametrize("instead", [False, True])
async def test_bad_json_frame(instead: bool) -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("bad_json_frame", instead=instead, times=1)
        await venue.order("BUY", "0.4")
        broken = await client.raw()
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(broken)
        await venue.order("BUY", "0.41")
        prices = [(await client.next())["price_changes"][0]["price"] for _ in range(1 if instead else 2)]
        assert prices == (["0.41"] if instead else ["0.4", "0.41"])


async def test_unknown_event_types() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("unknown_event_types", times=1)
        await venue.order("BUY", "0.4")
        assert kinds(await client.next()) == ["price_change", "auto_redeem"]


async def test_crossed_book() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        await venue.order("SELL", "0.6", who=OTHER_ADDRESS)
        await client.raw()
        venue.plan.switch("crossed_book", delay_s=0.05, times=1)
        await venue.order("BUY", "0.4")
        rows = [(await client.next())["price_changes"][0] for _ in range(3)]
        assert [(row["side"], row["price"], row["size"]) for row in rows] == [
            ("BUY", "0.4", "10"),
            ("BUY", "0.6", "5"),
            ("BUY", "0.6", "0"),
        ]


async def test_wrong_hash() -> None:
    async with faulty() as venue:
        venue.plan.switch("wrong_hash")
        async with venue.market(custom=False) as client:
            book = await client.next()
        del book["event_type"]
        assert len(book["hash"]) == 40
        assert book["hash"] != book_hash(book | {"hash": ""})


async def test_missing_market_resolved() -> None:
    async with faulty() as venue, venue.market() as client:
        await client.raw()
        venue.plan.switch("missing_market_resolved")
        market = next(iter(venue.core.listings.values()))
        venue.core.resolve(market, market.market.yes, time.time_ns())
        assert "market_resolved" not in kinds(await client.until_pong())
        assert venue.plan.report()["missing_market_resolved"]["struck"] == 1
        assert market.winner == market.market.yes


async def test_tick_change_unannounced() -> None:
    async with faulty() as venue, venue.market() as client:
        await client.raw()
        venue.plan.switch("tick_change_unannounced")
        market = next(iter(venue.core.listings.values()))
        venue.core.set_tick(market, 1_000, time.time_ns())
        assert await client.until_pong() == []
        book = (await venue.ask("GET", f"/book?token_id={venue.yes}")).json()
        assert book["tick_size"] == "0.001"
        assert (await venue.order("BUY", "0.401")).json()["status"] == "live"


async def test_missing_user_events() -> None:
    async with faulty() as venue, venue.user() as client:
        await client.ponged()
        venue.plan.switch("missing_user_events")
        told = (await venue.take()).json()
        assert told["tradeIDs"]
        assert set(kinds(await client.until_pong())) == {"order"}
        assert (await venue.ask("GET", "/data/trades")).json()["count"] == 1


async def test_late_user_events() -> None:
    async with faulty() as venue, venue.user() as client:
        await client.ponged()
        venue.plan.switch("late_user_events", delay_s=0.3)
        before = time.monotonic()
        await venue.take()
        assert await client.until_pong() == [], "PONGs are not late"
        assert "trade" in kinds(await told_until(client, "trade"))
        assert time.monotonic() - before >= 0.3


async def test_duplicate_trade_ids() -> None:
    async with faulty() as venue, venue.user() as client:
        await client.ponged()
        for price in ("0.4", "0.41"):
            await venue.order("BUY", price)
        venue.plan.switch("duplicate_trade_ids")
        swept = (await venue.order("SELL", "0.4", "20", who=OTHER_ADDRESS)).json()
        assert len(swept["tradeIDs"]) == 1
        trades: list[Any] = []
        while len({trade["price"] for trade in trades}) < 2:
            event = await client.next()
            trades += [event] if event["event_type"] == "trade" else []
        assert {trade["id"] for trade in trades} == set(swept["tradeIDs"])
        rows = (await venue.ask("GET", "/data/trades")).json()["data"]
        assert [row["id"] for row in rows] == swept["tradeIDs"] * 2


async def _receive_all(socket: Socket, first: bytes) -> None:
    await socket.send(first)
    with trio.fail_after(10):
        while True:
            await socket.receive()


async def test_oversize_frame_1009() -> None:
    async with faulty() as venue:
        venue.plan.switch("oversize_frame_1009", times=1)
        first = msgspec.json.encode({"type": "market", "assets_ids": [venue.yes]})
        async with open_socket(f"{venue.sockets}/ws/market", message_bytes_max=2**20) as client:
            with pytest.raises(MessageTooLarge) as closed:
                await _receive_all(client, first)
        assert closed.value.code == 1009
        async with venue.market(custom=False) as other:
            assert (await other.next())["event_type"] == "book"


async def test_clock_jump() -> None:
    async with faulty() as venue:
        venue.plan.switch("clock_jump", jump_s=900)
        async with venue.market(custom=False) as client:
            book = await client.next()
            await venue.order("BUY", "0.4")
            change = await client.next()
        for event in (book, change):
            assert 890 < int(event["timestamp"]) / 1000 - time.time() < 910
        del book["event_type"]
        assert book["hash"] == book_hash(book | {"hash": ""})


# ---------------------------------------------------------------- connections


async def test_silent_socket() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("silent_socket", times=1)
        await venue.order("BUY", "0.4")
        assert await client.until_pong() == [], "PONGs go on"
        async with venue.market(custom=False) as other:
            assert kinds([await other.next()]) == ["book"], "it had one strike: the next connection is well"
        venue.plan.switch("silent_socket", False)
        await venue.order("BUY", "0.41")
        assert (await client.next())["price_changes"][0]["price"] == "0.41"


async def test_silent_socket_from_the_start() -> None:
    async with faulty() as venue:
        venue.plan.switch("silent_socket")
        async with venue.market(custom=False) as client:
            await venue.order("BUY", "0.4")
            assert await client.until_pong() == []


async def test_silent_socket_of_one_channel_and_for_a_time() -> None:
    async with faulty() as venue, venue.market(custom=False) as market, venue.user() as user:
        await market.raw()
        await user.ponged()
        venue.plan.switch("silent_socket", match={"channel": "market"}, for_s=0.4)
        await venue.order("BUY", "0.4")
        assert kinds(await user.until_pong()) == ["order"]
        assert await market.until_pong() == []
        with trio.fail_after(10):
            while not await market.until_pong():
                await venue.order("BUY", "0.4")
                await venue.ask("DELETE", "/cancel-all")


async def test_no_pong() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("no_pong")
        await client.say("PING")
        assert await quiet(client)
        await venue.order("BUY", "0.4")
        assert (await client.next())["event_type"] == "price_change", "messages go on"
        venue.plan.switch("no_pong", False)
        await client.ponged()


async def test_disconnect_storm() -> None:
    async with faulty() as venue, venue.user() as open_already:
        await open_already.ponged()
        venue.plan.switch("disconnect_storm")
        with pytest.raises(LinkLost) as closed:
            await open_already.raw()
        assert closed.value.code == 1000
        for _ in range(3):
            with pytest.raises(LinkLost):
                async with open_socket(f"{venue.sockets}/ws/market") as again:
                    await again.receive()
        venue.plan.switch("disconnect_storm", False)
        async with venue.market(custom=False) as client:
            assert (await client.next())["event_type"] == "book"


async def test_socket_reset() -> None:
    async with faulty() as venue, venue.market(custom=False) as client:
        await client.raw()
        venue.plan.switch("socket_reset", times=1)
        with pytest.raises(LinkLost) as lost:
            await client.raw()
        assert lost.value.code in (0, 1006), "no close frame"
        assert isinstance(lost.value.__cause__, OSError | trio.BrokenResourceError) or "reset" in str(lost.value)
        async with venue.market(custom=False) as other:
            assert (await other.next())["event_type"] == "book"


async def test_a_revoked_key_closes_its_user_socket_only() -> None:
    async with faulty() as venue, venue.market(custom=False) as market, venue.user() as user:
        await market.raw()
        await user.ponged()
        venue.plan.switch("key_revoked", match={"wallet": OTHER_ADDRESS})
        await user.ponged()
        venue.plan.switch("key_revoked")
        with pytest.raises(LinkLost) as closed:
            await user.raw()
        assert closed.value.code == 1008
        await market.ponged()


async def test_a_late_frame_to_a_client_that_left_harms_nobody() -> None:
    async with faulty() as venue:
        venue.plan.switch("delayed_frames", delay_s=0.1)
        async with venue.market(custom=False):
            pass
        async with venue.market(custom=False) as client:
            assert (await client.next())["event_type"] == "book"


async def test_everything_at_once_is_survived_by_the_server() -> None:
    async with faulty(seed=3) as venue:
        for name in CATALOGUE:
            more: dict[str, Any] = {} if "delay_s" not in CATALOGUE[name].defaults() else {"delay_s": 0.01}
            venue.plan.switch(name, probability=0.2, **more)
        async with aclosing(_busy(venue)) as answers:
            assert [status async for status in answers]
        venue.plan.clear()
        assert (await venue.ask("GET", "/ok")).status_code == 200


async def _busy(venue: Venue) -> AsyncGenerator[int, None]:
    for n in range(40):
        try:
            async with venue.market(custom=False):
                yield (await venue.order("BUY" if n % 2 else "SELL", "0.5", who=OTHER_ADDRESS)).status_code
                yield (await venue.ask("DELETE", "/cancel-all", who=OTHER_ADDRESS)).status_code
        except (LinkLost, OSError, trio.TooSlowError, httpx.HTTPError):
            yield 0


def test_all_faults_of_frames_connections_and_the_clock_are_here() -> None:
    here = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    wanted = {n for n, f in CATALOGUE.items() if f.where in (Where.FRAME, Where.CONNECTION, Where.CLOCK)}
    assert wanted <= here
