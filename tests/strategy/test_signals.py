"""Signals: told one by one they say what their definition says of the whole list, and forget what left the window."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant import signals as batch
from agbot.quant.normal import cdf
from agbot.strategy.signals import (
    Difference,
    Ema,
    HalfLife,
    KyleLambda,
    LogitVolatility,
    Momentum,
    OrderFlow,
    Piped,
    Rsi,
    TradeIntensity,
    Vpin,
    WeightedPrior,
    ZScore,
)
from agbot.strategy.signals.windows import YEAR_NS, Moments
from agbot.units import NS_PER_S

numbers = st.lists(st.integers(-5000, 5000).map(lambda n: n / 1000), min_size=1, max_size=60)
periods = st.integers(1, 20)
TOP = st.tuples(st.integers(1, 50), st.integers(1, 99), st.integers(51, 99), st.integers(1, 99))


def after(signal, values):
    """Return what a signal says after each of these."""
    return [signal.update(x) for x in values]


# ---------------------------------------------------------------- averages


@given(values=numbers, period=periods)
def test_ema(values, period):
    alpha = 2 / (period + 1)
    weights = [alpha * (1 - alpha) ** age for age in range(len(values) - 1)] + [(1 - alpha) ** (len(values) - 1)]
    assert after(Ema(period), values)[-1] == pytest.approx(np.dot(weights, values[::-1]), abs=1e-9)


@given(values=numbers, period=periods)
def test_rsi_as_wilder_seeds_it(values, period):
    found = after(Rsi(period), values)[-1]
    changes = [b - a for a, b in pairwise(values)]
    if len(changes) < period:
        assert found is None
        return
    up, down = (sum(max(way * c, 0) for c in changes[:period]) / period for way in (1, -1))
    for change in changes[period:]:
        up += (max(change, 0) - up) / period
        down += (max(-change, 0) - down) / period
    assert found == pytest.approx(100 - 100 / (1 + up / down) if down else 100 if up else 50, abs=1e-6)


def test_rsi_by_hand():
    closes = [
        54.80, 56.80, 57.85, 59.85, 60.57, 61.10, 62.17, 60.60, 62.35, 62.15, 62.35, 61.45, 62.80, 61.37, 62.50,
    ]  # fmt: skip
    rsi = Rsi(14)
    assert after(rsi, closes)[-1] == pytest.approx(100 * 11.80 / (11.80 + 4.10))  # the ups, and the downs
    up, down = (11.80 / 14 * 13 + 0.07) / 14, 4.10 / 14 * 13 / 14
    assert rsi.update(62.57) == pytest.approx(100 * up / (up + down))


@given(
    gaps=st.lists(st.integers(0, 10**11), min_size=1, max_size=40),
    half=st.floats(0.1, 100),
    later=st.integers(0, 10**11),
)
def test_trade_intensity(gaps, half, later):
    times = np.cumsum(gaps).tolist()
    signal = TradeIntensity(half)
    found = after(signal, times)
    ages = [(times[-1] + later - at) / NS_PER_S for at in times]
    whole = math.log(2) / half * sum(2 ** (-age / half) for age in ages)
    assert signal.at(times[-1] + later) == pytest.approx(whole, rel=1e-9, abs=1e-12)
    assert found[0] == pytest.approx(math.log(2) / half)


def test_trades_a_second_are_what_it_settles_at():
    signal = TradeIntensity(30.0)
    assert after(signal, range(0, 600 * NS_PER_S, NS_PER_S // 4))[-1] == pytest.approx(4, rel=0.01)
    assert TradeIntensity(1.0).at(5) == 0
    with pytest.raises(ValueError, match="in order"):
        signal.update(0)


# ---------------------------------------------------------------- windows


@given(values=numbers, period=st.integers(2, 20))
def test_zscore_and_bands(values, period):
    signal = ZScore(period)
    found = after(signal, values)[-1]
    kept = np.array(values[-period:])
    if len(kept) < period:
        assert found is None
        assert signal.bands() is None
        return
    deviation = kept.std()
    assert found == pytest.approx((kept[-1] - kept.mean()) / deviation if deviation > 1e-9 else 0, abs=1e-5)
    bands = signal.bands(2)
    assert (bands.low, bands.middle, bands.high) == pytest.approx(
        (kept.mean() - 2 * deviation, kept.mean(), kept.mean() + 2 * deviation), abs=1e-6
    )


@given(values=numbers, period=periods)
def test_momentum(values, period):
    assert after(Momentum(period), values)[-1] == (values[-1] - values[-1 - period] if len(values) > period else None)


@given(values=numbers, gaps=st.lists(st.integers(0, 10**12), min_size=60, max_size=60), period=periods)
def test_logit_volatility(values, gaps, period):
    times = np.cumsum(gaps[: len(values)]).tolist()
    signal = LogitVolatility(period)
    found = [signal.update(at, x) for at, x in zip(times, values, strict=True)][-1]
    passed = times[-1] - times[-1 - period] if len(values) > period else 0
    if not passed:
        assert found is None
        return
    squares = sum((b - a) ** 2 for a, b in pairwise(values[-1 - period :]))
    assert found == pytest.approx(math.sqrt(squares / (passed / YEAR_NS)), rel=1e-6, abs=1e-6)


@given(values=numbers, period=st.integers(3, 20))
def test_half_life(values, period):
    found = after(HalfLife(period), values)[-1]
    last, now = np.array(values[:-1])[-period:], np.array(values[1:])[-period:]
    if len(now) < period or np.ptp(last) < 1e-9:
        assert found is None
        return
    slope = np.polyfit(last, now, 1)[0]
    if 1e-6 < slope < 1 - 1e-6:
        assert found == pytest.approx(math.log(2) / -math.log(slope), rel=1e-4)
    elif not -1e-6 < slope < 1 + 1e-6:
        assert found is None


def test_a_window_forgets_what_left_it_however_long_it_runs():
    moments = Moments(50)
    dice = np.random.default_rng(4)
    for x in dice.uniform(1e6, 2e6, 20_000):
        moments.add(float(x))
    for x in range(50):
        moments.add(float(x), 3.0 * x)
    assert moments.mean() == pytest.approx(24.5, abs=1e-9)
    assert moments.deviation() == pytest.approx(np.arange(50).std(), abs=1e-9)
    assert moments.slope() == pytest.approx(3, abs=1e-9)


# ---------------------------------------------------------------- flow


@given(tops=st.lists(TOP, min_size=1, max_size=50), period=periods)
def test_order_flow(tops, period):
    found = after(OrderFlow(period), tops)[-1]
    assert found == (batch.order_flow(tops[-1 - period :]) if len(tops) > period else None)


@given(
    trades=st.lists(st.tuples(st.integers(-3, 3), st.integers(1, 40)), min_size=1, max_size=60),
    bucket=st.integers(5, 60),
    window=st.integers(1, 8),
)
def test_vpin(trades, bucket, window):
    signal = Vpin(bucket, 1.5, window)
    found = [signal.update(change, volume) for change, volume in trades][-1]
    changes, volumes = zip(*trades, strict=True)
    whole, count = batch.toxicity(changes, volumes, bucket, 1.5, window)
    assert signal.buckets == count
    assert found == (pytest.approx(whole[-1], abs=1e-9) if whole else None)
    assert cdf(0) == 0.5


@given(
    trades=st.lists(st.tuples(st.integers(-50, 50), st.integers(-9, 9)), min_size=3, max_size=50),
    period=st.integers(3, 20),
)
def test_kyles_lambda(trades, period):
    signal = KyleLambda(period)
    found = [signal.update(volume, change) for volume, change in trades][-1]
    volumes, changes = (np.array(row, dtype=float) for row in zip(*trades[-period:], strict=True))
    if len(volumes) < period or np.ptp(volumes) == 0:
        assert found is None
    else:
        assert found == pytest.approx(batch.fitted(volumes, changes).slope, abs=1e-8)


# ---------------------------------------------------------------- others, and together


def test_a_source_that_was_right_counts_more_and_one_without_a_record_is_a_coin():
    prior = WeightedPrior(trust=10)
    assert prior.value({}) is None
    assert prior.value({"a": 0.3, "b": 0.7}) == pytest.approx(0.5)
    assert prior.score("nobody") == 0.25
    for outcome in (1.0, 0.0) * 20:
        prior.learn({"right": abs(outcome - 0.1), "wrong": abs(outcome - 0.9)}, outcome)
    assert prior.score("right") == pytest.approx((40 * 0.01 + 2.5) / 50)
    assert prior.value({"right": 0.8, "wrong": 0.2}) > 0.7
    assert 0 < prior.value({"right": 1.0}) < 1


@given(values=numbers)
def test_signals_are_composed(values):
    macd = Difference(Ema(3), Ema(6))
    assert after(macd, values)[-1] == pytest.approx(after(Ema(3), values)[-1] - after(Ema(6), values)[-1])
    piped = Piped(Momentum(2), Ema(3))
    changes = [b - a for a, b in zip(values, values[2:], strict=False)]
    assert after(piped, values)[-1] == (pytest.approx(after(Ema(3), changes)[-1]) if changes else None)
    assert Difference(Momentum(5), Ema(2)).update(1.0) is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Ema(0), "period of 1"),
        (lambda: Rsi(0), "period of 1"),
        (lambda: ZScore(1), "period of 2"),
        (lambda: Momentum(0), "period of 1"),
        (lambda: HalfLife(2), "period of 3"),
        (lambda: Vpin(0, 1, 1), "bucket and a sigma"),
        (lambda: TradeIntensity(0), "half-life above 0"),
        (lambda: WeightedPrior(0), "trust and least"),
        (Piped, "at least one"),
    ],
)
def test_what_makes_no_signal_is_told(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_times_come_in_order():
    signal = LogitVolatility(2)
    signal.update(5, 0.0)
    with pytest.raises(ValueError, match="in order"):
        signal.update(4, 0.0)
