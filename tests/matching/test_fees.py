"""The taker fee against the venue's published examples, the reference vectors and an independent exact formula."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.fees import FeeRounding, taker_fee
from agbot.units import SCALE, to_decimal, to_units


@pytest.mark.parametrize(
    ("size", "price", "rate", "exponent", "fee"),
    [
        ("100", "0.50", "0.07", 1, "1.75"),
        ("100", "0.30", "0.05", 1, "1.05"),
        ("250", "0.90", "0.04", 1, "0.90"),
        ("1000", "0.62", "0.04", 1, "9.424"),
        ("12.34", "0.01", "0.05", 1, "0.00611"),  # exact 0.0061083: rounds up at the sixth decimal
        ("100", "0.50", "0.25", 2, "1.5625"),
        ("100", "0.50", "0.07", 0, "7"),
        ("100", "0.50", "0", 1, "0"),
        ("0", "0.50", "0.07", 1, "0"),
        ("0.0004", "0.5", "0.05", 1, "0.00001"),  # exact 0.000005: the tie goes up
        ("0.00039", "0.5", "0.05", 1, "0"),  # just below the tie: less than one step is nothing
    ],
)
def test_published_and_edge_fees(size: str, price: str, rate: str, exponent: int, fee: str) -> None:
    assert taker_fee(to_units(size), to_units(price), to_units(rate), exponent) == to_units(fee)


def exact(size: int, price: int, rate: int, exponent: int) -> Fraction:
    p = Fraction(price, SCALE)
    return Fraction(size, SCALE) * Fraction(rate, SCALE) * (p * (1 - p)) ** exponent


cases = given(
    size=st.integers(0, 10**13),
    price=st.integers(1, SCALE - 1),
    rate=st.integers(0, SCALE),
    exponent=st.integers(0, 3),
)


@cases
def test_fee_is_the_nearest_step(size: int, price: int, rate: int, exponent: int) -> None:
    fee = taker_fee(size, price, rate, exponent)
    error = Fraction(fee, SCALE) - exact(size, price, rate, exponent)
    assert fee % 10 == 0
    assert Fraction(-5, SCALE) < error <= Fraction(5, SCALE)


@cases
def test_floor_never_exceeds_the_exact_fee(size: int, price: int, rate: int, exponent: int) -> None:
    fee = taker_fee(size, price, rate, exponent, FeeRounding.FLOOR)
    assert 0 <= exact(size, price, rate, exponent) - Fraction(fee, SCALE) < Fraction(10, SCALE)


@cases
def test_both_outcomes_pay_the_same(size: int, price: int, rate: int, exponent: int) -> None:
    assert taker_fee(size, price, rate, exponent) == taker_fee(size, SCALE - price, rate, exponent)


def test_reference_vectors(shared: Path) -> None:
    path = shared / "vectors" / "quant_vectors.json"
    if not path.exists():
        pytest.skip(f"no reference vectors at {path}")
    rows = [row for row in json.loads(path.read_text())["vectors"] if "fee_charged_floor5" in row["expected"]]
    assert rows
    for row in rows:
        inputs = row["inputs"]
        fee = taker_fee(
            to_units(inputs["shares"]),
            to_units(inputs["price"]),
            to_units(inputs["rate"]),
            inputs["exponent"],
            FeeRounding.FLOOR,
        )
        assert to_decimal(fee) == Decimal(row["expected"]["fee_charged_floor5"]), row["name"]
