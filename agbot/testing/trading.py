"""The Polymarket adapter against the venue on loopback, for tests of trading."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import attrs
import trio

from agbot.core.backoff import Backoff
from agbot.model.events import OrderEvidence, OrderFilled
from agbot.model.order import Order, Side
from agbot.secrets import Secret
from agbot.testing.builders import make_order
from agbot.testing.venue_stub import CONDITION, PRIVATE_KEY, YES, StubKey, VenueStub, venue_stub
from agbot.units import NS_PER_S
from agbot.venue.polymarket.adapter import PolymarketVenue
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.retry import POSTS, Again
from agbot.venue.polymarket.transport import open_http
from agbot.venue.polymarket.wallets import Account

PATIENCE_S = 10.0
_KEY = StubKey()


def credentials() -> Credentials:
    """Return what the stub knows."""
    key = SigningKey.parse(Secret(PRIVATE_KEY))
    api = ApiCredentials(key=_KEY.key, secret=Secret(_KEY.secret), passphrase=Secret(_KEY.passphrase))
    return Credentials(key=key, api=api, account=Account.of_owner(key.address))


@attrs.define
class TradingBench:
    """A running adapter, the venue it talks to, and everything it has said."""

    venue: PolymarketVenue
    stub: VenueStub
    client: ClobClient
    heard: list[OrderEvidence] = attrs.field(factory=list)
    reading: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Reads the evidence; cancel it to read it elsewhere."""
    _news: trio.Event = attrs.field(factory=trio.Event)
    _orders: int = 0

    def order(self, side: Side = Side.BUY, price: str = "0.50", size: str = "10", **changes: Any) -> Order:
        """Return a new order for YES, with a time of decision."""
        self._orders += 1
        fields = {"market": CONDITION, "token": YES, "created_ns": time.time_ns(), **changes}
        return make_order(f"t-{self._orders}", side, price, size, **fields)

    async def listen(self) -> None:
        """Collect evidence until cancelled."""
        with self.reading:
            async for evidence in self.venue.evidence():
                self.heard.append(evidence)
                news, self._news = self._news, trio.Event()
                news.set()

    async def until(self, condition: Callable[[], object], what: str = "what the test waits for") -> None:
        """Wait, not for ever, until the evidence heard meets a condition."""
        with trio.move_on_after(PATIENCE_S):
            while not condition():
                await self._news.wait()
        assert condition(), f"{what}: heard {self.heard}"

    def of(self, name: str) -> list[OrderEvidence]:
        """Return what was heard of one order."""
        return [e for e in self.heard if e.client_order_id == name]

    def kinds(self, name: str) -> list[str]:
        """Return the names of what was heard of one order."""
        return [type(e).__name__ for e in self.of(name)]

    def filled(self, name: str) -> Decimal:
        """Return the shares filled, by what was heard."""
        fills = {e.trade_id: e for e in self.of(name) if isinstance(e, OrderFilled)}
        return Decimal(sum(f.size for f in fills.values() if f.settlement != "FAILED")) / 10**6

    def posted(self) -> list[dict[str, Any]]:
        """Return every order that was posted, copies included."""
        single = [r.json for r in self.stub.asked("POST", "/order")]
        return single + [order for r in self.stub.asked("POST", "/orders") for order in r.json]

    def orders_at_venue(self) -> set[str]:
        """Return the ids of every order the venue ever took."""
        return {*self.stub.exchange.live, *self.stub.exchange.finished}


_QUICK = {kind: Again(again.most, Backoff(first_s=0.01, longest_s=0.02)) for kind, again in POSTS.items()}


@contextmanager
def hurried() -> Iterator[None]:
    """Let questions and copies follow each other in milliseconds; a copy on its way has arrived after 0.2 s."""
    package = "agbot.venue.polymarket"
    with (
        patch(f"{package}.retry.ASK_AGAIN", Backoff(first_s=0.02, longest_s=0.08)),
        patch(f"{package}.retry.POSTS", _QUICK),
        patch(f"{package}.asking.QUIET_NS", NS_PER_S // 5),
    ):
        yield


@asynccontextmanager
async def trading(*, heartbeat: bool = False, wait: bool = True, **stub_options: Any) -> AsyncIterator[TradingBench]:
    """Run an adapter against a fresh venue: 0.45 × 100 bid, 0.55 × 20 and 0.56 × 20 asked, 1000 usd, 100 YES."""
    async with venue_stub(**stub_options) as stub, open_http() as http, trio.open_nursery() as nursery:
        stub.set_book(YES, bids=[("0.45", "100")], asks=[("0.55", "20"), ("0.56", "20")])
        stub.exchange.shares[YES] = 100_000_000
        client = ClobClient(http, stub.hosts, credentials=credentials().api, address=_KEY.address, limiter=Limiter())
        venue = PolymarketVenue(client, credentials(), stub.hosts, time.time_ns, heartbeat=heartbeat)
        bench = TradingBench(venue, stub, client)
        nursery.start_soon(bench.listen)
        if wait:
            await nursery.start(venue.run)
        else:
            nursery.start_soon(venue.run)
        yield bench
        nursery.cancel_scope.cancel()
