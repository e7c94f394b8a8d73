"""One order against latency, outages and cancels: the grid of what meets what; each order ends exactly once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.oms import Oms
from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions
from agbot.matching.outages import (
    NEVER_ARRIVED,
    NO_ANSWER,
    POST_ONLY_NS,
    WIPED,
    WORDS,
    Outage,
    OutageKind,
    Outages,
)
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder
from agbot.model.events import (
    BookSnapshot,
    CancelRejected,
    MarketListed,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Source,
    TradePrint,
)
from agbot.model.ids import ClientOrderId
from agbot.model.order import OrderState, Side, TimeInForce
from agbot.testing.builders import levels, make_market, place, shares
from agbot.units import NS_PER_S, to_units

S = NS_PER_S
K = OutageKind
MARKET = make_market()
ORDER, ANSWER = S, S // 10
FROM, TO = 100 * S, 200 * S
HELD = {MARKET.yes: shares(1000)}


def out(kind: OutageKind = K.DOWN, from_ns: int = FROM, to_ns: int = TO, *, wipes: bool = False) -> Outage:
    return Outage(from_ns=from_ns, to_ns=to_ns, kind=kind, wipes=wipes)


def venue(*outages: Outage) -> PaperMatcher:
    terms = Terms(order_latency_ns=ORDER, feed_latency_ns=ANSWER)
    bench = PaperMatcher(10**9, positions=HELD, terms=terms, conditions=Conditions(outages=outages))
    bench.on_market(0, MarketListed(MARKET, 0))
    bench.on_market(0, BookSnapshot(MARKET.yes, levels(("0.48", "100")), levels(("0.52", "100")), 0))
    bench.advance(0)
    return bench


def told(bench: PaperMatcher, until: int = 1_000 * S) -> list[tuple[int, str]]:
    """Let time pass from news to news, and return (seconds heard, what) of all of it."""
    heard = []
    while (due := bench.next_due()) is not None and due <= until:
        heard += [(due / S, type(e).__name__.removeprefix("Order")) for e in bench.advance(due)]
    return heard


def cancel(bench: PaperMatcher, at: int, name: str = "o1") -> int:
    return bench.cancel(at, CancelOrder(ClientOrderId(name), "test"))


def sell_print(bench: PaperMatcher, at: int, size: int = 10) -> None:
    bench.on_market(at, TradePrint(MARKET.yes, Side.SELL, to_units("0.49"), shares(size), at))


RESTS = {"price": "0.49"}
TAKES = {"price": "0.52"}
AROUND = [
    # (an order sent at, what is heard and when)
    (98 * S, [(99.1, "Accepted")]),
    (99 * S - 1, [(102 - 1e-9, "Unknown"), (200, "Accepted")]),
    (99 * S, [(102, "Unknown"), (200.1, "Rejected")]),
    (150 * S, [(153, "Unknown"), (200.1, "Rejected")]),
    (199 * S - 1, [(202 - 1e-9, "Unknown"), (202.1 - 1e-9, "Rejected")]),
    (199 * S, [(200.1, "Accepted")]),
]


@pytest.mark.parametrize(("sent", "heard"), AROUND)
def test_an_order_around_an_outage(sent: int, heard: list[tuple[float, str]]) -> None:
    bench = venue(out())
    bench.submit(sent, place(**RESTS))
    assert told(bench) == [(pytest.approx(at), what) for at, what in heard]
    assert len(bench.open_orders()) == (heard[-1][1] == "Accepted")
    assert len(list(bench.pending_ids())) == len(bench.open_orders())


@pytest.mark.parametrize(
    ("sent", "heard", "left"),
    [
        (98 * S, [(99.1, "Cancelled")], 0),
        (99 * S - 1, [(102 - 1e-9, "Unknown"), (200, "Cancelled")], 0),
        (99 * S, [(102, "Unknown"), (200.1, "Accepted")], 1),
        (150 * S, [(153, "Unknown"), (200.1, "Accepted")], 1),
        (199 * S, [(200.1, "Cancelled")], 0),
    ],
)
def test_a_cancel_around_an_outage(sent: int, heard: list[tuple[float, str]], left: int) -> None:
    bench = venue(out())
    bench.submit(0, place(**RESTS))
    told(bench, 50 * S)
    cancel(bench, sent)
    assert told(bench) == [(pytest.approx(at), what) for at, what in heard]
    assert len(bench.open_orders()) == left


def test_a_fill_while_nothing_is_heard() -> None:
    bench = venue(out())
    bench.submit(0, place(**RESTS))
    told(bench, 50 * S)
    sell_print(bench, 150 * S)
    cancel(bench, 149 * S + S // 2)
    heard = told(bench)
    assert heard == [(152.5, "Unknown"), (200, "Filled")], "whoever cannot cancel can be filled"
    assert bench.open_orders() == ()


def test_part_of_it_fills_and_the_rest_is_found_again() -> None:
    bench = venue(out())
    bench.submit(0, place(**RESTS))
    told(bench, 50 * S)
    sell_print(bench, 150 * S, 4)
    cancel(bench, 140 * S)
    assert told(bench) == [(143, "Unknown"), (200, "Filled"), (200.1, "Accepted")]
    (order,) = bench.open_orders()
    assert order.remaining == shares(6)


def test_an_expiry_while_nothing_is_heard() -> None:
    bench = venue(out())
    bench.submit(0, place(**RESTS, time_in_force=TimeInForce.GTD, expire_ns=210 * S))
    told(bench, 50 * S)
    cancel(bench, 160 * S)
    assert told(bench) == [(163, "Unknown"), (200, "Expired")]


def test_a_cancel_of_an_order_that_was_lost_with_it() -> None:
    bench = venue(out())
    bench.submit(120 * S, place(**RESTS))
    cancel(bench, 121 * S)
    assert told(bench) == [(123, "Unknown"), (124, "Unknown"), (200.1, "Rejected")]
    cancel(bench, 300 * S)
    assert told(bench) == [(301.1, "CancelRejected")]


def test_a_lost_cancel_of_an_unknown_order() -> None:
    bench = venue(out())
    cancel(bench, 121 * S, "nobody's")
    assert told(bench) == [(124, "Unknown"), (200.1, "CancelRejected")]


def test_a_lost_cancel_all_is_told_by_nobody() -> None:
    bench = venue(out())
    bench.submit(0, place(**RESTS))
    told(bench, 50 * S)
    bench.cancel_all(150 * S)
    assert told(bench) == []
    assert len(bench.open_orders()) == 1
    assert (bench.cancels_from(150 * S), bench.cancels_from(200 * S)) == (200 * S, 200 * S)


def test_what_ended_before_is_not_found_again() -> None:
    bench = venue(out())
    bench.submit(0, place(**TAKES))
    told(bench, 50 * S)
    cancel(bench, 150 * S)
    assert told(bench) == [(153, "Unknown")], "its end was told: there is nothing to add"


def test_silence_is_our_own_word_and_says_how_long_it_took() -> None:
    bench = venue(out())
    bench.submit(150 * S, place(**RESTS))
    assert bench.advance(153 * S) == [OrderUnknown(ClientOrderId("o1"), NO_ANSWER, 153 * S, Source.OURS)]
    assert bench.status(ClientOrderId("o1")).state is OrderState.PENDING_NEW  # type: ignore[union-attr]
    assert bench.advance(300 * S) == [OrderRejected(ClientOrderId("o1"), NEVER_ARRIVED, 200 * S)]


def test_a_short_outage_is_over_before_anybody_gives_up() -> None:
    bench = venue(out(to_ns=FROM + S))
    bench.submit(99 * S - 1, place(**RESTS))
    assert told(bench) == [(101, "Accepted")]


# What the venue refuses


GRID = [
    # (kind, a GTC order, a post-only one, a cancel)
    (K.RESTART, False, False, False),
    (K.DISABLED, False, False, False),
    (K.CANCEL_ONLY, False, False, True),
    (K.POST_ONLY, False, True, True),
]


def said(evidence: list[OrderEvidence]) -> list[tuple[type, str]]:
    return [(type(e), getattr(e, "reason", "")) for e in evidence]


@pytest.mark.parametrize(("kind", "taken", "post_only", "cancels"), GRID)
def test_what_is_refused_is_refused_in_the_venues_words(
    kind: OutageKind, taken: bool, post_only: bool, cancels: bool
) -> None:
    bench = venue(out(kind))
    bench.submit(0, place("before", **RESTS))
    told(bench, 50 * S)
    bench.submit(150 * S, place("plain", price="0.47"))
    bench.submit(150 * S, place("maker", price="0.47", post_only=True))
    cancel(bench, 150 * S, "before")
    no = WORDS[kind]
    yes = (OrderAccepted, "")
    assert said(bench.advance(160 * S)) == [
        yes if taken else (OrderRejected, no),
        yes if post_only else (OrderRejected, no),
        (OrderCancelled, "test") if cancels else (CancelRejected, no),
    ]
    assert (bench.cancels_from(150 * S) == 150 * S) is cancels


def test_the_minutes_behind_a_restart_are_post_only() -> None:
    bench = venue(out(K.RESTART))
    for name, at, post_only in [("a", TO, False), ("b", TO, True), ("c", TO + POST_ONLY_NS, False)]:
        bench.submit(at - ORDER, place(name, price="0.47", post_only=post_only))
    heard = said(bench.advance(1_000 * S))
    assert heard == [(OrderRejected, WORDS[K.POST_ONLY]), (OrderAccepted, ""), (OrderAccepted, "")]


@pytest.mark.parametrize("kind", OutageKind)
def test_what_rests_stays_unless_the_outage_wipes_it(kind: OutageKind) -> None:
    for wipes in (False, True):
        bench = venue(out(kind, wipes=wipes))
        bench.submit(0, place(**RESTS))
        told(bench, 50 * S)
        heard = bench.advance(999 * S)
        assert heard == ([OrderCancelled(ClientOrderId("o1"), WIPED, FROM)] if wipes else [])
        assert len(bench.open_orders()) == (not wipes)
        assert bench.reserved_cash == (0 if wipes else to_units("4.9"))


def test_an_outage_that_wipes_is_too_late_for_what_filled_before() -> None:
    bench = venue(out(wipes=True))
    bench.submit(0, place(**RESTS))
    told(bench, 50 * S)
    sell_print(bench, FROM - 1)
    sell_print(bench, FROM, 5)
    assert [type(e) for e in bench.advance(999 * S)] == [OrderFilled]


def test_an_outage_long_past_wipes_nothing() -> None:
    bench = venue(out(wipes=True))
    bench.submit(5_000 * S, place(**RESTS))
    assert [what for _, what in told(bench, 9_000 * S)] == ["Accepted"]


# The calendar


@pytest.mark.parametrize(
    ("outages", "says"),
    [([(5, 5)], "ends after it begins"), ([(1, 5), (4, 9)], "begins at 4"), ([(4, 9), (1, 5)], "begins at 4")],
)
def test_impossible_calendars(outages: list[tuple[int, int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Outages([out(from_ns=a, to_ns=b) for a, b in outages])


def test_one_outage_may_follow_another_at_once() -> None:
    both = Outages([out(K.RESTART, 10, 20), out(K.DOWN, 20, 30), out(K.CANCEL_ONLY, 30, 40)])
    kinds = [o.kind if (o := both.at(now)) else None for now in (9, 10, 19, 20, 29, 30, 39, 40)]
    assert kinds == [None, K.RESTART, K.RESTART, K.DOWN, K.DOWN, K.CANCEL_ONLY, K.CANCEL_ONLY, None]
    assert [both.cancels_from(now) for now in (9, 10, 20, 30)] == [9, 30, 30, 30]
    assert [both.down_until(now) for now in (10, 20, 29, 30)] == [10, 30, 30, 30]


# Whatever meets whatever


moments = st.integers(0, 300).map(lambda seconds: seconds * S)
kinds = st.sampled_from(OutageKind)
orders = st.sampled_from(
    [
        RESTS,
        TAKES,
        {"price": "0.52", "size": "150"},
        {"price": "0.49", "post_only": True},
        {"price": "0.49", "time_in_force": TimeInForce.GTD, "expire_ns": 310 * S},
        {"price": "0.52", "time_in_force": TimeInForce.FAK},
        {"price": "0.99", "size": "3"},
    ]
)


@st.composite
def calendars(draw: st.DrawFn) -> list[Outage]:
    edges = sorted(draw(st.lists(st.integers(0, 300), min_size=2, max_size=6, unique=True)))
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    return [out(draw(kinds), a * S, b * S, wipes=draw(st.booleans())) for a, b in spans]


actions = st.one_of(
    st.tuples(st.just("order"), moments, orders),
    st.tuples(st.just("cancel"), moments, st.integers(0, 3)),
    st.tuples(st.just("print"), moments, st.integers(1, 12)),
    st.tuples(st.just("all"), moments, st.none()),
)
ENDS = (OrderRejected, OrderCancelled, OrderExpired)


@settings(max_examples=200)
@given(calendars(), st.lists(actions, max_size=12))
def test_each_order_ends_once_and_the_core_agrees(outages: list[Outage], wishes: list[tuple[str, int, object]]) -> None:
    bench, oms, names, ends = venue(*outages), Oms(), [], []
    for kind, at, what in sorted(wishes, key=lambda wish: wish[1]):
        ends += hear(bench, oms, at)
        if kind == "order":
            names.append(f"o{len(names)}")
            command = place(names[-1], **what)  # type: ignore[arg-type]
            oms.begin(at, command)
            bench.submit(at, command)
        elif kind == "cancel" and what < len(names):  # type: ignore[operator]
            oms.cancelling(at, ClientOrderId(names[what]))  # type: ignore[call-overload]
            cancel(bench, at, names[what])  # type: ignore[call-overload]
        elif kind == "print":
            sell_print(bench, at, what)  # type: ignore[arg-type]
        elif kind == "all":
            bench.cancel_all(at)
    ends += hear(bench, oms, 10_000 * S)
    assert bench.next_due() is None
    live = {o.order.client_order_id: o for o in bench.open_orders()}
    for name in names:
        record, status = oms.get(name), bench.status(ClientOrderId(name))
        assert record is not None
        assert status is not None
        assert not record.contradictions
        assert record.filled == status.filled
        assert record.state.terminal is status.state.terminal is (name not in live)
        if status.state.terminal:
            assert record.state is status.state
        else:
            assert record.state is not OrderState.UNKNOWN, "silence is resolved by evidence"
            assert record.state is not OrderState.PENDING_NEW
        assert sum(e.client_order_id == name for e in ends) == (name not in live)


def hear(bench: PaperMatcher, oms: Oms, until: int) -> list[OrderEvidence]:
    """Let time pass, tell the core what is heard, and return the ends among it."""
    heard: list[OrderEvidence] = []
    while (due := bench.next_due()) is not None and due <= until:
        heard += bench.advance(due)
    heard += bench.advance(until)
    for evidence in heard:
        oms.hear(until, evidence)
    return [e for e in heard if isinstance(e, ENDS) or (isinstance(e, OrderFilled) and e.final)]
