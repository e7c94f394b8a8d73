"""The algorithms in the real core on the paper venue, against simulated markets, in virtual time."""

from __future__ import annotations

from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import KillSwitchSet, OrderFilled, OrderRejected, TradePrint
from agbot.model.ids import StrategyId
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.execution import ALGORITHMS
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import make_market, shares
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.demo.simulation import DemoSimulation

T0 = 1_772_000_000 * NS_PER_S
START, END = "2026-02-25T06:13:30Z", "2026-02-25T06:15:30Z"
"""Two minutes, from ten seconds after the recording begins."""
MARKET = make_market(fee_rate=40_000)
SECONDS = 200

SHAPES = {
    "twap": {"slices": 6},
    "vwap": {"profile": [3, 1, 0, 2, 4]},
    "pov": {"rate": "0.5"},
    "shortfall": {"slices": 6, "sigma": "0.2", "eta": "0.0001", "aversion": "1"},
    "iceberg": {"limit": "0.9", "show": "10"},
    "pegged": {"peg": "ask"},
    "stop": {"trigger": "0.1", "side": "BUY"},
    "trailing": {"distance": "0.01", "side": "BUY", "source": "ask"},
    "oco": {"trigger": "0.85", "target": "0.2", "side": "BUY"},
}


def made(name, total, **changes):
    kind, params = ALGORITHMS[name]
    plain = {"market": "m1", "total": total, "start": START, "end": END, "finish": "take", **SHAPES[name]}
    return kind(params(**{**plain, **changes}), name="parent")


class Mortal:
    """A strategy that is killed at some of its looks and made anew."""

    id = "parent"

    def __init__(self, make, every=0):
        self._make, self._every, self._looks = make, every, 0
        self.now = make()

    def decide(self, view):
        self._looks += 1
        if self._every and self._looks % self._every == 0:
            self.now = self._make()
        return self.now.decide(view)


class Run:
    """Engine, paper venue and simulated market data of one seed."""

    def __init__(self, seed, strategy, *, seconds=SECONDS, latency_ms=50, positions=None):
        self.strategy = strategy
        self.engine = Engine(EngineSettings(run_id="r1", capital=shares(10_000)), Gate([]), [strategy])
        terms = Terms(order_latency_ns=latency_ms * NS_PER_MS, feed_latency_ns=10 * NS_PER_MS)
        self.matcher = PaperMatcher(shares(10_000), terms=terms, positions=positions)
        self.placed, self.done, self.noes = [], [0], []
        self.printed = self.denied = 0
        simulated = DemoSimulation(seed, [MARKET], T0)
        groups = takewhile(lambda group: group[0] < T0 + seconds * NS_PER_S, simulated)
        self.loop = VirtualLoop(self._step, self.matcher, [MARKET], groups)

    def _step(self, now_ns, batch):
        step = self.engine.step(now_ns, batch)
        self.placed += [c for c in step.output.commands if hasattr(c, "size")]
        self.noes += [event.reason for event in batch if isinstance(event, OrderRejected)]
        self.denied += sum(not decision.allowed for decision in step.output.decisions)
        self.printed += sum(event.size for event in batch if isinstance(event, TradePrint))
        if any(isinstance(event, OrderFilled) for event in batch):
            self.done.append(self.own)
        assert not step.failed, step.failed
        assert not step.output.anomalies
        return step

    @property
    def own(self):
        """Return the shares that are the strategy's."""
        return self.engine.portfolio.own("parent", MARKET.id)[0]

    @property
    def working(self):
        """Return the shares of its live buys."""
        return sum(r.remaining for r in self.engine.oms.all_live() if r.command.side is Side.BUY)

    def all(self):
        for _ in self.loop.run():
            yield self


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=4)
@given(seed=st.integers(0, 10**6), total=st.integers(5, 150), every=st.sampled_from([0, 1, 7, 40]))
def test_never_more_than_the_total_and_all_of_it_where_the_book_allows(name, seed, total, every):
    run = Run(seed, Mortal(lambda: made(name, total), every))
    for _ in run.all():
        assert run.own + run.working <= shares(total)
    assert all(command.size >= MARKET.min_size for command in run.placed)
    assert run.own == shares(total), (run.strategy.now.status, run.noes)
    assert run.strategy.now.status.stage is Stage.DONE
    assert run.done == sorted(run.done)


@pytest.mark.parametrize("style", ["take", "join"])
def test_a_twap_keeps_to_its_schedule(style):
    run, table, late = Run(3, made("twap", 100, style=style)), None, []
    for _ in run.all():
        table = run.strategy._table or table
        if table:
            number = table.slice_at(run.loop.now_ns)
            assert run.own + run.working <= (table.sums[number + 1] if number >= 0 else 0)
            late.append(table.sums[max(0, number)] - run.own)
    assert run.own == shares(100)
    if style == "take":
        assert max(late) <= shares(25), "a slice behind at most, and caught up"


def test_a_pov_takes_its_part_of_the_volume():
    """What we take on paper is not printed, yet counts as if it were: the part is between 20/120 and 20/100."""
    run = Run(11, made("pov", 100_000, rate="0.2", start="0", finish="cancel", end="1000"), seconds=180)
    for _ in run.all():
        assert run.own <= run.printed * 2 // 10
    assert run.printed > shares(100)
    assert run.own >= run.printed * 2 // 12 - 2 * MARKET.min_size


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6), at=st.integers(15, 100), length=st.integers(1, 60))
def test_a_kill_switch_in_the_middle_is_caught_up(seed, at, length):
    run, closed = Run(seed, made("twap", 120)), None
    for _ in run.all():
        now_ns = run.loop.now_ns
        on = T0 + at * NS_PER_S <= now_ns < T0 + (at + length) * NS_PER_S
        if on != bool(closed):
            closed = on
            for _ in run.loop.inject_and_settle(KillSwitchSet(on, "test", "me", now_ns)):
                pass
        assert run.own + run.working <= shares(120)
    assert run.own == shares(120), run.strategy.status


def test_behind_its_own_kill_switch_it_is_not_asked_and_goes_on_after():
    run, before = Run(4, made("twap", 120)), None

    def switch(on):
        list(run.loop.inject_and_settle(KillSwitchSet(on, "test", "me", run.loop.now_ns, "strategy", "parent")))

    def denied():
        return run.denied + run.engine.coordinator.denials_repeated

    for _ in run.all():
        second = (run.loop.now_ns - T0) / NS_PER_S
        if before is None and second >= 30:
            switch(True)
            before = run.own
        elif before is not None and second < 90:
            assert run.own == before
            assert denied() == 0
        elif before is not None and run.engine.state.gate.scopes:
            switch(False)
    assert run.own == shares(120)


def test_a_run_that_is_killed_and_started_again_goes_on():
    """Cash and positions go to the next run; orders of the first are cancelled by its end."""
    first = Run(5, made("twap", 120), seconds=70)
    for _ in first.all():
        pass
    list(first.loop.finish("over"))
    assert 0 < first.own < shares(120)
    second = Run(6, made("twap", 120))
    carried = EngineSettings(
        run_id="r2", capital=first.engine.portfolio.cash, carried=tuple(first.engine.portfolio.carried())
    )
    second.engine = Engine(carried, Gate([]), [second.strategy])
    for _ in second.all():
        assert second.own + second.working <= shares(120)
    assert second.own == shares(120)
    assert second.engine.portfolio.position(MARKET, Outcome.YES).size == shares(120)


@pytest.mark.parametrize(("name", "shape"), [("twap", {}), ("stop", {"trigger": "0.9"}), ("pegged", {"peg": "bid"})])
def test_what_others_hold_is_sold_to_the_last_share(name, shape):
    run = Run(9, made(name, 77, side="SELL", **shape), positions={MARKET.yes: shares(100)})
    held = CarriedPosition(MARKET.id, Outcome.YES, shares(100), shares(50), StrategyId("wallet"))
    run.engine = Engine(EngineSettings(run_id="r1", capital=shares(100), carried=(held,)), Gate([]), [run.strategy])
    for _ in run.all():
        assert run.own >= -shares(77)
    assert run.own == -shares(77)
    assert run.engine.portfolio.position(MARKET, Outcome.YES).size == shares(23)


@settings(max_examples=4)
@given(seed=st.integers(0, 10**6))
def test_a_bracket_ends_flat(seed):
    kind, params = ALGORITHMS["bracket"]
    bracket = kind(
        params(
            market="m1",
            total=60,
            limit="0.80",
            target="0.81",
            trigger="0.79",
            source="bid",
            max_slippage="0.9",
            end="2026-02-25T06:14:00Z",
        ),
        name="parent",
    )
    run = Run(seed, bracket)
    for _ in run.all():
        out = sum(r.remaining for r in run.engine.oms.all_live() if r.command.side is Side.SELL)
        assert out <= run.own <= shares(60)
    assert run.own < MARKET.min_size
