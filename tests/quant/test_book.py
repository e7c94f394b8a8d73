"""A book: its law is what enumeration gives, nothing that can resolve is worse than the worst, nothing held is safe."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.book import SCENARIOS, UNIT, Claim, events, exited, greeks, law, moved_against, worst_by_event

cents = st.integers(1, 99).map(lambda n: n / 100)
shares = st.integers(0, 500).map(float)


@st.composite
def claims(draw: st.DrawFn, market: str, event: str = "") -> Claim:
    price = draw(cents)
    spread = draw(st.integers(0, 5)) / 100
    return Claim(
        market=market,
        event=event,
        exclusive=bool(event),
        yes=draw(shares),
        no=draw(shares),
        price=price,
        bid=max(0.0, price - spread),
        ask=min(1.0, price + spread),
        fee_rate=draw(st.sampled_from([0.0, 0.05])),
    )


@st.composite
def books(draw: st.DrawFn) -> list[Claim]:
    alone = [draw(claims(f"m{at}")) for at in range(draw(st.integers(0, 3)))]
    joined = [draw(claims(f"e{at}", "e")) for at in range(draw(st.integers(0, 4)))]
    return alone + joined


def by_hand(book: list[Claim]) -> dict[int, float]:
    """Return every profit in cents and its probability, one way of resolving after the other."""
    ways = []
    for event in events(book):
        value = sum(claim.value for claim in event)
        if event[0].exclusive:
            whole = max(1.0, sum(claim.price for claim in event))
            rows = [(w.price / whole, sum(c.worth(float(c is w)) for c in event) - value) for w in event]
            rest = 1 - sum(p for p, _ in rows)
            ways.append([*rows, (rest, sum(c.worth(0.0) for c in event) - value)] if rest > 1e-12 else rows)
        else:
            (claim,) = event
            ways.append([(claim.price, claim.worth(1.0) - value), (1 - claim.price, claim.worth(0.0) - value)])
    found: dict[int, float] = {}
    for way in itertools.product(*ways):
        profit = round(sum(gain for _, gain in way) * 100)
        found[profit] = found.get(profit, 0.0) + math.prod(p for p, _ in way)
    return found


@given(book=books())
def test_the_law_is_what_every_way_of_resolving_gives(book: list[Claim]) -> None:
    expected, found = by_hand(book), law(book)
    reach = len(book) + 1  # cents: each claim's value was rounded
    assert found.worst() / UNIT * 100 == pytest.approx(-min(expected), abs=reach)
    assert found.best() / UNIT * 100 == pytest.approx(max(expected), abs=reach)
    mean = sum(profit * p for profit, p in expected.items())
    assert found.mean() / UNIT * 100 == pytest.approx(mean, abs=reach)
    risk = found.risk("0.95")
    assert risk.var - 1e-3 <= risk.es <= found.worst() + 1e-3


@given(book=books())
def test_nothing_that_can_resolve_is_worse_than_the_worst(book: list[Claim]) -> None:
    losses = {name: run(book) for name, (_, run) in SCENARIOS.items()}
    reach = (len(book) + 1) / 100
    for name in ("favourites win", "favourites lose"):
        assert losses[name] >= losses["all against"] - reach
    assert -losses["all against"] == pytest.approx(math.fsum(worst_by_event(book).values()))
    assert losses["election night"] <= losses["volatility twice"] + 1e-9
    assert losses["volatility twice"] <= 1e-9
    assert losses["fees twice"] <= losses["exit now"] <= 1e-9
    assert losses["liquidity gone"] <= losses["exit now"] + 1e-9
    assert losses["one invalid"] <= max((abs(c.yes - c.no) for c in book), default=0.0) + 1e-9


def test_nothing_held_risks_nothing() -> None:
    assert {run([]) for _, run in SCENARIOS.values()} == {0.0}
    assert (law([]).worst(), law([]).best(), greeks([], 2.0)) == (0, 0, {})


def test_a_pair_of_both_outcomes_is_cash() -> None:
    pair = [Claim(market="m", yes=10, no=10, price=0.3, bid=0.3, ask=0.3)]
    assert (law(pair).worst(), law(pair).best()) == (0, 0)
    assert exited(pair) == pytest.approx(0)
    assert moved_against(pair, 3.0) == pytest.approx(0)
    assert greeks(pair, 2.0)["m"].logit_delta == 0


def test_the_book_of_the_docs() -> None:
    book = [
        Claim(market="who-ada", event="who", exclusive=True, yes=100, price=0.40, bid=0.39, ask=0.41, fee_rate=0.04),
        Claim(market="who-bob", event="who", exclusive=True, no=50, price=0.35, bid=0.34, ask=0.36),
        Claim(market="rain", yes=20, no=5, price=0.70, bid=0.70, ask=0.70),
    ]
    found = law(book)
    assert (found.worst(), found.best()) == (83 * UNIT, 82 * UNIT)
    atoms = {profit / UNIT: p for profit, p in found.atoms().items()}
    assert atoms == pytest.approx({82.0: 0.28, 67.0: 0.12, -18.0: 0.175, -33.0: 0.075, -68.0: 0.245, -83.0: 0.105})
    assert found.risk("0.95").var == 83 * UNIT
    assert found.risk("0.80").var == 68 * UNIT
