"""Core and paper venue on one clock, a venue that is late, out, and takes trades back: they end with the same money."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.core.view import Cancel, Place
from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.latency import Constant, Delays, LogNormal
from agbot.matching.outages import Outage, OutageKind
from agbot.matching.paper import PaperMatcher
from agbot.matching.rewards import Incentives, Programme
from agbot.model.events import BookSnapshot, MarketResolved, OrderFilled, OrderUnknown, TradePrint
from agbot.model.market import Outcome
from agbot.model.order import OrderState, Settlement, Side, TimeInForce
from agbot.testing.builders import make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE

S = NS_PER_S
T = 1_000 * S
MARKET = make_market(fee_rate=70_000, min_size=SCALE)
SLOW = LogNormal(median_ns=40 * NS_PER_MS, p99_ns=900 * NS_PER_MS)
CENT = 10_000


class Restless:
    """Wishes for something at every look until a time, by its own dice: orders of all kinds for both tokens, cancels.

    One that is calm keeps one order that nobody fills.
    """

    id = "restless"

    def __init__(self, seed, until_ns, calm):
        self.dice, self.until_ns, self.calm = random.Random(seed), until_ns, calm

    def decide(self, view):
        dice = self.dice
        if view.now_ns >= self.until_ns:
            return []
        if self.calm and not view.orders and view.trusted:
            return [Place(token=MARKET.yes, side=Side.BUY, price=CENT, size=5 * SCALE, why="rests for ever")]
        if self.calm:
            return []
        if view.orders and dice.random() < 0.3:
            return [Cancel(client_order_id=dice.choice(view.orders).client_order_id, why="t")]
        if len(view.orders) > 6:
            return []
        side, token = dice.choice(list(Side)), dice.choice([MARKET.yes, MARKET.no])
        tif = dice.choice([TimeInForce.GTC, TimeInForce.GTC, TimeInForce.FAK, TimeInForce.GTD])
        return [
            Place(
                token=token,
                side=side,
                price=CENT * dice.randint(45, 55),
                size=dice.randint(1, 30) * SCALE + dice.choice([0, 123_457]),
                why="t",
                time_in_force=tif,
                post_only=tif is TimeInForce.GTC and dice.random() < 0.3,
                expire_ns=view.now_ns + dice.randint(200, 300) * S if tif is TimeInForce.GTD else 0,
            )
        ]


def recording(seed, seconds, ends):
    """A market that moves by a cent or two a second, with prints through the book; both tokens' books."""
    dice, mid = random.Random(seed), 50
    for second in range(seconds):
        at = T + second * S + dice.randint(0, 400) * NS_PER_MS
        mid = min(54, max(46, mid + dice.randint(-2, 2)))
        bids = tuple((CENT * (mid - n), dice.randint(1, 60) * SCALE) for n in (1, 2))
        asks = tuple((CENT * (mid + n), dice.randint(1, 60) * SCALE) for n in (1, 2))
        mirrored = [tuple((SCALE - p, s) for p, s in side) for side in (asks, bids)]
        yield at, [BookSnapshot(MARKET.yes, bids, asks, at), BookSnapshot(MARKET.no, *mirrored, at)]
        price, size = CENT * (mid + dice.choice([-1, 1])), dice.randint(1, 40) * SCALE
        yield at + S // 4, [TradePrint(MARKET.yes, dice.choice(list(Side)), price, size, at)]
    if ends:
        at = T + seconds * S
        yield at, [MarketResolved(MARKET.id, MARKET.token(Outcome(ends)), at)]
        yield at + 100 * S, []


class Run:
    """One run to its end, and what was heard of it."""

    def __init__(self, conditions, seed=1, seconds=60, ends="", calm=False):
        restless = Restless(seed, T + seconds * S, calm)
        self.engine = Engine(EngineSettings(run_id="r", capital=10**9), Gate([]), [restless])
        terms = Terms(order_latency_ns=50 * NS_PER_MS, feed_latency_ns=10 * NS_PER_MS)
        self.matcher = PaperMatcher(10**9, terms=terms, conditions=conditions)
        self.loop = VirtualLoop(self.engine.step, self.matcher, [MARKET], recording(seed, seconds, ends))
        self.moments = [*self.loop.run(), *self.loop.finish("over")]
        self.heard = [event for _, batch, _ in self.moments for event in batch]

    def settlements(self):
        return [e.settlement for e in self.heard if isinstance(e, OrderFilled)]

    def check(self):
        engine, matcher = self.engine, self.matcher
        assert matcher.open_orders() == ()
        assert matcher.next_due() is None
        assert list(engine.oms.all_live()) == []
        assert not any(engine.oms.unsettled.values())
        assert [r.contradictions for r in engine.oms.all() if r.contradictions] == []
        assert matcher.cash == engine.portfolio.cash
        assert matcher.fees_paid == engine.portfolio.fees
        held = {MARKET.token(o): engine.portfolio.position(MARKET, o).size for o in Outcome}
        assert matcher.positions == {token: size for token, size in held.items() if size}
        for record in engine.oms.all():
            if record.state is not OrderState.DENIED:
                assert record.state.terminal
                assert matcher.status(record.command.client_order_id).state.terminal


@st.composite
def calendars(draw):
    edges = sorted(draw(st.lists(st.integers(0, 90), max_size=6, unique=True)))
    spans = zip(edges[::2], edges[1::2], strict=False)
    kinds = st.sampled_from(OutageKind)
    return tuple(
        Outage(from_ns=T + a * S, to_ns=T + b * S, kind=draw(kinds), wipes=draw(st.booleans())) for a, b in spans
    )


delays = st.one_of(
    st.none(),
    st.builds(Delays, order=st.just(SLOW), answer=st.just(SLOW), feed=st.just(SLOW), overtaking=st.booleans()),
)
settlings = st.builds(
    Settling, after_ns=st.sampled_from([0, 1, 3 * S, 30 * S]), fail_rate=st.sampled_from([0, SCALE // 5, SCALE])
)
conditions = st.builds(
    Conditions,
    delays=delays,
    settling=settlings,
    outages=calendars(),
    incentives=st.sampled_from([None, Incentives(programme=Programme(daily_usd=10**9, min_size=1, rebate_rate=SCALE))]),
    seed=st.integers(0, 99),
)


@settings(max_examples=20)
@given(conditions, st.integers(0, 10**6), st.sampled_from(["", "YES", "NO"]))
def test_whatever_fails_both_end_with_the_same_money(given_conditions, seed, ends):
    Run(given_conditions, seed, seconds=20, ends=ends).check()


def test_the_runs_above_reach_what_they_are_about():
    """All of it in one run, which would prove nothing otherwise."""
    outages = (
        Outage(from_ns=T + 10 * S, to_ns=T + 20 * S, kind=OutageKind.DOWN),
        Outage(from_ns=T + 30 * S, to_ns=T + 35 * S, kind=OutageKind.RESTART, wipes=True),
    )
    found = Run(
        Conditions(
            delays=Delays(order=SLOW, answer=SLOW, feed=SLOW),
            settling=Settling(after_ns=3 * S, fail_rate=SCALE // 4),
            outages=outages,
        ),
        seed=14,
    )
    found.check()
    assert set(found.settlements()) == {Settlement.MATCHED, Settlement.CONFIRMED, Settlement.FAILED}
    assert any(isinstance(e, OrderUnknown) for e in found.heard)
    reasons = {r.reason for r in found.engine.oms.all() if r.state is OrderState.REJECTED}
    assert any("service not ready" in reason for reason in reasons)
    assert any("never reached" in reason for reason in reasons)
    assert any("restart" in r.reason for r in found.engine.oms.all() if r.state is OrderState.CANCELLED)


def test_the_same_conditions_give_the_same_run():
    terms = Conditions(
        delays=Delays(order=SLOW, answer=SLOW, feed=SLOW),
        settling=Settling(after_ns=3 * S, fail_rate=SCALE // 4),
        outages=(Outage(from_ns=T + 10 * S, to_ns=T + 20 * S, kind=OutageKind.DOWN),),
        seed=7,
    )
    first, second = Run(terms), Run(terms)
    assert first.heard == second.heard
    assert first.matcher.cash == second.matcher.cash


@pytest.mark.parametrize("kind", [OutageKind.DOWN, OutageKind.RESTART, OutageKind.DISABLED])
def test_a_recording_that_ends_in_an_outage_ends_with_no_order(kind):
    outage = Outage(from_ns=T + 20 * S, to_ns=T + 500 * S, kind=kind)
    found = Run(Conditions(outages=(outage,)), calm=True)
    found.check()
    assert [r.state for r in found.engine.oms.all()] == [OrderState.CANCELLED]
    assert outage.to_ns <= found.loop.now_ns < outage.to_ns + 10 * S


def test_a_slow_feed_keeps_its_order_and_shows_no_future():
    found = Run(Conditions(delays=Delays(order=Constant(0), answer=Constant(0), feed=SLOW)), seed=2)
    books = [(at, e.ts_ns) for at, batch, _ in found.moments for e in batch if isinstance(e, BookSnapshot)]
    assert [stamp for _, stamp in books] == sorted(stamp for _, stamp in books)
    assert min(at - stamp for at, stamp in books) > 0
    assert len({at - stamp for at, stamp in books}) > 20
