"""The ledger of evidence: every fact keeps its source, contradictions change nothing and are noted, one id follows."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from agbot.core.engine import Engine, EngineSettings
from agbot.core.lifecycle import NEXT, Evidence
from agbot.core.oms import CONTRADICTIONS_KEPT, Oms
from agbot.core.risk import Gate
from agbot.core.view import Place
from agbot.model.events import (
    BookSnapshot,
    CancelRejected,
    Event,
    MarketListed,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Source,
    Timer,
    said_by,
)
from agbot.model.order import Liquidity, OrderState, Settlement, Side
from agbot.testing.builders import levels, make_market, place
from agbot.units import SCALE, to_units

S, E = OrderState, Evidence
SIZE = 10 * SCALE
MARKET = make_market()


def fill(size=SIZE, trade="t", settlement=Settlement.MATCHED):
    return OrderFilled("o1", trade, 500_000, size, 7, Liquidity.MAKER, 9, settlement=settlement)


SAYS = {
    E.ACCEPTED: [OrderAccepted("o1", "v", 9)],
    E.REJECTED: [OrderRejected("o1", "no", 9)],
    E.PART_FILL: [fill(SCALE, "part")],
    E.FULL_FILL: [fill(SIZE, "all")],
    E.VOIDED: [fill(SCALE, "other", Settlement.FAILED)],
    E.CANCEL_REFUSED: [CancelRejected("o1", "no", 9)],
    E.CANCELLED: [OrderCancelled("o1", "", 9)],
    E.EXPIRED: [OrderExpired("o1", 9)],
    E.SILENCE: [OrderUnknown("o1", "", 9)],
}
LEADS_TO = {
    S.PENDING_NEW: [],
    S.OPEN: SAYS[E.ACCEPTED],
    S.PARTIALLY_FILLED: [fill(SCALE, "early")],
    S.FILLED: [fill(SIZE, "early")],
    S.CANCELLED: SAYS[E.CANCELLED],
    S.REJECTED: SAYS[E.REJECTED],
    S.EXPIRED: SAYS[E.EXPIRED],
    S.UNKNOWN: SAYS[E.SILENCE],
    S.DENIED: [],
    S.PENDING_CANCEL: [],
}


def in_state(state):
    oms = Oms()
    oms.begin(1, place(size="10"), denied="Policy" if state is S.DENIED else "")
    for event in LEADS_TO[state]:
        oms.apply(2, event)
    if state is S.PENDING_CANCEL:
        oms.cancelling(2, "o1")
    record = oms.get("o1")
    assert record.state is state
    return oms, record


def facts(oms, record):
    return (
        record.state, record.filled, record.spent, record.fees, record.reason, record.changed_ns, record.cancel_ns,
        record.venue_order_id, dict(record.trades), oms.in_flight, dict(+oms.ended), dict(+oms.unsettled),
        [r.command.client_order_id for r in oms.all_live()],
    )  # fmt: skip


@pytest.mark.parametrize(("state", "evidence"), list(itertools.product(S, SAYS)))
def test_every_state_and_every_evidence(state, evidence):
    """Legal ones follow the table; illegal ones change nothing and are noted with the order, with their source."""
    oms, record = in_state(state)
    before = facts(oms, record)
    (event,) = SAYS[evidence]
    heard = oms.hear(9, said_by(Source.SOCKET, event))
    assert (heard.before, heard.event.source) == (state, Source.SOCKET)
    overfilled = evidence in (E.PART_FILL, E.FULL_FILL) and state in (S.FILLED, S.PARTIALLY_FILLED)
    overfilled &= not (state is S.PARTIALLY_FILLED and evidence is E.PART_FILL)
    legal = evidence in NEXT[state] and not overfilled
    assert bool(heard.contradiction) == (not legal)
    assert record.contradictions == ([] if legal else [heard.contradiction])
    if not legal:
        assert (heard.after, heard.news, facts(oms, record)) == (state, False, before)
    elif evidence is not E.VOIDED:  # a trade that failed before it was ever counted only leaves its name
        after = NEXT[state][evidence]
        assert heard.after == record.state
        assert record.state is after or not isinstance(after, OrderState)


def test_a_late_new_never_revives_and_two_sources_are_not_two_fills():
    oms, record = in_state(S.OPEN)
    assert oms.hear(3, said_by(Source.SOCKET, fill())).news
    again = oms.hear(4, said_by(Source.READ, fill()))
    assert (again.news, again.contradiction, record.filled) == (False, "", SIZE)
    late = oms.hear(5, said_by(Source.REPLY, OrderAccepted("o1", "v", 9)))
    assert (late.after, record.state) == (S.FILLED, S.FILLED)


def test_a_trade_told_with_other_figures_is_a_contradiction_and_the_first_stands():
    oms, record = in_state(S.OPEN)
    oms.hear(3, fill(4 * SCALE))
    heard = oms.hear(4, fill(5 * SCALE))
    assert "was 4000000" in heard.contradiction
    assert record.filled == 4 * SCALE


def test_contradictions_of_an_order_are_bounded_the_newest_stay():
    oms, record = in_state(S.OPEN)
    for n in range(CONTRADICTIONS_KEPT + 3):
        oms.hear(3, fill(SIZE + SCALE, f"t{n}"))
    oms.hear(4, OrderRejected("o1", "no", 9))
    assert len(record.contradictions) == CONTRADICTIONS_KEPT
    assert record.contradictions[-1].startswith("REJECTED")


def test_a_fact_about_nobodys_order_is_kept_with_its_id():
    heard = Oms().hear(1, OrderCancelled("x", "", 1, Source.READ))
    assert (heard.correlation, heard.before, heard.after, heard.news) == ("x", "", "", False)
    assert "not an order of ours" in heard.contradiction


def test_a_source_that_was_named_stays():
    event = OrderExpired("o1", 1, Source.CHAIN)
    assert said_by(Source.READ, event) is event
    assert said_by(Source.READ, OrderExpired("o1", 1)).source is Source.READ


def test_journals_from_before_sources_are_read():
    old = msgspec.msgpack.encode([
        ["OrderAccepted", "o1", "v", 1],
        ["OrderFilled", "o1", "t", 5, 6, 7, "MAKER", 8, "normal", "CONFIRMED", False],
        ["OrderUnknown", "o1", "silence", 2],
    ])  # fmt: skip
    events = msgspec.msgpack.decode(old, type=list[Event])
    assert [type(event).__name__ for event in events] == ["OrderAccepted", "OrderFilled", "OrderUnknown"]
    assert {event.source for event in events} == {Source.UNTOLD}


# ---------------------------------------------------------------- one id


class Wishes:
    id = "script"

    def __init__(self):
        self.next = []

    def decide(self, view):
        wishes, self.next = self.next, []
        return wishes


def bid(replaces="", size="10"):
    return Place(token=MARKET.yes, side=Side.BUY, price=400_000, size=to_units(size), why="w", replaces=replaces)


@pytest.fixture
def bench():
    script = Wishes()
    engine = Engine(EngineSettings(run_id="r", capital=to_units("1000")), Gate([]), [script])
    books = [BookSnapshot(t, levels(("0.48", "100")), levels(("0.52", "100")), 1) for t in (MARKET.yes, MARKET.no)]
    engine.step(1, [MarketListed(MARKET, 1), *books])

    def wish(*wishes):
        script.next = list(wishes)
        return engine.step(2, [Timer("second", 2)])

    return engine, wish


def test_a_chain_goes_by_the_id_of_its_first_order(bench):
    engine, wish = bench
    (first,) = wish(bid()).output.commands
    step = wish(bid(replaces=first.client_order_id))
    (second,), (decision,) = step.output.commands, step.output.decisions
    (third,) = wish(bid(replaces=second.client_order_id)).output.commands
    assert (first.correlation, second.correlation, third.correlation) == (first.client_order_id,) * 3
    assert decision.correlation == first.client_order_id != decision.client_order_id
    heard = engine.step(3, [OrderAccepted(third.client_order_id, "v", 3)]).heard
    assert [h.correlation for h in heard] == [first.client_order_id]


def test_a_chain_outlives_orders_that_are_forgotten(bench):
    _, wish = bench
    (order,) = wish(bid(replaces="r-forgotten")).output.commands
    assert order.correlation == "r-forgotten"


def test_a_denied_wish_belongs_to_its_chain_too(bench):
    _, wish = bench
    (first,) = wish(bid()).output.commands
    (denied,) = wish(bid(replaces=first.client_order_id, size="10000")).output.decisions
    assert (denied.allowed, denied.correlation) == (False, first.client_order_id)


def test_a_contradiction_is_told_with_its_order_and_moves_no_money(bench):
    engine, wish = bench
    (order,) = wish(bid()).output.commands
    engine.step(3, [OrderCancelled(order.client_order_id, "", 3)])
    cash = engine.portfolio.cash
    rejected = OrderRejected(order.client_order_id, "no", 4, Source.READ)
    step = engine.step(4, [rejected])
    assert [(h.event, bool(h.contradiction)) for h in step.heard] == [(rejected, True)]
    assert step.output.anomalies == (step.heard[0].contradiction,)
    assert [r.contradictions for r in step.changed] == [[step.heard[0].contradiction]]
    assert (engine.portfolio.cash, engine.oms.get(order.client_order_id).state) == (cash, S.CANCELLED)
