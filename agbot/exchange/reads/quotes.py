"""What markets are worth now, read from the core's books, and what they traded at minute by minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Protocol

import attrs

from agbot.exchange.core.model import Fact, Listing, Traded
from agbot.model.events import Level
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE, complement, notional

MINUTE_NS: Final = 60 * NS_PER_S
DAY_NS: Final = 86_400 * NS_PER_S
MINUTES_KEPT: Final = 10_080
"""A week of a market that trades every minute."""


class Books(Protocol):
    """The core, as far as reading goes."""

    listings: dict[str, Listing]

    def of_token(self, token: str) -> Listing | None:
        """Return the market of a token."""

    def levels(self, listing: Listing, side: Side) -> list[Level]:
        """Return (YES price, size), best first."""

    def best(self, listing: Listing, side: Side) -> Level | None:
        """Return the first of them."""


@attrs.frozen
class Quote:
    """Best YES prices; 0 and one usd where a side is empty, as Gamma has it."""

    bid: int
    ask: int
    fair: int
    """The middle where both sides are there, else the last trade; what it pays once resolved."""

    @property
    def spread(self) -> int:
        """Return ask less bid."""
        return self.ask - self.bid


def quote(core: Books, listing: Listing) -> Quote:
    """Return a market's best prices."""
    if listing.winner is not None:
        return Quote(0, SCALE, SCALE if listing.winner == listing.market.yes else 0)
    bids, asks = core.best(listing, Side.BUY), core.best(listing, Side.SELL)
    bid, ask = bids[0] if bids else 0, asks[0] if asks else SCALE
    return Quote(bid, ask, (bid + ask) // 2 if bids and asks else listing.last_price)


def price_of(core: Books, listing: Listing, token: str) -> int:
    """Return what a share of `token` is worth, 10⁻⁶ usd."""
    fair = quote(core, listing).fair
    return fair if token == listing.market.yes else complement(fair)


def liquidity(core: Books, listing: Listing) -> int:
    """Return the usd that rest in both sides of a market's book."""
    if listing.winner is not None:
        return 0
    bids = sum(notional(price, size) for price, size in core.levels(listing, Side.BUY))
    return bids + sum(notional(complement(price), size) for price, size in core.levels(listing, Side.SELL))


@attrs.define
class Minute:
    """A market's trading in one minute: last YES price, usd, shares of the takers."""

    begin_ns: int
    price: int
    usd: int = 0
    shares: int = 0


class Tape:
    """Listens to trades and keeps each market's minutes, the latest `MINUTES_KEPT` of those with trades."""

    def __init__(self) -> None:
        self._minutes: dict[str, deque[Minute]] = {}

    def __call__(self, fact: Fact) -> None:
        """Note a trade."""
        if isinstance(fact, Traded):
            trade = fact.trade
            minutes = self._minutes.setdefault(trade.listing.condition, deque(maxlen=MINUTES_KEPT))
            begin_ns = fact.ts_ns // MINUTE_NS * MINUTE_NS
            if not minutes or minutes[-1].begin_ns != begin_ns:
                minutes.append(Minute(begin_ns, trade.listing.last_price))
            minutes[-1].price = trade.listing.last_price
            minutes[-1].usd += trade.taker.value
            minutes[-1].shares += trade.taker.size

    def minutes(self, listing: Listing) -> list[Minute]:
        """Return the minutes of a market that saw a trade, oldest first."""
        return list(self._minutes.get(listing.condition, ()))

    def volume(self, listing: Listing, since_ns: int) -> int:
        """Return the usd traded since a time."""
        total = 0
        for minute in reversed(self._minutes.get(listing.condition, ())):
            if minute.begin_ns + MINUTE_NS <= since_ns:
                break
            total += minute.usd
        return total

    def price_at(self, listing: Listing, at_ns: int) -> int | None:
        """Return the YES price of the last trade up to a time, None when there is none that early."""
        for minute in reversed(self._minutes.get(listing.condition, ())):
            if minute.begin_ns <= at_ns:
                return minute.price
        return None

    def snapshot(self) -> dict[str, Any]:
        """Return all minutes as plain lists."""
        return {
            condition: [[m.begin_ns, m.price, m.usd, m.shares] for m in minutes]
            for condition, minutes in self._minutes.items()
        }

    def restore(self, plain: Mapping[str, Any]) -> None:
        """Replace all minutes by those of a snapshot."""
        self._minutes = {
            condition: deque((Minute(*row) for row in rows), maxlen=MINUTES_KEPT) for condition, rows in plain.items()
        }
