"""Trend, mean reversion and pairs on prices whose story is known: when they trade, when not, and how they get out."""

from __future__ import annotations

import math
import random
from typing import Any

import attrs
import pytest

from agbot.core.portfolio import CarriedPosition
from agbot.model.market import Outcome
from agbot.quant.odds import expit, logit
from agbot.strategy.pairs import Pairs, PairsParams
from agbot.strategy.revert import Revert, RevertParams
from agbot.strategy.sampled import Pace
from agbot.strategy.sized import Sized
from agbot.strategy.sizing import Kelly
from agbot.strategy.trend import Trend, TrendParams
from agbot.testing.builders import shares
from agbot.testing.strategies import START_NS, Traded, view_of
from agbot.units import NS_PER_S

FINE = {"tick": 1000}
TREND = {"every_s": 1, "fast": 5, "slow": 20, "noise": 20, "max_spread_ticks": 4, "stop_before_end_s": 60}
REVERT = {"every_s": 1, "window": 60, "max_half_life": 8, "max_spread_ticks": 4, "stop_before_end_s": 60}
PAIRS = {"every_s": 1, "window": 80, "refit": 10, "max_spread_ticks": 4, "pairs": [["a", "b"]], "rest_s": 20}


def noise(count: int, step: float = 0.01, start: float = 0.0, seed: int = 1) -> list[float]:
    """Return a walk in logits."""
    dice, x, path = random.Random(seed), start, []
    for _ in range(count):
        x += dice.gauss(0, step)
        path.append(x)
    return path


def prices(logits: list[float]) -> list[float]:
    return [expit(x) for x in logits]


def ramp(before: int, up: int, after: int, by: float = 0.02) -> list[float]:
    """Return noise, a climb, and noise on top of it."""
    base = noise(before + up + after, 0.005)
    return [x + by * min(max(at - before, 0), up) for at, x in enumerate(base)]


def back_and_forth(count: int, amplitude: float = 0.15, seed: int = 3) -> list[float]:
    """Return a process that comes back: x ← 0.8x + noise."""
    dice, x, path = random.Random(seed), 0.0, []
    for _ in range(count):
        x = 0.8 * x + dice.gauss(0, amplitude * 0.6)
        path.append(x)
    return path


# ---------------------------------------------------------------- trend


@pytest.mark.parametrize("way", [1, -1])
def test_a_climb_is_followed_and_left(way: int) -> None:
    path = prices([way * x for x in ramp(60, 60, 120)])
    run = Traded(Trend(TrendParams(**TREND)), {"a": path}, **FINE)
    first = run.orders[0]
    assert (first.token, first.side) == (("a-yes", "BUY") if way > 0 else ("a-no", "BUY"))
    assert 60 <= run.second_of(first) <= 80
    assert "strength" in first.why
    assert max(way * p["a"] for p in run.positions) == shares(50)
    assert run.net == 0
    assert run.engine.portfolio.realised() > 0


def test_nothing_is_done_before_enough_is_known_or_without_movement() -> None:
    flat = Traded(Trend(TrendParams(**TREND)), {"a": [0.5] * 100}, **FINE)
    short = Traded(Trend(TrendParams(**TREND)), {"a": prices(ramp(0, 19, 0))}, **FINE)
    assert flat.orders == short.orders == []


def test_what_is_held_survives_a_restart_and_is_left_when_the_climb_ends() -> None:
    carried = (CarriedPosition("a", Outcome.YES, shares(50), shares(25), "trend"),)
    run = Traded(Trend(TrendParams(**TREND)), {"a": prices(ramp(30, 0, 0))}, carried=carried, **FINE)
    assert run.net in (0, shares(50))
    assert all(order.side == "SELL" for order in run.orders)


def test_a_wide_spread_and_an_extreme_price_keep_it_out() -> None:
    path = prices(ramp(60, 60, 0))
    assert Traded(Trend(TrendParams(**TREND)), {"a": path}, half_spread=3, **FINE).orders == []
    high = prices([x + 3.5 for x in ramp(60, 60, 0)])
    assert Traded(Trend(TrendParams(**TREND)), {"a": high}, **FINE).orders == []


def test_everything_is_closed_before_the_end() -> None:
    end_ns = START_NS + 160 * NS_PER_S
    run = Traded(Trend(TrendParams(**TREND)), {"a": prices(ramp(60, 100, 0))}, end_ns=end_ns, **FINE)
    sale = next(order for order in run.orders if order.side == "SELL")
    assert (sale.why, run.second_of(sale)) == ("the market ends soon", 100)
    assert run.net == 0


def test_samples_are_even_and_a_long_silence_is_said() -> None:
    pace, view = Pace(NS_PER_S), view_of()
    took = []
    for tenth in (0, 5, 10, 19, 20, 80, 90, 160, 170):
        trusted = not 20 < tenth < 30
        x = pace.sample(attrs.evolve(view, now_ns=START_NS + tenth * NS_PER_S // 10, trusted=trusted))
        took.append((tenth, x is not None, pace.lost))
    assert [row for row in took if row[1]] == [
        (0, True, False), (10, True, False), (20, True, False), (80, True, False), (90, True, False), (160, True, True),
        (170, True, False),
    ]  # fmt: skip
    assert pace.sample(attrs.evolve(view, now_ns=START_NS + 30 * NS_PER_S, trusted=False)) is None


def test_what_was_learnt_before_a_long_silence_is_forgotten() -> None:
    trend, view = Trend(TrendParams(**TREND)), view_of()
    for second in range(30):
        trend.decide(attrs.evolve(view, now_ns=START_NS + second * NS_PER_S))
    assert trend._seen[view.market.id].left == 0
    trend.decide(attrs.evolve(view, now_ns=START_NS + 60 * NS_PER_S))
    assert trend._seen[view.market.id].left == 19


@pytest.mark.parametrize("by", [0.02, -0.01])
def test_a_steady_climb_is_told_on_as_far_as_the_slow_average_is_behind(by: float) -> None:
    trend, view = Trend(TrendParams(**TREND)), view_of()
    trend.decide(view)
    seen = trend._seen[view.market.id]
    for at in range(400):
        seen.take(by * at)
    assert seen.ahead(trend.params) == pytest.approx(by * (399 + (20 - 1) / 2), rel=1e-9)


def test_kelly_sizes_what_it_opens() -> None:
    kelly = Kelly(fraction="0.05", cap="0.002")
    run = Traded(Sized(Trend(TrendParams(**TREND)), kelly), {"a": prices(ramp(60, 60, 120))}, **FINE)
    assert "Kelly: worth 0." in run.orders[0].why
    assert run.orders[0].size < shares(50)


# ---------------------------------------------------------------- mean reversion


def test_what_comes_back_is_leaned_against() -> None:
    run = Traded(Revert(RevertParams(**REVERT)), {"a": prices(back_and_forth(600))}, **FINE)
    assert len(run.orders) > 10
    assert run.engine.portfolio.realised() > 0
    assert max(abs(p["a"]) for p in run.positions) == shares(50)
    assert "score" in run.orders[0].why


def test_a_walk_is_rarely_taken_for_what_comes_back() -> None:
    walks = [noise(600, 0.05, seed=seed) for seed in range(5)]
    fooled = [len(Traded(Revert(RevertParams(**REVERT)), {"a": prices(path)}, **FINE).orders) for path in walks]
    ours = len(Traded(Revert(RevertParams(**REVERT)), {"a": prices(back_and_forth(600))}, **FINE).orders)
    assert sum(fooled) / len(fooled) < ours / 3


def test_a_slow_return_is_no_return() -> None:
    params = RevertParams(**{**REVERT, "max_half_life": 1})
    assert Traded(Revert(params), {"a": prices(back_and_forth(300))}, **FINE).orders == []


def test_news_is_given_up_and_not_touched_for_a_while() -> None:
    path = back_and_forth(200)
    path[120:] = [x + 1.5 for x in path[120:]]
    params = RevertParams(**{**REVERT, "enter": 1, "exit": "0.1", "stop": "3.5", "rest_s": 40})
    run = Traded(Revert(params), {"a": prices(path)}, **FINE)
    assert [o.side.value for o in run.orders if 120 <= run.second_of(o) <= 160] in (["SELL"], [])
    assert any(run.second_of(o) < 120 for o in run.orders)


# ---------------------------------------------------------------- pairs


def pair(count: int, apart: float = 0.08, seed: int = 5) -> dict[str, Any]:
    """Return two markets on one walk, the first with a spread that comes back."""
    common = noise(count, 0.02, seed=seed)
    spread = back_and_forth(count, apart, seed + 1)
    return {"a": prices([c + s for c, s in zip(common, spread, strict=True)]), "b": prices(common)}


def test_a_pair_is_traded_against_each_other_and_closed() -> None:
    run = Traded(Pairs(PairsParams(**PAIRS)), pair(800), **FINE)
    assert len(run.orders) >= 8
    opened = [p for p in run.positions if p["a"] and p["b"]]
    assert opened
    assert all(p["a"] * p["b"] < 0 for p in opened)
    assert run.engine.portfolio.realised() > 0
    assert "spread" in run.orders[0].why


def test_two_walks_of_their_own_are_rarely_a_pair() -> None:
    apart = {"a": prices(noise(500, 0.02, seed=11)), "b": prices(noise(500, 0.02, seed=12))}
    ours, theirs = (Traded(Pairs(PairsParams(**PAIRS)), each, **FINE) for each in (pair(500), apart))
    assert len(theirs.orders) < len(ours.orders) / 2


def test_a_leg_that_does_not_follow_closes_the_other() -> None:
    paths = pair(800)
    cut = next(
        run.second_of(order) for run in [Traded(Pairs(PairsParams(**PAIRS)), paths, **FINE)] for order in run.orders
    )
    engine = Traded(
        Pairs(PairsParams(**{**PAIRS, "leg_s": 3})),
        paths,
        rules=[_NoOrdersIn("b")],
        **FINE,
    )
    assert engine.second_of(engine.orders[0]) == cut
    last = [p for p in engine.positions if p["b"]]
    assert last == []
    held = [at for at, p in enumerate(engine.positions) if p["a"]]
    assert held
    assert engine.net == 0


class _NoOrdersIn:
    """A policy that denies every order in one market."""

    name = "NotHere"

    def __init__(self, market: str) -> None:
        self._market = market

    def violated(self, exposure: Any) -> bool:
        return bool(exposure.market_id == self._market)


def test_a_pair_of_one_market_that_is_not_listed_is_left_alone() -> None:
    assert Traded(Pairs(PairsParams(**PAIRS)), {"a": pair(200)["a"]}, **FINE).orders == []


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (TrendParams, {"fast": 20, "slow": 10}),
        (TrendParams, {"enter": "0.1", "exit": "0.2"}),
        (TrendParams, {"low": "0.9", "high": "0.1"}),
        (TrendParams, {"every_s": 0}),
        (RevertParams, {"enter": 5}),
        (RevertParams, {"window": 3}),
        (PairsParams, {"pairs": "ab"}),
        (PairsParams, {"pairs": [["a"]]}),
        (PairsParams, {"pairs": [["a", "a"]]}),
        (PairsParams, {"exit": 3}),
        (PairsParams, {"max_p": 2}),
    ],
)
def test_impossible_parameters_are_refused(kind: Any, params: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        kind(**params)


def test_logits_are_even() -> None:
    assert math.isclose(logit(expit(0.3)), 0.3)
