"""The C series and its twin, driven by the same random calls, must agree after each."""

import array
import math

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agbot.testing.twins import TimeSeriesTwin
from agbot.timeseries import TimeSeries

# Few distinct values and timestamps: ties are where the queues and the range filter can go wrong.
TIMES = st.one_of(st.integers(-3, 12), st.integers(-(2**63), 2**63 - 1))
VALUES = st.one_of(
    st.integers(-4, 4).map(float),
    st.floats(-1e6, 1e6, allow_nan=False),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)
POINTS = st.lists(st.tuples(TIMES, VALUES), max_size=12)
COUNTS = st.integers(0, 12)


def same_columns(columns, expected) -> None:
    times, values = columns
    assert times.dtype == np.int64
    assert values.dtype == np.float64
    np.testing.assert_array_equal(times, np.array(expected[0], np.int64))
    np.testing.assert_array_equal(values, np.array(expected[1], np.float64))


class SeriesMachine(RuleBasedStateMachine):
    @initialize(capacity=st.integers(1, 9), alpha=st.floats(0.01, 1.0))
    def start(self, capacity, alpha):
        self.series = TimeSeries(capacity, stats=True, ewma_alpha=alpha)
        self.twin = TimeSeriesTwin(capacity, ewma_alpha=alpha)
        self.plain = TimeSeries(capacity)
        self.scale = 1.0

    def remember(self, values):
        self.scale = max([self.scale, *(abs(value) for value in values if math.isfinite(value))])

    @rule(ts_ms=TIMES, value=VALUES)
    def append(self, ts_ms, value):
        for series in (self.series, self.plain, self.twin):
            series.append(ts_ms, value)
        self.remember([value])

    @rule(points=POINTS)
    def append_batch(self, points):
        times = array.array("q", [ts_ms for ts_ms, _ in points])
        values = array.array("d", [value for _, value in points])
        for series in (self.series, self.plain, self.twin):
            series.append_batch(times, values)
        self.remember(values)

    @rule(points=POINTS, step=st.sampled_from([-1, 2]))
    def append_strided_batch(self, points, step):
        times = np.array([ts_ms for ts_ms, _ in points], np.int64)[::step]
        values = np.array([value for _, value in points], np.float64)[::step]
        for series in (self.series, self.plain):
            series.append_batch(times, values)
        self.twin.append_batch(times.tolist(), values.tolist())
        self.remember(values)

    @rule(n=COUNTS)
    def append_own_window(self, n):
        window = self.twin.view(n)
        for series in (self.series, self.plain):
            series.append_batch(*series.view(n))
        self.twin.append_batch(*window)

    @rule(n=COUNTS)
    def look(self, n):
        same_columns(self.plain.view(n), self.twin.view(n))
        same_columns(self.series.last(n), self.twin.last(n))

    @rule(start=TIMES, end=TIMES, max_points=st.one_of(st.none(), COUNTS))
    def look_by_time(self, start, end, max_points):
        same_columns(self.series.range(start, end, max_points), self.twin.range(start, end, max_points))

    @invariant()
    def same(self):
        assert len(self.series) == len(self.plain) == len(self.twin)
        everything = self.twin.view(len(self.twin))
        same_columns(self.series.view(len(self.series)), everything)
        same_columns(self.plain.view(10**9), everything)

    @invariant()
    def same_statistics(self):
        for name in ("min", "max"):
            assert self.close(getattr(self.series, name), getattr(self.twin, name), 0.0), name
        # Sums are renewed each pass, so what is left is rounding of the values seen, not of the sums.
        for name in ("mean", "ewma"):
            assert self.close(getattr(self.series, name), getattr(self.twin, name), 1e-14 * self.scale), name

    @staticmethod
    def close(ours, expected, tolerance) -> bool:
        if ours is None or expected is None:
            return ours is expected
        if not math.isfinite(expected):
            return str(ours) == str(expected)
        return abs(ours - expected) <= tolerance


TestSeriesMachine = SeriesMachine.TestCase
TestSeriesMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_the_machine_can_fail():
    machine = SeriesMachine()
    machine.start(3, 0.5)
    machine.append(1, 2.0)
    machine.same()
    machine.series.append(1, 2.0)
    with pytest.raises(AssertionError):
        machine.same()
