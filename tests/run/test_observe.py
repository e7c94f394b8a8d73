"""Watching feeds without a bot, on a mock clock: lags, doubts, and what nobody knows."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest
import trio
import trio.testing

from agbot.model.events import BookTrust, Doubt, TradePrint
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.run.feeds import no_feeds
from agbot.run.observe import Observation
from agbot.testing.market_socket import MarketSocketVenue
from agbot.testing.peer import Switchboard
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.rtds import RtdsSession
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.venue.polymarket.topics import Topic
from agbot.web.socket import open_socket

MARKET = Market(id="0x1", yes="11", no="12", slug="rain")


def now_ns() -> int:
    return 1_700_000_000 * 10**9 + int(trio.current_time() * 1e9)


def trade() -> bytes:
    ms = now_ns() // 10**6 - 40
    payload = {"asset": "11", "side": "BUY", "price": 0.5, "size": 1, "timestamp": ms}
    return msgspec.json.encode({"topic": "activity", "type": "trades", "timestamp": ms, "payload": payload})


async def test_a_minute_of_watching(autojump_clock):
    venue = MarketSocketVenue(lambda: now_ns() // 10**6 - 30)
    board = Switchboard()
    feed = PolymarketFeed(
        Hosts(market_socket="ws://venue.test/"),
        [MARKET],
        now_ns,
        open_=partial(open_socket, connect=venue.board.connect),
    )
    topics = RtdsSession([Topic("activity"), Topic("crypto_prices")])
    reference = ReferenceFeed(topics, "ws://rtds.test/", now_ns, open_=partial(open_socket, connect=board.connect))

    async def talk():
        peer = await board.call()
        while True:
            await peer.send(trade())
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        nursery.start_soon(talk)
        report = await Observation(feed, [reference], [MARKET], now_ns).run(40)
        nursery.cancel_scope.cancel()
    rows = {row["topic"]: row for row in report["feeds"]}
    assert list(rows) == ["rain YES", "rain NO", "activity", "crypto_prices"]
    yes, activity, prices = rows["rain YES"], rows["activity"], rows["crypto_prices"]
    assert yes["messages"] >= 1
    assert yes["lag_p50_ms"] == pytest.approx(30, abs=1)
    assert (activity["trust"], activity["messages"], activity["lag_p50_ms"]) == ("ok", 40, 40.0)
    assert activity["rate"] == pytest.approx(1, abs=0.1)
    assert (prices["trust"], prices["doubts"], prices["age_s"], prices["lag_ms"]) == ("never delivered", 1, None, None)
    assert [(s["source"], s["losses"]) for s in report["sockets"]] == [("market", 0), ("rtds", 0)]
    msgspec.json.encode(report)


def test_doubts_are_counted_by_token():
    feed = PolymarketFeed(Hosts(), [MARKET], lambda: 5_000_000)
    watching = Observation(feed, [], [MARKET], lambda: 5_000_000)
    watching.take([BookTrust("11", Doubt.SILENT, 1), BookTrust("11", "", 2), BookTrust("11", Doubt.GAP, 3)])
    watching.take([TradePrint("12", Side.BUY, 1, 1, ms * 10**6) for ms in (1, 2, 4)])
    yes, no = watching.report()["feeds"]
    assert (yes["doubts"], yes["lag_p50_ms"]) == (2, None)
    assert (no["doubts"], no["lag_p50_ms"], no["lag_p99_ms"]) == (0, 3.0, 4.0)


def test_a_run_without_live_feeds_has_nothing_to_tell():
    assert no_feeds() == {"feeds": [], "sockets": []}
