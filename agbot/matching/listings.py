"""The markets a paper venue knows, each with its book; market events in, fills of our resting orders out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

import attrs
import msgspec

from agbot.matching.book import ConditionBook, MakerMatch
from agbot.matching.shelf import Resting
from agbot.model.events import BookDelta, BookSnapshot, Change, Level, TickSizeChanged, TradePrint
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import complement

TokenEvent: TypeAlias = BookSnapshot | BookDelta | TradePrint | TickSizeChanged


class PaperBook(Protocol):
    """What a paper account asks of a market's book: `ConditionBook`, or the same in C."""

    def get(self, order_id: ClientOrderId) -> Resting | None: ...
    def snapshot(self, bids: Iterable[Level], asks: Iterable[Level]) -> list[MakerMatch]: ...
    def change(self, changes: Iterable[Change]) -> list[MakerMatch]: ...
    def trade(self, side: Side, price: int, size: int) -> list[MakerMatch]: ...
    def rest(self, order_id: ClientOrderId, side: Side, price: int, size: int) -> object: ...
    def remove(self, order_id: ClientOrderId) -> Resting | None: ...
    def crosses_own(self, side: Side, price: int) -> bool: ...
    def reachable(self, side: Side, limit: int) -> list[Level]: ...
    def take(self, side: Side, fills: Sequence[Level]) -> None: ...


BookOf: TypeAlias = Callable[[Market], PaperBook]
"""Makes the book of a market."""


@attrs.define
class Listing:
    """A market that trades, with its terms of this moment."""

    market: Market
    book: PaperBook

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

    def __init__(self, book_of: BookOf) -> None:
        self._book_of = book_of
        self._by_id: dict[MarketId, Listing] = {}
        self._by_token: dict[TokenId, Listing] = {}
        self._winners: dict[MarketId, TokenId] = {}

    def add(self, market: Market) -> None:
        """List a market, or change its terms and keep its book."""
        if market.id in self._winners:
            return
        listing = self._by_id.get(market.id)
        if listing is None:
            listing = self._by_id[market.id] = Listing(market, self._book_of(market))
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
        """Show every market that trades, with its book, which is Python's own."""
        for market, listing in self._by_id.items():
            assert isinstance(listing.book, ConditionBook)
            look(market, listing.book)

    def resolve(self, market: MarketId, winner: TokenId) -> None:
        """Remove a market for good; nothing happens when it does not trade."""
        listing = self._by_id.pop(market, None)
        if listing is not None:
            self._winners[market] = winner
            del self._by_token[listing.market.yes], self._by_token[listing.market.no]
