"""The only rounding code: exact, conserving, and deaf to floats."""

from __future__ import annotations

import decimal
import json
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot import units

INT64_MAX = 2**63 - 1
GRID = json.loads((Path(__file__).parent / "vectors" / "price_tick_grid.json").read_text(encoding="utf-8"))

int64 = st.integers(-INT64_MAX, INT64_MAX)
prices = st.integers(0, units.SCALE)
sizes = st.integers(0, 10**15)
ticks = st.sampled_from(units.TICKS)


class TestToUnits:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("0.52", 520_000),
            (".48", 480_000),
            ("1", 1_000_000),
            (5, 5_000_000),
            (-5, -5_000_000),
            ("-0.000001", -1),
            ("-0", 0),
            ("0.1000000000", 100_000),
            ("1e-6", 1),
            ("2.5E2", 250_000_000),
            (" 7 ", 7_000_000),
            (Decimal("1234567890123.456789"), 1_234_567_890_123_456_789),
            (Decimal("9223372036854.775807"), INT64_MAX),
            (Decimal("-9223372036854.775807"), -INT64_MAX),
            ("0." + "0" * 60, 0),
            ("1." + "0" * 60, 1_000_000),
        ],
    )
    def test_exact(self, value: Decimal | str | int, expected: int) -> None:
        assert units.to_units(value) == expected

    @pytest.mark.parametrize(
        ("value", "word"),
        [
            (0.1, "float"),
            (1.0, "float"),
            (float("nan"), "float"),
            (True, "not a number"),
            (None, "not a number"),
            ([], "not a number"),
            ((0, (1,), 0), "not a number"),
            ("", "not a number"),
            ("twelve", "not a number"),
            ("1,5", "not a number"),
            ("1_000", "not a number"),
            ("0x10", "not a number"),
            ("NaN", "not finite"),
            ("sNaN", "not finite"),
            ("Infinity", "not finite"),
            ("-inf", "not finite"),
            ("0.0000001", "six decimals"),
            ("1." + "0" * 40 + "1", "six decimals"),
            ("1e-999999", "six decimals"),
            (Decimal("1e-9999999999"), "six decimals"),
            ("9223372036854.775808", "too large"),
            ("-9223372036854.775808", "too large"),
            ("1e999999", "too large"),
            (Decimal("1e9999999999"), "too large"),
            (10**40, "too large"),
        ],
    )
    def test_refused(self, value: object, word: str) -> None:
        with pytest.raises(ValueError, match=word):
            units.to_units(value)  # type: ignore[arg-type]

    @given(st.floats())
    def test_no_float_is_ever_taken(self, value: float) -> None:
        with pytest.raises(ValueError, match="float"):
            units.to_units(value)  # type: ignore[arg-type]

    @given(int64, st.integers(1, 50))
    def test_does_not_depend_on_the_caller_s_precision(self, value: int, precision: int) -> None:
        exact = units.to_decimal(value)
        with decimal.localcontext() as context:
            context.prec = precision
            assert units.to_units(exact) == value
            assert units.to_decimal(value) == exact


class TestToDecimal:
    @given(int64)
    def test_round_trip(self, value: int) -> None:
        exact = units.to_decimal(value)
        assert units.to_units(exact) == value
        assert units.to_units(units.to_text(value)) == value

    @given(int64)
    def test_is_exact_and_bare(self, value: int) -> None:
        exact = units.to_decimal(value)
        numerator, denominator = exact.as_integer_ratio()
        assert numerator * units.SCALE == value * denominator
        text = units.to_text(value)
        assert "e" not in text.lower()
        assert "." not in text or not text.endswith(("0", "."))

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0, "0"), (-1, "-0.000001"), (10_000_000, "10"), (100_000, "0.1"), (-1_500_000, "-1.5"), (10**12, "1000000")],
    )
    def test_text(self, value: int, text: str) -> None:
        assert units.to_text(value) == text


class TestUsdText:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0.00"),
            (-1, "0.00"),
            (5_000, "0.00"),
            (15_000, "0.02"),
            (25_000, "0.02"),
            (25_001, "0.03"),
            (-15_000, "-0.02"),
            (1_234_567_890, "1234.57"),
        ],
    )
    def test_half_to_even_and_no_negative_zero(self, value: int, text: str) -> None:
        assert units.usd_text(value) == text

    @given(st.integers(-(10**18), 10**18))
    def test_is_the_nearest_cent(self, value: int) -> None:
        text = units.usd_text(value)
        assert len(text.partition(".")[2]) == 2
        assert abs(units.to_units(text) - value) <= 5_000
        assert Decimal(text) == units.to_decimal(value).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


class TestMoney:
    @given(prices, sizes)
    def test_notional_rounds_down_and_never_more_than_a_millionth(self, price: int, size: int) -> None:
        cost = units.notional(price, size)
        assert cost * units.SCALE <= price * size < (cost + 1) * units.SCALE
        with decimal.localcontext() as context:
            context.prec = 60
            exact = (units.to_decimal(price) * units.to_decimal(size)).quantize(Decimal("0.000001"), ROUND_FLOOR)
        assert units.to_decimal(cost) == exact

    @given(prices, sizes)
    def test_a_minted_pair_costs_one_usd_a_share(self, price: int, size: int) -> None:
        yes = units.notional(price, size)
        no = size - yes
        assert 0 <= yes <= size
        # NO pays what is left: its own exact price, plus at most the remainder of one 10⁻⁶ usd.
        assert 0 <= no - units.notional(units.complement(price), size) <= 1

    @given(prices, st.lists(sizes, max_size=5))
    def test_splitting_an_order_never_costs_the_yes_side_more(self, price: int, parts: list[int]) -> None:
        split = sum(units.notional(price, part) for part in parts)
        whole = units.notional(price, sum(parts))
        assert whole - len(parts) <= split <= whole

    @given(prices)
    def test_complement_is_its_own_inverse(self, price: int) -> None:
        assert price + units.complement(price) == units.SCALE
        assert units.complement(units.complement(price)) == price


class TestTicks:
    @pytest.mark.parametrize("row", GRID["rows"], ids=lambda row: row["id"])
    def test_grid_of_the_official_client(self, row: dict[str, str | bool]) -> None:
        price, tick = units.to_units(str(row["price"])), units.to_units(str(row["tick_size"]))
        assert tick in units.TICKS
        assert units.on_tick(price, tick) is row["valid"]

    @pytest.mark.parametrize("tick", units.TICKS)
    def test_bounds(self, tick: int) -> None:
        assert units.on_tick(tick, tick)
        assert units.on_tick(units.SCALE - tick, tick)
        assert not any(units.on_tick(p, tick) for p in (0, -tick, units.SCALE, units.SCALE + tick, tick - 1, tick + 1))

    @pytest.mark.parametrize("tick", units.TICKS)
    def test_both_outcomes_share_one_grid(self, tick: int) -> None:
        assert units.SCALE % tick == 0
        for price in range(0, units.SCALE + 1, 50):
            assert units.on_tick(price, tick) == units.on_tick(units.complement(price), tick)

    @given(st.integers(-10 * units.SCALE, 10 * units.SCALE), ticks)
    def test_rounding_brackets_the_price(self, price: int, tick: int) -> None:
        down, up = units.tick_down(price, tick), units.tick_up(price, tick)
        assert down % tick == 0
        assert up % tick == 0
        assert price - tick < down <= price <= up < price + tick
        assert (down == up) == (price % tick == 0)

    @pytest.mark.parametrize(
        ("tick", "given_prices", "expected"),
        [
            (10_000, (520_000, 530_000), 10_000),
            (10_000, (), 10_000),
            (10_000, (525_000,), 5_000),
            (10_000, (502_500,), 2_500),
            (10_000, (505_000, 502_500), 2_500),
            (10_000, (501_000,), 1_000),
            (5_000, (502_500, 501_000), 100),
            (10_000, (500_100,), 100),
            (1_000, (500_000,), 1_000),
            (10_000, (500_050,), None),
            (50, (500_000,), None),
        ],
    )
    def test_finest_tick(self, tick: int, given_prices: tuple[int, ...], expected: int | None) -> None:
        assert units.finest_tick(tick, given_prices) == expected

    @given(ticks, st.lists(prices, max_size=4))
    def test_finest_tick_is_the_coarsest_that_fits(self, tick: int, given_prices: list[int]) -> None:
        fits = [t for t in units.TICKS if t <= tick and all(p % t == 0 for p in given_prices)]
        assert units.finest_tick(tick, tuple(given_prices)) == max(fits, default=None)


class TestTime:
    @pytest.mark.parametrize(("ns", "expected"), [(0, 0), (999_999, 0), (1_000_000, 1), (1_999_999, 1), (-1, -1)])
    def test_nanoseconds_round_down(self, ns: int, expected: int) -> None:
        assert units.ms(ns) == expected


@given(st.lists(st.integers(-(10**9), 10**9), max_size=30), st.integers(-10_000, 10_000))
def test_whole_cents_add_up_to_what_is_shown_and_none_is_off_by_more_than_it_must(parts, beside):
    total = sum(parts) + (beside if parts else 0)
    cents = units.whole_cents(parts, total)
    assert all(cent % 10_000 == 0 for cent in cents)
    assert sum(cents) == (units.to_units(units.usd_text(total)) if parts else 0)
    assert all(abs(cent - part) < 20_000 for cent, part in zip(cents, parts, strict=True))
    whole = [part // 10_000 * 10_000 for part in parts]
    assert units.whole_cents(whole, sum(whole)) == whole
