"""What an incoming order would trade with: a plan over a book's offers, bounded by shares or by usd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from agbot.matching.account import trade_value
from agbot.matching.book import ConditionBook, Offer
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import SCALE, complement

LOT: Final = 10
"""An order in usd trades in steps of 0.00001 share: what real fills of such orders show."""


@attrs.frozen
class Fill:
    """`size` of an offer; `value` is the usd (10⁻⁶) that the taker's token changes hands for."""

    offer: Offer
    size: int
    value: int

    @property
    def price(self) -> int:
        """Return the YES price."""
        return self.offer.price


@attrs.frozen
class Plan:
    """The fills an order would make now, best first. `complete` when nothing of it would be left."""

    fills: tuple[Fill, ...]
    complete: bool

    @property
    def size(self) -> int:
        """Return the shares."""
        return sum(fill.size for fill in self.fills)

    @property
    def value(self) -> int:
        """Return the usd, without fees."""
        return sum(fill.value for fill in self.fills)


@attrs.frozen(kw_only=True)
class Taker:
    """An incoming order. `side` and `limit` are seen from YES; `size` in shares, unless there is a `budget` in usd."""

    market: Market
    token: TokenId
    side: Side
    limit: int
    size: int
    budget: int = 0

    @classmethod
    def of(cls, market: Market, token: TokenId, at: tuple[Side, int], *, size: int, budget: int = 0) -> Taker:
        """Return the taker of an order as its owner wrote it; `at` is its side and price."""
        side, price = at if token == market.yes else (at[0].other, complement(at[1]))
        return cls(market=market, token=token, side=side, limit=price, size=size, budget=budget)

    def plan(self, book: ConditionBook, takes: Callable[[Offer], bool] = lambda _: True) -> Plan:
        """Return what it would trade with; offers that `takes` refuses are passed over."""
        offers = (offer for offer in book.offers(self.side, self.limit) if takes(offer))
        return self._by_usd(offers) if self.budget else self._by_size(offers)

    def value(self, price: int, size: int) -> int:
        """Return the usd that `size` of its token changes hands for at a YES price."""
        return trade_value(self.market, self.token, price, size)

    def _by_size(self, offers: Iterator[Offer]) -> Plan:
        fills, left = [], self.size
        for offer in offers:
            part = min(left, offer.size)
            fills.append(Fill(offer, part, self.value(offer.price, part)))
            left -= part
            if not left:
                break
        return Plan(tuple(fills), complete=left == 0)

    def _by_usd(self, offers: Iterator[Offer]) -> Plan:
        fills: list[Fill] = []
        left = self.budget
        for offer in offers:
            part = min(offer.size, self._affordable(offer.price, left))
            if part:
                fills.append(Fill(offer, part, self.value(offer.price, part)))
                left -= fills[-1].value
            if part < offer.size:
                return Plan(tuple(fills), complete=True)  # the usd ended before the offers
        return Plan(tuple(fills), complete=not self._affordable(self.limit, left))

    def _affordable(self, price: int, usd: int) -> int:
        """Return the most shares, in whole lots, that `usd` pays for at a YES price."""
        own = price if self.token == self.market.yes else complement(price)
        size = usd * SCALE // own // LOT * LOT
        while size and self.value(price, size) > usd:  # NO rounds up: one lot less is enough
            size -= LOT
        return size
