"""The feed over sockets that a test plays: what is believed when, what comes back, and how often it is tried."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
import trio.testing

from agbot.errors import VenueForbidden, VenueNotFound, VenueUnavailable
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    LinkDown,
    LinkUp,
    MarketListed,
    MarketResolved,
    TickSizeChanged,
)
from agbot.model.market import Market
from agbot.testing.frames import book, price_change, resolved, tick_change, together, trade
from agbot.testing.market_socket import LEVELS, MarketSocketVenue
from agbot.testing.peer import Peer, listening
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.stream import BATCHES_MAX, PolymarketFeed
from agbot.venue.ports import LinkedFeed
from agbot.web.socket import open_socket

HOSTS = Hosts(market_socket="ws://venue.test/ws/market")


def market(n: int, ends_s: int = 0) -> Market:
    return Market(id=f"0x{n}", yes=f"{n}1", no=f"{n}2", end_ns=10**18 + ends_s * 10**9 if ends_s else 0)


ONE = (market(1),)


def now_ns() -> int:
    return int(trio.current_time() * 1e9) + 10**18


def now_ms() -> int:
    return now_ns() // 10**6


class Reader:
    """Everything the feed delivered, and who is doubted."""

    def __init__(self, feed: PolymarketFeed):
        self.feed = feed
        self.events: list = []
        self.gate = trio.Event()
        self.gate.set()

    async def run(self):
        async for batch in self.feed.batches():
            await self.gate.wait()
            self.events += batch

    def of(self, *kinds: type) -> list:
        return [e for e in self.events if isinstance(e, kinds)]

    def take(self) -> list:
        events, self.events = self.events, []
        return events

    def doubts(self) -> Counter[str]:
        return Counter(state.doubt for state in self.feed.states())


@asynccontextmanager
async def running(markets=ONE, **more):
    """A feed that runs against a `MarketSocketVenue`, read by a `Reader`, once its first books have come."""
    venue = MarketSocketVenue(now_ms)
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        feed = PolymarketFeed(
            HOSTS,
            markets,
            now_ns,
            open_=partial(open_socket, connect=venue.board.connect),
            random_unit=lambda: 1.0,
            **more,
        )
        reader = Reader(feed)
        await nursery.start(feed.run)
        nursery.start_soon(reader.run)
        await trio.testing.wait_all_tasks_blocked()
        yield venue, feed, reader
        nursery.cancel_scope.cancel()


def test_it_is_a_linked_feed():
    assert isinstance(PolymarketFeed(HOSTS, [], now_ns), LinkedFeed)
    with pytest.raises(ValueError, match="less than 2"):
        PolymarketFeed(HOSTS, [], now_ns, tokens_per_socket=1)


async def test_up_then_books_then_what_is_said(autojump_clock):
    async with running() as (venue, feed, reader):
        assert [type(e) for e in reader.take()] == [LinkUp, BookSnapshot, BookSnapshot]
        await venue.peers[0].send(
            price_change(("11", "BUY", "0.49", "7", "0.49", "0.52"), ms=now_ms()),
            tick_change("12", "0.01", "0.001", ms=now_ms()),
        )
        await trio.sleep(12)
        said = reader.take()
        assert [type(e) for e in said[:3]] == [BookDelta, TickSizeChanged, BookTrust]
        assert said[3:] == [said[3], BookTrust("12", "", said[4].ts_ns)]
        assert [h.get("operation") for h in venue.heard] == [None, "unsubscribe", "subscribe"]
        (link,) = feed.links()
        assert (link.tokens, link.flowing, link.connects, link.losses, link.malformed) == (2, True, 1, 0, 0)


async def test_a_silent_socket_that_answers_pings_is_doubted_replaced_and_believed_again(autojump_clock):
    async with running() as (venue, feed, reader):
        reader.take()
        venue.gives_books = False
        await trio.sleep(32)
        assert [(e.token, e.cause) for e in reader.of(BookTrust)] == [("11", Doubt.SILENT), ("12", Doubt.SILENT)]
        venue.gives_books = True
        await trio.sleep(20)
        assert reader.doubts() == {"": 2}
        assert (len(venue.peers), feed.links()[0].last_loss) == (2, "[AGB-411] no data for 45 s")
        kinds = [type(e).__name__ for e in reader.events[2:]]
        assert kinds == ["BookTrust"] * 2 + ["LinkDown", "LinkUp"] + ["BookSnapshot"] * 2 + ["BookTrust"] * 2
        assert [e.cause for e in reader.of(BookTrust)[-4:]] == [Doubt.GAP, Doubt.GAP, "", ""]


async def test_a_venue_that_accepts_and_closes_is_not_stormed(autojump_clock):
    async with running() as (venue, feed, reader):
        venue.closes_at_once = True
        reader.take()
        await venue.peers[0].close(1012, "restart")
        await trio.sleep(600)
        # After 1, 2, 4, 8 and 16 seconds, then every 30.
        assert 20 <= feed.links()[0].connects <= 26
        assert "1013" in feed.links()[0].last_loss
        assert len(reader.of(LinkDown)) == 1
        assert reader.of(LinkUp) == []
        venue.closes_at_once = False
        await trio.sleep(31)
        assert reader.doubts() == {"": 2}


async def test_a_socket_that_delivered_for_a_while_comes_back_soon(autojump_clock):
    async with running() as (venue, feed, _):
        for _ in range(5):
            await trio.sleep(40)
            venue.gives_books = True
            await venue.peers[-1].close(1012)
            await trio.sleep(2)
            assert len(feed.links()) == 1
            assert feed.links()[0].flowing


async def test_five_hundred_tokens_over_three_sockets(autojump_clock):
    markets = [market(n) for n in range(1, 251)]
    async with running(markets) as (venue, feed, reader):
        assert sorted(len(h["assets_ids"]) for h in venue.heard) == [100, 200, 200]
        assert reader.doubts() == {"": 500}
        reader.take()
        lost = next(p for p, h in zip(venue.peers, venue.heard, strict=True) if len(h["assets_ids"]) == 100)
        venue.gives_books = False
        await lost.close(1011)
        await trio.sleep(0.5)
        assert reader.doubts() == {"": 400, Doubt.GAP: 100}
        assert reader.of(LinkDown, LinkUp) == []
        doubted = {e.token for e in reader.of(BookTrust)}
        assert doubted == {state.token for state in feed.states() if state.doubt}
        for peer in venue.peers:
            if peer is not lost:
                await peer.close(1011)
        await trio.sleep(0.1)
        assert reader.doubts() == {Doubt.GAP: 500}
        assert len(reader.of(LinkDown)) == 1
        venue.gives_books = True
        reader.take()
        await trio.sleep(45)
        assert reader.doubts() == {"": 500}
        assert len(reader.of(LinkUp)) == 1
        assert Counter(e.cause for e in reader.of(BookTrust))[""] == 500


async def test_markets_come_and_go_while_it_runs(autojump_clock):
    async with running([market(1)], tokens_per_socket=4) as (venue, feed, reader):
        reader.take()
        await feed.subscribe([market(1), market(2), market(3)])
        await trio.sleep(1)
        assert [h["assets_ids"] for h in venue.heard] == [["11", "12"], ["21", "22"], ["31", "32"]]
        assert venue.heard[1]["operation"] == "subscribe"
        assert [link.tokens for link in feed.links()] == [4, 2]
        assert [e.market.id for e in reader.events[:3] if isinstance(e, MarketListed)] == ["0x1", "0x2", "0x3"]
        assert {e.token for e in reader.of(BookSnapshot)} == {"21", "22", "31", "32"}
        reader.take()
        await feed.unsubscribe([market(1), market(2), market(9)])
        await trio.sleep(1)
        assert venue.heard[-2:] == [
            {"operation": "unsubscribe", "assets_ids": ["11", "12"]},
            {"operation": "unsubscribe", "assets_ids": ["21", "22"]},
        ]
        assert {e.cause for e in reader.events} == {Doubt.UNSUBSCRIBED}
        assert [e.token for e in reader.take()] == ["11", "12", "21", "22"]
        await feed.subscribe([market(2)])
        await trio.sleep(1)
        assert [link.tokens for link in feed.links()] == [2, 2]
        assert reader.doubts() == {"": 4}


async def test_a_socket_without_tokens_is_not_opened_again(autojump_clock):
    async with running() as (venue, feed, _):
        await feed.unsubscribe([market(1)])
        await trio.sleep(100)
        await venue.peers[0].close(1000)
        await trio.sleep(300)
        assert venue.board.connects == 1
        await feed.subscribe([market(2)])
        await trio.sleep(1)
        assert [h["assets_ids"] for h in venue.heard[-1:]] == [["21", "22"]]


# ---------------------------------------------------------------- refusals

FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n<html>"
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


async def test_a_closed_way_stops_the_feed_with_what_to_do(autojump_clock):
    venue = MarketSocketVenue(now_ms)
    venue.refuses = FORBIDDEN
    feed = PolymarketFeed(HOSTS, [market(1)], now_ns, open_=partial(open_socket, connect=venue.board.connect))
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        with pytest.RaisesGroup(pytest.RaisesExc(VenueForbidden, match=r"AGB-410.*403.*agbot doctor")):
            await feed.run()
        nursery.cancel_scope.cancel()


async def test_one_refusal_beside_an_open_socket_is_tried_again(autojump_clock):
    async with running([market(1), market(2)], tokens_per_socket=2) as (venue, feed, reader):
        venue.refuses = FORBIDDEN
        await venue.peers[0].close(1012)
        await trio.sleep(60)
        assert sorted(link.flowing for link in feed.links()) == [False, True]
        venue.refuses = b""
        await trio.sleep(31)
        assert reader.doubts() == {"": 4}


async def test_a_busy_venue_is_tried_again(autojump_clock):
    async with running() as (venue, feed, reader):
        venue.refuses = BUSY
        await venue.peers[0].close(1012)
        await trio.sleep(20)
        assert "503" in feed.links()[0].last_loss
        venue.refuses = b""
        await trio.sleep(20)
        assert reader.doubts() == {"": 2}


# ---------------------------------------------------------------- weight


async def test_big_books_at_two_hundred_a_second(autojump_clock):
    levels = {f"0.{n:03d}": "123456.789" for n in range(1, 500)}, {f"0.{n:03d}": "98765.4321" for n in range(501, 1000)}
    async with running() as (venue, feed, reader):
        reader.take()
        big = book("11", *levels, ms=now_ms(), tick_size="0.001", hash="0" * 40)
        assert len(big) > 30_000
        for _ in range(400):
            await venue.peers[0].send(big, big[:-1] + b',"padding":"' + b"x" * 30_000 + b'"}')
            await trio.sleep(0.01)
        assert (len(reader.of(BookSnapshot)), reader.of(BookTrust)) == (800, [])
        assert next(s for s in feed.states() if s.token == "11").best_bid == 499_000


async def test_an_array_of_more_than_a_mebibyte_over_tcp():
    many = together([trade("11", "BUY", "0.52", "1.234567", ms=5)] * 9_000)
    assert len(many) > 2**20

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.receive()
        await peer.send(book("11", *LEVELS), many)
        await peer.receive()

    async with listening(script) as url, trio.open_nursery() as nursery:
        feed = PolymarketFeed(Hosts(market_socket=url), [market(1)], now_ns)
        await nursery.start(feed.run)
        count = 0
        async for batch in feed.batches():
            count += len(batch)
            if count == 9_002:
                break
        nursery.cancel_scope.cancel()


async def test_a_slow_engine_holds_the_venue_back_and_is_no_silence(autojump_clock):
    async with running() as (venue, feed, reader):
        reader.take()
        reader.gate = trio.Event()
        sent = 0
        with trio.move_on_after(120):
            while True:
                await venue.peers[0].send(price_change(("11", "BUY", "0.49", str(sent + 1)), ms=now_ms()))
                sent += 1
                await trio.sleep(0.1)
        assert feed._in.statistics().current_buffer_used == BATCHES_MAX
        assert (feed.links()[0].losses, len(venue.peers)) == (0, 1)
        reader.gate.set()
        await trio.sleep(5)
        changes = [c for e in reader.of(BookDelta) for c in e.changes]
        assert [size // 10**6 for _, _, size in changes] == list(range(1, sent + 1))
        assert reader.doubts() == {"": 2}


# ---------------------------------------------------------------- questions over REST


async def test_a_book_that_is_another_over_rest_is_read_anew(autojump_clock):
    answers = {"12": ((490_000, 1),)}
    asked = []

    async def check_book(token):
        asked.append(token)
        if len(asked) % 5 == 0:
            raise VenueUnavailable("not now")
        if len(asked) % 7 == 0:
            await trio.sleep_forever()
        return BookSnapshot(token, answers.get(token, ((480_000, 1),)), ((520_000, 1),), now_ns())

    async with running(check_book=check_book) as (venue, feed, reader):
        venue.gives_books = False
        for _ in range(20):
            await venue.peers[0].send(trade("11", "BUY", "0.52", "1", ms=now_ms()))
            await trio.sleep(1)
        assert [(e.token, e.cause) for e in reader.of(BookTrust)] == [("12", Doubt.REST)]
        assert venue.heard[-1] == {"operation": "subscribe", "assets_ids": ["12"], "custom_feature_enabled": True}
        answers.clear()
        for _ in range(20):
            await venue.peers[0].send(trade("11", "BUY", "0.52", "1", ms=now_ms()))
            await trio.sleep(1)
        assert reader.of(BookTrust)[-1].cause == ""
        (link,) = feed.links()
        assert (link.checks, link.losses) == (len(asked), 0)
        assert link.checks_failed >= 3


async def test_an_end_that_the_stream_does_not_tell_is_asked_for_after_its_time(autojump_clock):
    asked = []

    async def resolution(condition):
        asked.append((condition, trio.current_time()))
        if len(asked) == 1:
            raise VenueNotFound("not yet indexed")
        return None if len(asked) == 2 else "12"

    markets = [market(1, ends_s=100), market(2), market(3, ends_s=1)]
    async with running(markets, resolution=resolution) as (venue, _, reader):
        await venue.peers[0].send(resolved("31", market="0x3"))
        await trio.sleep(400)
        assert asked == [("0x1", 120), ("0x1", 180), ("0x1", 240)]
        ended = [(e.market, e.winner) for e in reader.of(MarketResolved)]
        assert ended == [("0x3", "31"), ("0x1", "12")]
