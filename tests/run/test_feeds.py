"""The gauges of a feed add up."""

from __future__ import annotations

from functools import partial

import trio
import trio.testing

from agbot.model.events import Doubt
from agbot.model.market import Market
from agbot.run.feeds import publish_feed
from agbot.telemetry.registry import Registry
from agbot.testing.frames import tick_change
from agbot.testing.market_socket import MarketSocketVenue
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.web.socket import open_socket

MARKETS = [Market(id=f"0x{n}", yes=f"{n}1", no=f"{n}2") for n in range(1, 4)]


def gauges(feed: PolymarketFeed) -> dict[str, float]:
    seen: dict[str, float] = {}

    class Seen(Registry):
        def gauge(self, name, /, **labels):
            gauge = super().gauge(name, **labels)
            key = name + labels.get("cause", "")
            assert labels["feed"] == "polymarket"

            class Noted:
                def set(self, value):
                    seen[key] = value
                    gauge.set(value)

            return Noted()

    publish_feed(Seen(lambda: 1, run_id="r"), feed)
    return seen


async def test_sums_over_sockets_and_books(autojump_clock):
    venue = MarketSocketVenue(lambda: 1)
    feed = PolymarketFeed(
        Hosts(market_socket="ws://venue.test/"),
        MARKETS,
        lambda: 3_000_000,
        tokens_per_socket=4,
        open_=partial(open_socket, connect=venue.board.connect),
    )
    before = gauges(feed)
    assert (before["feed.sockets"], before["feed.books"], before["feed.books_believed"]) == (2, 6, 0)
    assert before["feed.books_doubted" + Doubt.NO_SNAPSHOT] == 6
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        await nursery.start(feed.run)
        await trio.testing.wait_all_tasks_blocked()
        await venue.peers[0].send(tick_change(venue.heard[0]["assets_ids"][0], "0.01", "0.001", ms=2), b"junk")
        await trio.testing.wait_all_tasks_blocked()
        now = gauges(feed)
        nursery.cancel_scope.cancel()
    assert (now["feed.sockets_flowing"], now["feed.messages"], now["feed.messages_malformed"]) == (2, 7, 1)
    assert (now["feed.books_believed"], now["feed.books_doubted" + Doubt.TICK]) == (5, 1)
    assert (now["feed.lag_ms"], now["feed.age_s"], now["feed.sockets_lost"]) == (2, 0, 0)
    assert before.keys() == now.keys()
