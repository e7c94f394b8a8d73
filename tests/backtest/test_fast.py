"""The fast loop beside the slow one: the same looks, decisions, orders, fills and money."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.woken import Wake
from agbot.core.limits import Limits
from agbot.core.rules import OrderCap, PositionLimit
from agbot.core.rules.account import Drawdown
from agbot.core.rules.orders import Staleness
from agbot.matching.queue import BackOfQueue, FrontOfQueue, LogQueue, PowerQueue, ProportionalQueue
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from tests.backtest.both_loops import History, Setting

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


@settings(max_examples=60, deadline=None)
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


@settings(max_examples=40, deadline=None)
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
