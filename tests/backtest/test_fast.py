"""The fast loop beside the slow one: the same looks, decisions, orders, fills and money."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest import fast as module
from agbot.backtest.columns import Columns
from agbot.backtest.fast import FastLoop
from agbot.backtest.generated import generated
from agbot.backtest.woken import Wake, Woken
from agbot.core.engine import Engine
from agbot.core.limits import Limits
from agbot.core.risk import Gate
from agbot.core.rules import OrderCap, PositionLimit
from agbot.core.rules.account import Drawdown
from agbot.core.rules.orders import Staleness
from agbot.core.state import EngineSettings
from agbot.core.ticks import TickWatch
from agbot.core.view import Cancel, Place, View
from agbot.matching.checks import Terms
from agbot.matching.native import native_books
from agbot.matching.paper import PaperMatcher
from agbot.matching.queue import BackOfQueue, FrontOfQueue, LogQueue, PowerQueue, ProportionalQueue
from agbot.model.events import BookDelta, BookSnapshot
from agbot.model.ids import StrategyId
from agbot.model.order import Side
from agbot.store.importers import open_recording
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from tests.backtest.both_loops import CENT, MARKETS, History, Setting

RULES = [BackOfQueue(), FrontOfQueue(), ProportionalQueue(), PowerQueue(), LogQueue()]
LIMITS = [
    Limits(daily_loss=SCALE // 50, drawdown=SCALE // 40),
    Limits(drawdown=SCALE),
    Limits(losses=1, errors=3),
    Limits(distrust_ns=NS_PER_S, heartbeat_ns=2 * NS_PER_S),
]
POLICIES = [(), (PositionLimit(None, 20 * SCALE), OrderCap(4 * SCALE)), (Staleness(1), Drawdown(SCALE // 40))]
latencies = st.sampled_from([0, 1, 20 * NS_PER_MS, NS_PER_S, 2 * NS_PER_S + 5])
wakes = st.sampled_from(list(Wake))
asked = st.lists(st.tuples(st.integers(0, 999), wakes), min_size=1, max_size=3).map(
    lambda rows: tuple((f"s{i}", seed, wake) for i, (seed, wake) in enumerate(rows))
)


def same(setting: Setting) -> dict[str, Any]:
    slow, fast = setting.slow(), setting.fast()
    for what in ("deeds", "looks", "books", "money", "pnl", "baseline", "denied"):
        assert fast[what] == slow[what], what
    return fast


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    strategies=asked,
    order_ns=latencies,
    feed_ns=latencies,
    rule=st.sampled_from(RULES),
    eagerness=st.sampled_from([0.0, 0.05, 0.4]),
)
def test_both_loops_are_the_same_loop(
    seed: int, strategies: Any, order_ns: int, feed_ns: int, rule: Any, eagerness: float
) -> None:
    groups = list(History(seed).groups(60))
    same(
        Setting(
            groups=groups, strategies=strategies, order_ns=order_ns, feed_ns=feed_ns, rule=rule, eagerness=eagerness
        )
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    strategies=asked,
    feed_ns=latencies,
    limits=st.sampled_from(LIMITS),
    rules=st.sampled_from(POLICIES),
    fails=st.sampled_from([0.0, 0.02]),
)
def test_also_when_losses_are_watched_wishes_denied_and_strategies_fail(
    seed: int, strategies: Any, feed_ns: int, limits: Limits, rules: Any, fails: float
) -> None:
    groups = list(History(seed).groups(60))
    setting = Setting(groups=groups, strategies=strategies, order_ns=NS_PER_MS, feed_ns=feed_ns)
    same(attrs.evolve(setting, limits=limits, rules=rules, fails=fails))


@pytest.mark.parametrize("feed_ns", [0, NS_PER_S // 3])
@pytest.mark.parametrize("name", ["sd-lad", "hou-bal"])
def test_recordings_of_real_books_come_to_the_same(shared: Path, name: str, feed_ns: int) -> None:
    [path] = (shared / "data" / "polymarket_l2_mlb").glob(f"*{name}*")
    recording = open_recording(path)
    watch = TickWatch(recording.markets)
    groups = [(ts, list(watch.announce(messages))) for ts, messages in recording.groups()][:900]
    fast = same(
        Setting(
            groups=groups,
            markets=recording.markets,
            strategies=(("every", 1, Wake.EVERY), ("best", 2, Wake.BEST)),
            order_ns=50 * NS_PER_MS,
            feed_ns=feed_ns,
            eagerness=0.02,
            rule=PowerQueue(),
        )
    )
    assert len(fast["deeds"]) > 50
    assert len(fast["looks"][0]) > len(fast["looks"][1]) > 200


def test_a_generated_history_comes_to_the_same_and_again() -> None:
    day = generated(3, markets=2, days=1, per_day=40_000)
    columns = Columns(day.markets, day.rows[: day.bounds[1_500]])
    setting = Setting(groups=list(columns.groups()), markets=columns.markets, eagerness=0.01, order_ns=NS_PER_S)
    fast = same(setting)
    assert len(fast["deeds"]) > 50
    assert setting.fast(columns) == fast


class Mine(BackOfQueue):
    """A queue rule of one's own: there is no such thing in C."""

    def traded(self, ahead: int, size: int) -> int:
        return max(0, ahead - 2 * size)


@pytest.mark.parametrize("change", [(0, 480_050, SCALE), (1, 480_000, -1)])
def test_what_c_cannot_hold_is_done_the_slow_way(change: Any) -> None:
    groups = list(History(5).groups(60))
    same(Setting(groups=groups, rule=Mine()))
    odd = [*groups[:30], (groups[29][0] + 1, [BookDelta(MARKETS[0].no, (change,), groups[29][0] + 1)]), *groups[31:]]
    same(Setting(groups=odd))


def test_no_history_is_no_run() -> None:
    fast = Setting(groups=[]).fast()
    assert fast["looks"] == [[]]


class Counting:
    """Counts how often it is asked, and does what the test says at the last of them."""

    id = StrategyId("counting")

    def __init__(self, last: int = 10**9, what: Any = None) -> None:
        self.asked, self.last, self.what, self.times = 0, last, what, []

    def decide(self, view: View) -> Any:
        self.asked += 1
        self.times.append((view.now_ns, view.book.best_bid, view.book.best_bid_size, view.second))
        return self.what() if self.asked == self.last else ()


def run_one(strategy: Any, wake: Wake, columns: Columns, **terms: int) -> tuple[FastLoop, list[Any]]:
    asked = [Woken(strategy, wake)]
    engine = Engine(EngineSettings(run_id="r", capital=SCALE), Gate([]), asked)
    loop = FastLoop(engine, asked, PaperMatcher(SCALE, terms=Terms(**terms), book_of=native_books()), columns)
    return loop, list(loop.run())


def ticks(*told: tuple[int, int, int]) -> Columns:
    """Return changes of a market's bids: (seconds, price in cents, shares), the first of them a whole book."""
    market = MARKETS[0]
    groups: list[Any] = []
    for second, price, size in told:
        at = second * NS_PER_S
        first = BookSnapshot(market.yes, ((price * CENT, size),), (), at)
        groups.append((at, [BookDelta(market.yes, ((0, price * CENT, size),), at) if groups else first]))
    return Columns.of_groups([market], groups)


TOLD = ticks((10, 50, 5), (20, 40, 5), (21, 50, 6), (22, 51, 1), (23, 51, 0), (24, 30, 1), (25, 50, 6), (26, 50, 7))


@pytest.mark.parametrize(
    ("wake", "seconds"),
    [
        (Wake.EVERY, list(range(10, 27))),
        (Wake.BEST, [10, 21, 22, 23, 26]),
        (Wake.PRICE, [10, 22, 23]),
        (Wake.SECOND, list(range(10, 27))),
    ],
)
def test_a_strategy_is_asked_when_what_it_waits_for_has_happened(wake: Wake, seconds: list[int]) -> None:
    strategy = Counting()
    _, moments = run_one(strategy, wake, TOLD)
    assert [at // NS_PER_S for at, *_ in strategy.times] == seconds
    assert len(moments) == 1  # the rest was done in C
    assert all(second for *_, second in strategy.times[1:])


def stop() -> None:
    raise KeyboardInterrupt


def test_an_interrupt_ends_the_run_at_once() -> None:
    strategy = Counting(5, stop)
    with pytest.raises(KeyboardInterrupt):
        run_one(strategy, Wake.EVERY, TOLD)
    assert strategy.asked == 5


def nothing() -> None:
    return None


@pytest.mark.parametrize("what", [nothing, lambda: ["nonsense"], lambda: 1 / 0])
def test_a_strategy_that_answers_nonsense_is_stopped_as_live(what: Any) -> None:
    strategy = Counting(5, what)
    _, moments = run_one(strategy, Wake.EVERY, TOLD)
    assert strategy.asked == 5
    assert [failed.strategy for _, _, step in moments for failed in step.failed] == ["counting"]


def test_a_strategy_that_a_person_stopped_is_not_asked_in_c_either() -> None:
    strategy = Counting()
    asked = [Woken(strategy, Wake.EVERY)]
    engine = Engine(EngineSettings(run_id="r", capital=SCALE), Gate([]), asked)
    engine.state.gate.kill("by hand", "strategy", strategy.id)
    loop = FastLoop(engine, asked, PaperMatcher(SCALE, book_of=native_books()), TOLD)
    list(loop.run())
    assert strategy.asked == 0


def test_the_loop_is_forgotten_with_its_history() -> None:
    loop, _ = run_one(Counting(), Wake.EVERY, TOLD)
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_an_engine_of_other_strategies_is_refused() -> None:
    engine = Engine(EngineSettings(run_id="r", capital=SCALE), Gate([]), [])
    with pytest.raises(ValueError, match="other strategies"):
        FastLoop(engine, [Woken(Counting())], PaperMatcher(SCALE, book_of=native_books()), TOLD)


def test_a_rule_that_c_does_not_know_makes_no_native_books() -> None:
    with pytest.raises(ValueError, match="Mine does not exist in C"):
        native_books(Mine())


class Giddy:
    """Places and takes back without end, at a venue that is at no distance."""

    id = StrategyId("giddy")

    def decide(self, view: View) -> Any:
        cancels = [Cancel(client_order_id=order.client_order_id, why="x") for order in view.orders]
        return [*cancels, Place(token=view.market.yes, side=Side.BUY, price=CENT, size=5 * SCALE, why="x")]


def test_a_strategy_that_never_comes_to_rest_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUIET_INSTANTS_MAX", 50)
    with pytest.raises(AssertionError, match="a loop"):
        run_one(Giddy(), Wake.EVERY, TOLD)
