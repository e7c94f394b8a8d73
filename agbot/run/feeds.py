"""How the sockets of a feed are doing, as metrics: sums over tokens, so that their number stays what it is."""

from __future__ import annotations

from collections import Counter

from agbot.model.events import Doubt
from agbot.telemetry.registry import Registry
from agbot.venue.polymarket.stream import PolymarketFeed


def publish_feed(registry: Registry, feed: PolymarketFeed) -> None:
    """Publish the ``feed.*`` gauges once; call it each second."""
    links, states = feed.links(), feed.states()
    doubts = Counter(state.doubt for state in states)
    heard = [state for state in states if state.messages]
    values = {
        "feed.sockets": len(links),
        "feed.sockets_flowing": sum(link.flowing for link in links),
        "feed.sockets_lost": sum(link.losses for link in links),
        "feed.messages": sum(link.messages for link in links),
        "feed.messages_malformed": sum(link.malformed for link in links),
        "feed.books": len(states),
        "feed.books_believed": doubts[""],
        "feed.rate": sum(state.rate for state in states),
        "feed.lag_ms": max((state.lag_ms for state in heard), default=0.0),
        "feed.age_s": min((state.age_s for state in heard), default=0.0),
    }
    for name, value in values.items():
        registry.gauge(name, feed=feed.name).set(value)
    for doubt in Doubt:
        registry.gauge("feed.books_doubted", feed=feed.name, cause=doubt.value).set(doubts[doubt])
