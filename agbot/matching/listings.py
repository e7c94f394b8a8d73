"""The markets a paper venue knows, each with its book; market events in, fills of our resting orders out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs
import msgspec

from agbot.matching.book import ConditionBook, MakerMatch
from agbot.matching.queue import QueueRule
from agbot.model.events import BookDelta, BookSnapshot, TickSizeChanged, TradePrint
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import complement

TokenEvent: TypeAlias = BookSnapshot | BookDelta | TradePrint | TickSizeChanged


@attrs.define
class Listing:
    """A market that trades, with its terms of this moment."""

    market: Market
    book: ConditionBook

    def apply(self, event: TokenEvent) -> Sequence[MakerMatch]:
        """Apply an event of either token and return the fills of our orders.

        Levels come from the YES stream alone: the NO stream mirrors it and would count the same size twice.
        """
        yes = event.token == self.market.yes
        match event:
            case BookSnapshot(bids=bids, asks=asks):
                return self.book.snapshot(bids, asks) if yes else ()
            case BookDelta(changes=changes):
                return self.book.change(changes) if yes else ()
            case TradePrint(side=side, price=price, size=size):
                return self.book.trade(side if yes else side.other, price if yes else complement(price), size)
            case TickSizeChanged(tick=tick):
                self.market = msgspec.structs.replace(self.market, tick=tick)
                return ()


class Listings:
    """Markets by id and by token. A resolved market leaves and never comes back."""

    def __init__(self, rule: QueueRule | None = None) -> None:
        self._rule = rule
        self._by_id: dict[MarketId, Listing] = {}
        self._by_token: dict[TokenId, Listing] = {}
        self._winners: dict[MarketId, TokenId] = {}

    def add(self, market: Market) -> None:
        """List a market, or change its terms and keep its book."""
        if market.id in self._winners:
            return
        listing = self._by_id.setdefault(market.id, Listing(market, ConditionBook(self._rule)))
        listing.market = market
        self._by_token[market.yes] = self._by_token[market.no] = listing

    def get(self, market: MarketId) -> Listing | None:
        """Return a market that trades, else None."""
        return self._by_id.get(market)

    def of_token(self, token: TokenId) -> Listing | None:
        """Return the market of a token, None when nobody listed it."""
        return self._by_token.get(token)

    def winner(self, market: MarketId) -> TokenId | None:
        """Return what won a resolved market, None while it trades."""
        return self._winners.get(market)

    def each(self, look: Callable[[MarketId, ConditionBook], None]) -> None:
        """Show every market that trades, with its book."""
        for market, listing in self._by_id.items():
            look(market, listing.book)

    def resolve(self, market: MarketId, winner: TokenId) -> None:
        """Remove a market for good; nothing happens when it does not trade."""
        listing = self._by_id.pop(market, None)
        if listing is not None:
            self._winners[market] = winner
            del self._by_token[listing.market.yes], self._by_token[listing.market.no]
