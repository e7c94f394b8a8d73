"""Digital claims from plain numbers: as the general formulas have them, one or many, and nothing impossible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.digitals import SPREAD_MIN, digital, digitals
from agbot.quant.options import Market, Payoff, value

rates = st.floats(-0.05, 0.2)
claims = st.tuples(
    st.floats(30, 160),
    st.floats(30, 160),
    st.floats(0.02, 2),
    st.floats(0.1, 1.2),
    rates,
    rates,
    st.booleans(),
)


@given(claim=claims)
def test_a_vanilla_is_the_asset_less_strikes_of_it(claim: tuple[float, ...]) -> None:
    spot, strike, years, vol, rate, dividend, call = claim
    market = Market(spot=spot, years=years, vol=vol, rate=rate, dividend=dividend)
    vanilla, asset = (value(payoff, strike, market, call=call) for payoff in (Payoff.VANILLA, Payoff.ASSET))
    for name, mine in zip(("price", "delta", "gamma", "vega", "theta", "rho"), digital(*claim), strict=True):
        rest = getattr(asset, name) - (1 if call else -1) * getattr(vanilla, name)
        assert strike * mine == pytest.approx(rest, rel=1e-9, abs=1e-9 * strike), name


@given(rows=st.lists(claims, min_size=1, max_size=8))
def test_many_are_as_each_alone(rows: list[tuple[float, ...]]) -> None:
    found = digitals(*(np.array(column) for column in zip(*rows, strict=True)))
    for mine, row in zip(zip(*found, strict=True), rows, strict=True):
        assert mine == pytest.approx(digital(*row), rel=1e-12, abs=1e-14)


def test_what_is_the_same_for_all_is_given_once() -> None:
    price, *_ = digitals([90.0, 100.0, 110.0], 100.0, 0.5, 0.3)
    assert price.tolist() == pytest.approx([digital(spot, 100.0, 0.5, 0.3)[0] for spot in (90.0, 100.0, 110.0)])


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(at: int, bad: float) -> None:
    claim = [100.0, 105.0, 0.5, 0.3, 0.03, 0.01]
    claim[at] = bad
    with pytest.raises(ValueError, match=r"finite|domain"):
        digital(*claim)
    with pytest.raises(ValueError, match="finite"):
        digitals(*claim)


@pytest.mark.parametrize("claim", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, -1, 1), (1, 1, 1, -1), (1, 1, 1, SPREAD_MIN / 2)])
def test_the_impossible_is_refused(claim: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"domain|above zero"):
        digital(*claim)
    with pytest.raises(ValueError, match="above zero"):
        digitals(*claim)
