"""agbot's own adapter under every fault of the catalogue: no order twice, and in the end it has heard what happened."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from agbot.errors import ExecutionError
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, NewOrder, TradeStatus
from agbot.exchange.core.terms import Terms
from agbot.exchange.server import exchange_server
from agbot.exchange.settings import BoxSettings
from agbot.faults import CATALOGUE, FaultPlan
from agbot.model.events import OrderEvidence, OrderFilled
from agbot.model.order import Order, Side
from agbot.secrets import Secret
from agbot.testing.builders import make_order
from agbot.testing.trading import hurried
from agbot.units import NS_PER_MS, to_units
from agbot.venue.polymarket.adapter import PolymarketVenue
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.credentials import Credentials
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.transport import open_http
from agbot.venue.polymarket.wallets import Account

OTHER = "0x00000000000000000000000000000000000000A1"
PATIENCE_S = 12.0
SHORT: dict[str, dict[str, Any]] = {
    "restart_425": {"restart_s": 0.3, "post_only_s": 0.3},
    "slow_reply": {"delay_s": 0.3},
    "delayed_frames": {"delay_s": 0.3},
    "late_user_events": {"delay_s": 0.3},
    "slow_settlement": {"delay_s": 0.5},
    "delayed_order": {"delay_s": 0.3},
    "throttled_429": {"match": {"path": "POST /order"}},
    "disconnect_storm": {"for_s": 0.5},
    "clock_jump": {"jump_s": 120},
}
"""Faults with their times made short."""
MAY_NOT_TRADE = frozenset(
    {
        "request_lost",
        "truncated_json_reply",
        "restart_425",
        "trading_disabled_503",
        "cancel_only_503",
        "post_only_503",
        "throttled_429",
        "html_403",
        "engine_500",
        "key_revoked",
        "geo_block",
        "provisional_trade_fails",
    }
)
"""Faults under which the order may never reach the book, or its trade is undone."""


@attrs.define
class Bench:
    """The adapter, the exchange it trades on, and what it heard."""

    core: Exchange
    plan: FaultPlan
    venue: PolymarketVenue
    address: str
    listing: Listing
    heard: list[OrderEvidence] = attrs.field(factory=list)
    placed: dict[str, Order] = attrs.field(factory=dict)

    async def listen(self) -> None:
        """Collect evidence until cancelled."""
        async for evidence in self.venue.evidence():
            self.heard.append(evidence)

    async def buy(self, price: str, size: str) -> None:
        """Place an order; whatever the venue says to it."""
        fields = {"market": self.listing.market.id, "token": self.listing.market.yes, "created_ns": time.time_ns()}
        order = make_order(f"t-{size}", Side.BUY, price, size, **fields)
        self.placed[order.client_order_id] = order
        with trio.move_on_after(2):
            try:
                await self.venue.place_order(order)
            except ExecutionError:
                return

    def offer(self, price: str, size: str) -> None:
        """Let somebody else offer YES."""
        making, number = to_units(size), time.time_ns()
        new = NewOrder(
            id=f"0x{number:064x}",
            address=OTHER,
            owner="other",
            maker=OTHER,
            token=self.listing.market.yes,
            side=Side.SELL,
            maker_amount=making,
            taker_amount=to_units(price) * making // 10**6,
        )
        self.core.place(new, time.time_ns())

    def heard_of(self, name: str) -> Decimal:
        """Return the shares filled, by what the adapter heard."""
        fills = {e.trade_id: e for e in self.heard if isinstance(e, OrderFilled) and e.client_order_id == name}
        return Decimal(sum(f.size for f in fills.values() if f.settlement != "FAILED")) / 10**6

    def true_of(self, size: Decimal) -> Decimal:
        """Return the shares that trades gave the order of a size, by the exchange's own books."""
        trades = self.core.trades_of(self.address)
        legs = [leg for trade in trades if trade.status is not TradeStatus.FAILED for leg in trade.legs]
        return Decimal(sum(leg.size for leg in legs if leg.order.size == to_units(size))) / 10**6

    def agreed(self) -> bool:
        """Return whether all trades are settled, and the adapter has heard of each share."""
        settled = not self.core.settlement.under_way
        return settled and all(self.heard_of(name) == self.true_of(order.size) for name, order in self.placed.items())


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """Run an exchange of one market without population or limits, and the adapter on it."""
    terms = Terms(mined_after_ns=20 * NS_PER_MS, confirmed_after_ns=20 * NS_PER_MS)
    settings = BoxSettings(port=0, population="", limits=False, markets=1, keys=1, seed=5, terms=terms)
    async with exchange_server(settings) as served, open_http() as http, trio.open_nursery() as nursery:
        (row,), core = served.box.test_keys(), served.box.core
        listing = next(iter(core.listings.values()))
        core.deposit(OTHER, to_units("1000"), time.time_ns())
        core.split(OTHER, listing, to_units("1000"), time.time_ns())
        key = SigningKey.parse(Secret(row["private_key"]))
        api = ApiCredentials(key=row["apiKey"], secret=Secret(row["secret"]), passphrase=Secret(row["passphrase"]))
        credentials = Credentials(key=key, api=api, account=Account.of_owner(key.address))
        names = {field.name for field in attrs.fields(Hosts)}
        hosts = Hosts(**{name: url for name, url in served.urls.items() if name in names})
        client = ClobClient(http, hosts, credentials=api, address=key.address, limiter=Limiter())
        venue = PolymarketVenue(client, credentials, hosts, time.time_ns, heartbeat=False)
        it = Bench(core, served.box.faults, venue, key.address, listing)
        nursery.start_soon(it.listen)
        await nursery.start(venue.run)
        yield it
        nursery.cancel_scope.cancel()
    assert list(core.accounts.faults()) == []


@pytest.mark.parametrize("name", CATALOGUE)
async def test_the_adapter_survives(name: str) -> None:
    with hurried():
        async with bench() as it:
            it.plan.switch(name, **SHORT.get(name, {}))
            it.offer("0.5", "10")
            await it.buy("0.5", "12")
            await it.buy("0.4", "11")
            it.plan.clear()
            with trio.move_on_after(PATIENCE_S):
                while not (it.agreed() and (name in MAY_NOT_TRADE or it.true_of(Decimal(12)) == 10)):
                    await trio.sleep(0.02)
            told = {name: (it.heard_of(name), it.true_of(order.size)) for name, order in it.placed.items()}
            assert it.agreed(), f"heard and true: {told}, heard {it.heard}"
            mine = [order for order in it.core.orders.all() if order.new.address == it.address]
            assert len({order.size for order in mine}) == len(mine), "no order twice"
            if name not in MAY_NOT_TRADE:
                assert it.true_of(Decimal(12)) == 10, "it traded all the same"
            await flat(it)


async def flat(it: Bench) -> None:
    """Cancel everything, again if need be, until the exchange shows nothing of ours."""
    with trio.fail_after(PATIENCE_S):
        while it.core.open_orders(it.address):
            try:
                await it.venue.cancel_all()
            except ExecutionError:
                await trio.sleep(0.05)
