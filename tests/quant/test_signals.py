"""Signals and reversion: what their definitions imply, on made series whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant import reversion, signals

sizes = st.floats(0.1, 1e4)
ticks = st.integers(2, 97)


@given(bid=ticks, bid_size=sizes, gap=st.integers(1, 2), ask_size=sizes)
def test_a_book_leans_towards_the_side_with_less(bid: int, bid_size: float, gap: int, ask_size: float) -> None:
    found = signals.leaning((bid / 100, bid_size, (bid + gap) / 100, ask_size))
    assert bid / 100 <= found.weighted_mid <= (bid + gap) / 100
    assert (found.weighted_mid > found.mid) == (found.imbalance > 0) or abs(found.imbalance) < 1e-9
    assert -1 <= found.imbalance <= 1


def test_an_empty_top_leans_nowhere() -> None:
    with pytest.raises(ValueError, match="without size"):
        signals.leaning((0.4, 0.0, 0.5, 0.0))


@given(st.lists(st.tuples(ticks, sizes, st.integers(98, 99), sizes), max_size=10))
def test_flow_of_the_mirrored_book_is_the_opposite(rows: list) -> None:
    tops = [(float(b), bs, float(a), as_) for b, bs, a, as_ in rows]
    mirror = [(-a, as_, -b, bs) for b, bs, a, as_ in tops]
    assert signals.order_flow(mirror) == pytest.approx(-signals.order_flow(tops))


def test_a_line_finds_its_slope_and_needs_one() -> None:
    x = np.arange(10.0)
    found = signals.fitted(x, 3 * x - 1)
    assert (found.slope, found.intercept, found.r2) == pytest.approx((3, -1, 1))
    with pytest.raises(ValueError, match="differ"):
        signals.fitted([1, 1, 1], [1, 2, 3])


def test_a_bouncing_price_has_its_spread_and_a_trend_has_none() -> None:
    sides = np.random.default_rng(1).choice([-0.01, 0.01], 20_000)
    assert signals.roll_spread(np.diff(sides))[1] == pytest.approx(0.02, rel=0.03)
    assert signals.roll_spread(np.arange(10.0) ** 2)[1] is None


@given(
    st.lists(st.tuples(st.floats(-0.1, 0.1), st.floats(1, 300)), min_size=1, max_size=40),
    st.floats(20, 500),
    st.integers(1, 6),
)
def test_toxicity_is_a_part_and_no_volume_is_lost(trades: list, bucket: float, window: int) -> None:
    changes, volumes = zip(*trades, strict=True)
    path, filled = signals.toxicity(changes, volumes, bucket, 0.02, window)
    assert all(-1e-9 <= value <= 1 + 1e-9 for value in path)
    assert filled == pytest.approx(math.fsum(volumes) / bucket, abs=1)
    assert len(path) == max(0, filled - window + 1)


def test_a_series_that_comes_back_is_measured_and_a_walk_is_not() -> None:
    dice, x = np.random.default_rng(7), [0.0]
    for shock in dice.normal(0, 1, 20_000):
        x.append(0.9 * x[-1] + shock)
    found = reversion.reversion(x)
    assert found.p_value < 1e-6
    assert found.half_life == pytest.approx(math.log(2) / -math.log(0.9), rel=0.1)
    walk = reversion.reversion(np.cumsum(dice.normal(0, 1, 2_000)))
    assert walk.p_value > 0.05
    runaway = reversion.reversion(1.05 ** np.arange(100.0) + dice.normal(0, 0.01, 100))
    assert (runaway.half_life, runaway.mean, runaway.theta, runaway.sigma) == (None, None, None, None)


def test_two_that_move_together_have_their_ratio() -> None:
    dice = np.random.default_rng(3)
    x = np.cumsum(dice.normal(0, 1, 3_000))
    found = reversion.cointegrated(2 * x + 1 + dice.normal(0, 1, 3_000), x)
    assert found.hedge == pytest.approx(2, rel=0.01)
    assert found.p_value < 1e-6
    apart = reversion.cointegrated(np.cumsum(dice.normal(0, 1, 3_000)), x)
    assert apart.p_value > 0.01


@given(st.floats(-30, 5), st.floats(0, 3), st.sampled_from([1, 2]))
def test_a_lower_statistic_is_less_likely(statistic: float, more: float, series: int) -> None:
    low, high = (reversion.p_value(each, series) for each in (statistic, statistic + more))
    assert 0 <= low <= high + 2e-4 <= 1 + 2e-4  # the two surfaces meet within that


@pytest.mark.parametrize("series", [[1.0] * 20, [1.0, 2.0], [math.nan] * 10])
def test_what_is_no_series_is_refused(series: list) -> None:
    with pytest.raises(ValueError, match="finite values"):
        reversion.reversion(series)
