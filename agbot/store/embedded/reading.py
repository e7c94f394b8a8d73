"""Reading metrics: from the coarsest roll-up that a step allows, and from finer ones where the range cuts a bucket."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from agbot.store.embedded.chunks import HOUR_NS, MINUTE_NS, Columns, grouped, joined, rows_of, single
from agbot.store.embedded.metrics import labels_in
from agbot.store.rows import Labels, MetricPoint, Series

_LEVELS: Final = ((HOUR_NS, "hour"), (MINUTE_NS, "minute"))
_LAST_NS: Final = 2**63 - 1

Piece: TypeAlias = tuple[str, int, int]
"""A table, and the part of the range that it answers."""


class Found(NamedTuple):
    """A series as it is numbered in the file."""

    id: int
    name: str
    labels: Labels


def query_metrics(  # noqa: PLR0917 - the protocol's order
    db: sqlite3.Connection,
    name: str,
    start_ns: int,
    end_ns: int,
    labels: Mapping[str, str] | None = None,
    step_ns: int = 0,
) -> list[Series]:
    """Answer `HistoryStore.query_metrics`; series without an observation in the range are left out."""
    if step_ns < 0:
        raise ValueError(f"a step of {step_ns} ns")
    pieces = list(_pieces(max(0, start_ns), min(end_ns, _LAST_NS), _levels(step_ns)))
    found = []
    for series in find_series(db, name, labels):
        parts = [part for piece in pieces if len((part := _read(db, series.id, piece)).ts)]
        if parts:
            columns = joined(parts)
            found.append(Series(name, series.labels, points_of(grouped(columns, step_ns) if step_ns else columns)))
    return found


def find_series(db: sqlite3.Connection, name: str, labels: Mapping[str, str] | None = None) -> list[Found]:
    """Return the series of `name` that have all of `labels`, sorted by their labels."""
    wanted = set((labels or {}).items())
    rows = db.execute("select id, labels from series where name = ? order by labels", (name,))
    found = (Found(id_, name, labels_in(text)) for id_, text in rows)
    return [series for series in found if wanted <= set(series.labels)]


def names(db: sqlite3.Connection) -> list[str]:
    """Return every metric's name, sorted."""
    return [name for (name,) in db.execute("select distinct name from series order by name")]


def points_of(columns: Columns) -> list[MetricPoint]:
    """Return buckets as points."""
    mean = np.clip(columns.total / columns.observed, columns.minimum, columns.maximum)  # a sum rounds
    rows = (columns.ts, columns.observed, columns.minimum, columns.maximum, mean, columns.last)
    return list(map(MetricPoint, *(column.tolist() for column in rows)))


def _levels(step_ns: int) -> tuple[tuple[int, str], ...]:
    """Return the roll-ups that a step may be put together from, the coarsest first."""
    return tuple((width, table) for width, table in _LEVELS if step_ns and step_ns % width == 0)


def _pieces(start_ns: int, end_ns: int, levels: tuple[tuple[int, str], ...]) -> Iterator[Piece]:
    if start_ns >= end_ns:
        return
    if not levels:
        yield "chunk", start_ns, end_ns
        return
    (width, table), *finer = levels
    first, last = -(-start_ns // width) * width, end_ns // width * width
    if first >= last:
        yield from _pieces(start_ns, end_ns, tuple(finer))
        return
    yield from _pieces(start_ns, first, tuple(finer))
    yield table, first, last
    yield from _pieces(last, end_ns, tuple(finer))


def _read(db: sqlite3.Connection, series: int, piece: Piece) -> Columns:
    table, start_ns, end_ns = piece
    if table == "chunk":
        return _observations(db, series, start_ns, end_ns)
    wanted = f"select ts, observed, minimum, maximum, total, last from {table}"  # noqa: S608 - a name of ours
    rows = db.execute(f"{wanted} where series = ? and ts >= ? and ts < ? order by ts", (series, start_ns, end_ns))
    ts, observed, *values = list(zip(*rows, strict=True)) or [()] * 6
    return Columns(np.array(ts, np.int64), np.array(observed, np.int64), *(np.array(v, np.float64) for v in values))


def _observations(db: sqlite3.Connection, series: int, start_ns: int, end_ns: int) -> Columns:
    """Read blobs: the first may begin before the range, within its minute, and the last may end behind it."""
    blobs = db.execute(
        "select form, body from chunk where series = ? and ts >= ? and ts < ? order by ts",
        (series, start_ns // MINUTE_NS * MINUTE_NS, end_ns),
    )
    parts = [rows_of(form, body) for form, body in blobs]
    if not parts:
        return single(rows_of(0, b""))
    rows = np.concatenate(parts)
    first, last = np.searchsorted(rows["ts"], (start_ns, end_ns))
    return single(rows[first:last])
