"""The table of requests: what each fact makes of each state, and one order at most whatever happens in between."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.approvals import KEPT_NS, NEVER_DECIDED, Approvals, Request, Status
from agbot.core.lifecycle import PROVISIONAL
from agbot.core.oms import Oms
from agbot.core.step import Decision
from agbot.model.events import (
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.notes import ResultTold, TradeRefused
from agbot.model.order import Liquidity, OrderState, OrderType, Settlement, Side
from agbot.testing.builders import place
from agbot.units import SCALE
from tests.approved.bench import AT_NS, Run, trade

FILL = OrderFilled("o1", "t1", 400_000, 4 * SCALE, 0, Liquidity.TAKER, 1, settlement=Settlement.MATCHED)
REST = OrderFilled("o1", "t2", 390_000, 6 * SCALE, 0, Liquidity.TAKER, 1)
SETTLED = msgspec.structs.replace(FILL, settlement=Settlement.CONFIRMED)
VOIDED = msgspec.structs.replace(FILL, settlement=Settlement.FAILED)
ACK, SILENCE = OrderAccepted("o1", "v", 1), OrderUnknown("o1", "no answer", 1)
NO, OFF, LATE = OrderRejected("o1", "too small", 1), OrderCancelled("o1", "asked", 1), OrderExpired("o1", 1)


def decision(*violated, request_id="r1"):
    return Decision(
        "m1", "m1-yes", Side.BUY, OrderType.LIMIT, 400_000, 10 * SCALE, "operator", not violated, violated, "", "o1",
        request_id,
    )  # fmt: skip


def asked(request_id="r1", ts_ns=AT_NS):
    run = Run()
    run.desk.take(trade(request_id))
    (event,) = run.inbox._urgent
    return msgspec.structs.replace(event, ts_ns=ts_ns)


ASKED = asked()


def after(*facts):
    """Return the request once these facts about its order were heard."""
    approvals, oms = Approvals(), Oms()
    approvals.fold(ASKED)
    approvals.decided(decision())
    oms.begin(1, place("o1", price="0.40"))
    for fact in facts:
        oms.hear(2, fact)
        approvals.follow(oms.get("o1"))
    return approvals.get("r1")


@pytest.mark.parametrize(
    ("facts", "status", "final", "filled"),
    [
        ((), Status.UNKNOWN, False, 0),
        ((ACK,), Status.OPEN, False, 0),
        ((SILENCE,), Status.UNKNOWN, False, 0),
        ((SILENCE, ACK), Status.OPEN, False, 0),
        ((SILENCE, NO), Status.REJECTED, True, 0),
        ((NO,), Status.REJECTED, True, 0),
        ((ACK, NO), Status.OPEN, False, 0),  # it cannot be true: nothing changes
        ((OFF,), Status.CANCELLED, True, 0),
        ((ACK, LATE), Status.CANCELLED, True, 0),
        ((ACK, FILL), Status.PARTIAL, False, 4),
        ((FILL, ACK), Status.PARTIAL, False, 4),
        ((FILL, FILL), Status.PARTIAL, False, 4),
        ((ACK, FILL, SILENCE), Status.UNKNOWN, False, 4),
        ((ACK, FILL, OFF), Status.PARTIAL, False, 4),  # a fill that may still be taken back
        ((ACK, FILL, OFF, SETTLED), Status.PARTIAL, True, 4),
        ((ACK, FILL, OFF, VOIDED), Status.CANCELLED, True, 0),
        ((ACK, FILL, REST), Status.FILLED, False, 10),
        ((ACK, FILL, REST, SETTLED), Status.FILLED, True, 10),
        ((ACK, FILL, REST, VOIDED), Status.PARTIAL, True, 6),
        ((OFF, REST), Status.PARTIAL, True, 6),  # a late fill corrects what was final
    ],
)
def test_what_facts_about_an_order_make_of_a_request(facts, status, final, filled):
    request = after(*facts)
    assert (request.status, request.final, request.filled) == (status, final, filled * SCALE)


def test_the_average_price_is_what_was_paid():
    assert after().average_price is None
    assert after(ACK, FILL, REST).average_price == (4 * 400_000 + 6 * 390_000) // 10


def test_the_error_is_the_venues_reason():
    assert after(NO).error == "too small"
    assert after(ACK).error == ""


def test_a_denial_names_the_rules_and_is_final():
    approvals = Approvals()
    approvals.fold(ASKED)
    denied = approvals.decided(decision("PositionLimit(m1)", "DayCap"))
    assert (denied.status, denied.final, denied.allowed) == (Status.REJECTED, True, False)
    assert denied.violated == ("PositionLimit(m1)", "DayCap")
    assert approvals.decided(decision()) is None, "the first answer counts"
    assert approvals.get("r1") == denied


def test_an_id_is_taken_once_whatever_comes_under_it():
    approvals = Approvals()
    first = approvals.fold(ASKED)
    assert approvals.fold(msgspec.structs.replace(ASKED, size=1)) is None
    assert approvals.fold(TradeRefused("r1", "other", "size: 0", 2)) is None
    assert approvals.get("r1") == first
    refused = approvals.fold(TradeRefused("r2", "model", "size: 0", 2))
    assert (refused.status, refused.final, refused.error) == (Status.REJECTED, True, "size: 0")
    assert approvals.fold(msgspec.structs.replace(ASKED, request_id="r2")) is None


def test_orders_of_people_are_not_requests():
    approvals = Approvals()
    assert approvals.fold(msgspec.structs.replace(ASKED, source="")) is None
    assert approvals.decided(decision()) is None
    assert len(approvals) == 0


def test_a_result_is_told_until_it_is_what_was_told_last():
    approvals, oms = Approvals(), Oms()
    approvals.fold(ASKED)
    assert approvals.untold(9) == [], "there is no decision yet"
    approvals.decided(decision())
    assert approvals.untold(9) == ["r1"]
    oms.begin(1, place("o1", price="0.40"))
    for fact in (ACK, FILL, REST, SETTLED):
        oms.hear(2, fact)
        request = approvals.follow(oms.get("o1"))
        assert approvals.untold(9) == ["r1"]
        approvals.fold(ResultTold("r1", *request.mark, 3))
        assert approvals.untold(9) == []


# ---------------------------------------------------------------- the next run


@pytest.mark.parametrize(
    ("facts", "whole", "venue_ended", "state"),
    [
        ((ACK,), True, True, OrderState.CANCELLED),
        ((ACK,), False, True, OrderState.UNKNOWN),
        ((ACK,), True, False, OrderState.OPEN),
        ((SILENCE,), True, True, OrderState.CANCELLED),
        ((SILENCE,), True, False, OrderState.UNKNOWN),
        ((ACK, REST, OFF), False, True, OrderState.CANCELLED),
        ((NO,), True, True, OrderState.REJECTED),
    ],
)
def test_what_the_next_run_makes_of_an_order(facts, whole, venue_ended, state):
    (left,) = Approvals([after(*facts)]).carried(AT_NS, whole=whole, venue_ended=venue_ended)
    assert left.state == state
    assert left.filled == after(*facts).filled


@pytest.mark.parametrize(("whole", "status"), [(True, Status.REJECTED), (False, Status.UNKNOWN)])
def test_what_was_never_decided_was_not_sent_unless_the_journal_is_damaged(whole, status):
    approvals = Approvals()
    approvals.fold(ASKED)
    (left,) = approvals.carried(AT_NS, whole=whole, venue_ended=True)
    assert left.status is status
    assert (left.error == NEVER_DECIDED) is whole


def test_what_is_kept_stays_until_it_is_old_and_room_is_made_of_what_may_be_asked_no_more(monkeypatch):
    kept = [Request(f"r{n}", "m", AT_NS, asked=asked(f"r{n}"), order_id=f"o{n}", state="FILLED") for n in range(3)]
    approvals = Approvals(kept)
    assert len(approvals.carried(AT_NS + KEPT_NS, whole=True, venue_ended=True)) == 3
    assert approvals.carried(AT_NS + KEPT_NS + 1, whole=True, venue_ended=True) == ()
    monkeypatch.setattr("agbot.core.approvals.KEPT_MAX", 3)
    assert not approvals.room(AT_NS), "each could still be asked again"
    assert len(approvals) == 3
    assert approvals.room(ASKED.valid_until_ns + 1)
    assert approvals.get("r0") is None
    assert approvals.of_order("o0") is None
    assert approvals.untold(9) == ["r1", "r2"]


# ---------------------------------------------------------------- whatever happens in between

IDS = ("a", "b", "c")
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(IDS)),
        st.tuples(st.just("step"), st.just("")),
        st.tuples(st.just("fact"), st.tuples(st.integers(0, 2), st.integers(0, 7))),
        st.tuples(st.just("told"), st.just("")),
        st.tuples(st.just("kill"), st.integers(0, 4)),
    ),
    max_size=30,
)


def fact_of(order_id, which):
    half = 5 * SCALE
    fill = OrderFilled(order_id, "t1", 400_000, half, 0, Liquidity.MAKER, 1, settlement=Settlement.MATCHED)
    return (
        OrderAccepted(order_id, "v", 1),
        fill,
        msgspec.structs.replace(fill, settlement=Settlement.CONFIRMED),
        msgspec.structs.replace(fill, settlement=Settlement.FAILED),
        msgspec.structs.replace(fill, trade_id="t2", settlement=Settlement.CONFIRMED),
        OrderCancelled(order_id, "off", 1),
        OrderUnknown(order_id, "silence", 1),
        OrderRejected(order_id, "no", 1),
    )[which]


class World:
    """Runs, one after the other: each kill keeps what is on disk and a few records more."""

    def __init__(self, *, venue_ended):
        self.venue_ended = venue_ended
        self.run = Run()
        self.sent = []
        self.answered = {}

    def kill(self, more):
        cut = max(self.run.on_disk, len(self.run.journal.records) - more, 2)
        self.sent += self.run.orders(cut)
        past = self.run.past(cut)
        number = int(self.run.header.run_id.removeprefix("run")) + 1
        self.run = Run(past, number, venue_ended=self.venue_ended)

    async def act(self, kind, what):
        run = self.run
        if kind == "submit":
            run.desk.take(trade(what))
        elif kind == "step":
            run.drain()
        elif kind == "fact":
            ours = run.orders()
            if what[0] < len(ours):
                run.step(fact_of(ours[what[0]].client_order_id, what[1]))
        elif kind == "told":
            run.drain()
            told = await run.desk.untold(9)
            run.desk.told(told)
            self.answered |= {request.request_id: request.order_id for request in told}
        else:
            self.kill(what)

    def check(self):
        run = self.run
        orders = [*self.sent, *run.orders()]
        by_request = {}
        for name in IDS:
            if (request := run.desk.approvals.get(name)) and request.order_id:
                by_request[name] = request
        assert len(orders) == len({o.client_order_id for o in orders})
        assert len(orders) <= len(by_request), "an order that no request explains, or two of one"
        for name, request in by_request.items():
            assert name not in self.answered or self.answered[name] == request.order_id, "what was told did not change"
            if (record := run.engine.oms.get(request.order_id)) is not None:
                settled = not any(f.settlement in PROVISIONAL for f in record.trades.values())
                assert (request.filled, request.spent, request.settled) == (record.filled, record.spent, settled)
                assert request.status in (Status.UNKNOWN, Status.OPEN) or request.state == record.state


@settings(max_examples=120)
@given(ACTS, st.booleans())
async def test_one_order_at_most_and_a_result_that_is_the_oms(acts, venue_ended):
    world = World(venue_ended=venue_ended)
    for kind, what in acts:
        await world.act(kind, what)
        world.check()
    world.run.drain()
    world.kill(0)
    world.check()
    for name in {what for kind, what in acts if kind == "submit"}:
        world.run.desk.take(trade(name))
    world.run.drain()
    world.check()
