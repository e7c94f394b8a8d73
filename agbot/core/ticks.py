"""Notices a tick change that the venue did not announce."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from agbot.model.events import BookDelta, BookSnapshot, MarketData, MarketListed, TickSizeChanged
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.units import finest_tick


class TickWatch:
    """Puts a `TickSizeChanged` before the first message whose prices need a finer known tick.

    Attributes:
        synthetic: such changes by token.
    """

    def __init__(self, markets: Iterable[Market] = ()) -> None:
        self.synthetic: Counter[TokenId] = Counter()
        self._ticks: dict[TokenId, int] = {}
        for market in markets:
            self._list(market)

    def announce(self, messages: Iterable[MarketData]) -> Iterator[MarketData]:
        """Yield the messages, with the changes they imply. What fits no tick is left to the book to refuse."""
        for message in messages:
            if isinstance(message, BookDelta):
                yield from self._implied(message.token, tuple(c[1] for c in message.changes), message.ts_ns)
            elif isinstance(message, BookSnapshot):
                prices = tuple(level[0] for level in (*message.bids, *message.asks))
                yield from self._implied(message.token, prices, message.ts_ns)
            elif isinstance(message, TickSizeChanged):
                self._ticks[message.token] = message.tick
            elif isinstance(message, MarketListed):
                self._list(message.market)
            yield message

    def _list(self, market: Market) -> None:
        for token in (market.yes, market.no):
            self._ticks.setdefault(token, market.tick)

    def _implied(self, token: TokenId, prices: tuple[int, ...], ts_ns: int) -> Iterator[TickSizeChanged]:
        known = self._ticks.get(token)
        tick = known and finest_tick(known, prices)
        if tick and tick != known:
            self._ticks[token] = tick
            self.synthetic[token] += 1
            yield TickSizeChanged(token, tick, ts_ns)
