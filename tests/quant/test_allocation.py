"""Allocations whatever the scale, order or copies of assets; and tests of risk figures that are what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.quant import backtests, overfit, performance
from agbot.quant.allocation import contributions, most_diversified, risk_budget

seeds = st.integers(0, 2**32 - 1)


def made(seed: int, n: int) -> np.ndarray:
    dice = np.random.default_rng(seed)
    factors = dice.normal(0, 1, (n, n + 3))
    return factors @ factors.T / (n + 3) + np.diag(dice.uniform(0.05, 1, n))


@given(seed=seeds, n=st.integers(2, 12), scale=st.floats(1e-4, 1e4))
@settings(max_examples=50)
def test_equal_risk_is_equal_whatever_the_scale_and_the_order(seed: int, n: int, scale: float) -> None:
    cov, budget = made(seed, n), np.full(n, 1 / n)
    found = risk_budget(cov, budget)
    assert np.abs(contributions(found.weights, cov) - budget).max() < 1e-10
    assert (found.weights > 0).all()
    assert risk_budget(cov * scale, budget).weights == pytest.approx(found.weights, rel=1e-7)
    order = np.random.default_rng(seed).permutation(n)
    assert risk_budget(cov[np.ix_(order, order)], budget).weights == pytest.approx(found.weights[order], rel=1e-7)


@given(seed=seeds, n=st.integers(2, 6), at=st.integers(0, 5), leverage=st.floats(0.1, 10))
@settings(max_examples=40)
def test_a_copy_or_a_lever_adds_no_diversification(seed: int, n: int, at: int, leverage: float) -> None:
    cov = made(seed, n)
    ratio = most_diversified(cov).ratio
    index = [*range(n), at % n]
    assert most_diversified(cov[np.ix_(index, index)]).ratio == pytest.approx(ratio, rel=1e-5)
    levers = np.ones(n)
    levers[at % n] = leverage
    assert most_diversified(cov * np.outer(levers, levers)).ratio == pytest.approx(ratio, rel=1e-6)


@given(n=st.integers(10, 1000), x=st.integers(0, 1000), p=st.sampled_from([0.01, 0.05, 0.1, 0.5]))
def test_a_ratio_of_likelihoods_is_not_negative_and_none_at_the_expected(n: int, x: int, p: float) -> None:
    assert backtests.kupiec(min(x, n), n, p).statistic >= 0
    exact = round(n * p)
    if exact == n * p:
        assert backtests.kupiec(exact, n, p).statistic == pytest.approx(0, abs=1e-9)


@given(sharpe=st.floats(-0.3, 0.3), n=st.integers(20, 2000), trials=st.integers(2, 500), variance=st.floats(1e-4, 0.05))
def test_many_trials_deflate(sharpe: float, n: int, trials: int, variance: float) -> None:
    estimate = overfit.Estimate(sharpe=sharpe, skew=-0.2, kurtosis=4.0)
    plain = overfit.probabilistic(estimate, n)
    few, many = (overfit.deflated(estimate, n, each, variance) for each in (trials, trials * 2))
    assert 0 <= many <= few <= plain <= 1


@given(path=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60), scale=st.floats(1e-3, 1e3))
def test_a_fall_is_a_part_and_has_no_scale(path: list[float], scale: float) -> None:
    found = performance.deepest(path)
    assert -1 <= found.depth <= 0
    assert performance.deepest([value * scale for value in path]).depth == pytest.approx(found.depth, abs=1e-9)
