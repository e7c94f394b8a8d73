"""Validation of risk models: no look ahead, the tests' figures by another way, and models that are right and wrong."""

from __future__ import annotations

import csv
import gzip
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agbot.quant.backtests import Zone
from agbot.quant.validation import (
    MODELS,
    REFIT_EVERY,
    Day,
    changes_of,
    fitted,
    rolled,
    simulated,
    verdict,
)
from agbot.quant.volatility import Garch

WINDOW = 120


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(7).standard_t(5, 400) * 0.01


@pytest.mark.parametrize("model", MODELS)
def test_the_future_changes_no_forecast(noise, model):
    other = noise.copy()
    other[300:] = np.random.default_rng(8).standard_normal(100) * 0.5
    days, changed = (list(rolled(series, model, 0.95, WINDOW)) for series in (noise, other))
    assert days[: 300 - WINDOW] == changed[: 300 - WINDOW]
    same_day = [d and (d.var, d.es) for d in (days[300 - WINDOW], changed[300 - WINDOW])]
    assert same_day[0] == same_day[1]  # the first day that differs is not known to its own forecast
    assert days[-1] != changed[-1]
    assert len(days) == len(noise) - WINDOW


def test_the_figures_of_a_verdict_by_another_way():
    """1000 days, 60 worse, of which 20 after a worse one."""
    hits = ([True, True, False] * 20 + [True, False] * 20 + [False] * 1000)[:1000]
    found = verdict("m", 0.95, [Day(2.0 if hit else 0.0, 1.0, 1.5) for hit in hits])
    x, n, p = sum(hits), 1000, 0.05
    ratio = 2 * (stats.binom.logpmf(x, n, x / n) - stats.binom.logpmf(x, n, p))
    assert found.exceptions == x
    assert found.kupiec_p == pytest.approx(stats.chi2.sf(ratio, 1))
    after = [[0, 0], [0, 0]]
    for before, now in pairwise(hits):
        after[before][now] += 1
    pooled = (after[0][1] + after[1][1]) / (n - 1)
    apart = sum(stats.binom.logpmf(row[1], sum(row), row[1] / sum(row)) for row in after)
    one = sum(stats.binom.logpmf(row[1], sum(row), pooled) for row in after)
    assert found.independence_p == pytest.approx(stats.chi2.sf(2 * (apart - one), 1))
    assert found.z2 == pytest.approx(1 - x * (2.0 / 1.5) / (n * 0.05))
    assert not found.passed
    assert not found.below


def test_a_model_that_is_right_passes_and_one_of_half_the_volatility_does_not():
    changes = np.random.default_rng(3).standard_normal(2500) * 0.01
    assert verdict("normal", 0.95, list(rolled(changes, "normal", 0.95, 500))).passed
    halved = [Day(d.loss, d.var / 2, d.es / 2) for d in rolled(changes, "normal", 0.95, 500)]
    wrong = verdict("half", 0.95, halved)
    assert wrong.zone is Zone.RED
    assert wrong.kupiec_p < 1e-6
    assert wrong.z2 < -1


def test_the_law_of_claims_passes_and_half_of_its_volatility_does_not():
    right = [law for law, _ in simulated(1, 400, 12, 0.95)]
    wrong = [law for law, _ in simulated(1, 400, 12, 0.95, vol_factor=0.5)]
    assert verdict("law", 0.95, right).passed
    assert not verdict("law", 0.95, wrong).passed
    assert [d.loss for d in right] == [d.loss for d in wrong]


def test_few_claims_are_not_normal():
    """One claim cannot lose what a bell says: its law is exact there, too."""
    days = list(simulated(2, 1500, 1, 0.99))
    assert verdict("law", 0.99, [law for law, _ in days]).passed


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_fit_is_no_worse_than_where_it_began(seed):
    dice = np.random.default_rng(seed)
    changes, variance = [], 1e-4
    for _ in range(300):
        changes.append(math.sqrt(variance) * dice.standard_normal())
        variance = 5e-6 + 0.1 * changes[-1] ** 2 + 0.85 * variance
    sample = np.array(changes)
    spread = float(np.var(sample))
    found = fitted(sample)
    assert found.long_run == pytest.approx(spread)
    for alpha, beta in ((0.05, 0.90), (0.10, 0.60)):
        other = Garch(omega=spread * (1 - alpha - beta), alpha=alpha, beta=beta)
        assert found.log_likelihood(changes, spread) >= other.log_likelihood(changes, spread)


def test_a_fit_is_kept_for_sixty_days(noise, monkeypatch):
    from agbot.quant import validation  # noqa: PLC0415

    calls = []
    monkeypatch.setattr(validation, "fitted", lambda window: calls.append(1) or fitted(window))
    list(rolled(noise, "garch", 0.95, WINDOW))
    assert len(calls) == -(-(len(noise) - WINDOW) // REFIT_EVERY)


def test_prices_that_are_not_above_zero_have_no_change():
    assert changes_of([20.0, 10.0, -37.63, 9.0, 18.0]).tolist() == [-0.5, 1.0]
    assert len(changes_of([1.0])) == 0


def test_a_day_without_a_forecast_counts_as_missing():
    days = [Day(0.0, 1.0, None), None, Day(2.0, 1.0, None)]
    found = verdict("m", 0.95, days)
    assert (found.days, found.missing, found.exceptions, found.z2) == (2, 1, 1, None)
    with pytest.raises(ValueError, match="no forecast"):
        verdict("m", 0.95, [None])


def test_two_decades_of_stocks_reject_a_normal_that_forgets(shared):
    """docs/var.md has the whole table."""
    with gzip.open(shared / "data" / "daily_series" / "sp500_1999_2018.csv.gz", "rt") as source:
        prices = [float(row["Adj Close"]) for row in csv.DictReader(source)]
    found = verdict("normal", 0.99, list(rolled(changes_of(prices), "normal", 0.99, 500)))
    assert (found.days, found.exceptions, found.zone) == (4530, 112, Zone.RED)
    assert found.kupiec_p == pytest.approx(0.0, abs=1e-12)
