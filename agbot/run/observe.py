"""Watching feeds without a bot: connect, listen, trade nothing, and say what was measured."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence
from typing import Any

import trio

from agbot.model.events import BookDelta, BookSnapshot, BookTrust, MarketData, TradePrint
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.run.feeds import FeedWatch, known
from agbot.units import NS_PER_MS
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.venue.polymarket.watch import LAGS_KEPT, percentile


class Observation:
    """What came, beside what the feeds themselves know: lags of each token, and how often its book was doubted."""

    def __init__(
        self,
        feed: PolymarketFeed,
        references: Sequence[ReferenceFeed],
        markets: Sequence[Market],
        now_ns: Callable[[], int],
    ) -> None:
        self._feed = feed
        self._references = references
        self._watch = FeedWatch(feed, references, markets)
        self._now_ns = now_ns
        self._lags: defaultdict[TokenId, deque[int]] = defaultdict(lambda: deque(maxlen=LAGS_KEPT))
        self._doubts: Counter[TokenId] = Counter()

    async def run(self, seconds: float) -> dict[str, Any]:
        """Listen for `seconds` and return `FeedWatch.report` with what was measured here.

        Raises:
            ExceptionGroup: of VenueForbidden when the venue refuses sockets.
        """
        async with trio.open_nursery() as nursery:
            feeds: tuple[PolymarketFeed | ReferenceFeed, ...] = (self._feed, *self._references)
            for feed in feeds:
                await nursery.start(feed.run)
                nursery.start_soon(self._listen, feed)
            await trio.sleep(seconds)
            report = self.report()
            nursery.cancel_scope.cancel()
        return report

    def report(self) -> dict[str, Any]:
        """Return everything so far."""
        told = self._watch.report()
        for row in told["feeds"]:
            if token := row["token"]:
                lags = sorted(self._lags[token])
                row["lag_p50_ms"] = known(percentile(lags, 50) / NS_PER_MS) if lags else None
                row["lag_p99_ms"] = known(percentile(lags, 99) / NS_PER_MS) if lags else None
                row["doubts"] = self._doubts[token]
        return told

    async def _listen(self, feed: PolymarketFeed | ReferenceFeed) -> None:
        async for batch in feed.batches():
            self.take(batch)

    def take(self, batch: Sequence[MarketData]) -> None:
        """Measure one batch."""
        now_ns = self._now_ns()
        for event in batch:
            if isinstance(event, BookDelta | BookSnapshot | TradePrint):
                self._lags[event.token].append(now_ns - event.ts_ns)
            elif isinstance(event, BookTrust) and event.cause:
                self._doubts[event.token] += 1
