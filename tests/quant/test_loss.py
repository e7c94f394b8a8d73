"""The exact law of a book: equal to brute force, exact in its moments, blind to order, and right under a factor."""

from __future__ import annotations

from collections import Counter
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.quant import loss
from agbot.units import SCALE

shares = st.integers(-30, 30).filter(bool).map(lambda n: n * SCALE // 2)
claims = st.tuples(shares, st.integers(0, 20 * SCALE), st.sampled_from([0.02, 0.1, 0.35, 0.5, 0.9]))


def brute(book: list[tuple[int, int, float]]) -> Counter[int]:
    """Return the law by going through every outcome."""
    law: Counter[int] = Counter()
    for outcome in product((0, 1), repeat=len(book)):
        chance = 1.0
        for won, (_, _, p) in zip(outcome, book, strict=True):
            chance *= p if won else 1 - p
        law[sum(won * size - cost for won, (size, cost, _) in zip(outcome, book, strict=True))] += chance
    return law


@settings(max_examples=60)
@given(book=st.lists(claims, max_size=9))
def test_convolution_equals_brute_force(book: list[tuple[int, int, float]]) -> None:
    law = loss.together(loss.binary(*claim) for claim in book)
    expected = brute(book)
    assert law.atoms().keys() == expected.keys()
    assert law.atoms() == pytest.approx(dict(expected), abs=1e-12)
    assert law.mass.sum() == pytest.approx(1)
    assert law.mean() == pytest.approx(sum(size * p - cost for size, cost, p in book), abs=1e-3)
    assert law.variance() == pytest.approx(sum(size**2 * p * (1 - p) for size, _, p in book), rel=1e-9, abs=1e-3)
    assert (law.worst(), law.best()) == (-min(expected), max(expected))


def test_up_to_two_to_the_sixteen_states() -> None:
    dice = np.random.default_rng(3)
    book = [
        (int(dice.integers(1, 40)) * SCALE, int(dice.integers(0, 30)) * SCALE, float(dice.uniform(0.05, 0.95)))
        for _ in range(16)
    ]
    law, expected = loss.together(loss.binary(*claim) for claim in book), brute(book)
    assert law.atoms() == pytest.approx(dict(expected), abs=1e-12)
    losses, weights = zip(*((-profit, p) for profit, p in sorted(expected.items())), strict=True)
    from agbot.quant.var import discrete  # noqa: PLC0415

    for level in ("0.9", "0.95", "0.99"):
        mine, theirs = law.risk(level), discrete(losses, weights, level)
        assert (mine.var, mine.es) == pytest.approx((theirs.var, theirs.es))


atoms = st.dictionaries(st.integers(-40, 40), st.sampled_from([0.0, 0.125, 0.25, 0.5]), min_size=1, max_size=5)


@settings(max_examples=60)
@given(events=st.lists(atoms, max_size=5), levels=st.booleans())
def test_events_together_are_one_after_the_other(events: list[dict[int, float]], levels: bool) -> None:
    laws = [loss.Law.of({profit * SCALE: p for profit, p in event.items()}) for event in events]
    if levels and laws:
        laws[0] = loss.Law(laws[0].start, laws[0].step, np.outer([1.0, 0.5, 0.0], laws[0].mass))
    law, expected = loss.together(laws), loss.CERTAIN
    for each in laws:
        expected = expected.plus(each)
    assert (law.start, law.mass.shape) == (expected.start, expected.mass.shape)
    assert law.profits.tolist() == expected.profits.tolist()
    assert np.allclose(law.mass, expected.mass, rtol=1e-12, atol=0)


@settings(max_examples=20)
@given(book=st.lists(claims, min_size=2, max_size=4))
def test_the_order_of_a_book_does_not_matter(book: list[tuple[int, int, float]]) -> None:
    laws = [loss.together(loss.binary(*claim) for claim in order).atoms() for order in permutations(book)]
    assert all(law == pytest.approx(laws[0], abs=1e-12) for law in laws)


holdings = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=6)


@given(held=holdings, cash=st.integers(-100, 100), other=st.sampled_from([0.0, 0.25]), extra=st.integers(1, 9))
def test_an_event_is_enumerated(held: list[tuple[int, int]], cash: int, other: float, extra: int) -> None:
    share = (1 - other) / len(held)

    def event(rows: list[tuple[int, int]], paid: int = 0) -> list[int]:
        those = [loss.Holding(probability=share, yes=y * SCALE, no=n * SCALE) for y, n in rows]
        profits, law = loss.enumerated(those, (cash - paid) * SCALE, other)
        assert -law.worst() <= law.mean() <= law.best()
        assert set(law.atoms()) == set(profits)
        return profits

    plain = event(held)
    full = event([(y + extra, n) for y, n in held])
    assert [b - a for a, b in zip(plain, full, strict=True)][: len(held)] == [extra * SCALE] * len(held)
    if not other:  # NO of one is YES of all others
        no_of_first = [(y, n + (extra if i == 0 else 0)) for i, (y, n) in enumerate(held)]
        yes_of_rest = [(y + (extra if i else 0), n) for i, (y, n) in enumerate(held)]
        assert event(no_of_first) == event(yes_of_rest)
    converted = [(y, n + extra) if i < 2 else (y, n) for i, (y, n) in enumerate(held)]
    into = [(y, n) if i < 2 else (y + extra, n) for i, (y, n) in enumerate(held)]
    if not other:  # NO on two outcomes is one unit of cash and YES on each of the rest
        assert event(converted) == event(into, paid=-extra)


def test_an_invalid_resolution_pays_half() -> None:
    law = loss.binary(100 * SCALE, 40 * SCALE, 0.5, invalid=0.1)
    assert law.atoms() == pytest.approx({60 * SCALE: 0.45, 10 * SCALE: 0.1, -40 * SCALE: 0.45})


@settings(max_examples=15)
@given(book=st.lists(claims, min_size=1, max_size=5), rho=st.floats(0, 0.9))
def test_a_factor_keeps_each_claim_as_it_was(book: list[tuple[int, int, float]], rho: float) -> None:
    factor = loss.Factor.standard()
    law = factor.joined((lambda f, c=c: loss.binary(c[0], c[1], f.given(c[2], rho))) for c in book)
    alone = loss.together(loss.binary(*claim) for claim in book)
    assert law.mean() == pytest.approx(alone.mean(), abs=1.0)
    assert law.mass.sum() == pytest.approx(1)
    if rho == 0:
        assert law.atoms() == pytest.approx(alone.atoms(), abs=1e-9)


def test_together_nothing_is_certain() -> None:
    assert loss.together([]).atoms() == {0: 1.0}
    assert loss.together([]).risk(0.95).var == 0


def test_what_is_no_event_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        loss.enumerated([loss.Holding(probability=0.5)], 0)
    with pytest.raises(ValueError, match="correlation"):
        loss.Factor.standard(8).given(0.5, 1.0)
    with pytest.raises(ValueError, match="common step"):
        loss.together([loss.binary(10**9, 0, 0.5), loss.binary(10**9 + 1, 0, 0.5)])
