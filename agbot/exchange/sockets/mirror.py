"""A market's book as its facts tell it: what subscribers have seen so far, whatever the core did since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from agbot.exchange.core.model import BookChanged, Listing
from agbot.model.events import BID, Change, Level
from agbot.model.order import Side
from agbot.units import SCALE


class Books(Protocol):
    """What of the exchange's core the sockets read."""

    @property
    def listings(self) -> Mapping[str, Listing]:
        """Return the markets by condition id."""
        ...

    def of_token(self, token: str) -> Listing | None:
        """Return the market of a token."""
        ...

    def levels(self, listing: Listing, side: Side) -> list[Level]:
        """Return (YES price, size) of BUY or SELL, best first."""
        ...


class Mirror:
    """One book in YES prices. `bid` is 0 when there is none, `ask` 1 usd, as the venue writes it."""

    def __init__(self, bids: Iterable[Level] = (), asks: Iterable[Level] = ()) -> None:
        self._bids = dict(bids)
        self._asks = dict(asks)
        self.bid = max(self._bids, default=0)
        self.ask = min(self._asks, default=SCALE)

    def apply(self, changes: Iterable[Change]) -> None:
        """Set levels to their new sizes."""
        for side, price, size in changes:
            if side == BID:
                self._set_bid(price, size)
            else:
                self._set_ask(price, size)

    def bids(self) -> list[Level]:
        """Return the bids, best first."""
        return sorted(self._bids.items(), reverse=True)

    def asks(self) -> list[Level]:
        """Return the asks, best first."""
        return sorted(self._asks.items())

    def _set_bid(self, price: int, size: int) -> None:
        if size:
            self._bids[price] = size
            self.bid = max(self.bid, price)
        elif self._bids.pop(price, 0) and price == self.bid:
            self.bid = max(self._bids, default=0)

    def _set_ask(self, price: int, size: int) -> None:
        if size:
            self._asks[price] = size
            self.ask = min(self.ask, price)
        elif self._asks.pop(price, 0) and price == self.ask:
            self.ask = min(self._asks, default=SCALE)


class Mirrors:
    """The books somebody looks at, each read from the core the first time."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._mirrors: dict[str, Mirror] = {}

    def of(self, listing: Listing) -> Mirror:
        """Return a market's book."""
        mirror = self._mirrors.get(listing.condition)
        if mirror is None:
            sides = (self._books.levels(listing, side) for side in (Side.BUY, Side.SELL))
            mirror = self._mirrors[listing.condition] = Mirror(*sides)
        return mirror

    def changed(self, fact: BookChanged, *, seen: bool) -> Mirror | None:
        """Return the book after a change; None when nobody looks (`seen` is False), and then it is not kept."""
        if not seen:
            self._mirrors.pop(fact.listing.condition, None)
            return None
        mirror = self.of(fact.listing)
        mirror.apply(fact.changes)
        return mirror
