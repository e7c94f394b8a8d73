"""The law on a grid against the exact one, and what joining one event more does to it."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.horizon import Horizon, moved
from agbot.quant.logit import LogitLaw
from agbot.quant.tail import Tail

CENT = 10_000


@st.composite
def outcomes(draw, step=CENT):
    weights = draw(st.lists(st.integers(1, 50), min_size=1, max_size=3))
    losses = draw(st.lists(st.integers(-3000, 3000), min_size=len(weights), max_size=len(weights)))
    return [(w / sum(weights), loss * step) for w, loss in zip(weights, losses, strict=True)]


BOOKS = st.lists(outcomes(), max_size=5)


def every(events):
    """All ways the events may end together, with their chance and loss."""
    return [(math.prod(p for p, _ in way), sum(loss for _, loss in way)) for way in product(*events)]


def shortfall(ways, confidence):
    """Acerbi and Tasche: the mean of the worst, with the part of an atom that belongs to them."""
    left, total = 1 - confidence, 0.0
    for p, loss in sorted(ways, key=lambda way: -way[1]):
        taken = min(p, left)
        left, total = left - taken, total + taken * loss
    return total / (1 - confidence)


@given(BOOKS, outcomes(), st.integers(-20_000, 20_000))
def test_joined_it_is_the_law_of_all_of_them(events, own, most):
    """Two steps of the grid for each event are all it is off, and with enough points nothing."""
    tail, ways = Tail.of(events), every([*events, own])
    off = tail.step * (len(events) + 1) if tail.step > 1 else 0
    most *= CENT
    assert tail.within(most - off, own) <= sum(p for p, loss in ways if loss <= most) + 1e-9
    assert tail.within(most + off, own) >= sum(p for p, loss in ways if loss <= most) - 1e-9


@given(BOOKS, outcomes(), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_expected_shortfall_is_never_understated(events, own, confidence):
    tail, ways = Tail.of(events), every([*events, own])
    found, exact = tail.shortfall(confidence, own), shortfall(ways, confidence)
    assert exact - 1 <= found <= exact + tail.step * (len(events) + 1) / (1 - confidence)
    assert tail.var(confidence, own) <= found + 1


@given(BOOKS, outcomes(), outcomes(), st.sampled_from([0.9, 0.95, 0.99]))
def test_more_lost_in_every_case_is_never_less_risk(events, own, more, confidence):
    tail = Tail.of(events)
    worse = [(p, loss + abs(more[i % len(more)][1])) for i, (p, loss) in enumerate(own)]
    assert tail.var(confidence, worse) >= tail.var(confidence, own)
    assert tail.shortfall(confidence, worse) >= tail.shortfall(confidence, own) - 1e-6
    assert tail.within(0, worse) <= tail.within(0, own) + 1e-12


def test_of_no_event_the_loss_is_nothing():
    tail = Tail.of([])
    assert tail.within(0, [(1.0, 0)]) == 1.0
    assert tail.within(-1, [(1.0, 0)]) == 0.0
    assert tail.var(0.95, [(0.9, -5), (0.1, 70)]) == 70
    assert tail.shortfall(0.95, [(0.9, -5), (0.1, 70)]) == pytest.approx(70)


def test_hulls_hundred_loans():
    """100 independent loans of 1, each lost with 2 %: 5 or less with 98.45 %, by the binomial."""
    tail = Tail.of([[(0.02, 1_000_000), (0.98, 0)]] * 99)
    own = [(0.02, 1_000_000), (0.98, 0)]
    exactly = sum(math.comb(100, k) * 0.02**k * 0.98 ** (100 - k) for k in range(6))
    assert tail.within(5_400_000, own) == pytest.approx(exactly, abs=2e-3)


def quantile(rows, q):
    below = 0.0
    for chance, price in sorted(rows, key=lambda row: row[1]):
        below += chance
        if below >= q:
            return price
    raise AssertionError


@pytest.mark.parametrize("p", [0.02, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("days", [1, 30])
def test_where_a_price_may_stand_has_the_mean_and_the_spread_of_the_law(p, days):
    horizon = Horizon(days * 86_400 * 10**9, 2.0)
    rows = moved(p, horizon)
    mean = sum(chance * price for chance, price in rows)
    second = sum(chance * price**2 for chance, price in rows)
    assert sum(chance for chance, _ in rows) == pytest.approx(1)
    law = LogitLaw(p, horizon.variance)
    assert mean == pytest.approx(p, rel=4e-3)
    assert second - mean**2 == pytest.approx(law.moment2(), rel=0.02)
    for q in (0.01, 0.05, 0.95, 0.99):
        found = quantile(rows, q)
        assert found == pytest.approx(law.quantile(q), abs=0.12 * math.sqrt(horizon.variance) * found * (1 - found))
