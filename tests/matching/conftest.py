"""A bench around the paper matcher: one market with a book, a clock and the evidence so far."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import BookSnapshot, MarketData, MarketListed, OrderEvidence
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.market import Market
from agbot.testing.builders import levels, make_market
from agbot.units import SCALE

BIDS = (("0.48", "100"), ("0.47", "200"))
ASKS = (("0.52", "100"), ("0.53", "200"))


@attrs.define
class Bench:
    """Hands things to a matcher at `now` and returns what came of it."""

    matcher: PaperMatcher
    market: Market
    now: int = 1_000

    def do(self, order: PlaceOrder) -> list[OrderEvidence]:
        self.matcher.submit(self.now, order)
        return self.matcher.advance(self.now)

    def cancel(self, order_id: str) -> list[OrderEvidence]:
        self.matcher.cancel(self.now, CancelOrder(ClientOrderId(order_id), "test"))
        return self.matcher.advance(self.now)

    def see(self, event: MarketData) -> list[OrderEvidence]:
        self.matcher.on_market(self.now, event)
        return self.matcher.advance(self.now)

    def book(
        self, bids: tuple[tuple[str, str], ...] = BIDS, asks: tuple[tuple[str, str], ...] = ASKS
    ) -> list[OrderEvidence]:
        return self.see(BookSnapshot(self.market.yes, levels(*bids), levels(*asks), self.now))


@pytest.fixture
def make_bench() -> Callable[..., Bench]:
    """Return a maker of benches: 1000 usd, 200 YES, 200 NO and the standard book unless told otherwise."""

    def make(market: Market | None = None, cash: int = 1000, yes: int = 200, no: int = 200, **terms: int) -> Bench:
        market = market or make_market()
        positions: dict[TokenId, int] = {market.yes: yes * SCALE, market.no: no * SCALE}
        bench = Bench(PaperMatcher(cash * SCALE, positions=positions, terms=Terms(**terms)), market)
        bench.see(MarketListed(market, 0))
        bench.book()
        return bench

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()
