"""agbot history query."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from agbot.cli.common import bot_options, state_path
from agbot.cli.near import either, near_names
from agbot.cli.spans import between, label, span
from agbot.words import many

if TYPE_CHECKING:
    from agbot.store.embedded import HistoryReader
    from agbot.store.rows import Labels, MetricPoint, Series

WIDTH_MAX: Final = 120
MINUTE_NS: Final = 60 * 10**9
BARS: Final = "▁▂▃▄▅▆▇█"


@click.command(name="query")
@click.argument("metric", required=False)
@between
@click.option("--step", type=span, help="One point for so long a time: 1s, 1m, 1h.  [default: as many as fit]")
@click.option("--labels", multiple=True, type=label, help="Only series with this label; repeatable.")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def query(
    *,
    metric: str | None,
    since: int,
    until: int | None,
    step: int | None,
    labels: tuple[tuple[str, str], ...],
    profile: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Show METRIC over time, a series for each set of labels; without METRIC, the names that there are.

    Example: agbot history query polymarket.book.best_bid --since 6h --step 5m
    """
    from agbot.store.embedded import HistoryReader  # noqa: PLC0415
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415

    end = time.time_ns() + 1 if until is None else until
    with HistoryReader(state_path(profile, state_dir) / HISTORY) as history:
        if metric is None:
            names = history.metric_names()
            click.echo(json.dumps(names) if as_json else "\n".join(names) or "no metrics yet")
            return
        step, found = _found(history, metric, Asked(since, end, labels), step)
        if not found:
            raise _nothing(history, metric)
    if as_json:
        click.echo(json.dumps([_plain(series) for series in found], ensure_ascii=False))
    else:
        click.echo("\n\n".join(_drawn(series, since, step) for series in found))


class Asked(NamedTuple):
    """From when to when, and of which labels."""

    start_ns: int
    end_ns: int
    labels: Labels


def _found(history: HistoryReader, metric: str, asked: Asked, step: int | None) -> tuple[int, list[Series]]:
    """Return what there is, and its step: without one the smallest that draws the time in which something was observed.

    A finer step is taken only while it tells of as many observations: those of long ago are kept by the minute.
    """
    from agbot.store.embedded import step_for  # noqa: PLC0415

    if step:
        return step, history.query_metrics(metric, asked.start_ns, asked.end_ns, dict(asked.labels), step)
    width = max(10, min(WIDTH_MAX, shutil.get_terminal_size((80, 0)).columns - 2))
    (start, end, labels), best = asked, 0
    found: list[Series] = []
    while True:
        fitting = step_for(end - start, width)
        for finer in (fitting, max(fitting, MINUTE_NS)):
            told = history.query_metrics(metric, start, end, dict(labels), finer) if finer < best or not best else []
            if told and _observed(told) >= _observed(found):
                break
        else:
            return best, found
        best, found = finer, told
        start = max(start, min(series.points[0].ts_ns for series in told))
        end = min(end, max(series.points[-1].ts_ns for series in told) + finer)


def _observed(found: Sequence[Series]) -> int:
    return sum(point.observed for series in found for point in series.points)


def sparkline(points: Sequence[MetricPoint], start_ns: int, end_ns: int, step_ns: int) -> str:
    """Return the means as a line of bars, a blank where nothing was observed."""
    first = start_ns // step_ns
    cells = [" "] * max(0, -(-end_ns // step_ns) - first)
    low, high = min(p.mean for p in points), max(p.mean for p in points)
    for point in points:
        part = (point.mean - low) / (high - low) if high > low else 0.5
        cells[point.ts_ns // step_ns - first] = BARS[min(len(BARS) - 1, int(part * len(BARS)))]
    return "".join(cells).rstrip()


def _drawn(series: Series, start_ns: int, step_ns: int) -> str:
    from agbot.cli.access import moment  # noqa: PLC0415
    from agbot.located.value import shown  # noqa: PLC0415

    points = series.points
    observed = sum(p.observed for p in points)
    mean = math.fsum(p.mean * p.observed for p in points) / observed
    low, high = min(p.minimum for p in points), max(p.maximum for p in points)
    labels = ", ".join(f"{name}={value}" for name, value in series.labels)
    begins, ends = max(start_ns, points[0].ts_ns), points[-1].ts_ns + step_ns
    return "\n".join(
        (
            shown(f"{series.name}{{{labels}}}", 200),
            sparkline(points, begins, ends, step_ns),
            f"{moment(begins)} to {moment(ends)}, {_span(step_ns)} a bar, {many(observed, 'observation')}",
            f"min {low:g}  mean {mean:g}  max {high:g}  last {points[-1].last:g}",
        )
    )


def _plain(series: Series) -> dict[str, Any]:
    return {
        "name": series.name,
        "labels": dict(series.labels),
        "points": [point._asdict() for point in series.points],
    }


def _span(ns: int) -> str:
    units = (("d", 86_400 * 10**9), ("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6))
    return next((f"{ns // size}{unit}" for unit, size in units if ns % size == 0), f"{ns} ns")


def _nothing(history: HistoryReader, metric: str) -> Exception:
    from agbot.errors import NotFoundError  # noqa: PLC0415
    from agbot.located.value import shown  # noqa: PLC0415

    names = history.metric_names()
    if metric in names:
        remedy = "look further back with --since, or leave out --labels"
        return NotFoundError(f"nothing of {metric} was observed then", id="AGB-908", remedy=remedy)
    remedy = f"{_meant(metric, names)}agbot history query lists all" if names else "agbot run writes them"
    return NotFoundError(f"no metric is called {shown(metric)}", id="AGB-908", remedy=remedy)


def _meant(metric: str, names: Sequence[str]) -> str:
    """Return a question for the names that a wrong one may have been meant for: people know their last parts."""
    ends = {name.rpartition(".")[2]: name for name in reversed(names)}
    near = near_names(metric, names) or [ends[end] for end in near_names(metric, list(ends))]
    return f"did you mean {either(near)}?; " if near else ""
