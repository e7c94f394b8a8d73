"""Sets from books: whatever is reported pays in every state, and nothing that pays is left on the table."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.arbitrage import converted, crossed, fee, sets

cents = st.integers(1, 99).map(lambda n: Fraction(n, 100))
sizes = st.integers(1, 500).map(Fraction)
ladders = st.lists(st.tuples(cents, sizes), min_size=1, max_size=6).map(lambda rows: sorted(dict(rows).items()))
books = st.lists(ladders, min_size=2, max_size=5)
rates = st.sampled_from([Fraction(), Fraction(3, 100), Fraction(7, 100)])
ONE = Fraction(1)


@given(book=books, rate=rates)
def test_every_set_pays_and_the_next_one_would_not(book: list, rate: Fraction) -> None:
    found = sets(book, ONE, rate)
    assert found.profit >= 0
    assert found.profit == found.size * ONE - found.cost - found.fees
    assert (found.profit > 0) == (found.size > 0)
    left = [_after(ladder, found.size) for ladder in book]
    if all(left):
        assert sum(ladder[0][0] + fee(ladder[0][0], rate) for ladder in left) >= ONE


@given(book=books, rate=rates, more=ladders)
def test_more_depth_or_a_lower_fee_never_brings_less(book: list, rate: Fraction, more: list) -> None:
    found = sets(book, ONE, rate)
    merged: dict[Fraction, Fraction] = {}
    for price, size in [*book[0], *more]:
        merged[price] = merged.get(price, Fraction()) + size
    assert sets([sorted(merged.items()), *book[1:]], ONE, rate).profit >= found.profit
    assert sets(book, ONE, Fraction()).profit >= found.profit


@given(p=st.integers(1, 99), spread=st.integers(0, 10), rate=rates)
def test_books_around_one_measure_hold_no_arbitrage(p: int, spread: int, rate: Fraction) -> None:
    yes, no = Fraction(min(99, p + spread), 100), Fraction(min(99, 100 - p + spread), 100)
    assert sets([[(yes, Fraction(10))], [(no, Fraction(10))]], ONE, rate).size == 0


@given(no=st.dictionaries(st.sampled_from("ABCDE"), st.integers(0, 50).map(Fraction), min_size=2))
def test_a_conversion_changes_no_outcome(no: dict) -> None:
    found = converted(no)
    for winner in no:
        before = sum(size for name, size in no.items() if name != winner)
        left = sum(size for name, size in found.no_left.items() if name != winner)
        assert before == found.cash + found.yes[winner] + left


def test_a_pair_across_venues_needs_what_is_left_of_a_dollar() -> None:
    found = crossed((Fraction(1, 2), Fraction()), (Fraction(1, 2), Fraction()), Fraction(), 30)
    assert (found.cost, found.edge, found.annualised) == (1, 0, 0)


def _after(ladder: list, size: Fraction) -> list:
    left = []
    for price, there in ladder:
        taken = min(size, there)
        size -= taken
        if there > taken:
            left.append((price, there - taken))
    return left
