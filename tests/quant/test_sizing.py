"""Bets: nothing feasible grows faster, no edge is no bet, and nobody goes bankrupt."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agbot.quant.sizing import cost_with_fee, exclusive_kelly, growth, kelly, shrunk

parts = st.floats(0.02, 0.98)


@given(p=parts, c=parts, other=st.floats(0, 0.999))
def test_no_other_fraction_grows_faster(p: float, c: float, other: float) -> None:
    bet = kelly(p, c)
    assert bet.growth >= growth(p, c, other) - 1e-12
    assert (bet.fraction == 0) == (p <= c)
    assert 0 <= bet.fraction <= 1


@given(p=parts, c=parts, more=st.floats(0, 0.02), fee=st.floats(0, 0.1))
def test_more_probability_bets_more_and_a_dearer_share_or_a_fee_less(
    p: float, c: float, more: float, fee: float
) -> None:
    here = kelly(p, c).fraction
    assert kelly(min(1, p + more), c).fraction >= here
    assert kelly(p, c + more).fraction <= here
    assert kelly(p, cost_with_fee(c, fee)).fraction <= here


@given(weights=st.lists(st.floats(0.05, 1), min_size=2, max_size=6), prices=st.lists(parts, min_size=6, max_size=6))
def test_bets_on_one_event_leave_wealth_whoever_wins(weights: list[float], prices: list[float]) -> None:
    probabilities, costs = [w / math.fsum(weights) for w in weights], prices[: len(weights)]
    assume(abs(math.fsum(costs) - 1) > 0.01)
    found = exclusive_kelly(probabilities, costs)
    spent = math.fsum(found.fractions)
    assert found.residual <= 1e-9
    if math.fsum(costs) < 1:  # a set of all of them is an arbitrage: nothing is kept back
        assert list(found.fractions) == pytest.approx(probabilities)
    assert spent <= 1 + 1e-9
    assert all(f >= 0 for f in found.fractions)
    for f, c, p in zip(found.fractions, costs, probabilities, strict=True):
        assert p == 0 or 1 - spent + f / c > 0


@given(p=st.floats(0.1, 0.9), edge=st.floats(0.001, 0.08))
def test_one_outcome_with_an_edge_is_the_bet_on_it_alone(p: float, edge: float) -> None:
    found = exclusive_kelly([p, 1 - p], [p - edge, 1 - p + edge + 0.01])
    assert found.fractions[0] == pytest.approx(kelly(p, p - edge).fraction, abs=1e-9)
    assert found.fractions[1] == pytest.approx(0, abs=1e-9)


@given(p=parts, c=parts, low=st.floats(0, 1), high=st.floats(0, 1))
def test_growth_is_concave_in_the_part_of_the_bet(p: float, c: float, low: float, high: float) -> None:
    full = kelly(p, c).fraction
    middle = growth(p, c, full * (low + high) / 2)
    assert middle >= (growth(p, c, full * low) + growth(p, c, full * high)) / 2 - 1e-12


@given(p=parts, c=parts, sd=st.floats(0, 0.5))
def test_an_estimate_with_an_error_bets_less(p: float, c: float, sd: float) -> None:
    factor, bet = shrunk(p, c, sd)
    assert 0 <= factor <= 1
    assert bet.fraction <= kelly(p, c).fraction
