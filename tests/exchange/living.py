"""A small exchange with a population, driven through simulated time; what its books looked like every second."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import attrs

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import (
    BookChanged,
    Event,
    Fact,
    Listing,
    Moved,
    OrderTold,
    TickChanged,
    Traded,
    TradeTold,
)
from agbot.exchange.population import Config, Population
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import START_NS, Auditor, make_listing


def some_listings() -> list[Listing]:
    """Return a market with a fee, one with a fine tick, and a neg-risk event of three."""
    cup = Event(id="cup", slug="cup", title="The cup", neg_risk=True, neg_risk_id="0x" + "c" * 64)
    return [
        make_listing("rain", fee_rate=40_000),
        make_listing("snow", tick=1_000),
        *(make_listing(f"cup-{n}", event=cup, neg_risk=True) for n in range(3)),
    ]


@attrs.define
class Seen:
    """What was seen of the books, once a second."""

    looks: int = 0
    one_sided: int = 0
    spreads: Counter[int] = attrs.field(factory=Counter)
    depths: Counter[int] = attrs.field(factory=Counter)
    cup_sums: list[float] = attrs.field(factory=list)
    errors: list[float] = attrs.field(factory=list)


class Living:
    """An exchange whose time passes as fast as it can."""

    def __init__(self, seed: int, config: Config, listings: list[Listing] | None = None) -> None:
        self.core = Exchange(seed=seed)
        self.auditor = Auditor(self.core)
        self.facts: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        """How makers were met, and money that moved otherwise."""
        self.seen = Seen()
        self.now = START_NS
        self._digest = sha256()
        self.core.listeners += [self.auditor.hear, self._hear]
        self.listings = some_listings() if listings is None else listings
        for listing in self.listings:
            self.core.list_market(listing, self.now)
        self.population = Population(seed, self.listings, config)
        self._next = self.now
        self._look = self.now + 3 * NS_PER_S

    @property
    def digest(self) -> str:
        """Return a digest of all facts so far."""
        return self._digest.hexdigest()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + int(seconds * NS_PER_S)
        while True:
            due = self.core.next_due()
            self.now = max(self.now, min(self._next, self._look, end if due is None else due))
            if self.now >= end:
                self.now = end
                return
            self.core.advance(self.now)
            if self.now >= self._next:
                self._next = self.population.step(self.core, self.now)
            if self.now >= self._look:
                self._look += NS_PER_S
                self._see()

    def mid(self, listing: Listing) -> float | None:
        """Return the middle of a YES book, 0–1; None of a one-sided one."""
        bids, asks = (self.core.levels(listing, side) for side in Side)
        return (bids[0][0] + asks[0][0]) / 2 / SCALE if bids and asks else None

    def _see(self) -> None:
        seen = self.seen
        mids = []
        for listing in self.listings:
            fair = self.population.fair(listing.condition)
            if fair is None:
                continue
            bids, asks = (self.core.levels(listing, side) for side in Side)
            mid = self.mid(listing)
            seen.looks += 1
            if mid is None:
                seen.one_sided += 1
                continue
            seen.spreads[(asks[0][0] - bids[0][0]) // listing.market.tick] += 1
            seen.depths.update((len(bids), len(asks)))
            seen.errors.append(abs(mid - fair))
            mids += [mid] if listing.event.neg_risk else []
        if len(mids) == 3:
            seen.cup_sums.append(sum(mids))

    def _hear(self, fact: Fact) -> None:
        self.facts[type(fact).__name__] += 1
        if isinstance(fact, Traded):
            self.kinds.update(leg.kind for leg in fact.trade.makers)
        elif isinstance(fact, Moved):
            self.kinds[fact.kind.name] += 1
        self._digest.update(repr(_summary(fact)).encode())


def _summary(fact: Fact) -> object:
    match fact:
        case BookChanged():
            return fact.listing.condition, fact.changes, fact.ts_ns
        case Traded() | TradeTold():
            legs = [(leg.order.id, leg.price, leg.size, leg.value, leg.fee, leg.kind) for leg in fact.trade.legs]
            return fact.trade.id, fact.trade.status, legs, fact.ts_ns
        case OrderTold():
            order = fact.order
            return order.id, order.status, order.price, order.size, order.matched, fact.news, fact.ts_ns
        case TickChanged():
            return fact.listing.condition, fact.old, fact.new
        case _:
            return type(fact).__name__
