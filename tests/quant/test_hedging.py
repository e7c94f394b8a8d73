"""Greeks of a portfolio, and hedges: what is asked for is met where it can be, cheaply, else as near as possible."""

from __future__ import annotations

import math

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.hedging import HEDGED, Position, calculate_greeks, calculate_portfolio_greeks, suggest_hedge
from agbot.quant.options import Greeks, Market, Payoff, value

numbers = st.floats(-100, 100).map(lambda n: round(n, 3))


@st.composite
def some_greeks(draw: st.DrawFn) -> Greeks:
    return Greeks(abs(draw(numbers)), *(draw(numbers) for _ in HEDGED))


def test_the_greeks_are_those_of_the_options() -> None:
    for payoff in Payoff:
        ours = calculate_greeks(100, 105, 0.5, 0.3, 0.03, 0.01, payoff=payoff, call=False)
        assert ours == value(payoff, 105, Market(spot=100, years=0.5, vol=0.3, rate=0.03, dividend=0.01), call=False)
    with pytest.raises(ValueError, match="spot > 0"):
        calculate_greeks(0, 105, 0.5, 0.3)


def test_a_portfolio_is_summed_by_what_it_is_on() -> None:
    one, other = Greeks(1, 2, 3, 4, 5, 6), Greeks(10, 20, 30, 40, 50, 60)
    held = [Position("btc", 2, one), Position("eth", 1, other), Position("btc", -1, other)]
    assert calculate_portfolio_greeks(held) == {"btc": Greeks(-8, -16, -24, -32, -40, -48), "eth": other}
    assert calculate_portfolio_greeks([]) == {}


def test_what_does_not_exist_of_one_does_not_exist_of_the_whole() -> None:
    at_the_strike = attrs.evolve(Greeks(1, 2, 3, 4, 5, 6), delta=None)
    found = calculate_portfolio_greeks(
        [Position("btc", 1, Greeks(1, 2, 3, 4, 5, 6)), Position("btc", 1, at_the_strike)]
    )
    assert (found["btc"].delta, found["btc"].gamma) == (None, 6)


def test_delta_is_hedged_with_what_costs_least() -> None:
    future, dear = Greeks(1.0, 1.0, 0, 0, 0, 0), Greeks(5.0, 1.0, 0, 0, 0, 0)
    found = suggest_hedge(Greeks(0, 40.0, 0, 0, 0, 0), {"delta": 0}, {"dear": dear, "future": future})
    assert found.quantities == {"future": pytest.approx(-40)}
    assert (found.after, found.missed, found.cost) == ({"delta": pytest.approx(0)}, pytest.approx(0), pytest.approx(40))


def test_digital_claims_hedge_each_other_to_the_last_digit() -> None:
    held = calculate_greeks(100_000, 110_000, 30 / 365, 0.5).times(1000)
    offered = [(90_000, 60), (105_000, 30), (120_000, 90)]
    strikes = {f"{strike}": calculate_greeks(100_000, strike, days / 365, 0.5) for strike, days in offered}
    found = suggest_hedge(held, {"delta": 0, "gamma": 0, "vega": 0}, strikes)
    assert found.missed < 1e-9
    one_expiry = {f"{strike}": calculate_greeks(100_000, strike, 60 / 365, 0.5) for strike, _ in offered}
    assert suggest_hedge(held, {"gamma": 0, "vega": 0}, one_expiry).missed > 0.1  # there they are in proportion
    for name in ("delta", "gamma", "vega"):
        sums = [getattr(held, name), *(size * getattr(strikes[who], name) for who, size in found.quantities.items())]
        assert math.fsum(sums) == pytest.approx(found.after[name], abs=1e-12)


@given(current=some_greeks(), one=some_greeks(), two=some_greeks(), wanted=numbers)
def test_it_is_never_further_away_than_doing_nothing(current: Greeks, one: Greeks, two: Greeks, wanted: float) -> None:
    target = {"delta": wanted, "gamma": 0.0}
    found = suggest_hedge(current, target, {"one": one, "two": two})
    nothing = suggest_hedge(current, target, {})
    scale = {name: max(abs(getattr(current, name)), abs(target[name])) or 1.0 for name in target}
    hedged, bare = (sum(abs(h.after[n] - target[n]) / scale[n] for n in target) for h in (found, nothing))
    assert hedged <= bare + 1e-6


@given(current=some_greeks(), one=some_greeks(), two=some_greeks())
def test_a_target_that_can_be_met_is(current: Greeks, one: Greeks, two: Greeks) -> None:
    made = current.plus(one.times(3)).plus(two.times(-2))
    target = {"delta": float(made.delta or 0), "vega": float(made.vega or 0)}
    found = suggest_hedge(current, target, {"one": one, "two": two})
    assert found.missed < 1e-5
    assert found.cost <= 3 * one.price + 2 * two.price + 1e-3 * (1 + one.price + two.price)


def test_with_nothing_to_trade_it_says_how_far_off_it_is() -> None:
    found = suggest_hedge(Greeks(0, 8.0, 0, 0, 0, 0), {"delta": 2.0}, {})
    assert (found.quantities, found.after, found.missed, found.cost) == ({}, {"delta": 8.0}, 0.75, 0)
    useless = suggest_hedge(Greeks(0, 8.0, 0, 0, 0, 0), {"delta": 2.0}, {"cash": Greeks(1, 0, 0, 0, 0, 0)})
    assert useless == found


@pytest.mark.parametrize(
    ("target", "says"),
    [({}, "not for nothing"), ({"charm": 0}, "not for charm"), ({"delta": 0, "charm": 0}, "not for delta, charm")],
)
def test_a_wrong_target_is_told(target: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        suggest_hedge(Greeks(0, 0, 0, 0, 0, 0), target, {})


def test_a_greek_that_does_not_exist_cannot_be_hedged() -> None:
    with pytest.raises(ValueError, match="what is held has no delta"):
        suggest_hedge(Greeks(0, None, None, None, None, None), {"delta": 0}, {})
