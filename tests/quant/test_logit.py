"""Laws of a probability: means kept, symmetric, bounded, and consistent with what is told of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.quant.logit import (
    Jacobi,
    LogitLaw,
    ProbitBridge,
    ResolutionLaw,
    claim_greeks,
    expit,
    jump_drift,
    logit,
)

prices = st.floats(0.02, 0.98)
variances = st.floats(0.001, 4)
levels = st.floats(0.02, 0.98)


@given(p=prices, v=variances, k=levels)
def test_a_call_less_a_put_is_the_forward_and_both_lie_within_bounds(p: float, v: float, k: float) -> None:
    law = LogitLaw(p, v)
    assert law.call(k) - law.put(k) == pytest.approx(p - k, abs=1e-12)
    assert max(p - k, 0) - 1e-12 <= law.call(k) <= p * (1 - k) + 1e-12


@given(p=prices, v=variances, y=levels)
def test_the_law_of_the_other_side_is_the_mirror(p: float, v: float, y: float) -> None:
    yes, no = LogitLaw(p, v), LogitLaw(1 - p, v)
    assert yes.cdf(y) == pytest.approx(1 - no.cdf(1 - y), abs=1e-12)
    assert yes.var(0.95) == pytest.approx(no.var(0.95, long=False), abs=1e-9)
    assert yes.es(0.95) == pytest.approx(no.es(0.95, long=False), abs=1e-9)


@given(p=prices, v=variances, q=levels)
def test_the_quantile_is_the_inverse_and_es_lies_beyond_var(p: float, v: float, q: float) -> None:
    law = LogitLaw(p, v)
    assert law.cdf(law.quantile(q)) == pytest.approx(q, abs=1e-9)
    assert law.es(0.95) >= law.var(0.95) - 1e-12
    assert law.es(0.95) <= p + 1e-12


@given(p=prices, v=variances, more=variances)
def test_the_variance_grows_and_stays_below_that_of_the_outcome(p: float, v: float, more: float) -> None:
    assert 0 <= LogitLaw(p, v).moment2() <= LogitLaw(p, v + more).moment2() + 1e-12
    assert LogitLaw(p, v + more).moment2() <= p * (1 - p) + 1e-12


@settings(max_examples=25)
@given(p=st.floats(0.1, 0.9), v=st.floats(0.05, 1), w=st.floats(0.05, 1), y=st.floats(0.1, 0.9))
def test_two_horizons_after_each_other_are_one(p: float, v: float, w: float, y: float) -> None:
    points, weights = np.polynomial.legendre.leggauss(64)
    first = LogitLaw(p, v)
    then = [LogitLaw(first.quantile(float(q)), w).cdf(y) for q in (points + 1) / 2]
    assert float(np.dot(weights, then)) / 2 == pytest.approx(LogitLaw(p, v + w).cdf(y), abs=2e-3)


@given(p=prices)
def test_the_limits_are_no_move_and_the_outcome(p: float) -> None:
    still, over = LogitLaw(p, 0), LogitLaw(p, 400)
    assert (still.quantile(0.3), still.moment2(), still.call(p / 2)) == (p, 0, pytest.approx(p / 2))
    assert over.cdf(0.5) == pytest.approx(1 - p, abs=1e-9)
    assert over.call(0.4) == pytest.approx(0.6 * p, abs=1e-9)


@given(p=prices, left=st.floats(0.5, 50), part=st.floats(0.05, 1))
def test_a_bridge_keeps_its_mean_and_its_variance_is_that_of_its_quantiles(p: float, left: float, part: float) -> None:
    bridge = ProbitBridge(p, left, left * part)
    values = np.array([bridge.quantile((k + 0.5) / 400) for k in range(400)])
    assert values.mean() == pytest.approx(p, abs=2e-3)
    assert values.var() == pytest.approx(bridge.variance(), abs=3e-3)


@given(p=prices, rate=st.floats(0.01, 3), years=st.floats(0.01, 3))
def test_a_beta_law_has_the_moments_it_was_made_of(p: float, rate: float, years: float) -> None:
    law = Jacobi(p, rate, years)
    a, b = law.beta
    assert a / (a + b) == pytest.approx(p)
    assert a * b / ((a + b) ** 2 * (a + b + 1)) == pytest.approx(law.variance)


@given(p=prices, r=st.floats(0, 0.9), v=variances, c=st.sampled_from([0.9, 0.95, 0.99]))
def test_a_claim_that_may_resolve_risks_all_once_that_is_likely_enough(p: float, r: float, v: float, c: float) -> None:
    law = ResolutionLaw(p, r, v)
    assert law.var(c) <= p + 1e-12
    assert law.es(c) >= law.var(c) - 1e-9
    if r * (1 - p) >= 1 - c:
        assert law.var(c) == p


@given(p=prices, v=st.floats(0.0, 1), rate=st.floats(0, 3), mean=st.floats(-1, 1), sd=st.floats(0, 1))
def test_the_drift_keeps_the_price_a_martingale(p: float, v: float, rate: float, mean: float, sd: float) -> None:
    mu, first = jump_drift(p, v, rate, mean, sd), p * (1 - p)
    z = np.linspace(-10, 10, 4001)
    density = np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    after = float(np.sum(density / (1 + np.exp(-(logit(p) + mean + sd * z)))) * (z[1] - z[0]))
    assert mu * first + v / 2 * first * (1 - 2 * p) + rate * (after - p) == pytest.approx(0, abs=1e-8)


@given(p=prices, quantity=st.floats(-1000, 1000), vol=st.floats(0.1, 3))
def test_claim_greeks_are_derivatives_by_the_logit(p: float, quantity: float, vol: float) -> None:
    told, x, h = claim_greeks(p, quantity, vol), logit(p), 1e-3
    slope = quantity * (expit(x + h) - expit(x - h)) / (2 * h)
    bend = quantity * (expit(x + h) - 2 * p + expit(x - h)) / h**2
    assert told.logit_delta == pytest.approx(slope, rel=1e-5, abs=1e-4)
    assert told.logit_gamma == pytest.approx(bend, rel=1e-3, abs=1e-3)
    assert (told.price_delta, told.price_vol) == pytest.approx((quantity, vol * p * (1 - p)))


@pytest.mark.parametrize("p", [0, 1, -0.1, 1.1, math.nan])
def test_what_is_no_price_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        LogitLaw(p, 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="quantile"):
        LogitLaw(0.5, 1).quantile(0)
    with pytest.raises(ValueError, match="time left"):
        ProbitBridge(0.5, 1, 2)
    with pytest.raises(ValueError, match="Beta"):
        _ = Jacobi(0.5, 0, 1).beta
