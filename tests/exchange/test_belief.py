"""Fair prices: they sum to one, are martingales, jump, come home, and end as their answer."""

from __future__ import annotations

import random
import statistics

import pytest

from agbot.exchange.population.belief import Belief, News
from agbot.units import NS_PER_S


def moved(belief: Belief, seconds: int, step_s: float = 1.0) -> int:
    """Let time pass and return the number of jumps."""
    now = belief._now_ns
    jumps = 0
    for i in range(1, int(seconds / step_s) + 1):
        jumps += belief.advance(now + int(i * step_s * NS_PER_S))
    return jumps


def test_prices_of_an_event_sum_to_one() -> None:
    belief = Belief(random.Random(1), [0.5, 0.3, 0.15, 0.05], News(volatility=0.02, jump_every_s=20.0), 0)
    for _ in range(50):
        moved(belief, 10)
        assert sum(belief.prices) == pytest.approx(1.0, abs=0.002)
        assert all(0 < p < 1 for p in belief.prices)


def test_jumps_come_as_often_as_told_and_bring_unrest() -> None:
    belief = Belief(random.Random(2), [0.5], News(jump_every_s=50.0), 0)
    assert 60 <= moved(belief, 5000) <= 140
    quiet = Belief(random.Random(2), [0.5], News(jump_every_s=1e12), 0)
    moved(quiet, 100)
    assert quiet.unrest == 0
    quiet.shock(0, 0.5)
    assert quiet.unrest > 1
    moved(quiet, 60)
    assert quiet.unrest < 0.01


def test_without_an_end_it_stays_within_reach_of_home() -> None:
    belief = Belief(random.Random(3), [0.4], News(volatility=0.05, jump_every_s=30.0, roam=1.0), 0)
    seen = []
    for _ in range(200):
        moved(belief, 200, step_s=20.0)
        seen += belief.prices
    assert 0.05 < min(seen) < 0.3
    assert 0.55 < max(seen) < 0.9


def test_with_an_end_it_is_a_martingale_that_ends_as_its_answer() -> None:
    """Of many that start at 0.3, three in ten end at one, and the mean on the way stays at 0.3."""
    won, halfway = [], []
    for seed in range(1500):
        belief = Belief(random.Random(seed), [0.3], News(volatility=0.01, jump_every_s=60.0), 0, 300 * NS_PER_S)
        moved(belief, 240, step_s=10.0)
        halfway += belief.prices
        moved(belief, 59, step_s=1.0)
        before = belief.prices[0]
        moved(belief, 2)
        assert belief.ended
        assert belief.prices[0] == pytest.approx(1.0 if belief.answer == 0 else 0.0, abs=0.001)
        won.append((belief.answer == 0, before))
    assert statistics.mean(yes for yes, _ in won) == pytest.approx(0.3, abs=0.04)
    assert statistics.mean(halfway) == pytest.approx(0.3, abs=0.04)
    told = [abs(before - yes) < 0.2 for yes, before in won]
    assert statistics.mean(told) > 0.9


def test_a_clock_that_stands_or_steps_back_moves_nothing() -> None:
    belief = Belief(random.Random(4), [0.5], News(), 100 * NS_PER_S)
    prices = list(belief.prices)
    assert not belief.advance(100 * NS_PER_S)
    assert not belief.advance(10 * NS_PER_S)
    assert belief.prices == prices


def test_a_year_at_once_moves_no_more_than_a_minute_could() -> None:
    seen = []
    for seed in range(200):
        belief = Belief(random.Random(seed), [0.5], News(jump_every_s=1e12), 0)
        belief.advance(365 * 86_400 * NS_PER_S)
        seen += belief.prices
    assert statistics.stdev(seen) < 0.02


def test_a_belief_about_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no market"):
        Belief(random.Random(1), [], News(), 0)
