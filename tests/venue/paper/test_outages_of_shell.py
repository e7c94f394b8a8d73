"""The paper venue's shell while the venue behind it is out: what each request raises, and what is heard afterwards."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from agbot.errors import VenueAmbiguous, VenueRefused, VenueUnavailable
from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions
from agbot.matching.outages import WORDS, Outage, OutageKind
from agbot.matching.paper import PaperMatcher
from agbot.model.events import BookSnapshot, MarketListed, OrderAccepted, OrderRejected, OrderUnknown
from agbot.model.order import OrderState
from agbot.testing.builders import levels, make_market, make_order
from agbot.units import NS_PER_S, SCALE
from agbot.venue.paper.adapter import PaperVenue

S = NS_PER_S
FROM_S, TO_S = 100, 200


async def venue(kind: OutageKind) -> PaperVenue:
    """A venue one second away, out from 100 s to 200 s."""
    conditions = Conditions(outages=(Outage(from_ns=FROM_S * S, to_ns=TO_S * S, kind=kind),))
    matcher = PaperMatcher(1000 * SCALE, terms=Terms(order_latency_ns=S), conditions=conditions)
    shell, market = PaperVenue(matcher, lambda: int(trio.current_time() * S)), make_market()
    shell.on_market(
        [MarketListed(market, 0), BookSnapshot(market.yes, levels(("0.45", "9")), levels(("0.55", "9")), 0)]
    )
    await shell.place_order(make_order())
    return shell


async def at(seconds: float) -> None:
    await trio.sleep_until(seconds)


async def test_a_venue_that_is_down_answers_nothing(autojump_clock: MockClock) -> None:
    shell = await venue(OutageKind.DOWN)
    await at(150)
    with pytest.raises(VenueUnavailable, match="down"):
        await shell.place_order(make_order("o2"))
    with pytest.raises(VenueUnavailable, match="down"):
        await shell.cancel_order("o1")
    with pytest.raises(VenueUnavailable, match="down"):
        await shell.get_open_orders()
    await at(TO_S)
    assert [order.client_order_id for order in await shell.get_open_orders()] == ["o1"]


async def test_what_is_under_way_when_it_goes_down_has_no_answer(autojump_clock: MockClock) -> None:
    shell = await venue(OutageKind.DOWN)
    await at(FROM_S - 0.5)
    async with trio.open_nursery() as nursery:

        async def silent(request: str) -> None:
            with pytest.raises(VenueAmbiguous, match="no answer"):
                await (shell.place_order(make_order("o2")) if request == "place" else shell.cancel_order("o1"))
            assert trio.current_time() == FROM_S - 0.5 + 3

        nursery.start_soon(silent, "place")
        nursery.start_soon(silent, "cancel")
    async with trio.open_nursery() as nursery:
        await nursery.start(shell.run)
        news = shell.evidence()
        told = [await anext(news), await anext(news)]
        nursery.cancel_scope.cancel()
    # Which of the two requests left first is the scheduler's choice.
    found = {type(evidence): evidence.client_order_id for evidence in told}
    assert found == {OrderRejected: "o2", OrderAccepted: "o1"}
    assert (await shell.get_order_status("o1")).status is OrderState.OPEN


async def test_silence_whose_asker_is_gone_is_told(autojump_clock: MockClock) -> None:
    shell = await venue(OutageKind.DOWN)
    await at(FROM_S - 0.5)
    with trio.move_on_after(1):
        await shell.place_order(make_order("o2"))
    async with trio.open_nursery() as nursery:
        await nursery.start(shell.run)
        told = await anext(shell.evidence())
        nursery.cancel_scope.cancel()
    assert isinstance(told, OrderUnknown)


@pytest.mark.parametrize("kind", [OutageKind.RESTART, OutageKind.DISABLED])
async def test_a_venue_that_refuses_all(kind: OutageKind, autojump_clock: MockClock) -> None:
    shell = await venue(kind)
    await at(150)
    with pytest.raises(VenueRefused, match=WORDS[kind]):
        await shell.place_order(make_order("o2"))
    assert (await shell.cancel_order("o1")).status is OrderState.OPEN
    with pytest.raises(VenueUnavailable, match="no cancels"):
        await shell.cancel_all()
    await at(TO_S)
    assert [ack.order_id for ack in await shell.cancel_all()] == ["o1"]


@pytest.mark.parametrize("kind", [OutageKind.CANCEL_ONLY, OutageKind.POST_ONLY])
async def test_a_venue_that_takes_cancels(kind: OutageKind, autojump_clock: MockClock) -> None:
    shell = await venue(kind)
    await at(150)
    with pytest.raises(VenueRefused, match=WORDS[kind]):
        await shell.place_order(make_order("o2"))
    assert (await shell.cancel_order("o1")).status is OrderState.CANCELLED
    assert await shell.cancel_all() == []
