"""How the sockets of a feed are doing, as metrics: sums over tokens, so that their number stays what it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from agbot.model.events import Doubt
from agbot.model.market import Market, Outcome
from agbot.telemetry.registry import Registry

if TYPE_CHECKING:  # a run without live feeds imports none of it
    from agbot.venue.polymarket.reference_feed import ReferenceFeed
    from agbot.venue.polymarket.stream import PolymarketFeed
    from agbot.venue.polymarket.subscription import TokenState
    from agbot.venue.polymarket.watch import TopicState


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


class FeedWatch:
    """How all feeds of a run are doing: for an operator in plain values, for the monitor as metrics."""

    def __init__(self, feed: PolymarketFeed, references: Sequence[ReferenceFeed], markets: Sequence[Market]) -> None:
        self._feed = feed
        self._references = references
        self._names = {
            token: f"{market.name} {outcome}"
            for market in markets
            for token, outcome in ((market.yes, Outcome.YES), (market.no, Outcome.NO))
        }

    def publish(self, registry: Registry) -> None:
        """Publish everything once; call it each second."""
        publish_feed(registry, self._feed)
        for state in (state for feed in self._references for state in feed.states()):
            labels = {"source": state.source, "topic": state.topic}
            if math.isfinite(state.age_s):
                registry.gauge("reference.age_s", **labels).set(state.age_s)
                registry.gauge("reference.lag_ms", **labels).set(state.lag_ms)
            registry.gauge("reference.rate", **labels).set(state.rate)
            registry.gauge("reference.doubted", **labels).set(bool(state.doubt))

    def report(self) -> dict[str, Any]:
        """Return ``{"feeds": [a row each token and topic], "sockets": [a row each]}``, JSON values only.

        A row has `rate` (messages a second), `lag_ms` (the source's time to ours: the last, and percentiles), `age_s`
        of its newest data, `trust` ("ok" or the doubt), `doubts` (how often it was doubted), `messages`, `lost`.
        None is not known: no data yet, messages without numbers, or tokens of a running bot, which keeps no lags.
        """
        tokens = [_token_row(state, self._names.get(state.token, state.token)) for state in self._feed.states()]
        topics = [_topic_row(state) for feed in self._references for state in feed.states()]
        links = [{"source": "market", **attrs.asdict(link)} for link in self._feed.links()]
        return {
            "feeds": tokens + topics,
            "sockets": links + [attrs.asdict(s) for f in self._references for s in f.links()],
        }


def no_feeds() -> dict[str, Any]:
    """Return the report of a run without live feeds."""
    return {"feeds": [], "sockets": []}


def _token_row(state: TokenState, name: str) -> dict[str, Any]:
    return {
        "source": "market",
        "topic": name,
        "token": state.token,
        "rate": round(state.rate, 2),
        "lag_ms": known(state.lag_ms) if state.messages else None,
        "lag_p50_ms": None,
        "lag_p99_ms": None,
        "age_s": known(state.age_s),
        "trust": state.doubt or "ok",
        "doubts": None,
        "messages": state.messages,
        "lost": None,
    }


def _topic_row(state: TopicState) -> dict[str, Any]:
    measured = bool(state.messages)
    return {
        "source": state.source,
        "topic": state.topic,
        "token": "",
        "rate": round(state.rate, 2),
        "lag_ms": known(state.lag_ms) if measured else None,
        "lag_p50_ms": known(state.lag_p50_ms) if measured else None,
        "lag_p99_ms": known(state.lag_p99_ms) if measured else None,
        "age_s": known(state.age_s),
        "trust": state.doubt or "ok",
        "doubts": state.doubts,
        "messages": state.messages,
        "lost": state.gaps if state.source == "realtime" else None,
    }


def known(figure: float) -> float | None:
    """Return a figure as it is shown, None when it is infinite: JSON has no word for that."""
    return round(figure, 1) if math.isfinite(figure) else None
