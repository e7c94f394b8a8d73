"""Options: identities that hold at any market, derivatives against differences, and what hits a barrier."""

from __future__ import annotations

import math
from itertools import pairwise

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agbot.quant.options import (
    Market,
    Payoff,
    between,
    implied_vols,
    touch_paid_at_hit,
    touch_probability,
    value,
)

rates = st.floats(-0.05, 0.2)
markets = st.builds(
    Market, spot=st.floats(20, 200), years=st.floats(0.02, 2), vol=st.floats(0.1, 1.2), rate=rates, dividend=rates
)
strikes = st.floats(30, 160)
NAMES = ("price", "delta", "gamma", "vega", "theta", "rho")


@given(market=markets, strike=strikes)
def test_a_digital_call_and_put_are_a_bond(market: Market, strike: float) -> None:
    both = value(Payoff.CASH, strike, market).plus(value(Payoff.CASH, strike, market, call=False))
    bond = math.exp(-market.rate * market.years)
    assert both.price == pytest.approx(bond)
    assert (both.delta, both.gamma, both.vega) == pytest.approx((0, 0, 0), abs=1e-12)
    assert both.theta == pytest.approx(market.rate * bond, abs=1e-9)
    assert both.rho == pytest.approx(-market.years * bond, abs=1e-9)


@given(market=markets, strike=strikes)
def test_put_call_parity_and_the_parts_of_a_vanilla(market: Market, strike: float) -> None:
    call, put = (value(Payoff.VANILLA, strike, market, call=way) for way in (True, False))
    forward = market.spot * math.exp(-market.dividend * market.years) - strike * math.exp(-market.rate * market.years)
    assert call.price - put.price == pytest.approx(forward, abs=1e-9)
    assert call.price >= max(forward, 0) - 1e-9
    parts = value(Payoff.ASSET, strike, market).price - strike * value(Payoff.CASH, strike, market).price
    assert call.price == pytest.approx(parts, abs=1e-9)
    assert call.delta is not None
    assert put.delta is not None
    assert -1e-12 <= call.delta * math.exp(market.dividend * market.years) <= 1 + 1e-12
    assert put.delta <= 1e-12


@given(
    market=st.builds(
        Market, spot=st.floats(80, 120), years=st.floats(0.1, 1), vol=st.floats(0.2, 0.8), rate=rates, dividend=rates
    ),
    strike=st.floats(80, 120),
    payoff=st.sampled_from(Payoff),
    call=st.booleans(),
)
def test_greeks_are_the_derivatives_of_the_price(market: Market, strike: float, payoff: Payoff, call: bool) -> None:
    def price(**changed: float) -> float:
        return value(payoff, strike, attrs.evolve(market, **changed), call=call).price

    def slope(name: str, step: float) -> float:
        at = getattr(market, name)
        return (price(**{name: at + step}) - price(**{name: at - step})) / (2 * step)

    told = value(payoff, strike, market, call=call)
    scale = 1 if payoff is Payoff.CASH else 100
    step = 1e-3 * market.spot
    bend = (price(spot=market.spot + step) - 2 * price() + price(spot=market.spot - step)) / step**2
    found = (slope("spot", 1e-4 * market.spot), bend, slope("vol", 1e-5), -slope("years", 1e-5), slope("rate", 1e-6))
    for name, mine, theirs in zip(NAMES[1:], attrs.astuple(told)[1:], found, strict=True):
        assert mine == pytest.approx(theirs, rel=2e-4, abs=2e-4 * scale), name


@given(market=markets, strike=strikes)
def test_a_digital_is_the_limit_of_call_spreads(market: Market, strike: float) -> None:
    width = 1e-4 * strike
    low, high = (value(Payoff.VANILLA, strike + way * width, market).price for way in (-1, 1))
    assert value(Payoff.CASH, strike, market).price == pytest.approx((low - high) / (2 * width), abs=1e-5)


@given(market=markets, cuts=st.lists(strikes, min_size=1, max_size=5, unique=True))
def test_ranges_over_a_partition_are_a_bond(market: Market, cuts: list[float]) -> None:
    edges = sorted(cuts)
    inner = sum(between(low, high, market).price for low, high in pairwise(edges))
    outer = value(Payoff.CASH, edges[0], market, call=False).price + value(Payoff.CASH, edges[-1], market).price
    assert inner + outer == pytest.approx(math.exp(-market.rate * market.years))


@given(market=markets, barrier=strikes)
def test_to_touch_is_at_least_as_likely_as_to_end_beyond(market: Market, barrier: float) -> None:
    assume(abs(barrier / market.spot - 1) > 1e-6)
    assume(market.rate >= 0)
    touched = touch_probability(barrier, market)
    digital = value(Payoff.CASH, barrier, market, call=barrier > market.spot)
    beyond = digital.price * math.exp(market.rate * market.years)
    assert beyond - 1e-9 <= touched <= 1 + 1e-9
    paid = touch_paid_at_hit(barrier, market)
    bounds = sorted((touched, touched * math.exp(-market.rate * market.years)))
    assert bounds[0] - 1e-9 <= paid <= bounds[1] + 1e-9


def test_a_rate_far_below_zero_has_no_closed_form_for_what_is_paid_at_the_hit() -> None:
    with pytest.raises(ValueError, match="closed form"):
        touch_paid_at_hit(120, Market(spot=100, years=1, vol=0.25, rate=-0.05, dividend=-0.08125))


def test_what_is_touched_already_was_touched() -> None:
    market = Market(spot=100, years=0.5, vol=0.3)
    assert touch_probability(100, market) == touch_paid_at_hit(100, market) == 1.0


@given(market=markets, strike=strikes, call=st.booleans())
def test_every_implied_volatility_gives_the_price_and_the_true_one_is_among_them(
    market: Market, strike: float, call: bool
) -> None:
    price = value(Payoff.CASH, strike, market, call=call).price
    undiscounted = price * math.exp(market.rate * market.years)
    assume(1e-6 < undiscounted < 1 - 1e-6)
    roots = implied_vols(price, strike, market, call=call)
    assert any(root == pytest.approx(market.vol, rel=1e-3) for root in roots)
    for root in roots:
        again = value(Payoff.CASH, strike, attrs.evolve(market, vol=root), call=call).price
        assert again == pytest.approx(price, abs=1e-8)


@pytest.mark.parametrize("price", [-0.1, 0.0, 1.0, 1.2])
def test_an_impossible_price_has_no_volatility(price: float) -> None:
    assert implied_vols(price, 100, Market(spot=100, years=0.5, vol=0)) == ()


@pytest.mark.parametrize("payoff", Payoff)
@pytest.mark.parametrize("call", [True, False])
def test_at_expiry_a_claim_is_its_payoff(payoff: Payoff, call: bool) -> None:
    over, at, under = (value(payoff, 100, Market(spot=s, years=0, vol=0.5), call=call) for s in (110, 100, 90))
    unit = {Payoff.CASH: 1.0, Payoff.ASSET: 110.0 if call else 90.0, Payoff.VANILLA: 10.0}[payoff]
    inside, outside = (over, under) if call else (under, over)
    assert (inside.price, outside.price) == (unit, 0.0)
    assert (inside.gamma, inside.vega, outside.delta) == (0, 0, 0)
    assert at.delta is None
    assert at.gamma is None


@pytest.mark.parametrize("market", [{"spot": 0}, {"years": -1}, {"vol": -0.1}, {"rate": math.nan}])
def test_an_impossible_market_is_refused(market: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="spot > 0"):
        Market(**({"spot": 100, "years": 1, "vol": 0.2} | market))


def test_an_impossible_strike_or_range_is_refused() -> None:
    market = Market(spot=100, years=1, vol=0.2)
    with pytest.raises(ValueError, match="strike"):
        value(Payoff.CASH, 0, market)
    with pytest.raises(ValueError, match="range"):
        between(100, 100, market)
