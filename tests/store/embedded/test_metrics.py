"""Metrics: whatever comes, in whatever order and however often, every answer is that of the observations themselves."""

from __future__ import annotations

import math
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.errors import StoreError
from agbot.store.embedded import EmbeddedStore, HistoryReader, series_between, step_for
from agbot.store.embedded.chunks import packed, rows_of
from agbot.store.rows import MetricPoint, MetricRow
from agbot.units import NS_PER_S

MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S
BEGIN = 1_700_000_000 * NS_PER_S
LABELS = ((), (("side", "YES"),), (("market", "m"), ("side", "NO")))


def oracle(kept, labels, start, end, step):
    """Return what a series' points must be, from a dict of its observations."""
    buckets = defaultdict(list)
    for (of, ts), value in sorted(kept.items(), key=lambda item: item[0][1]):
        if of == labels and start <= ts < end:
            buckets[ts // step * step if step else ts].append(value)
    return [
        MetricPoint(ts, len(v), min(v), max(v), pytest.approx(math.fsum(v) / len(v)), v[-1])
        for ts, v in sorted(buckets.items())
    ]


# Close together around a few minutes and hours: late, told again, at edges.
TIMES = st.builds(
    lambda hour, minute, part: BEGIN + hour * HOUR + minute * MINUTE + part,
    st.integers(0, 2),
    st.sampled_from([0, 1, 26, 59]),
    st.sampled_from([0, 1, 999_999_999, NS_PER_S, 30 * NS_PER_S, MINUTE - 1]),
)
ROWS = st.builds(
    lambda ts, labels, eighths: MetricRow(ts, "m", labels, eighths / 8),
    TIMES,
    st.sampled_from(LABELS),
    st.integers(-800, 800),
)
STEPS = st.sampled_from([0, 1, NS_PER_S, 7 * NS_PER_S, MINUTE, 5 * MINUTE, 90 * MINUTE, HOUR, 24 * HOUR])
BETWEEN = st.sampled_from(["nothing", "pack", "pack all", "open again"])


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.lists(ROWS, max_size=30), BETWEEN), min_size=1, max_size=5),
    st.lists(st.tuples(TIMES, TIMES, STEPS), min_size=1, max_size=6),
)
def test_every_answer_is_that_of_the_observations(batches, questions):
    directory = Path(tempfile.mkdtemp())
    kept = {}
    store = EmbeddedStore(directory)
    try:
        for rows, then in batches:
            store.insert_metrics_batch(rows)
            for row in rows:
                kept.setdefault((row.labels, row.ts_ns), row.value)
            if then == "pack":
                store.pack()
            elif then == "pack all":
                store._writer.pack_all()
            elif then == "open again":
                store.close()
                store = EmbeddedStore(directory)
        for start, end, step in [*questions, (0, 2**63 - 1, MINUTE), (0, 2**63 - 1, HOUR)]:
            found = {series.labels: list(series.points) for series in store.query_metrics("m", start, end, None, step)}
            for labels in LABELS:
                assert found.get(labels, []) == oracle(kept, labels, start, end, step)
    finally:
        store.close()
        shutil.rmtree(directory)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2**62), st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
def test_what_is_packed_reads_as_before(observations):
    body = b"".join(ts.to_bytes(8, "little") + _bits(value) for ts, value in observations)
    rows = rows_of(0, body)
    assert rows_of(1, packed(rows)).tobytes() == body


def _bits(value):
    import struct  # noqa: PLC0415

    return struct.pack("<d", value)


@pytest.fixture
def store(tmp_path):
    with EmbeddedStore(tmp_path / "history") as store:
        yield store


def seconds(count, *, name="m", labels=(), first=BEGIN, step=NS_PER_S):
    return [MetricRow(first + i * step, name, labels, float(i % 10)) for i in range(count)]


def test_labels_choose_series(store):
    for labels in LABELS:
        store.insert_metrics_batch(seconds(1, labels=labels))
    store.insert_metrics_batch(seconds(1, name="other"))

    def asked(**labels):
        return [series.labels for series in store.query_metrics("m", 0, 2**63 - 1, labels)]

    assert sorted(asked()) == sorted(LABELS)
    assert asked(side="NO") == [LABELS[2]]
    assert asked(side="NO", market="m") == [LABELS[2]]
    assert asked(side="MAYBE") == []
    assert store.query_metrics("nothing", 0, 2**63 - 1) == []
    assert store.metric_names() == ["m", "other"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_stores_nothing_of_its_batch(store, value):
    with pytest.raises(ValueError, match="finite"):
        store.insert_metrics_batch([*seconds(3), MetricRow(BEGIN + HOUR, "m", (), value)])
    assert store.query_metrics("m", 0, 2**63 - 1) == []
    store.insert_metrics_batch(seconds(3))
    assert [p.observed for p in store.query_metrics("m", 0, 2**63 - 1, None, HOUR)[0].points] == [3]


def test_a_batch_that_fails_leaves_nothing_and_can_be_told_again(store, tmp_path):
    store.insert_metrics_batch(seconds(90))
    with sqlite3.connect(tmp_path / "history" / "metrics.db") as other:
        other.execute("create trigger broken before insert on hour begin select raise(abort, 'broken'); end")
    other.close()
    more = [*seconds(90, first=BEGIN + 90 * NS_PER_S), *seconds(5, name="new")]
    with pytest.raises(StoreError, match="broken") as caught:
        store.insert_metrics_batch(more)
    assert caught.value.id == "AGB-901"
    with sqlite3.connect(tmp_path / "history" / "metrics.db") as other:
        other.execute("drop trigger broken")
    other.close()
    store.insert_metrics_batch(more)
    store.insert_metrics_batch(more)
    (series,) = store.query_metrics("m", 0, 2**63 - 1, None, HOUR)
    assert sum(p.observed for p in series.points) == 180
    assert len(store.query_metrics("new", 0, 2**63 - 1)[0].points) == 5


def test_what_is_old_goes_and_its_roll_ups_stay_longer(store):
    day = 24 * HOUR
    now = BEGIN // day * day + 400 * day
    for age in (1, 89, 91, 179, 181, 1799, 1801):
        store.insert_metrics_batch(seconds(2, first=now - age * day))
    store.prune(now, metrics_ns=90 * day, executions_ns=365 * day)

    def ages(step):
        found = store.query_metrics("m", 0, 2**63 - 1, None, step)
        return [(now - p.ts_ns) // day for series in found for p in series.points if p.observed]

    assert ages(0) == [89, 89, 1, 1] or ages(0) == [89, 88, 1, 0]
    assert ages(MINUTE) == [179, 91, 89, 1]
    assert ages(day) == [1799, 181, 179, 91, 89, 1]
    store.insert_metrics_batch(seconds(5, first=now - 91 * day))  # late beyond what could be told apart from known
    assert ages(MINUTE) == [179, 91, 89, 1]
    assert [p.observed for p in store.query_metrics("m", 0, 2**63 - 1, None, day)[0].points] == [2] * 6


def test_series_of_which_nothing_is_left_are_forgotten(store):
    store.insert_metrics_batch(seconds(3, name="old"))
    now = BEGIN + 20_000 * 24 * HOUR
    store.insert_metrics_batch(seconds(3, name="new", first=now))
    store.prune(now, metrics_ns=90 * 24 * HOUR, executions_ns=1)
    assert store.metric_names() == ["new"]
    store.insert_metrics_batch(seconds(3, name="old", first=now))
    assert [len(store.query_metrics(name, 0, 2**63 - 1)[0].points) for name in ("old", "new")] == [3, 3]


def test_a_late_row_of_the_newest_minute_is_kept_when_more_is_appended(store):
    at = [BEGIN // MINUTE * MINUTE + n * NS_PER_S for n in (1, 9, 5, 10, 5)]
    for n, ts in enumerate(at):
        store.insert_metrics_batch([MetricRow(ts, "m", (), float(n))])
    (series,) = store.query_metrics("m", 0, 2**63 - 1)
    assert [(p.ts_ns, p.last) for p in series.points] == [(at[0], 0), (at[2], 2), (at[1], 1), (at[3], 3)]
    assert store.query_metrics("m", 0, 2**63 - 1, None, MINUTE)[0].points[0][1:] == (4, 0, 3, 1.5, 3)


def test_a_vacuum_changes_no_answer_and_makes_the_file_smaller(store, tmp_path):
    for n in range(20):
        store.insert_metrics_batch(seconds(1000, first=BEGIN + n * 1000 * NS_PER_S))
    before = store.query_metrics("m", 0, 2**63 - 1)
    done = []
    store.vacuum(lambda: done.append(store))
    assert store.query_metrics("m", 0, 2**63 - 1) == before
    assert len(done) == 3
    assert (tmp_path / "history" / "metrics.db").stat().st_size < 20_000 * 8
    store.insert_metrics_batch(seconds(1, first=BEGIN + 20_000 * NS_PER_S))
    assert len(store.query_metrics("m", 0, 2**63 - 1)[0].points) == 20_001


def test_a_reader_sees_what_was_written_while_the_writer_goes_on(store, tmp_path):
    store.insert_metrics_batch(seconds(10))
    with HistoryReader(tmp_path / "history") as reader:
        assert len(reader.query_metrics("m", 0, 2**63 - 1)[0].points) == 10
        store.insert_metrics_batch(seconds(10, first=BEGIN + MINUTE))
        assert len(reader.query_metrics("m", 0, 2**63 - 1)[0].points) == 20


def test_the_page_gets_a_chart_of_as_many_points_as_it_asks_for(store, tmp_path):
    assert series_between(tmp_path / "nowhere", "m", 0, HOUR, 100) == []
    store.insert_metrics_batch(seconds(5000))
    (series,) = series_between(tmp_path, "m", BEGIN, BEGIN + 5000 * NS_PER_S, 100)
    assert 50 < len(series.points) <= 101
    assert sum(p.observed for p in series.points) == 5000


@pytest.mark.parametrize(
    ("span", "points", "step"),
    [
        (HOUR, 3600, NS_PER_S),
        (HOUR, 60, MINUTE),
        (24 * HOUR, 300, 5 * MINUTE),
        (24 * HOUR, 1, 24 * HOUR),
        (30 * 24 * HOUR, 10, 3 * 24 * HOUR),
        (0, 10, NS_PER_S),
        (HOUR, 0, HOUR),
    ],
)
def test_steps_are_round_times(span, points, step):
    assert step_for(span, points) == step


KILLED = """
import sys
from pathlib import Path
from agbot.store.embedded import EmbeddedStore
from agbot.store.rows import MetricRow
store, n = EmbeddedStore(Path(sys.argv[1])), 0
while True:
    store.insert_metrics_batch([MetricRow((n + i) * 10**8, "m", (), 1.0) for i in range(50)])
    n += 50
    print(n, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_batches_with_their_roll_ups(tmp_path):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(told := process.stdout.readline() or 0) < 3000:
            assert told, "it ended by itself"
        process.send_signal(signal.SIGKILL)
        rest = [int(line) for line in process.stdout]
    with EmbeddedStore(tmp_path) as store:
        (series,) = store.query_metrics("m", 0, 2**63 - 1)
        assert len(series.points) % 50 == 0
        assert len(series.points) >= max([3000, *rest])
        for step in (MINUTE, HOUR):
            points = store.query_metrics("m", 0, 2**63 - 1, None, step)[0].points
            assert sum(p.observed for p in points) == len(series.points)
