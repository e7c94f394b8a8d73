"""Observations as columns: what COPY takes as bytes, and their minutes and hours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from agbot.store.postgres.tables import text
from agbot.store.rows import Labels, MetricRow

Points: TypeAlias = NDArray[Any]
"""A structured array, sorted by series and time, each pair once."""

POINT: Final = np.dtype([("series_id", "i4"), ("ts_ns", "i8"), ("value", "f8")])
ROLLED: Final = np.dtype([
    ("series_id", "i4"), ("ts_ns", "i8"), ("observed", "i8"), ("minimum", "f8"), ("maximum", "f8"), ("total", "f8"),
    ("last", "f8"), ("last_ns", "i8"),
])  # fmt: skip

PIECE_ROWS: Final = 1_000
_TIME: Final = itemgetter(MetricRow._fields.index("ts_ns"))
_VALUE: Final = itemgetter(MetricRow._fields.index("value"))
_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"


def points(numbers: list[int], rows: list[MetricRow]) -> Points:
    """Return observations, with the numbers of their series, as points; of two of one series and time the first."""
    count = len(rows)
    return _ordered(
        np.fromiter(numbers, np.int32, count),
        np.fromiter(map(_TIME, rows), np.int64, count),
        np.fromiter(map(_VALUE, rows), np.float64, count),
    )


def ordered(found: Points) -> Points:
    """Return points sorted by series and time; of two of one series and time the first."""
    return _ordered(*(found[name] for name in POINT.names or ()))


def _ordered(series: NDArray[np.int32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Points:
    order = np.lexsort((times, series))
    found = np.empty(len(order), POINT)
    found["series_id"], found["ts_ns"], found["value"] = series[order], times[order], values[order]
    first = _first_of(found["series_id"], found["ts_ns"])
    return found if first.all() else found[first]


def rolled_up(found: Points, step_ns: int) -> Points:
    """Return what was observed in each span of `step_ns`, from points in order."""
    spans = found["ts_ns"] // step_ns
    starts = np.flatnonzero(_first_of(found["series_id"], spans))
    ends = np.append(starts[1:], len(found))
    rolled = np.empty(len(starts), ROLLED)
    rolled["series_id"] = found["series_id"][starts]
    rolled["ts_ns"] = spans[starts] * step_ns
    rolled["observed"] = ends - starts
    rolled["minimum"] = np.minimum.reduceat(found["value"], starts)
    rolled["maximum"] = np.maximum.reduceat(found["value"], starts)
    with np.errstate(over="ignore"):
        rolled["total"] = np.add.reduceat(found["value"], starts)
    rolled["last"] = found["value"][ends - 1]
    rolled["last_ns"] = found["ts_ns"][ends - 1]
    return rolled


def as_copy(rows: Points) -> Iterator[bytes]:
    """Yield rows as binary COPY has them, piece by piece: the server works on one while the next is made."""
    yield _HEADER
    for first in range(0, len(rows), PIECE_ROWS):
        yield _packed(rows[first : first + PIECE_ROWS])
    yield _END


def _packed(rows: Points) -> bytes:
    names = rows.dtype.names or ()
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name in names:
        fields += [(f"{name}_size", ">i4"), (name, rows.dtype[name].newbyteorder(">").str)]
    packed = np.empty(len(rows), np.dtype(fields))
    packed["count"] = len(names)
    for name in names:
        packed[f"{name}_size"] = rows.dtype[name].itemsize
        packed[name] = rows[name]
    return packed.tobytes()


def labels_text(labels: Labels) -> str:
    """Return labels as JSON; what no text column takes is replaced."""
    return json.dumps({text(name): text(value) for name, value in sorted(labels)})


def each(rows: Points) -> list[NDArray[Any]]:
    """Return the columns."""
    return [rows[name] for name in rows.dtype.names or ()]


def labels_of(text: str) -> Labels:
    """Return labels from JSON, sorted by name."""
    return tuple(sorted(json.loads(text).items()))


def _first_of(*keys: NDArray[Any]) -> NDArray[np.bool_]:
    first = np.ones(len(keys[0]), np.bool_)
    if len(first):
        first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return first
