"""The paper venue's shell: time, waiting, evidence, amendments. What every venue does is in the conformance suite."""

from __future__ import annotations

from decimal import Decimal

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from agbot.errors import VenueDuplicate, VenueNotFound, VenueProtocolError, VenueRefused, VenueUnavailable
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    ASK,
    BookDelta,
    BookSnapshot,
    CancelRejected,
    MarketListed,
    OrderAccepted,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
)
from agbot.model.market import Market
from agbot.model.order import OrderState, Side, TimeInForce
from agbot.testing.builders import levels, make_market, make_order
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from agbot.venue.paper import adapter
from agbot.venue.paper.adapter import PaperVenue
from agbot.venue.ports import VenueAdapter

ORDER_MS, FEED_MS = 50, 10


@pytest.fixture
def market() -> Market:
    return make_market()


def venue_with(market: Market, terms: Terms | None = None) -> PaperVenue:
    venue = PaperVenue(PaperMatcher(1000 * SCALE, terms=terms), lambda: int(trio.current_time() * NS_PER_S))
    bids, asks = levels(("0.45", "100")), levels(("0.55", "20"))
    venue.on_market([MarketListed(market, 0), BookSnapshot(market.yes, bids, asks, 0)])
    return venue


@pytest.fixture
async def slow(market: Market) -> PaperVenue:
    """A venue 50 ms away whose news take 10 ms; no task runs it."""
    return venue_with(market, Terms(order_latency_ns=ORDER_MS * NS_PER_MS, feed_latency_ns=FEED_MS * NS_PER_MS))


def heard(venue: PaperVenue) -> list[OrderEvidence]:
    """Return the evidence that waits now."""
    found = []
    while True:
        try:
            found.append(venue._receive.receive_nowait())
        except trio.WouldBlock:
            return found


def milliseconds() -> float:
    return round(trio.current_time() * 1000, 2)


async def test_it_is_a_venue(slow: PaperVenue, autojump_clock: MockClock) -> None:
    assert isinstance(slow, VenueAdapter)
    assert (slow.venue_id, slow.supported) == ("paper", frozenset(TimeInForce))


async def test_requests_take_the_latency_and_need_no_running_task(slow: PaperVenue, autojump_clock: MockClock) -> None:
    ack = await slow.place_order(make_order())
    assert milliseconds() == 60
    assert (ack.status, ack.timestamp) == (OrderState.OPEN, 50 * NS_PER_MS)
    cancelled = await slow.cancel_order("o1")
    assert milliseconds() == 120
    assert (cancelled.status, cancelled.timestamp) == (OrderState.CANCELLED, 110 * NS_PER_MS)
    assert await slow.cancel_all() == []
    assert milliseconds() == 180


async def test_waiting_sleeps_instead_of_spinning(
    slow: PaperVenue, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    class Count(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            nonlocal steps
            steps += 1

    async with trio.open_nursery() as nursery:
        await nursery.start(slow.run)
        instrument = Count()
        trio.lowlevel.add_instrument(instrument)
        for i in range(10):
            await slow.place_order(make_order(f"o{i}"))
        trio.lowlevel.remove_instrument(instrument)
        nursery.cancel_scope.cancel()
    assert steps < 200


async def test_run_delivers_what_nobody_waits_for(market: Market, autojump_clock: MockClock) -> None:
    venue = venue_with(market, Terms(feed_latency_ns=FEED_MS * NS_PER_MS))
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        start = int(trio.current_time() * NS_PER_S)
        expiring = make_order("a", time_in_force=TimeInForce.GTD, expire_ns=start + 200 * NS_PER_S)
        await venue.place_order(expiring)
        await venue.place_order(make_order("b", price="0.52"))
        venue.on_market([BookDelta(market.yes, ((ASK, 520_000, 3 * SCALE),), 0)])
        news = venue.evidence()
        fill, expiry = await anext(news), await anext(news)
        nursery.cancel_scope.cancel()
    assert isinstance(fill, OrderFilled)
    assert (fill.client_order_id, fill.size) == ("b", 3 * SCALE)
    assert isinstance(expiry, OrderExpired)
    assert 140 <= trio.current_time() < 141


async def test_run_hears_of_an_order_that_came_while_it_slept(slow: PaperVenue, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(slow.run)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.001):
            await slow.place_order(make_order())
        accepted = await anext(slow.evidence())
        nursery.cancel_scope.cancel()
    assert isinstance(accepted, OrderAccepted)
    assert milliseconds() == 60


async def test_fills_come_on_the_evidence_and_in_the_ack(slow: PaperVenue, autojump_clock: MockClock) -> None:
    ack = await slow.place_order(make_order(price="0.55", size="30"))
    assert (ack.status, ack.filled) == (OrderState.PARTIALLY_FILLED, Decimal(20))
    assert [type(e) for e in heard(slow)] == [OrderFilled]


async def test_the_state_a_cancel_found_is_said_once(slow: PaperVenue, autojump_clock: MockClock) -> None:
    await slow.place_order(make_order(price="0.55"))
    assert (await slow.cancel_order("o1")).status is OrderState.FILLED
    assert [type(e) for e in heard(slow)] == [OrderFilled]


async def test_an_answer_nobody_waits_for_is_not_lost(slow: PaperVenue, autojump_clock: MockClock) -> None:
    with trio.move_on_after(0.02) as scope:
        await slow.place_order(make_order())
    assert scope.cancelled_caught
    assert (await slow.get_order_status("o1")).status is OrderState.PENDING_NEW
    with pytest.raises(VenueDuplicate):
        await slow.place_order(make_order())
    await trio.sleep(0.1)
    assert (await slow.get_order_status("o1")).status is OrderState.OPEN
    assert [type(e) for e in heard(slow)] == [OrderAccepted]


async def test_a_cancel_whose_caller_left_answers_on_the_evidence(slow: PaperVenue, autojump_clock: MockClock) -> None:
    await slow.place_order(make_order(price="0.55"))
    heard(slow)
    with trio.move_on_after(0.02):
        await slow.cancel_order("o1")
    await trio.sleep(0.1)
    await slow.get_order_status("o1")
    assert [type(e) for e in heard(slow)] == [CancelRejected]


async def test_many_wait_at_once(slow: PaperVenue, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        for i in range(20):
            nursery.start_soon(slow.place_order, make_order(f"o{i}", size="5"))
    assert milliseconds() == 60
    assert len(await slow.get_open_orders()) == 20
    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow.cancel_order, "o0")
        nursery.start_soon(slow.cancel_order, "o0")
        nursery.start_soon(slow.cancel_all)
    assert milliseconds() == 120
    assert await slow.get_open_orders() == []


async def test_an_order_filled_on_the_way_is_not_reported_as_taken_off(
    slow: PaperVenue, autojump_clock: MockClock, market: Market
) -> None:
    await slow.place_order(make_order("a", price="0.50"))
    await slow.place_order(make_order("b", price="0.46"))
    async with trio.open_nursery() as nursery:
        taken: list[str] = []

        async def cancel_all() -> None:
            taken.extend(ack.order_id for ack in await slow.cancel_all())

        nursery.start_soon(cancel_all)
        await trio.sleep(0.02)
        slow.on_market([BookDelta(market.yes, ((ASK, 500_000, 100 * SCALE),), 0)])
    assert taken == ["b"]


async def test_replace_keeps_the_history(slow: PaperVenue, autojump_clock: MockClock) -> None:
    await slow.place_order(make_order(post_only=True))
    first = await slow.replace_order("o1", price=Decimal("0.49"), size=Decimal(12))
    second = await slow.replace_order(first.order_id, price=Decimal("0.48"), size=Decimal(6))
    assert (first.order_id, second.order_id) == ("o1.r1", "o1.r2")
    assert slow.amendments("o1.r2") == ("o1", "o1.r1", "o1.r2")
    assert slow.amendments("o1") == ("o1",)
    (order,) = await slow.get_open_orders()
    assert (order.client_order_id, order.price, order.size, order.post_only) == (
        "o1.r2",
        Decimal("0.48"),
        Decimal(6),
        True,
    )


async def test_what_cannot_be_replaced_stays(slow: PaperVenue, autojump_clock: MockClock) -> None:
    with pytest.raises(VenueNotFound):
        await slow.replace_order("o1", price=Decimal("0.49"), size=Decimal(12))
    await slow.place_order(make_order())
    with pytest.raises(ValueError, match="between 0 and 1"):
        await slow.replace_order("o1", price=Decimal("1.5"), size=Decimal(12))
    assert (await slow.get_order_status("o1")).status is OrderState.OPEN
    await slow.place_order(make_order("filled", price="0.55"))
    with pytest.raises(VenueRefused, match="filled is FILLED: nothing to replace"):
        await slow.replace_order("filled", price=Decimal("0.49"), size=Decimal(12))


async def test_only_the_newest_amendments_are_kept(
    slow: PaperVenue, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "AMENDED_KEPT", 1)
    await slow.place_order(make_order())
    await slow.replace_order("o1", price=Decimal("0.49"), size=Decimal(12))
    await slow.replace_order("o1.r1", price=Decimal("0.48"), size=Decimal(12))
    assert slow.amendments("o1.r2") == ("o1.r1", "o1.r2")


async def test_too_many_decimals_are_refused_before_sending(slow: PaperVenue, autojump_clock: MockClock) -> None:
    with pytest.raises(VenueRefused, match="more than six decimals"):
        await slow.place_order(make_order(size="10.0000001"))
    with pytest.raises(VenueNotFound):
        await slow.get_order_status("o1")


async def test_a_lost_link_fails_every_request_and_changes_nothing(slow: PaperVenue, autojump_clock: MockClock) -> None:
    await slow.place_order(make_order())
    slow.lose_link("the cable is out")
    requests = (
        lambda: slow.place_order(make_order("o2")),
        lambda: slow.cancel_order("o1"),
        lambda: slow.replace_order("o1", price=Decimal("0.4"), size=Decimal(9)),
        slow.cancel_all,
        lambda: slow.get_order_status("o1"),
        slow.get_open_orders,
    )
    for request in requests:
        with pytest.raises(VenueUnavailable, match="the cable is out"):
            await request()
    slow.restore_link()
    assert [order.id for order in await slow.get_open_orders()] == ["o1"]


async def test_evidence_that_nobody_reads_is_an_error_at_the_bound(
    market: Market, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "EVIDENCE_MAX", 2)
    venue = venue_with(market)
    for i in range(2):
        await venue.place_order(make_order(f"o{i}", price="0.55", size="5"))
    with pytest.raises(VenueProtocolError, match="nobody reads the evidence: 2 pieces wait"):
        await venue.place_order(make_order("o2", price="0.55", size="5"))


async def test_a_cancelled_caller_sends_nothing(slow: PaperVenue, autojump_clock: MockClock) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await slow.place_order(make_order(side=Side.BUY))
    assert slow.matcher.pending_ids() == ()
