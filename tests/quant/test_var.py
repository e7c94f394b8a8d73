"""Value at risk and expected shortfall: what any right measure keeps, and where VaR is not one."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant import var
from agbot.quant.volatility import Garch, ewma_vol

samples = st.lists(st.integers(-1000, 1000).map(float), min_size=1, max_size=60)
confidences = st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=200)


@st.composite
def laws(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    values = draw(st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=8))
    weights = draw(st.lists(st.integers(1, 20), min_size=len(values), max_size=len(values)))
    return values, [w / sum(weights) for w in weights]


@given(losses=samples, c=confidences, d=confidences)
def test_both_grow_with_the_confidence_and_stay_within_what_was_lost(
    losses: list[float], c: Fraction, d: Fraction
) -> None:
    low, high = (var.historical(losses, level) for level in sorted((c, d)))
    assert low.var <= high.var
    assert low.es <= high.es + 1e-9
    assert min(losses) <= low.var <= low.es + 1e-9
    assert high.es <= max(losses) + 1e-9


@given(losses=samples, c=confidences, a=st.integers(1, 9), b=st.integers(-99, 99))
def test_both_move_and_grow_with_the_losses(losses: list[float], c: Fraction, a: int, b: int) -> None:
    plain, moved = var.historical(losses, c), var.historical([a * x + b for x in losses], c)
    assert (moved.var, moved.es) == pytest.approx((a * plain.var + b, a * plain.es + b))


@given(data=st.data(), c=confidences)
def test_es_is_subadditive_on_the_same_scenarios(data: st.DataObject, c: Fraction) -> None:
    one = data.draw(samples)
    other = data.draw(st.lists(st.integers(-1000, 1000).map(float), min_size=len(one), max_size=len(one)))
    both = var.historical([x + y for x, y in zip(one, other, strict=True)], c)
    assert both.es <= var.historical(one, c).es + var.historical(other, c).es + 1e-6


def test_var_of_two_claims_can_exceed_the_sum_of_both() -> None:
    """Hull's two projects: what limits bind on is therefore ES."""
    one = var.discrete([10, 1], [0.02, 0.98], "0.975")
    both = var.discrete([20, 11, 2], [0.0004, 0.0392, 0.9604], "0.975")
    assert both.var > 2 * one.var
    assert both.es <= 2 * one.es


@given(losses=samples, c=confidences)
def test_a_sample_is_a_law_of_equal_atoms(losses: list[float], c: Fraction) -> None:
    sample, law = var.historical(losses, c), var.discrete(losses, [1 / len(losses)] * len(losses), c)
    assert (sample.var, sample.es) == pytest.approx((law.var, law.es), abs=1e-6)


@given(law=laws(), c=confidences)
def test_the_definitions_hold_of_a_law(law: tuple[list[float], list[float]], c: Fraction) -> None:
    losses, weights = law
    found, level = var.discrete(losses, weights, c), float(c)
    below = sum(w for x, w in zip(losses, weights, strict=True) if x < found.var)
    upto = sum(w for x, w in zip(losses, weights, strict=True) if x <= found.var)
    assert below < level + 1e-9
    assert upto >= level - 1e-9
    beyond = sum(x * w for x, w in zip(losses, weights, strict=True) if x > found.var)
    assert found.es == pytest.approx((beyond + found.var * (upto - level)) / (1 - level), abs=1e-6)


def test_ranks_are_exact_where_floats_are_not() -> None:
    wrong = [(c, n) for c in range(50, 100) for n in range(1, 300) if math.ceil(n * (c / 100)) != -(-n * c // 100)]
    assert wrong  # else this test shows nothing
    assert all(var.rank(n, f"0.{c}") == -(-n * c // 100) for c, n in wrong)
    assert all(var.rank(n, c / 100) == -(-n * c // 100) for c, n in wrong)


def test_one_loss_beyond_the_sample_is_told() -> None:
    assert var.historical([1.0] * 50, 0.99).note
    assert not var.historical([1.0] * 200, 0.99).note


@given(mean=st.floats(-1, 1), sd=st.floats(0, 3), c=st.floats(0.6, 0.999), h=st.floats(0.1, 30))
def test_parametric_es_lies_beyond_var_and_heavy_tails_lie_beyond_light_ones(
    mean: float, sd: float, c: float, h: float
) -> None:
    plain, heavy = var.normal(mean, sd, c, h), var.student(mean, sd, c, 4, h)
    assert plain.es >= plain.var - 1e-12
    assert heavy.es >= heavy.var - 1e-12
    nearly = var.student(mean, sd, c, 1e7, h)
    assert nearly.var == pytest.approx(plain.var, abs=1e-4 * (1 + sd * math.sqrt(h)))


def test_without_deviation_the_mean_is_what_is_lost() -> None:
    assert var.normal(0.01, 0.0, 0.99, 10).var == pytest.approx(-0.1)


def test_cornish_fisher_says_where_it_is_none() -> None:
    assert var.cornish_fisher(0, 0.02, 0, 0, 0.99) == pytest.approx(var.normal(0, 0.02, 0.99).var)
    assert var.cornish_fisher(0, 0.02, 4, 1, 0.99) is None


def test_a_simulation_tells_its_interval_and_refuses_too_few() -> None:
    draws = np.random.default_rng(7).normal(size=200_000)
    found = var.simulated(draws, 0.99, seed=7)
    assert found.low < found.risk.var < found.high
    assert found.low < 2.3263 < found.high
    with pytest.raises(ValueError, match="too few"):
        var.simulated(draws[:5000], 0.99, seed=7)


@given(data=st.data(), n=st.integers(1, 6))
def test_components_sum_to_the_var_and_marginals_are_its_derivative(data: st.DataObject, n: int) -> None:
    cells = data.draw(st.lists(st.floats(-1, 1), min_size=n * n, max_size=n * n))
    root = np.array(cells).reshape(n, n) + 2 * np.eye(n)
    cov, weights = root @ root.T, np.array(data.draw(st.lists(st.floats(0.1, 5), min_size=n, max_size=n)))
    found = var.decompose(weights, cov, 0.95)
    assert found.component.sum() == pytest.approx(found.var)
    h = 1e-6
    for i in range(n):
        step = h * np.eye(n)[i]
        slope = (var.decompose(weights + step, cov, 0.95).var - var.decompose(weights - step, cov, 0.95).var) / (2 * h)
        assert found.marginal[i] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_a_forecast_comes_back_to_the_long_run() -> None:
    garch = Garch(omega=0.05, alpha=0.08, beta=0.9)
    assert garch.forecast(10.0, 2000)[-1] == pytest.approx(garch.long_run)
    with pytest.raises(ValueError, match="long run"):
        Garch(omega=0.05, alpha=0.2, beta=0.8)
    with pytest.raises(ValueError, match="no change"):
        ewma_vol([])


@given(rho=st.floats(0, 0.9), pd=st.floats(0.01, 0.5))
def test_more_correlation_makes_a_worse_tail(rho: float, pd: float) -> None:
    assert var.vasicek(pd, rho, 0.999) >= pd - 1e-12
    assert var.vasicek(pd, rho + 0.05, 0.999) >= var.vasicek(pd, rho, 0.999) - 1e-9


@pytest.mark.parametrize("confidence", [0, 1, "1.5", -0.1])
def test_what_is_no_confidence_is_refused(confidence: float | str) -> None:
    with pytest.raises(ValueError, match="confidence"):
        var.historical([1.0], confidence)


@pytest.mark.parametrize("losses", [[], [math.nan], [math.inf]])
def test_what_is_no_sample_is_refused(losses: list[float]) -> None:
    with pytest.raises(ValueError, match="number"):
        var.historical(losses, 0.95)


def test_other_conventions_are_told_beside() -> None:
    told = var.elsewhere([1.0, 2.0, 3.0, 4.0], 0.5)
    assert (told.linear, told.higher, told.mean_beyond) == (2.5, 3.0, 3.0)


def test_the_names_people_look_for_historical() -> None:
    returns = [0.01, -0.02, 0.03, -0.05, 0.0]
    assert var.calculate_historical_var(1000, "0.8", 1, returns).var == pytest.approx(20)
    two_days = var.calculate_historical_var(1000, "0.75", 2, returns)
    compounded = sorted(-1000 * ((1 + a) * (1 + b) - 1) for a, b in itertools.pairwise(returns))
    assert two_days.var == pytest.approx(compounded[2])
    assert two_days.note == "2 windows do not overlap"


def test_the_names_people_look_for_monte_carlo() -> None:
    found = var.calculate_monte_carlo_var(1000, 0.95, 10, 0.001, 0.02, num_simulations=20_000, seed=3)
    exact = -1000 * math.expm1(0.01 - 1.6448536269514722 * 0.02 * math.sqrt(10))
    assert found.low <= exact <= found.high
    assert (found.draws, found.seed) == (20_000, 3)
    assert var.calculate_monte_carlo_var(1000, 0.95, 1, 0.001, 0.0).risk.var == pytest.approx(-1000 * math.expm1(0.001))


@pytest.mark.parametrize("days", [0, -1, 1.5])
def test_a_horizon_is_whole_days(days: float) -> None:
    with pytest.raises(ValueError, match="whole days"):
        var.calculate_historical_var(1, 0.95, days, [0.0])  # type: ignore[arg-type]


def test_what_cannot_be_simulated_or_has_no_window_is_told() -> None:
    with pytest.raises(ValueError, match="2 returns are too few for 3 days"):
        var.calculate_historical_var(1, 0.95, 3, [0.0, 0.0])
    with pytest.raises(ValueError, match="volatility from 0"):
        var.calculate_monte_carlo_var(1, 0.95, 1, 0.0, -1.0)
    with pytest.raises(ValueError, match="too few"):
        var.calculate_monte_carlo_var(1, 0.95, 1, 0.0, 1.0, num_simulations=100)
