"""A real-time socket kept open: by schedule on a mock clock, and over loopback against the venue's stub."""

from __future__ import annotations

import json
from contextlib import aclosing, asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from agbot.core.references import REFERENCES_MAX
from agbot.model.events import ReferencePrice
from agbot.secrets import Secret
from agbot.testing.peer import Peer, Switchboard
from agbot.testing.venue_stub import StubKey, venue_stub
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.realtime import RealtimeSession
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.rtds import RtdsSession
from agbot.venue.polymarket.topics import realtime_topic, rtds_topic
from agbot.venue.polymarket.watch import TopicDoubt
from agbot.web.socket import open_socket

URL = "ws://venue.test/ws"
EPOCH_NS = 1_700_000_000 * 10**9
KEY = StubKey()
CREDENTIALS = ApiCredentials(key=KEY.key, secret=Secret(KEY.secret), passphrase=Secret(KEY.passphrase))


def now_ns() -> int:
    return EPOCH_NS + int(trio.current_time() * 1e9)


def rtds_price(value=61_000, symbol="btcusdt", age_s=0.0, **more):
    ms = now_ns() // 10**6 - int(age_s * 1000)
    payload = {"symbol": symbol, "timestamp": ms, "value": value} | more
    return json.dumps({"topic": "crypto_prices", "type": "update", "timestamp": ms, "payload": payload})


def realtime_price(seq, value="61000.5"):
    payload = {"symbol": "btcusd", "timestamp": now_ns() // 10**6, "value": float(value), "full_accuracy_value": value}
    return json.dumps({"v": 1, "channel": "price.crypto", "seq": seq, "ts": now_ns() // 10**6, "payload": payload})


class Reader:
    def __init__(self, feed):
        self.feed = feed
        self.batches = []
        self.came = trio.Event()

    async def run(self):
        async for batch in self.feed.batches():
            self.batches.append(batch)
            self.came.set()

    async def next(self):
        while not self.batches:
            await self.came.wait()
            self.came = trio.Event()
        return self.batches.pop(0)


@asynccontextmanager
async def running(session, url=URL, *, read=True, clock=now_ns, **options):
    """A feed that runs, and who reads it."""
    feed = ReferenceFeed(session, url, clock, random_unit=lambda: 1.0, **options)
    reader = Reader(feed)
    async with trio.open_nursery() as nursery:
        await nursery.start(feed.run)
        if read:
            nursery.start_soon(reader.run)
        yield feed, reader
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def switched(session, **options):
    """A feed on memory streams; its sockets wait at the switchboard."""
    board = Switchboard()
    async with running(session, open_=partial(open_socket, connect=board.connect), **options) as (feed, reader):
        yield board, feed, reader


def rtds(*topics):
    return RtdsSession([rtds_topic(t) for t in topics])


def realtime(*symbols):
    return RealtimeSession([realtime_topic(s) for s in symbols], CREDENTIALS)


async def drained(peer: Peer):
    """Take what the client says, so that it can."""
    try:
        while True:
            await peer.receive()
    except (EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
        return


async def first_batch(feed):
    async with aclosing(feed.batches()) as batches:
        return await anext(batches)


@pytest.fixture
def told(caplog):
    """What was logged so far, as rows."""
    caplog.set_level("INFO")
    return lambda: [r.msg for r in caplog.records if isinstance(r.msg, dict) and "reference." in r.msg["event"]]


# ---------------------------------------------------------------- prices


async def test_a_price_becomes_an_event(autojump_clock):
    async with switched(rtds("crypto_prices")) as (board, feed, reader):
        peer = await board.call()
        await peer.send(rtds_price())
        (event,) = await reader.next()
        assert event == ReferencePrice("btcusdt", "crypto_prices", 61_000_000_000, event.ts_ns)
        assert (feed.name, feed.states()[0].doubt) == ("rtds", "")


async def test_history_yields_its_newest_and_a_repeat_nothing(autojump_clock):
    async with switched(rtds("crypto_prices")) as (board, _, reader):
        peer = await board.call()
        ms = now_ns() // 10**6
        rows = [{"timestamp": ms - i, "value": 10 + i} for i in range(3)]
        history = {"topic": "crypto_prices", "type": "subscribe", "timestamp": ms}
        carried = rtds_price(99, "ethusdt", is_carried_forward=True)
        await peer.send(json.dumps(history | {"payload": {"symbol": "btcusdt", "data": rows}}), carried)
        assert [(e.symbol, e.value) for e in await reader.next()] == [("btcusdt", 10_000_000)]


async def test_who_reads_slowly_gets_the_latest_and_the_socket_does_not_wait(autojump_clock):
    async with switched(rtds("crypto_prices"), read=False) as (board, feed, _):
        peer = await board.call()
        for value in range(1, 500):
            await peer.send(rtds_price(value), rtds_price(value, "ethusdt"))
        await trio.testing.wait_all_tasks_blocked()
        assert feed.states()[0].messages == 998
        latest = await first_batch(feed)
        assert [(e.symbol, e.value) for e in latest] == [("btcusdt", 499 * 10**6), ("ethusdt", 499 * 10**6)]


async def test_what_waits_is_bounded(autojump_clock):
    async with switched(rtds("crypto_prices"), read=False) as (board, feed, _):
        peer = await board.call()
        await peer.send(*(rtds_price(1, f"s{i}") for i in range(REFERENCES_MAX + 10)))
        await trio.testing.wait_all_tasks_blocked()
        assert len(await first_batch(feed)) == REFERENCES_MAX


# ---------------------------------------------------------------- the schedule


async def test_a_lost_socket_is_opened_again_and_subscribed_anew(autojump_clock):
    async with switched(rtds("crypto_prices")) as (board, feed, reader):
        peer = await board.call()
        await peer.send(rtds_price())
        await reader.next()
        await peer.close(1001, "going away")
        again = await board.call()
        assert await again.receive() == "ping"
        assert json.loads(await again.receive())["action"] == "subscribe"
        (link,) = feed.links()
        assert (link.connects, link.losses) == (2, 1)
        assert "1001" in link.last_loss


async def test_a_server_that_accepts_and_closes_is_not_stormed(autojump_clock):
    board = Switchboard()

    async def slam():
        async for peer in board.calls:
            await peer.accept()
            await peer.close(1000)

    open_ = partial(open_socket, connect=board.connect)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slam)
        async with running(rtds("activity"), open_=open_):
            await trio.sleep(3600)
        nursery.cancel_scope.cancel()
    assert 10 <= board.connects <= 25


async def test_a_silent_socket_is_given_up_on_the_data_s_age(autojump_clock, told):
    async with switched(rtds("activity", "crypto_prices")) as (board, feed, _):
        peer = await board.call()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drained, peer)
            again = await board.call()
            assert feed.links()[0].last_loss.endswith("no data for 60 s")
            assert 60 <= trio.current_time() <= 70
            await again.stream.aclose()
            nursery.cancel_scope.cancel()
    named = [(row["topic"], row["reason"]) for row in told() if row["event"] == "reference.topic_doubted"]
    assert named == [("activity", TopicDoubt.NEVER), ("crypto_prices", TopicDoubt.NEVER)]


async def test_topics_are_told_when_they_deliver_again(autojump_clock, told):
    async with switched(rtds("crypto_prices")) as (board, _, reader):
        peer = await board.call()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drained, peer)
            await trio.sleep(40)
            await peer.send(rtds_price())
            await reader.next()
            await trio.sleep(2)
            nursery.cancel_scope.cancel()
    assert [row["event"] for row in told()][:2] == ["reference.topic_doubted", "reference.topic_delivers"]


@pytest.mark.parametrize("code", [4001, 4008])
async def test_a_close_for_good_is_said_and_not_tried_again(autojump_clock, told, code):
    async with switched(realtime("btcusd")) as (board, feed, _):
        peer = await board.call()
        await peer.receive()
        await peer.close(code)
        await trio.sleep(3600)
        assert (board.connects, feed.states()[0].doubt) == (1, TopicDoubt.LINK)
        assert str(code) in feed.links()[0].ended
    assert [(row["event"], row["id"]) for row in told()] == [("reference.ended", "AGB-492")]


async def test_a_draining_server_is_left_for_up_to_ten_seconds(autojump_clock):
    async with switched(realtime("btcusd")) as (board, feed, _):
        peer = await board.call()
        await peer.receive()
        await peer.close(4003)
        before = trio.current_time()
        await board.call()
        assert trio.current_time() - before == pytest.approx(10)
        assert feed.links()[0].ended == ""


# ---------------------------------------------------------------- over loopback


@pytest.fixture
async def stub():
    async with venue_stub() as stub:
        yield stub


async def test_rtds_over_loopback(stub):
    async with running(rtds("crypto_prices:btcusdt"), stub.hosts.rtds) as (_, reader):
        socket = await stub.rtds_sockets.next()
        assert await socket.receive() == {
            "action": "subscribe",
            "subscriptions": [{"topic": "crypto_prices", "type": "*", "filters": '{"symbol":"btcusdt"}'}],
        }
        await socket.send(rtds_price(2, "ethusdt"))
        await socket.send(rtds_price(1))
        assert [(e.symbol, e.value) for e in await reader.next()] == [("btcusdt", 1_000_000)]
        assert socket.pings == 1


async def test_realtime_over_loopback(stub):
    async with running(realtime("btcusd", "ethusd"), stub.hosts.realtime) as (feed, reader):
        socket = await stub.realtime_sockets.next()
        asked = [await socket.receive() for _ in range(3)]
        assert [(a["op"], a["rid"]) for a in asked] == [("auth", "1"), ("subscribe", "2"), ("subscribe", "3")]
        await socket.send(realtime_price(1))
        await socket.send(realtime_price(4))
        assert [e.value for e in await reader.next()] == [61_000_500_000]
        while feed.states()[0].gaps != 2:
            await trio.sleep(0.01)


async def test_realtime_with_a_key_the_venue_does_not_know_ends(stub, told):
    stub.clob.keyring.keys.clear()
    async with running(realtime("btcusd"), stub.hosts.realtime) as (feed, _):
        while not feed.links()[0].ended:
            await trio.sleep(0.01)
        await trio.testing.wait_all_tasks_blocked(0.05)
    assert "auth_invalid" in feed.links()[0].ended
    assert [row["id"] for row in told() if row["event"] == "reference.ended"] == ["AGB-492"]
    assert KEY.secret not in repr(told())
    assert len(stub.realtime_sockets.all) == 1
