"""The ring of points against a no-op call and against `collections.deque`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from agbot._timeseries import _noop
from agbot.timeseries import TimeSeries
from benchmarks.timing import Case, Effort, Row, at_most, best_ns, faster

CAPACITY = 4096
WINDOW = 1000

Points = deque[tuple[int, float]]


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about the ring."""
    return [*_append_rows(effort), *_query_rows(effort)]


def _append_rows(effort: Effort) -> list[Row]:
    ns = best_ns(
        {
            "append": _two_arguments(TimeSeries(CAPACITY).append),
            "no-op FASTCALL": _two_arguments(_noop),
            "deque.append": _one_tuple(deque(maxlen=CAPACITY)),
        },
        effort,
    )
    return [
        at_most("ring append", 1.5, ns, "append", "no-op FASTCALL"),
        at_most("ring append", 0.8, ns, "append", "deque.append"),
    ]


def _query_rows(effort: Effort) -> list[Row]:
    series, points = TimeSeries(CAPACITY), Points(maxlen=CAPACITY)
    for i in range(CAPACITY + 7):
        series.append(i, float(i))
        points.append((i, float(i)))
    oldest_first = {f"view {name}": _repeat(columns, points) for name, columns in PEERS.items()}
    newest_first = {f"last {name}": _repeat(columns, points, newest_first=True) for name, columns in PEERS.items()}
    ns = best_ns(
        {"view": _repeat(series.view, WINDOW), "last": _repeat(series.last, WINDOW), **oldest_first, **newest_first},
        effort,
    )
    ns["deque, oldest first"] = min(ns[name] for name in oldest_first)
    ns["deque, newest first"] = min(ns[name] for name in newest_first)
    return [
        faster(f"view({WINDOW})", 100, ns, "view", "deque, oldest first"),
        faster(f"last({WINDOW})", 15, ns, "last", "deque, newest first"),
    ]


def _newest(points: Points, newest_first: bool) -> list[tuple[int, float]]:
    taken = list(islice(reversed(points), WINDOW))
    if not newest_first:
        taken.reverse()
    return taken


def _by_zip(points: Points, *, newest_first: bool = False) -> tuple[np.ndarray, np.ndarray]:
    columns: Iterator[tuple] = zip(*_newest(points, newest_first), strict=True)
    return np.fromiter(next(columns), np.int64, WINDOW), np.fromiter(next(columns), np.float64, WINDOW)


def _by_comprehension(points: Points, *, newest_first: bool = False) -> tuple[np.ndarray, np.ndarray]:
    taken = _newest(points, newest_first)
    return np.array([point[0] for point in taken]), np.array([point[1] for point in taken])


def _by_record(points: Points, *, newest_first: bool = False) -> tuple[np.ndarray, np.ndarray]:
    taken = np.fromiter(islice(reversed(points), WINDOW), [("t", "i8"), ("v", "f8")], WINDOW)
    if not newest_first:
        taken = taken[::-1]
    return taken["t"], taken["v"]


# The fastest way known to get both columns of a deque is the peer; which one that is differs by version.
PEERS = {"by zip": _by_zip, "by comprehension": _by_comprehension, "by record": _by_record}


def _two_arguments(call: Callable[[int, float], None]) -> Case:
    def case(count: int) -> None:
        for i in range(count):
            call(i, 1.5)

    return case


def _one_tuple(points: Points) -> Case:
    append = points.append

    def case(count: int) -> None:
        for i in range(count):
            append((i, 1.5))

    return case


def _repeat(call: Callable[..., object], *arguments: object, **options: object) -> Case:
    def case(count: int) -> None:
        for _ in range(count):
            call(*arguments, **options)

    return case
