"""What the series promises beside agreeing with its twin: errors, memory, laziness, types."""

import array
import gc
import math
import subprocess
import sys
import weakref

import numpy as np
import pytest

from agbot import _timeseries
from agbot.timeseries import TimeSeries


@pytest.fixture
def series() -> TimeSeries:
    filled = TimeSeries(4)
    for i in range(6):
        filled.append(100 + i, float(i))
    return filled


def test_shape_of_the_answers(series):
    assert len(series) == series.capacity == 4
    assert [column.tolist() for column in series.view(2)] == [[104, 105], [4.0, 5.0]]
    assert [column.tolist() for column in series.last(2)] == [[105, 104], [5.0, 4.0]]
    assert [column.tolist() for column in series.range(103, 104)] == [[103, 104], [3.0, 4.0]]
    assert [column.tolist() for column in series.range(0, 999, 1)] == [[102], [2.0]]
    assert repr(series) == "TimeSeries(capacity=4, len=4)"


@pytest.mark.parametrize("capacity", [0, -1])
def test_capacity_must_be_positive(capacity):
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        TimeSeries(capacity)


def test_impossible_capacity_is_a_memory_error():
    with pytest.raises(MemoryError):
        TimeSeries(sys.maxsize)


@pytest.mark.parametrize("alpha", [0.0, -0.5, 1.0000001, math.nan])
def test_alpha_must_be_a_weight(alpha):
    with pytest.raises(ValueError, match="ewma_alpha"):
        TimeSeries(4, ewma_alpha=alpha)


def test_construction_takes_options_by_name_only():
    with pytest.raises(TypeError):
        TimeSeries(4, True)
    with pytest.raises(TypeError):
        TimeSeries(4, ewma_alpha="half")
    with pytest.raises(TypeError):
        TimeSeries(4.0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), TypeError),
        ((1,), TypeError),
        ((1, 2.0, 3), TypeError),
        ((1.5, 2.0), TypeError),
        (("1", 2.0), TypeError),
        ((1, "2"), TypeError),
        ((2**63, 2.0), OverflowError),
    ],
)
def test_bad_append_appends_nothing(series, arguments, error):
    with pytest.raises(error):
        series.append(*arguments)
    assert [column.tolist() for column in series.view(1)] == [[105], [5.0]]


@pytest.mark.parametrize(
    ("times", "values", "error"),
    [
        (array.array("q", [1, 2]), array.array("d", [1.0]), ValueError),
        (array.array("i", [1]), array.array("d", [1.0]), TypeError),
        (array.array("q", [1]), array.array("f", [1.0]), TypeError),
        (array.array("q", [1]), array.array("q", [1]), TypeError),
        (array.array("d", [1.0]), array.array("d", [1.0]), TypeError),
        (np.zeros((1, 1), np.int64), np.zeros((1, 1)), TypeError),
        (np.zeros(1, ">i8"), np.zeros(1), TypeError),
        (np.zeros(1, np.uint64), np.zeros(1), TypeError),
        (np.frombuffer(bytes(17), np.uint8)[1:].view(np.int64), np.zeros(2), TypeError),
        ([1], [1.0], TypeError),
    ],
)
def test_bad_batch_appends_nothing(series, times, values, error):
    with pytest.raises(error):
        series.append_batch(times, values)
    assert [column.tolist() for column in series.view(1)] == [[105], [5.0]]


@pytest.mark.parametrize("values", [array.array("d", [1.0]), array.array("d"), array.array("q", [1])])
def test_a_batch_lets_go_of_its_buffers(series, values):
    times = array.array("q", [1])
    try:
        series.append_batch(times, values)
    except (TypeError, ValueError):
        assert len(values) == 0 or values.typecode == "q"
    times.append(2)  # BufferError while something still holds the buffer
    values.append(1)


def test_batch_takes_any_buffer_of_the_right_numbers(series):
    series.append_batch(memoryview(array.array("l", [1])), memoryview(bytearray(8)).cast("d"))
    series.append_batch(np.array([2]), np.array([2.5]))
    series.append_batch(array.array("q"), array.array("d"))
    assert [column.tolist() for column in series.view(2)] == [[1, 2], [0.0, 2.5]]


@pytest.mark.parametrize("ask", [lambda s: s.view(-1), lambda s: s.last(-1), lambda s: s.range(0, 9, -1)])
def test_negative_counts_are_refused(series, ask):
    with pytest.raises(ValueError, match="-1 points"):
        ask(series)


def test_empty_series_answers_empty_columns():
    empty = TimeSeries(3, stats=True, ewma_alpha=0.5)
    for columns in (empty.view(3), empty.last(3), empty.range(-9, 9)):
        assert [column.tolist() for column in columns] == [[], []]
    assert (empty.mean, empty.min, empty.max, empty.ewma) == (None, None, None, None)


@pytest.mark.parametrize("name", ["mean", "min", "max", "ewma"])
def test_statistics_not_kept_say_so(series, name):
    with pytest.raises(ValueError, match="not kept"):
        getattr(series, name)


def test_statistics_cover_the_window_and_ewma_everything():
    kept = TimeSeries(2, stats=True, ewma_alpha=0.5)
    for value in (100.0, 1.0, 2.0):
        kept.append(0, value)
    assert (kept.mean, kept.min, kept.max) == (1.5, 1.0, 2.0)
    assert kept.ewma == 0.5 * 2.0 + 0.5 * (0.5 * 1.0 + 0.5 * 100.0)


def test_a_view_is_live_and_a_copy_is_not(series):
    times, values = series.view(3)
    copied = series.last(3)[1]
    series.append(106, 6.0)  # capacity - 3 appends leave the view alone
    assert values.tolist() == [3.0, 4.0, 5.0]
    series.append(107, 7.0)
    assert values.tolist() == [7.0, 4.0, 5.0]
    assert times.tolist() == [107, 104, 105]
    assert copied.tolist() == [5.0, 4.0, 3.0]


def test_a_view_is_read_only_for_good(series):
    for column in series.view(3):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1
        with pytest.raises(ValueError, match="WRITEABLE"):
            column.flags.writeable = True


def test_a_view_copies_nothing(series):
    for first, second in zip(series.view(3), series.view(2), strict=True):
        assert np.shares_memory(first, second)


def test_a_view_outlives_its_series():
    # 32 MB: freed memory of that size is unmapped, so a dangling view would crash or read other points.
    series = TimeSeries(1_000_000)
    series.append_batch(np.arange(1_000_000), np.arange(1_000_000, dtype=np.float64))
    times, values = series.view(1_000_000)
    del series
    gc.collect()
    churn = [TimeSeries(1_000_000) for _ in range(4)]
    for other in churn:
        other.append_batch(np.full(1_000_000, -1), np.full(1_000_000, -1.0))
    assert times[0] == 0
    assert int(times.sum()) == 499_999_500_000
    assert float(values.sum()) == 499_999_500_000.0


def test_dropping_the_series_frees_it_without_the_collector():
    gc.disable()
    try:
        series = TimeSeries(4)
        series.append(1, 1.0)
        view = series.view(1)[0]
        assert view.base is not None
        memory = series._memory
        held = sys.getrefcount(memory)
        del series
        assert sys.getrefcount(memory) < held
    finally:
        gc.enable()


def test_subclasses_work_and_the_memory_cannot_be_made():
    class Named(TimeSeries):
        pass

    named = Named(2)
    named.append(1, 1.0)
    reference = weakref.ref(named)
    assert named.view(1)[1].tolist() == [1.0]
    del named
    gc.collect()
    assert reference() is None
    with pytest.raises(TypeError):
        _timeseries.Memory()


def test_the_internal_queries_check_their_buffers(series):
    good_times, good_values = np.zeros(2, np.int64), np.zeros(2)
    read_only = np.zeros(2)
    read_only.flags.writeable = False
    with pytest.raises((BufferError, ValueError)):
        series._last_into(good_times, read_only)
    with pytest.raises((BufferError, ValueError)):
        series._last_into(np.zeros(4, np.int64)[::2], good_values)
    with pytest.raises(ValueError, match="2 timestamps but 3 values"):
        series._last_into(good_times, np.zeros(3))
    with pytest.raises(TypeError):
        series._range_into(0, 1, good_values, good_values)
    assert series._range_into(0, 999, good_times, good_values) == 2
    assert good_times.tolist() == [102, 103]


def test_import_and_append_leave_numpy_alone():
    program = (
        "import sys; from agbot.timeseries import TimeSeries; s = TimeSeries(3, stats=True); s.append(1, 2.0);"
        "assert s.mean == 2.0; assert 'numpy' not in sys.modules; s.view(1); assert 'numpy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_noop_takes_anything():
    assert _timeseries._noop(1, "two", 3.0) is None
