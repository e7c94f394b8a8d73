"""Amounts are multiples of the venue's steps, never more than was asked, and say the price that was asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import UnsupportedOrder
from agbot.model.order import Side
from agbot.units import SCALE, TICKS, to_units
from agbot.venue.polymarket.amounts import Amounts, limit_amounts, market_amounts, round_limit, round_market

PLACES = {"0.1": 3, "0.01": 4, "0.005": 5, "0.0025": 6, "0.001": 5, "0.0001": 6}


@st.composite
def priced(draw: st.DrawFn) -> tuple[int, int]:
    """Return a tick and a price on its grid."""
    tick = draw(st.sampled_from(TICKS))
    return tick, draw(st.integers(1, SCALE // tick - 1)) * tick


sides = st.sampled_from(Side)
quantities = st.integers(0, 10**13)


@pytest.mark.parametrize(
    ("side", "price", "tick", "size", "maker", "taker"),
    [
        ("BUY", "0.52", "0.01", "21.04", 10_940_800, 21_040_000),
        ("SELL", "0.3", "0.1", "15.55", 15_550_000, 4_665_000),
        ("BUY", "0.0123", "0.0001", "1234.56", 15_185_088, 1_234_560_000),
        ("BUY", "0.5025", "0.0025", "13.37", 6_718_425, 13_370_000),
        ("BUY", "0.58", "0.01", "2.03", 1_177_400, 2_030_000),
        ("SELL", "0.58", "0.01", "2.039999", 2_030_000, 1_177_400),
    ],
)
def test_limit(side: str, price: str, tick: str, size: str, maker: int, taker: int) -> None:
    assert limit_amounts(Side(side), to_units(price), to_units(size), to_units(tick)) == (maker, taker)


@pytest.mark.parametrize(
    ("side", "price", "tick", "amount", "maker", "taker"),
    [
        ("BUY", "0.58", "0.01", "2.03", 2_030_000, 3_500_000),
        ("BUY", "0.985", "0.001", "9.98", 9_980_000, 10_131_900),
        ("BUY", "0.5025", "0.0025", "20", 20_000_000, 39_800_900),
        ("BUY", "0.3", "0.1", "10.5", 10_500_000, 35_000_000),
        ("SELL", "0.37", "0.01", "8.19672", 8_190_000, 3_030_300),
    ],
)
def test_market(side: str, price: str, tick: str, amount: str, maker: int, taker: int) -> None:
    assert market_amounts(Side(side), to_units(amount), to_units(price), to_units(tick)) == (maker, taker)


@given(sides, priced(), quantities)
def test_a_limit_order_says_its_price_exactly(side: Side, grid: tuple[int, int], size: int) -> None:
    tick, price = grid
    maker, taker = round_limit(side, price, size, tick)
    usd, shares = (maker, taker) if side is Side.BUY else (taker, maker)
    assert usd * SCALE == price * shares
    assert 0 <= size - shares < 10_000
    assert shares % 10_000 == 0
    places = next(places for text, places in PLACES.items() if to_units(text) == tick)
    assert usd % 10 ** (6 - places) == 0


@given(sides, priced(), quantities)
def test_a_market_order_keeps_the_servers_decimals_and_rounds_down(
    side: Side, grid: tuple[int, int], amount: int
) -> None:
    tick, price = grid
    maker, taker = round_market(side, amount, price, tick)
    assert 0 <= amount - maker < 10_000
    assert maker % 10_000 == 0
    step = 1_000 if tick == 100_000 else 100
    assert taker % step == 0
    exact, over = (maker * SCALE, price) if side is Side.BUY else (maker * price, SCALE)
    assert taker * over <= exact < (taker + step) * over


@given(sides, priced(), quantities)
def test_a_market_order_reaches_no_other_level(side: Side, grid: tuple[int, int], amount: int) -> None:
    tick, price = grid
    try:
        maker, taker = market_amounts(side, amount, price, tick)
    except UnsupportedOrder:  # one step of the taker's decimals is then 0.0001 or more of the price
        step = 1_000 if tick == 100_000 else 100
        least = price * (price * step // 100 + step) // SCALE if side is Side.BUY else step * 10_000
        assert amount < least + SCALE // 100
        return
    if side is Side.BUY:  # maker / taker is what a share costs: the ask at `price` matches, the next does not
        assert price * taker <= maker * SCALE < (price + 100) * taker
    else:
        assert (price - 100) * maker < taker * SCALE <= price * maker


@pytest.mark.parametrize("tick", TICKS)
def test_a_dollar_is_enough_to_say_a_price(tick: int) -> None:
    refused = []
    for price in range(tick, SCALE, tick):
        try:
            market_amounts(Side.BUY, SCALE, price, tick)
        except UnsupportedOrder:
            refused.append(price)
    # With three decimals, 1.666 and 1.428 shares for a dollar would say 0.60024 and 0.70028.
    assert refused == ([600_000, 700_000] if tick == 100_000 else [])


@pytest.mark.parametrize(("price", "tick"), [(505_000, 10_000), (0, 10_000), (SCALE, 10_000), (20_000, 20_000)])
def test_a_price_off_the_grid_is_refused(price: int, tick: int) -> None:
    for amounts in (lambda: limit_amounts(Side.BUY, price, SCALE, tick), lambda: _market(price, tick)):
        with pytest.raises(UnsupportedOrder, match="not on the tick"):
            amounts()


def test_nothing_is_refused() -> None:
    with pytest.raises(UnsupportedOrder, match="rounds to nothing"):
        limit_amounts(Side.SELL, 500_000, 9_999, 10_000)
    with pytest.raises(UnsupportedOrder, match="rounds to nothing"):
        market_amounts(Side.BUY, 9_999, 500_000, 10_000)
    with pytest.raises(UnsupportedOrder, match=r"0\.05 is too little to say the price 0\.97"):
        market_amounts(Side.BUY, 50_000, 970_000, 10_000)


def _market(price: int, tick: int) -> Amounts:
    return market_amounts(Side.SELL, SCALE, price, tick)
