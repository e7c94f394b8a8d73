"""Shadow mode's venue: everything rests, nothing fills, nothing leaves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import trio

from agbot.errors import VenueDuplicate, VenueNotFound, VenueProtocolError, VenueRefused
from agbot.model.events import OrderCancelled, OrderExpired
from agbot.model.order import Order, OrderState, TimeInForce
from agbot.testing.builders import make_market
from agbot.testing.conformance import CHECKS, NotApplicable, VenueUnderTest, run_check
from agbot.units import NS_PER_S
from agbot.venue import shadow as shadow_module
from agbot.venue.ports import VenueAdapter
from agbot.venue.shadow import ShadowVenue

MARKET = make_market()

# The others are about fills and refusals, which nobody can tell who is not asked.
APPLY = [
    "a resting order is acknowledged",
    "open orders are listed",
    "a cancel takes the order off",
    "a second cancel finds it cancelled",
    "an unknown order is not found",
    "a duplicate is refused",
    "an order needs a price",
    "replace cancels and places",
    "cancel-all takes everything",
]


@pytest.fixture
def venue():
    return ShadowVenue(lambda: int(trio.current_time() * NS_PER_S))


def order(name="a", **changes):
    fields = {"price": Decimal("0.5"), "size": Decimal(10), "market": MARKET.id, "token": MARKET.yes, "side": "BUY"}
    return Order(client_order_id=name, venue="polymarket", **{**fields, **changes})


@asynccontextmanager
async def under_test():
    async def set_book(_bids, _asks):
        await trio.lowlevel.checkpoint()

    yield VenueUnderTest(venue=ShadowVenue(lambda: 1), market=MARKET, set_book=set_book)


@pytest.mark.parametrize("name", APPLY)
async def test_it_keeps_the_promises_that_need_no_market(name):
    await run_check(CHECKS[name], under_test)


async def test_every_time_in_force_is_known():
    with pytest.raises(NotApplicable):
        await run_check(CHECKS["an unsupported time in force is refused"], under_test)


def test_it_is_a_venue(venue):
    assert isinstance(venue, VenueAdapter)


@pytest.mark.parametrize("tif", ["FOK", "FAK", "IOC"])
async def test_an_order_that_never_rests_ends_at_once(venue, tif, autojump_clock):
    ack = await venue.place_order(order(time_in_force=TimeInForce(tif)))
    assert ack.status is OrderState.CANCELLED
    assert await venue.get_open_orders() == []
    said = await anext(venue.evidence())
    assert (type(said), said.client_order_id) == (OrderCancelled, "a")


async def test_an_order_expires_at_its_time_and_is_not_cancelled_after(venue, autojump_clock):
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        base = int(trio.current_time() * NS_PER_S)
        for name, seconds in (("late", 9), ("soon", 5)):
            expiry = base + seconds * NS_PER_S
            await venue.place_order(order(name, time_in_force=TimeInForce.GTD, expire_ns=expiry))
        said = [await anext(venue.evidence()) for _ in range(2)]
        assert [(type(e), e.client_order_id, e.ts_ns - base) for e in said] == [
            (OrderExpired, "soon", 5 * NS_PER_S),
            (OrderExpired, "late", 9 * NS_PER_S),
        ]
        assert (await venue.cancel_order("soon")).status is OrderState.EXPIRED
        with pytest.raises(VenueRefused):
            await venue.replace_order("soon", price=Decimal("0.4"), size=Decimal(1))
        nursery.cancel_scope.cancel()


async def test_what_would_be_sent_is_logged(venue, monkeypatch, autojump_clock):
    said = []

    class Lines:
        def info(self, event, **fields):
            said.append((event, fields.get("order_id"), fields.get("price")))

    monkeypatch.setattr(shadow_module, "log", Lines())
    await venue.place_order(order())
    await venue.cancel_order("a")
    await venue.cancel_order("a")
    assert said == [("shadow.order", "a", "0.5"), ("shadow.cancel", "a", None)]


async def test_what_it_remembers_is_bounded(venue, monkeypatch, autojump_clock):
    monkeypatch.setattr(shadow_module, "ENDED_KEPT", 2)
    for name in "abc":
        await venue.place_order(order(name))
        await venue.cancel_order(name)
    with pytest.raises(VenueNotFound):
        await venue.get_order_status("a")
    with pytest.raises(VenueDuplicate):
        await venue.place_order(order("b"))


async def test_evidence_nobody_reads_is_an_error_not_a_leak(monkeypatch, autojump_clock):
    monkeypatch.setattr(shadow_module, "EVIDENCE_MAX", 1)
    venue = ShadowVenue(lambda: 1)
    for name in "ab":
        await venue.place_order(order(name))
    with pytest.raises(VenueProtocolError):
        await venue.cancel_all()
