"""The gateway: what every answer of a venue, and its silence, becomes; what waits, and what never does."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from agbot import errors as e
from agbot.model.commands import CancelAll, CancelOrder
from agbot.model.events import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    OrderUnknown,
    Source,
)
from agbot.model.order import OrderState
from agbot.run.gateway import ON_THE_WIRE_S, Gateway
from agbot.run.inbox import Inbox
from agbot.testing.builders import place

BARRED = e.VenueAuthFailed("revoked")
ANSWERS = [
    (e.VenueUnavailable("x"), OrderRejected, CancelRejected),
    (e.VenueThrottled("x", retry_after_s=1), OrderRejected, CancelRejected),
    (e.VenueRefused("x", code="c"), OrderRejected, CancelRejected),
    (BARRED, OrderRejected, CancelRejected),
    (e.VenueNotFound("x"), OrderRejected, CancelRejected),
    (e.UnsupportedOrder("x"), OrderRejected, CancelRejected),
    (e.VenueAmbiguous("x"), OrderUnknown, OrderUnknown),
    (e.VenueDuplicate("x"), OrderUnknown, CancelRejected),
    (e.VenueProtocolError("x"), OrderUnknown, OrderUnknown),
    (e.ExecutionError("x"), OrderUnknown, CancelRejected),
]


NOW = 2_500_000


class Bench:
    """A gateway over a fake venue; `journal` opens for orders, `latch` is why nothing may leave."""

    def __init__(self, venue):
        self.venue = venue
        self.inbox = Inbox()
        self.send, receive = trio.open_memory_channel(100)
        self.journal = trio.Event()
        self.waited = []
        self.latch = ""
        self.cap = ""
        self.latencies = []
        self.left = []
        self.gateway = Gateway(
            venue,
            self.inbox,
            receive,
            durable=self.durable,
            closed=lambda _: self.latch,
            now_ns=lambda: NOW,
            permit=lambda order: self.cap,
            latency=lambda *a: self.latencies.append(a),
            sent=lambda *a: self.left.append(a),
        )

    async def durable(self, seq):
        self.waited.append(seq)
        await self.journal.wait()

    async def heard(self):
        """Return what the engine hears next; the deadline is far beyond the gateway's own."""
        with trio.fail_after(60):
            return await self.inbox.receive()

    async def settled(self):
        await trio.testing.wait_all_tasks_blocked()
        return [] if not len(self.inbox) else await self.inbox.receive()


@pytest.fixture
async def bench(venue, nursery):
    bench = Bench(venue)
    bench.journal.set()
    await nursery.start(bench.gateway.run)
    return bench


def test_the_table_has_every_way_a_venue_can_fail():
    kinds = {e.ExecutionError, *e.ExecutionError.__subclasses__()}
    assert {type(error) for error, _, _ in ANSWERS} == kinds


@pytest.mark.parametrize(
    ("error", "becomes", "_cancel"),
    [a for a in ANSWERS if a[0] is not BARRED],
    ids=lambda v: getattr(v, "__name__", None),
)
async def test_every_failure_to_place_is_evidence(error, becomes, _cancel, bench):
    bench.venue.on_place = error
    await bench.send.send((1, place("o1")))
    (said,) = await bench.heard()
    assert type(said) is becomes
    assert said.client_order_id == "o1"
    assert said.reason
    assert bench.latencies == []


@pytest.mark.parametrize(
    ("error", "_place", "becomes"),
    [a for a in ANSWERS if a[0] is not BARRED],
    ids=lambda v: getattr(v, "__name__", None),
)
async def test_every_failure_to_cancel_is_evidence(error, _place, becomes, bench):
    bench.venue.on_cancel = error
    await bench.send.send((1, CancelOrder("o1", "enough")))
    (said,) = await bench.heard()
    assert type(said) is becomes
    assert said.reason


async def test_an_acknowledged_order_is_accepted_and_its_latency_measured(bench):
    await bench.send.send((1, place("o1")))
    assert await bench.heard() == [OrderAccepted("o1", "v-o1", 7, Source.REPLY)]
    ((venue, market, ms),) = bench.latencies
    assert (venue, market) == ("paper", "m1")
    assert 0 <= ms < 60_000
    assert bench.left == [("paper", 2.5 - place("o1").created_ns / 1e6)]


@pytest.mark.parametrize("error", [BARRED, e.VenueForbidden("closed")])
async def test_credentials_that_are_refused_end_the_run_and_the_order_is_known_to_be_rejected(error, venue):
    bench = Bench(venue)
    bench.journal.set()
    bench.venue.on_place = error
    with pytest.RaisesGroup(type(error), flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.gateway.run)
            await bench.send.send((1, place("o1")))
    (said,) = await bench.heard()
    assert (type(said), said.reason) == (OrderRejected, error.reason)


async def test_credentials_that_are_refused_to_a_cancel_end_the_run_instead_of_a_storm(venue):
    bench = Bench(venue)
    bench.venue.on_cancel = BARRED
    with pytest.RaisesGroup(e.VenueAuthFailed, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.gateway.run)
            await bench.send.send((1, CancelOrder("o1", "enough")))
    (said,) = await bench.heard()
    assert (type(said), said.reason) == (CancelRejected, "revoked")


async def test_credentials_that_are_refused_to_a_cancel_of_all_end_the_run_too(venue, logged):
    log, bench = logged("agbot.run.gateway"), Bench(venue)
    bench.venue.on_cancel_all = [BARRED]
    with pytest.RaisesGroup(e.VenueAuthFailed, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.gateway.run)
            await bench.send.send((1, CancelAll("enough")))
    assert log.events == ["cancel_all.refused"]


async def test_an_order_over_a_cap_is_rejected_and_never_sent(bench):
    bench.cap = "30.00 usd is over the 25.00 of one order"
    await bench.send.send((1, place("o1")))
    (said,) = await bench.heard()
    assert (type(said), said.reason) == (OrderRejected, "not sent: 30.00 usd is over the 25.00 of one order")
    assert bench.venue.calls == []
    assert bench.left == []


@pytest.mark.parametrize(
    ("status", "becomes"),
    [
        (OrderState.CANCELLED, OrderCancelled("o1", "enough", 8, Source.REPLY)),
        (OrderState.FILLED, CancelRejected("o1", "it is FILLED", 8, Source.REPLY)),
    ],
)
async def test_a_cancel_says_what_the_venue_found(status, becomes, bench):
    bench.venue.on_cancel = status
    await bench.send.send((1, CancelOrder("o1", "enough")))
    assert await bench.heard() == [becomes]


async def test_an_end_whose_fills_are_not_told_yet_is_the_venues_to_tell(bench):
    bench.venue.tells = False
    await bench.send.send((1, CancelOrder("o1", "enough")))
    assert await bench.settled() == []
    await bench.venue.say.send(OrderCancelled("o1", "cancelled by us", 9))
    assert await bench.heard() == [OrderCancelled("o1", "cancelled by us", 9)]


async def test_orders_wait_for_the_journal_and_cancels_do_not(venue, nursery):
    bench = Bench(venue)
    await nursery.start(bench.gateway.run)
    await bench.send.send((5, place("o1")))
    await bench.send.send((6, CancelOrder("other", "enough")))
    await bench.send.send((6, CancelAll("enough")))
    await trio.testing.wait_all_tasks_blocked()
    assert bench.waited == [5]
    assert sorted(venue.calls) == ["cancel other", "cancel_all"]


async def test_a_closed_latch_is_asked_at_the_last_moment(venue, nursery):
    bench = Bench(venue)
    await nursery.start(bench.gateway.run)
    await bench.send.send((5, place("o1")))
    await trio.testing.wait_all_tasks_blocked()
    bench.latch = "fire"
    bench.journal.set()
    (said,) = await bench.heard()
    assert isinstance(said, OrderRejected)
    assert "fire" in said.reason
    assert venue.calls == []


@pytest.mark.parametrize("cancel", [CancelOrder("o1", "enough"), CancelAll("enough")])
async def test_an_order_cancelled_before_it_left_never_leaves(cancel, venue, nursery):
    bench = Bench(venue)
    await nursery.start(bench.gateway.run)
    await bench.send.send((5, place("o1")))
    await trio.testing.wait_all_tasks_blocked()
    await bench.send.send((6, cancel))
    await trio.testing.wait_all_tasks_blocked()
    await bench.send.send((7, place("o2")))
    await trio.testing.wait_all_tasks_blocked()
    bench.journal.set()
    said = sorted(await bench.settled(), key=lambda s: s.client_order_id)
    assert said == [
        OrderCancelled("o1", "cancelled before it was sent", NOW, Source.OURS),
        OrderAccepted("o2", "v-o2", 7, Source.REPLY),
    ]
    assert "place o1" not in venue.calls


async def test_silence_is_unknown_after_three_seconds(venue, nursery, autojump_clock):
    bench = Bench(venue)
    bench.journal.set()
    await nursery.start(bench.gateway.run)
    venue.hang = {"place", "cancel"}
    began = trio.current_time()
    for command in (place("o1"), CancelOrder("o2", "enough")):
        await bench.send.send((1, command))
    said = await bench.heard()
    while len(said) < 2:
        said += await bench.heard()
    assert {(type(s), s.client_order_id) for s in said} == {(OrderUnknown, "o1"), (OrderUnknown, "o2")}
    assert trio.current_time() - began == pytest.approx(ON_THE_WIRE_S)


async def test_an_order_on_the_wire_finishes_under_its_shield_or_becomes_unknown(venue, autojump_clock):
    bench = Bench(venue)
    bench.journal.set()
    venue.hang = {"place"}
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.gateway.run)
        await bench.send.send((1, place("o1")))
        await venue.sent.wait()
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began == pytest.approx(ON_THE_WIRE_S)
    assert [type(s) for s in await bench.settled()] == [OrderUnknown]


async def test_cancelled_before_it_left_an_order_never_leaves(venue):
    bench = Bench(venue)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.gateway.run)
        await bench.send.send((1, place("o1")))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert venue.calls == []
    assert bench.gateway._unsent == {}


async def test_evidence_is_forwarded(bench):
    await bench.venue.say.send(OrderExpired("o9", 3))
    assert await bench.heard() == [OrderExpired("o9", 3)]


async def test_a_cancel_all_that_fails_or_hangs_is_said(venue, nursery, logged, until, autojump_clock):
    log = logged("agbot.run.gateway")
    bench = Bench(venue)
    await nursery.start(bench.gateway.run)
    venue.on_cancel_all = [e.VenueUnavailable("down")]
    for _ in range(2):
        await bench.send.send((1, CancelAll("enough")))
        await trio.testing.wait_all_tasks_blocked()
    venue.hang = {"cancel_all"}
    await bench.send.send((1, CancelAll("enough")))
    await until(lambda: len(log.events) == 3)
    assert log.events == ["cancel_all.failed", "cancel_all.done", "cancel_all.unconfirmed"]


async def test_a_slow_order_holds_nothing_else_up(autojump_clock, bench):
    bench.venue.hang = {"place"}
    await bench.send.send((1, place("slow")))
    await bench.venue.sent.wait()
    await bench.send.send((2, CancelOrder("o2", "enough")))
    assert [type(s) for s in await bench.heard()] == [OrderCancelled]
