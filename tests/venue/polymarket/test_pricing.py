"""Walks and fees are exact, hashes are the venue's."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.fees import FeeRounding, taker_fee
from agbot.model.order import Side
from agbot.units import SCALE, to_units
from agbot.venue.polymarket.pricing import TakerCost, affordable, book_hash, worst_price

levels = st.lists(st.tuples(st.integers(1, 9_999).map(lambda k: k * 100), st.integers(1, 10**10)), max_size=8)
prices = st.integers(1, 9_999).map(lambda k: k * 100)
costs = st.builds(
    TakerCost, rate=st.integers(0, 250_000), exponent=st.integers(0, 3), builder=st.sampled_from([0, 5_000, 10_000])
)


@pytest.fixture(scope="module")
def vectors(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "vectors" / "polymarket_vectors.json").read_text())


def test_walk_vectors(vectors: dict[str, Any]) -> None:
    for row in vectors["market_price_walk"]:
        book = [(to_units(level["price"]), to_units(level["size"])) for level in row["levels_in_api_order"]]
        got = worst_price(Side(row["side"]), book, row["amount"] * SCALE, fill_all=row["order_type"] == "FOK")
        assert got == (None if row["error"] else to_units(row["result"])), row["id"]


@given(levels, st.sampled_from(Side), st.integers(1, 10**10))
def test_the_levels_up_to_the_worst_price_hold_the_amount_and_no_fewer_do(
    book: list[tuple[int, int]], side: Side, amount: int
) -> None:
    def holds(among: list[tuple[int, int]]) -> bool:
        return sum(s * (p if side is Side.BUY else SCALE) for p, s in among) >= amount * SCALE

    got = worst_price(side, book, amount, fill_all=True)
    assert (got is None) == (not holds(book))
    thin = worst_price(side, book, amount, fill_all=False)
    ends = [p for p, _ in book]
    assert thin == (got or ((max(ends) if side is Side.BUY else min(ends)) if book else None))
    if got is not None:
        assert holds([(p, s) for p, s in book if p * side.sign <= got * side.sign])
        assert not holds([(p, s) for p, s in book if p * side.sign < got * side.sign])


def test_a_walk_does_not_lose_a_cent_to_floats() -> None:
    # 0.1 + 0.2 > 0.3 in binary: 3 shares at 0.1 and 0.2 hold 0.9 usd and no more.
    book = [(100_000, 3 * SCALE), (200_000, 3 * SCALE), (900_000, SCALE)]
    assert worst_price(Side.BUY, book, 900_000, fill_all=True) == 200_000
    assert worst_price(Side.BUY, book, 900_001, fill_all=True) == 900_000


def test_fee_vectors(vectors: dict[str, Any]) -> None:
    checked = 0
    for row in vectors["buy_fee_adjustment"]:
        i = row["inputs"]
        rate, builder = (to_units(i[name]) for name in ("fee_rate", "builder_taker_fee_rate"))
        per_usd = TakerCost(rate=rate, builder=builder).per_usd(to_units(i["price"]))
        budget = Fraction(Decimal(i["user_usdc_balance"]))
        got = min(Fraction(Decimal(i["amount"])), affordable(budget, per_usd))
        expected = Fraction(Decimal(row["polymarket_client_0_14_0_adjusted_amount_no_slippage"]))
        assert abs(got - expected) < Fraction(1, 10**12), row["id"]
        checked += 1
    assert checked == 5


@given(st.integers(0, 10**12), prices, st.integers(0, 250_000), st.integers(0, 3))
def test_the_fee_charged_is_the_exact_one_rounded(size: int, price: int, rate: int, exponent: int) -> None:
    p = Fraction(price, SCALE)
    exact = Fraction(size) * Fraction(rate, SCALE) * (p * (1 - p)) ** exponent
    charged = taker_fee(size, price, rate, exponent)
    assert charged % 10 == 0
    assert -5 < exact - charged < 5 or charged - exact == 5
    assert taker_fee(size, price, rate, exponent, FeeRounding.FLOOR) == exact // 10 * 10


def test_book_hash(vectors: dict[str, Any]) -> None:
    for row in vectors["order_book_hash"]:
        assert book_hash(row["book"]) == row["hash"], row["id"]
        assert book_hash({**row["book"], "hash": "ff", "more": 1}) == row["hash"]
        assert book_hash({**row["book"], "timestamp": "1"}) != row["hash"]
    with pytest.raises(KeyError):
        book_hash({"market": "m"})
