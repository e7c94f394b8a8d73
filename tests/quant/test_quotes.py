"""Quotes: inside the interval, on ticks, moved by inventory, symmetric; and a scoring rule that cannot be milked."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.quotes import (
    Glft,
    Lmsr,
    avellaneda_stoikov,
    fill_spread,
    held_to_the_end,
    on_ticks,
    simulated,
)

TICKS = [Fraction(1, 10), Fraction(1, 100), Fraction(1, 200), Fraction(1, 1000), Fraction(1, 10_000)]
prices = st.fractions(Fraction(-1, 2), Fraction(3, 2), max_denominator=10**6)
probabilities = st.floats(0.01, 0.99)


@given(bid=prices, ask=prices, tick=st.sampled_from(TICKS))
def test_quotes_are_on_ticks_apart_and_inside(bid: Fraction, ask: Fraction, tick: Fraction) -> None:
    low, high = on_ticks(bid, ask, tick)
    for side in (low, high):
        assert side is None or (tick <= side <= 1 - tick and side % tick == 0)
    assert low is None or low <= bid
    assert high is None or high >= ask
    assert low is None or high is None or low < high


@given(gamma=st.floats(1e-4, 0.5), k=st.floats(0.1, 100), q=st.integers(-50, 50))
def test_inventory_moves_the_reservation_price_against_itself(gamma: float, k: float, q: int) -> None:
    here, more = (avellaneda_stoikov(0.5, each, gamma, 0.04, k) for each in (q, q + 1))
    assert more.reservation < here.reservation
    assert here.bid < here.reservation < here.ask
    assert here.spread == pytest.approx(gamma * 0.04 + fill_spread(gamma, k))


@given(k=st.floats(0.1, 100))
def test_without_aversion_a_quote_earns_two_over_k(k: float) -> None:
    assert fill_spread(1e-9, k) == pytest.approx(fill_spread(0.0, k), rel=1e-6) == pytest.approx(2 / k, rel=1e-6)


@given(
    most=st.integers(1, 12),
    gamma=st.floats(0.005, 0.2),
    k=st.floats(0.2, 5),
    rate=st.floats(0.1, 2),
    horizon=st.floats(0, 5000),
)
def test_distances_are_mirrored_and_grow_with_the_inventory(
    most: int, gamma: float, k: float, rate: float, horizon: float
) -> None:
    found = Glft(most=most, gamma=gamma, sigma=0.3, k=k, rate=rate).distances(horizon)
    assert found[most][0] is None
    assert found[-most][1] is None
    for q in range(-most, most):
        assert found[q][0] == pytest.approx(found[-q][1], rel=1e-6, abs=1e-9)
    bids = [found[q][0] for q in range(-most, most)]
    assert all(near <= far + 1e-9 for near, far in pairwise(bids))


def test_a_very_long_horizon_overflows_nothing() -> None:
    found = Glft(most=30, gamma=0.01, sigma=0.3, k=0.3, rate=0.9).distances(1e7)
    assert all(math.isfinite(d) for pair in found.values() for d in pair if d is not None)


@given(p=probabilities, gamma=st.floats(1e-6, 1.0), q=st.integers(-500, 500))
def test_a_claim_is_priced_inside_and_lower_the_more_is_held(p: float, gamma: float, q: int) -> None:
    here, more = held_to_the_end(p, gamma, q), held_to_the_end(p, gamma, q + 1)
    assert 0 <= here.bid <= here.ask <= 1
    assert more.marginal <= here.marginal
    assert more.ask == pytest.approx(here.bid, abs=1e-9)


@given(p=probabilities, gamma=st.floats(1e-3, 1.0), q=st.integers(-20, 20))
def test_at_its_prices_a_share_more_or_less_is_as_good(p: float, gamma: float, q: int) -> None:
    found = held_to_the_end(p, gamma, q)

    def worth(shares: int, paid: float) -> float:
        return p * math.exp(-gamma * (shares - paid)) + (1 - p) * math.exp(gamma * paid)

    assert worth(q + 1, found.bid) == pytest.approx(worth(q, 0.0))
    assert worth(q - 1, -found.ask) == pytest.approx(worth(q, 0.0))


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.5])
def test_quoting_by_inventory_holds_less_for_less_profit_as_the_paper_has_it(gamma: float) -> None:
    leaning, constant = (
        simulated(gamma, 1.5, 140, 2, steps=200, step=0.005, paths=4000, seed=3, by_inventory=each)
        for each in (True, False)
    )
    assert leaning.std_q < constant.std_q
    assert leaning.std_profit < constant.std_profit
    assert leaning.mean_profit < constant.mean_profit
    assert abs(leaning.mean_q) < 4 * leaning.std_q / math.sqrt(4000)


@given(p=probabilities)
def test_without_aversion_it_is_worth_its_probability(p: float) -> None:
    found = held_to_the_end(p, 1e-7, 0)
    assert found.bid == pytest.approx(p, abs=1e-6) == pytest.approx(found.ask, abs=1e-6)


@given(
    b=st.floats(1, 1000),
    held=st.lists(st.floats(-500, 500), min_size=2, max_size=6),
    shares=st.floats(0.1, 500),
    seed=st.data(),
)
def test_a_scoring_rule_is_path_independent_and_bounded(
    b: float, held: list[float], shares: float, seed: st.DataObject
) -> None:
    rule = Lmsr(b, tuple(held))
    outcome = seed.draw(st.integers(0, len(held) - 1))
    assert math.fsum(rule.prices()) == pytest.approx(1)
    half = list(held)
    half[outcome] += shares / 2
    parts = rule.cost(outcome, shares / 2) + Lmsr(b, tuple(half)).cost(outcome, shares / 2)
    assert rule.cost(outcome, shares) == pytest.approx(parts, rel=1e-9, abs=1e-9 * b)
    fresh = Lmsr(b, (0.0,) * len(held))
    assert shares - fresh.cost(outcome, shares) <= fresh.max_loss + 1e-9
    again = held_to_the_end(0.5, 1 / b, 0)
    assert Lmsr(b, (0.0, 0.0)).cost(0, 1.0) == pytest.approx(again.ask, abs=1e-9)
