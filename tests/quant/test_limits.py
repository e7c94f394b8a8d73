"""Limits by parts: exactly at one passes, a larger one never passes where a smaller failed; shocks of prices."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.limits import Candidate, Parts, exceeded, shocked, stressed

PARTS = Parts(max_position=0.1, max_sector=0.3, max_correlation=0.8)
usd = st.floats(0, 5000)


def asked(exposure: float, correlation: float = 0.0, equity: float = 10_000.0) -> list[str]:
    candidate = Candidate(name="c", exposure=exposure, sector="pol", correlations={"a": correlation})
    return exceeded(candidate, {"a": 2500.0, "b": 900.0}, {"a": "pol", "b": "sport"}, equity, PARTS)


def test_exactly_at_a_limit_passes() -> None:
    assert asked(500.0, 0.8) == []
    assert asked(500.01, 0.81) == ["max_sector_exposure", "max_correlation"]
    assert asked(1000.01) == ["max_position_pct", "max_sector_exposure"]


@given(small=usd, more=usd, correlation=st.floats(-1, 1))
def test_a_larger_one_never_passes_where_a_smaller_failed(small: float, more: float, correlation: float) -> None:
    assert set(asked(small, correlation)) <= set(asked(small + more, correlation))


@pytest.mark.parametrize("equity", [0.0, -1.0, math.nan])
def test_without_equity_nothing_passes(equity: float) -> None:
    assert asked(1.0, equity=equity) == ["max_position_pct", "max_sector_exposure"]


def test_a_correlation_that_is_not_known_does_not_pass() -> None:
    assert asked(1.0, math.nan) == ["max_correlation"]


@given(price=st.floats(0.001, 0.999), logits=st.floats(-20, 20))
def test_a_shock_stays_inside_and_comes_back(price: float, logits: float) -> None:
    moved = shocked(price, logits)
    assert 0 <= moved <= 1
    assert shocked(moved, -logits) == pytest.approx(price, rel=1e-4)
    assert shocked(1 - price, -logits) == pytest.approx(1 - moved, abs=1e-9)


def test_what_has_resolved_does_not_move_and_what_is_not_named_stays() -> None:
    assert (shocked(0.0, 3.0), shocked(1.0, -3.0)) == (0.0, 1.0)
    assert stressed({"a": (10, 0.4), "b": (-5, 0.5)}, {"a": 0.5}) == pytest.approx(1.0)
