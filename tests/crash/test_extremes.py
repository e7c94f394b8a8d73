"""Numbers and crowds at the edge: what an operator may type and a venue may say never breaks the bot or its journal."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.errors import VenueProtocolError
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, PlaceOrder
from agbot.model.events import BookSnapshot, MarketListed, OperatorOrder, OrderCancelled
from agbot.model.market import Market
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.gateway import Gateway
from agbot.run.inbox import URGENT_MAX, Inbox
from agbot.store.codec import decode_output, encode_output
from agbot.units import SCALE
from agbot.venue.paper import PaperVenue, adapter

INT64 = 2**63 - 1
MARKET = Market(id="m", yes="Y", no="N", tick=100)
BOOK = BookSnapshot("Y", ((480_000, 10**8),), ((520_000, 10**8),), 1)


@given(
    price=st.integers(1, SCALE - 1),
    size=st.integers(1, INT64),
    side=st.sampled_from(Side),
    market_order=st.booleans(),
    book=st.booleans(),
    capital=st.sampled_from([1, 10**10, 10**15]),
)
def test_whatever_an_operator_orders_can_be_journaled(price, size, side, market_order, book, capital):
    engine = Engine(EngineSettings(run_id="r", capital=capital), Gate([]), [])
    kind, tif = (OrderType.MARKET, TimeInForce.FAK) if market_order else (OrderType.LIMIT, TimeInForce.GTC)
    order = OperatorOrder("q", "m", "Y", side, kind, price, size, tif, False, 0, 1)
    step = engine.step(1, [MarketListed(MARKET, 1), *([BOOK] if book else []), order])
    assert decode_output(encode_output(step.output)) == step.output
    assert len(step.output.decisions) == 1


CROWD = 4200


def crowd(number):
    return PlaceOrder(
        client_order_id=f"o{number}",
        venue="paper",
        market="m",
        token="Y",
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        price=400_000,
        size=5_000_000,
        time_in_force=TimeInForce.GTC,
        post_only=True,
        expire_ns=0,
        budget=0,
        strategy="s",
        why="",
    )


async def durable(_seq):
    return


@pytest.mark.slow
async def test_thousands_of_orders_cancelled_at_once_are_all_heard_of(autojump_clock, monkeypatch):
    """More than the inbox holds of what is urgent: not one cancel is lost between venue and core."""
    # Each order has what all others reserve summed anew; this crowd's cash is not what is looked at.
    monkeypatch.setattr(PaperMatcher, "reserved_cash", 0)
    inbox, heard = Inbox(), set()
    venue = PaperVenue(PaperMatcher(10**13), lambda: 10**18)
    venue.on_market([MarketListed(MARKET, 1), BOOK])
    for number in range(CROWD):
        venue.matcher.submit(10**18, crowd(number))
        if number % 1000 == 999:
            venue.matcher.advance(10**18)
    send, receive = trio.open_memory_channel(8)
    gateway = Gateway(venue, inbox, receive, durable=durable, closed=lambda _: "", now_ns=lambda: 10**18)
    async with trio.open_nursery() as nursery:
        await nursery.start(venue.run)
        await nursery.start(gateway.run)
        send.send_nowait((1, CancelAll("test")))
        with trio.move_on_after(30):
            while len(heard) < CROWD:
                heard |= {e.client_order_id for e in await inbox.receive() if isinstance(e, OrderCancelled)}
        nursery.cancel_scope.cancel()
    assert venue.matcher.open_orders() == ()
    assert len(heard) == CROWD > URGENT_MAX


class Deaf(PaperVenue):
    """A venue whose user stream ends."""

    def evidence(self):
        self._send.close()
        return super().evidence()


async def test_a_user_stream_that_ends_stops_the_bot(autojump_clock):
    venue = Deaf(PaperMatcher(10**13), lambda: 10**18)
    _, receive = trio.open_memory_channel(1)
    gateway = Gateway(venue, Inbox(), receive, durable=durable, closed=lambda _: "", now_ns=lambda: 10**18)
    with pytest.RaisesGroup(VenueProtocolError, flatten_subgroups=True), trio.fail_after(30):
        await gateway.run()


async def test_evidence_that_is_too_much_closes_the_stream_behind_what_fits(monkeypatch):
    monkeypatch.setattr(adapter, "EVIDENCE_MAX", 3)
    venue = PaperVenue(PaperMatcher(10**13), lambda: 10**18)
    venue.on_market([MarketListed(MARKET, 1), BOOK])
    for number in range(5):
        venue.matcher.submit(10**18, crowd(number))
    for _ in range(2):
        with pytest.raises(VenueProtocolError):
            await venue.cancel_all()
    assert [e.client_order_id async for e in venue.evidence()] == ["o0", "o1", "o2"]
    assert venue.matcher.open_orders() == ()
