"""An independent auditor of recorded or simulated books: does NO mirror YES, and is any book locked or crossed?

It keeps plain dictionaries of its own and shares no code with the books that trade.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from agbot.model.events import ASK, BID, BookDelta, BookSnapshot, MarketData, MarketListed
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import complement

EXCEPTIONS_KEPT: Final = 100
"""Mirror exceptions remembered with their time; all are counted."""

Book: TypeAlias = tuple[dict[int, int], dict[int, int]]
"""(bids, asks), each size by price"""


class MirrorException(NamedTuple):
    """After the last message of `ts_ns`, NO was not the mirror of YES in this market."""

    ts_ns: int
    market: MarketId


class MirrorCheck:
    """Follows the books of some markets and counts what should not be.

    * Mirror: after the last message of a timestamp, every market touched in it and with a snapshot of both tokens is
      compared: a bid for YES at p of size s must be an ask for NO at 1 − p of size s, and vice versa, level by level.
      One market that differs after one timestamp is one exception.
    * Locked and crossed: after every single snapshot or delta, the token it was about is looked at once: best bid equal
      to best ask is one locked state, above it one crossed state. A lock that lasts for five messages counts five.

    Attributes:
        timestamps: groups seen.
        exceptions: mirror exceptions; `first` holds up to `EXCEPTIONS_KEPT` of them.
        locked: locked states by token; `crossed` likewise.
        early: deltas for a token without a snapshot yet; they are not applied.
    """

    def __init__(self, markets: Iterable[Market]) -> None:
        self.timestamps = 0
        self.exceptions = 0
        self.first: list[MirrorException] = []
        self.locked: Counter[TokenId] = Counter()
        self.crossed: Counter[TokenId] = Counter()
        self.early = 0
        self._books: dict[TokenId, Book] = {}
        self._markets: dict[TokenId, Market] = {}
        for market in markets:
            self._list(market)

    def apply(self, ts_ns: int, messages: Sequence[MarketData]) -> bool:
        """Apply all messages of one timestamp; return whether every market they touched still mirrors."""
        self.timestamps += 1
        touched: dict[MarketId, Market] = {}
        for message in messages:
            if isinstance(message, MarketListed):
                self._list(message.market)
            elif isinstance(message, BookSnapshot | BookDelta) and message.token in self._markets:
                market = self._markets[message.token]
                touched[market.id] = market
                self._change(message)
        broken = [market for market in touched.values() if not self._mirrors(market)]
        for market in broken:
            self.exceptions += 1
            if len(self.first) < EXCEPTIONS_KEPT:
                self.first.append(MirrorException(ts_ns, market.id))
        return not broken

    def book(self, token: TokenId) -> Book | None:
        """Return the token's book, None before its first snapshot. Read it, do not keep it."""
        return self._books.get(token)

    def _list(self, market: Market) -> None:
        self._markets[market.yes] = market
        self._markets[market.no] = market

    def _change(self, message: BookSnapshot | BookDelta) -> None:
        if isinstance(message, BookSnapshot):
            self._books[message.token] = (dict(message.bids), dict(message.asks))
        elif message.token not in self._books:
            self.early += 1
            return
        else:
            self._apply_delta(message)
        bids, asks = self._books[message.token]
        if not bids or not asks:
            return
        gap = min(asks) - max(bids)
        if gap == 0:
            self.locked[message.token] += 1
        elif gap < 0:
            self.crossed[message.token] += 1

    def _apply_delta(self, delta: BookDelta) -> None:
        book = self._books[delta.token]
        for side, price, size in delta.changes:
            assert side in (BID, ASK)
            if size:
                book[side][price] = size
            else:
                book[side].pop(price, None)

    def _mirrors(self, market: Market) -> bool:
        yes, no = self._books.get(market.yes), self._books.get(market.no)
        if yes is None or no is None:
            return True
        return all(
            yes[side] == {complement(price): size for price, size in no[1 - side].items()} for side in (BID, ASK)
        )
