"""What a market session keeps of one token: its trust, what was told of it, and how its feed is doing."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.model.events import Doubt
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.polymarket.trust import TokenTrust, TrustTerms

RATE_S: Final = 10.0
"""The time constant of the smoothed rate."""


@attrs.frozen(kw_only=True)
class TokenState:
    """One token's feed at a moment. `rate` messages a second, `lag_ms` the venue's time to ours, `age_s` of the data.

    `doubt` is empty while the book is believed; `faults` are impossible messages; `asked_again` counts subscriptions
    anew since it was last calm; prices in 10⁻⁶.
    """

    token: TokenId
    market: MarketId
    rate: float
    lag_ms: float
    age_s: float
    doubt: str
    messages: int
    faults: int
    asked_again: int
    best_bid: int
    best_ask: int


class Subscription:
    """One token of a session.

    Attributes:
        told: the doubt that was last told to the core.
        again_ns: the earliest time to subscribe anew.
        asked: subscriptions anew since it was last calm.
    """

    __slots__ = ("_counted", "_heard_ns", "_lag_ns", "_rate", "_total", "again_ns", "asked", "faults", "market",
                 "other", "told", "trust")  # fmt: skip

    def __init__(self, market: Market, token: TokenId, terms: TrustTerms) -> None:
        self.market = market.id
        self.other = market.no if token == market.yes else market.yes
        self.trust = TokenTrust(market.tick, terms)
        self.told: str = Doubt.NO_SNAPSHOT  # the core believes no book before its first snapshot either
        self.again_ns = 0
        self.asked = 0
        self.faults = 0
        self._total = self._counted = 0
        self._heard_ns = self._lag_ns = 0
        self._rate = 0.0

    def note(self, ts_ns: int, now_ns: int) -> None:
        """Count a message; `ts_ns` is the venue's time of it."""
        self._total += 1
        self._heard_ns = now_ns
        self._lag_ns = now_ns - ts_ns

    def measure(self, elapsed_s: float) -> None:
        """Follow the rate, `elapsed_s` after the last time."""
        self._rate += ((self._total - self._counted) / elapsed_s - self._rate) * min(1.0, elapsed_s / RATE_S)
        self._counted = self._total

    def is_due(self, now_ns: int, calm_ns: int) -> bool:
        """Return whether to subscribe anew now; `calm_ns` without a doubt makes the next time soon again."""
        if self.trust.wants_a_new_book:
            return now_ns >= self.again_ns
        if self.asked and now_ns > self.again_ns + calm_ns:
            self.asked = 0
        return False

    def state(self, name: TokenId, now_ns: int) -> TokenState:
        """Return how it is doing."""
        book = self.trust.book
        return TokenState(
            token=name,
            market=self.market,
            rate=self._rate,
            lag_ms=self._lag_ns / NS_PER_MS,
            age_s=(now_ns - self._heard_ns) / NS_PER_S if self._heard_ns else float("inf"),
            doubt=self.trust.cause or "",
            messages=self._total,
            faults=self.faults,
            asked_again=self.asked,
            best_bid=book.best_bid,
            best_ask=book.best_ask,
        )
