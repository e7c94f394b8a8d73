"""The conformance suite passes the paper venue, and catches each of a row of deliberately broken ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import attrs
import pytest
import trio

from agbot.errors import VenueDuplicate, VenueNotFound, VenueRefused, VenueUnavailable
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import BookSnapshot, MarketListed, OrderAccepted, OrderCancelled
from agbot.model.ids import ClientOrderId, VenueOrderId
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.testing.bench import Rows
from agbot.testing.builders import levels, make_market
from agbot.testing.conformance import (
    CHECKS,
    MakeVenue,
    NotApplicable,
    NotConforming,
    VenueUnderTest,
    check_venue,
    run_check,
)
from agbot.units import NS_PER_S, SCALE
from agbot.venue.paper import PaperVenue

Broken = type[PaperVenue]


def trio_now_ns() -> int:
    return int((1_700_000_000 + trio.current_time()) * NS_PER_S)


def paper(kind: Callable[..., PaperVenue] = PaperVenue, terms: Terms | None = None, **options: Any) -> MakeVenue:
    """Return a maker of running paper venues."""

    @asynccontextmanager
    async def make() -> AsyncIterator[VenueUnderTest]:
        market = make_market()
        matcher = PaperMatcher(1000 * SCALE, positions={market.yes: 100 * SCALE}, terms=terms)
        venue = kind(matcher, trio_now_ns, **options)
        venue.on_market([MarketListed(market, 0)])

        async def set_book(bids: Rows, asks: Rows) -> None:
            venue.on_market([BookSnapshot(market.yes, levels(*bids), levels(*asks), 0)])

        async with trio.open_nursery() as nursery:
            await nursery.start(venue.run)
            yield VenueUnderTest(
                venue=venue, market=market, set_book=set_book, break_reads=lambda: venue.lose_link("the cable is out")
            )
            nursery.cancel_scope.cancel()

    return make


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("latency_ms", [0, 40])
async def test_the_paper_venue_conforms(name: str, latency_ms: int, autojump_clock: trio.testing.MockClock) -> None:
    latency = latency_ms * 1_000_000
    make = paper(terms=Terms(order_latency_ns=latency, feed_latency_ns=latency // 4))
    if name == "an unsupported time in force is refused":
        make = paper(supported=frozenset(TimeInForce) - {TimeInForce.FOK, TimeInForce.GTD})
    await run_check(CHECKS[name], make)


async def test_what_does_not_apply_is_named(autojump_clock: trio.testing.MockClock) -> None:
    assert await check_venue(paper()) == ["an unsupported time in force is refused"]
    without = frozenset({TimeInForce.GTC})
    assert await check_venue(paper(supported=without)) == [
        "FOK fills whole or not at all",
        "FAK cancels its rest",
        "IOC cancels its rest",
        "a market buy spends usd",
    ]


class EmptyWhenBroken(PaperVenue):
    async def get_open_orders(self) -> Sequence[Order]:
        try:
            return await super().get_open_orders()
        except VenueUnavailable:
            return []


class NotFoundWhenBroken(PaperVenue):
    async def get_order_status(self, order_id: str) -> OrderAck:
        try:
            return await super().get_order_status(order_id)
        except VenueUnavailable as e:
            raise VenueNotFound(e.reason) from e


class TakesTwice(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        try:
            return await super().place_order(order)
        except VenueDuplicate:
            return await self.get_order_status(order.client_order_id)


class RaisesOnSecondCancel(PaperVenue):
    async def cancel_order(self, order_id: str) -> CancelAck:
        status = await self.get_order_status(order_id)
        if status.status is OrderState.CANCELLED:
            raise VenueNotFound("gone")
        return await super().cancel_order(order_id)


class CancelsTheUnknown(PaperVenue):
    async def cancel_order(self, order_id: str) -> CancelAck:
        try:
            return await super().cancel_order(order_id)
        except VenueNotFound:
            return CancelAck(order_id=order_id, status=OrderState.CANCELLED, timestamp=1)


class SaysRejectedInsteadOfRaising(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        try:
            return await super().place_order(order)
        except VenueRefused:
            return OrderAck(order_id=order.id, status=OrderState.REJECTED, timestamp=1)


class FokAsFak(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        if order.time_in_force is TimeInForce.FOK:
            order = attrs.evolve(order, time_in_force=TimeInForce.FAK)
        return await super().place_order(order)


class RestsWhatIsImmediate(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        if order.time_in_force in (TimeInForce.FAK, TimeInForce.IOC):
            order = attrs.evolve(order, time_in_force=TimeInForce.GTC)
        return await super().place_order(order)


class IgnoresPostOnly(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        return await super().place_order(attrs.evolve(order, post_only=False))


class ReplacesWithoutCancelling(PaperVenue):
    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        (old,) = await self.get_open_orders()
        new_id = ClientOrderId(f"{order_id}.r1")
        return await self.place_order(attrs.evolve(old, client_order_id=new_id, id=new_id, price=price, size=size))


class CancelsAllButOne(PaperVenue):
    async def cancel_all(self) -> Sequence[CancelAck]:
        return [await self.cancel_order(order.id) for order in list(await self.get_open_orders())[1:]]


class ShowsTheOriginalSize(PaperVenue):
    async def get_open_orders(self) -> Sequence[Order]:
        return [attrs.evolve(order, size=Decimal(50)) for order in await super().get_open_orders()]


class SwallowsFills(PaperVenue):
    def _pass_on(self, evidence: Any) -> None:
        if isinstance(evidence, OrderAccepted | OrderCancelled):
            super()._pass_on(evidence)


class SaysItTwice(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        ack = await super().place_order(order)
        self._send.send_nowait(OrderAccepted(order.client_order_id, VenueOrderId(order.id), 1))
        return ack


class NeverAnswers(PaperVenue):
    async def place_order(self, order: Order) -> OrderAck:
        await trio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EmptyWhenBroken, "a failed read raises"),
        (NotFoundWhenBroken, "a failed read raises"),
        (TakesTwice, "a duplicate is refused"),
        (RaisesOnSecondCancel, "a second cancel finds it cancelled"),
        (CancelsTheUnknown, "an unknown order is not found"),
        (SaysRejectedInsteadOfRaising, "a price off the tick is refused"),
        (SaysRejectedInsteadOfRaising, "a size under the minimum is refused"),
        (SaysRejectedInsteadOfRaising, "an order over the balance is refused"),
        (FokAsFak, "FOK fills whole or not at all"),
        (RestsWhatIsImmediate, "FAK cancels its rest"),
        (RestsWhatIsImmediate, "IOC cancels its rest"),
        (IgnoresPostOnly, "post-only never takes"),
        (ReplacesWithoutCancelling, "replace cancels and places"),
        (CancelsAllButOne, "cancel-all takes everything"),
        (ShowsTheOriginalSize, "a partial fill survives the cancel"),
        (ShowsTheOriginalSize, "open orders are listed"),
        (SwallowsFills, "a resting order fills"),
        (SwallowsFills, "a market buy spends usd"),
        (SwallowsFills, "a sale takes the bid"),
        (SaysItTwice, "an answer is said once"),
        (NeverAnswers, "a resting order is acknowledged"),
    ],
)
async def test_a_broken_venue_is_caught(kind: Broken, name: str, autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(NotConforming, match="expected"):
        await run_check(CHECKS[name], paper(kind))


async def test_an_unsupported_order_that_is_taken_is_caught(autojump_clock: trio.testing.MockClock) -> None:
    class ClaimsLess(PaperVenue):
        @property
        def supported(self) -> frozenset[TimeInForce]:
            return frozenset({TimeInForce.GTC})

    with pytest.raises(NotConforming, match="not supported"):
        await run_check(CHECKS["an unsupported time in force is refused"], paper(ClaimsLess))


async def test_all_broken_promises_are_reported_together(autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await check_venue(paper(SaysRejectedInsteadOfRaising))
    texts = [str(e) for e in caught.value.exceptions]
    assert any(text.startswith("a price off the tick is refused: expected") for text in texts)
    assert any(text.startswith("post-only never takes: expected") for text in texts)


async def test_reads_that_cannot_be_broken_are_named(autojump_clock: trio.testing.MockClock) -> None:
    make = paper()

    @asynccontextmanager
    async def unbreakable() -> AsyncIterator[VenueUnderTest]:
        async with make() as under_test:
            yield attrs.evolve(under_test, break_reads=None)

    with pytest.raises(NotApplicable):
        await run_check(CHECKS["a failed read raises"], unbreakable)
