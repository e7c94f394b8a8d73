"""A generated week, thinned to one observation in half a minute: `nox -s week` makes the whole one."""

from __future__ import annotations

import sqlite3

import pytest

from agbot.store.embedded import HistoryReader, series_between
from benchmarks.history import BEGIN, DAY_S, NS_PER_S, week

END = BEGIN + 7 * DAY_S * NS_PER_S
EVERY_S = 30


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("week") / "history"
    return path, week(path, days=7, metrics=3, every_s=EVERY_S)


def test_a_week_is_small_and_whole(made):
    path, measured = made
    assert measured["rows"] == 3 * 7 * DAY_S // EVERY_S
    assert measured["bytes_per_row"] < 60, "of which the roll-ups are most: two observations a minute"
    (series,) = series_between(path.parent, "metric.2", BEGIN, END, 500)
    assert len(series.points) == 7 * 48
    assert {point.observed for point in series.points} == {1800 // EVERY_S}


@pytest.mark.parametrize("step_s", [60, 300, 3600, 7200, DAY_S])
def test_a_step_of_minutes_is_answered_from_roll_ups_alone_and_as_from_observations(made, tmp_path, step_s):
    path, _ = made
    with HistoryReader(path) as history:
        (told,) = history.query_metrics("metric.1", BEGIN, END, None, step_s * NS_PER_S)
        (observed,) = history.query_metrics("metric.1", BEGIN, END)
    for copied in ("executions.db", "metrics.db"):
        (tmp_path / copied).write_bytes((path / copied).read_bytes())
    db = sqlite3.connect(tmp_path / "metrics.db")
    db.execute("delete from chunk")
    db.commit()
    db.close()
    with HistoryReader(tmp_path) as emptied:
        assert emptied.query_metrics("metric.1", BEGIN, END, None, step_s * NS_PER_S) == [told]
    first = [p.last for p in observed.points if p.ts_ns < BEGIN + step_s * NS_PER_S]
    point = told.points[0]
    assert len(told.points) == 7 * DAY_S // step_s
    assert (point.observed, point.minimum, point.maximum, point.last) == (len(first), min(first), max(first), first[-1])
    assert point.mean == pytest.approx(sum(first) / len(first))
