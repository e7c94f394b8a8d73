"""How positions move together: the law of the book has the same variance, and one bet is seen as one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from agbot.quant.book import UNIT, Claim, law
from agbot.quant.together import spread
from tests.quant.test_book import books


@given(book=books())
def test_the_variance_is_that_of_the_law(book: list[Claim]) -> None:
    found = spread(book)
    assert found.volatility == pytest.approx(math.sqrt(max(0.0, law(book).variance())) / UNIT, rel=1e-6, abs=1e-3)
    assert found.covariance == pytest.approx(found.covariance.T)
    assert np.linalg.eigvalsh(found.covariance).min(initial=0.0) >= -1e-6 * max(1.0, float(found.covariance.trace()))


@given(book=books())
def test_correlations_lie_between_minus_one_and_one_and_parts_sum_to_the_whole(book: list[Claim]) -> None:
    found = spread(book)
    assert np.abs(found.correlation).max(initial=0.0) <= 1 + 1e-12
    assert found.correlation.diagonal() == pytest.approx(np.ones(len(found.markets)))
    assert found.parts.sum() == pytest.approx(1.0 if found.parts.any() else 0.0)
    assert 0 <= found.concentration <= 1 + 1e-12


def test_yes_of_one_and_no_of_the_other_outcome_of_two_are_one_bet() -> None:
    who = {"event": "who", "exclusive": True}
    ada, bob = Claim(market="ada", yes=10, price=0.4, **who), Claim(market="bob", no=20, price=0.6, **who)
    assert spread([ada, bob]).correlation == pytest.approx(np.ones((2, 2)))
    hedge = spread([ada, Claim(market="bob", yes=10, price=0.6, **who)])
    assert hedge.correlation[0, 1] == pytest.approx(-1)
    assert (hedge.volatility, hedge.parts.tolist()) == (pytest.approx(0, abs=1e-6), [0, 0])


def test_other_events_are_independent_and_what_cannot_vary_is_left_out() -> None:
    book = [
        Claim(market="a", yes=10, price=0.5),
        Claim(market="b", no=10, price=0.5),
        Claim(market="paired", yes=5, no=5, price=0.5),
        Claim(market="over", yes=5, price=1.0),
    ]
    found = spread(book)
    assert found.markets == ("a", "b")
    assert found.correlation.tolist() == [[1, 0], [0, 1]]
    assert found.volatility == pytest.approx(math.sqrt(50))
    assert found.parts == pytest.approx([0.5, 0.5])
    assert found.concentration == pytest.approx(4 * 0.25**2)


def test_nothing_held_is_nothing() -> None:
    found = spread([])
    assert (found.markets, found.volatility, found.concentration) == ((), 0, 0)
