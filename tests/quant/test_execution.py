"""Schedules: whole units that sum to the order, and an Almgren–Chriss path that nothing nearby beats."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.quant.execution import Impact, Trajectory, almgren_chriss, pov, twap, vwap, whole_units

IMPACT = Impact(eta=2.5e-6, gamma=2.5e-7, epsilon=0.0625)
aversions = st.floats(0, 1e-4)


def path(aversion: float, n: int = 10, shares: float = 1e6, horizon: float = 5.0) -> Trajectory:
    return almgren_chriss(shares, horizon, n, sigma=0.95, impact=IMPACT, aversion=aversion)


@given(total=st.integers(0, 10**9), slices=st.integers(1, 200), least=st.integers(1, 10_000))
def test_equal_slices(total: int, slices: int, least: int) -> None:
    found = twap(total, slices, least)
    if total < least:
        assert found == []
        return
    assert sum(found) == total
    assert max(found) - min(found) <= 1
    assert min(found) >= least
    assert len(found) <= slices
    ideal = Fraction(total, len(found))
    assert all(0 <= ideal * at - done < 1 for at, done in enumerate(accumulate(found), 1))


@given(total=st.integers(0, 10**9), profile=st.lists(st.integers(0, 10**6), min_size=1, max_size=60).filter(any))
def test_slices_by_a_profile(total: int, profile: list[int]) -> None:
    found = vwap(total, profile)
    assert sum(found) == total
    assert all(slice_ >= 0 and (weight or not slice_) for slice_, weight in zip(found, profile, strict=True))
    whole = sum(profile)
    assert all(
        0 <= Fraction(total * part, whole) - done < 1
        for part, done in zip(accumulate(profile), accumulate(found), strict=True)
    )


@given(
    total=st.integers(0, 10**6),
    rate=st.fractions(Fraction(1, 1000), 2, max_denominator=1000),
    volumes=st.lists(st.integers(0, 10**6), max_size=40),
    least=st.integers(1, 1000),
)
def test_a_part_of_the_volume(total: int, rate: Fraction, volumes: list[int], least: int) -> None:
    found = pov(total, rate, volumes, least)
    seen = list(accumulate(volumes))
    assert all(done <= min(total, rate * volume) for done, volume in zip(accumulate(found), seen, strict=True))
    assert all(
        slice_ == 0 or slice_ >= least or done == total for slice_, done in zip(found, accumulate(found), strict=True)
    )


@given(aversion=aversions, more=st.floats(1.5, 10), n=st.integers(2, 40))
def test_a_path_falls_from_all_to_nothing_and_more_aversion_costs_more_and_risks_less(
    aversion: float, more: float, n: int
) -> None:
    calm, hasty = path(aversion, n), path(aversion * more + 1e-9, n)
    for found in (calm, hasty):
        assert found.holdings[0] == pytest.approx(1e6)
        assert found.holdings[-1] == pytest.approx(0, abs=1e-6)
        assert (found.trades >= -1e-6).all()
    assert hasty.cost >= calm.cost * (1 - 1e-12)
    assert hasty.variance <= calm.variance * (1 + 1e-12)


@given(aversion=aversions, n=st.integers(3, 20), seed=st.integers(0, 2**32 - 1))
def test_no_path_nearby_is_better(aversion: float, n: int, seed: int) -> None:
    found, step = path(aversion, n), 5.0 / n

    def charged(left: np.ndarray) -> float:
        trades = -np.diff(left)
        eta = IMPACT.eta - IMPACT.gamma * step / 2
        return float(eta / step * (trades**2).sum() + aversion * 0.95**2 * step * (left[1:] ** 2).sum())

    bent = found.holdings.copy()
    bent[1:-1] += np.random.default_rng(seed).normal(0, 1e4, n - 1)
    assert charged(found.holdings) <= charged(bent) * (1 + 1e-12)


def test_the_edges() -> None:
    assert path(0.0).trades == pytest.approx([1e5] * 10)
    assert path(1e-14).holdings == pytest.approx(path(0.0).holdings)
    assert path(1e6).trades[0] == pytest.approx(1e6)
    assert np.isfinite(path(1e6).holdings).all()
    with pytest.raises(ValueError, match="below pi"):
        path(-2e-6)
    with pytest.raises(ValueError, match="no path in steps"):
        path(-1.0)
    with pytest.raises(ValueError, match="permanent impact"):
        almgren_chriss(1.0, 1.0, 1, sigma=1.0, impact=Impact(eta=1.0, gamma=2.0), aversion=0.0)
    with pytest.raises(ValueError, match="above 0"):
        almgren_chriss(0.0, 1.0, 1, sigma=1.0, impact=Impact(eta=1.0), aversion=0.0)


@given(aversion=aversions, n=st.integers(1, 30), shares=st.integers(1, 10**6))
def test_whole_units_of_a_path_are_exact_and_stray_less_than_one(aversion: float, n: int, shares: int) -> None:
    found = path(aversion, n, float(shares)).holdings.tolist()
    units = whole_units(found)
    assert sum(units) == shares
    assert min(units) >= 0
    assert all(abs(found[0] - left - done) < 1 for left, done in zip(found[1:], accumulate(units), strict=True))


@pytest.mark.parametrize(
    "call",
    [
        lambda: twap(-1, 1),
        lambda: twap(1, 0),
        lambda: vwap(1, [0, 0]),
        lambda: vwap(1, [1, -1]),
        lambda: pov(1, "0", []),
    ],
)
def test_what_is_no_schedule_is_refused(call) -> None:
    with pytest.raises(ValueError, match=r"above 0|at least 1|not all zero"):
        call()
