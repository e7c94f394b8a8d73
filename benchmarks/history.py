"""The embedded history: writing metrics beside plain SQLite, a day from roll-ups beside rows, and what recording costs.

`python -m benchmarks.history --days 7` makes a whole week of sixty metrics at one observation a second, and looks back
over it as the page and `agbot history query` do.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agbot.store.embedded import EmbeddedStore
from agbot.store.rows import MetricRow, Series
from agbot.telemetry.registry import Registry
from benchmarks.timing import Case, Effort, Row, at_most, best_ns, faster, within

NS_PER_S = 10**9
BEGIN = 1_700_000_000 // 86_400 * 86_400 * NS_PER_S
DAY_S = 86_400
BATCH = 5_000
BATCHES = 6
SERIES = 50
PLAIN = "SQLite, a row each, no roll-ups"
ROWS = "SQLite, grouped from its rows"
WRITING = "a metric stored with its roll-ups, in batches of 5,000"
READING = "24 hours of a metric observed four times a second, at 5-minute points"
RECORDING = "recording a value, kept for the history, with"
RECORDING_NS = 200
TAKEN = 400
LOAD = 10_000
LOAD_PERCENT = 2
LOADED = f"{LOAD:,} values a second, recorded, told to a monitor and stored"
_TABLE = """create table metric (series integer not null, ts integer not null, value real not null,
    primary key (series, ts)) without rowid"""


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about the history."""
    with tempfile.TemporaryDirectory() as scratch:
        return [
            *_writing_rows(effort, Path(scratch)),
            *_reading_rows(effort, Path(scratch)),
            *_recording_rows(effort),
            _load_row(effort, Path(scratch)),
        ]


# ---------------------------------------------------------------- writing


def _writing_rows(effort: Effort, scratch: Path) -> list[Row]:
    with _store(scratch / "w") as store, _plain(scratch / "plain.db") as plain:
        ns = _best_ns_a_row({"ours": store.insert_metrics_batch, PLAIN: lambda batch: _insert(plain, batch)}, effort)
    return [at_most(WRITING, 0.7, ns, "ours", PLAIN)]


def _best_ns_a_row(cases: dict[str, Callable[[list[MetricRow]], None]], effort: Effort) -> dict[str, float]:
    """Return the best of interleaved rounds of `BATCHES` batches each; making the batches is not measured."""
    batches, best = _batches(), dict.fromkeys(cases, float("inf"))
    for _ in range(effort.rounds):
        told = list(itertools.islice(batches, BATCHES))
        for name, store in cases.items():
            began = time.perf_counter_ns()
            for batch in told:
                store(batch)
            best[name] = min(best[name], (time.perf_counter_ns() - began) / (BATCHES * BATCH))
    return best


def _insert(db: sqlite3.Connection, batch: list[MetricRow]) -> None:
    """Insert a batch in the order of its table's key, which is the fastest there is."""
    db.execute("begin")
    db.executemany(
        "insert into metric values (?, ?, ?)", sorted((int(row.name), row.ts_ns, row.value) for row in batch)
    )
    db.execute("commit")


def _batches() -> Iterator[list[MetricRow]]:
    """Yield batch after batch of `SERIES` metrics, each observed once a second."""
    names = [str(n) for n in range(SERIES)]
    labels = (("market_id", "0x" + "ab" * 32), ("side", "YES"))
    for first in itertools.count(0, BATCH // SERIES):
        yield [
            MetricRow(BEGIN + second * NS_PER_S, name, labels, second % 97 / 8)
            for second in range(first, first + BATCH // SERIES)
            for name in names
        ]


# ---------------------------------------------------------------- reading


def _reading_rows(effort: Effort, scratch: Path) -> list[Row]:
    with _store(scratch / "r") as store, _plain(scratch / "day.db") as plain:
        observed = [(1, BEGIN + n * NS_PER_S // 4, n % 97 / 8) for n in range(DAY_S * 4)]
        plain.execute("begin")
        plain.executemany("insert into metric values (?, ?, ?)", observed)
        plain.execute("commit")
        for first in range(0, len(observed), 50_000):
            store.insert_metrics_batch([MetricRow(ts, "m", (), v) for _, ts, v in observed[first : first + 50_000]])
        ours, theirs = _asked(store), _grouped(plain)
        assert [p[:5] for p in ours()[0].points] == theirs(), "two answers to one question"
        ns = best_ns({"ours": _repeat(ours), ROWS: _repeat(theirs)}, effort)
    return [faster(READING, 20, ns, "ours", ROWS)]


def _asked(store: EmbeddedStore) -> Any:
    def ask() -> list[Series]:
        return store.query_metrics("m", BEGIN, BEGIN + DAY_S * NS_PER_S, None, 300 * NS_PER_S)

    return ask


def _grouped(db: sqlite3.Connection) -> Any:
    """Ask plain rows for as much, but for the last value of each point."""
    step = 300 * NS_PER_S
    question = f"""select ts / {step} * {step}, count(*), min(value), max(value), avg(value) from metric
        where series = 1 and ts >= ? and ts < ? group by 1 order by 1"""

    def ask() -> list[tuple[Any, ...]]:
        return db.execute(question, (BEGIN, BEGIN + DAY_S * NS_PER_S)).fetchall()

    return ask


# ---------------------------------------------------------------- recording


def _recording_rows(effort: Effort) -> list[Row]:
    """Measure one recorded value, by the real clock and with a history; what waits is taken as often as in a bot."""
    registry = Registry(time.time_ns)
    registry.observe_singly()
    cases = {
        "a counter": registry.counter("exec.orders_placed", venue="v").add,
        "a gauge": registry.gauge("polymarket.rtds.lag_ms", topic="t").set,
        "a histogram": registry.histogram("exec.latency_ms", venue="v").observe,
    }
    ns = best_ns({name: _recorded(registry, record) for name, record in cases.items()}, effort)
    return [within(f"{RECORDING} {name}", RECORDING_NS, ns, name) for name in cases]


def _recorded(registry: Registry, record: Callable[[float], None]) -> Case:
    def case(count: int) -> None:
        while count > 0:
            for _ in range(min(count, TAKEN)):
                record(1)
            registry.settle()
            registry._waiting.clear()  # noqa: SLF001
            registry._observations = []  # noqa: SLF001
            count -= TAKEN

    return case


def _load_row(effort: Effort, scratch: Path) -> Row:
    """Measure all that a bot does for `LOAD` values a second, of which a half are single observations."""
    with _store(scratch / "load") as store:
        second = _seconds(store)
        next(second)
        began, busy = time.process_time_ns(), 0
        for _ in range(effort.rounds):
            next(second)
        busy = time.process_time_ns() - began
    percent = round(busy / effort.rounds / NS_PER_S * 100, 2)
    return Row(
        LOADED,
        f"<= {LOAD_PERCENT:g} % of a core",
        percent,
        percent <= LOAD_PERCENT,
        round(busy / effort.rounds / LOAD, 1),
    )


def _seconds(store: EmbeddedStore) -> Iterator[None]:
    """Live through seconds: record, tell the monitor ten times, take a sample and store it."""
    now_ns = BEGIN
    registry = Registry(lambda: now_ns, metrics_max=LOAD)
    registry.observe_singly()
    gauges = [registry.gauge("load.gauge", n=str(n)) for n in range(SERIES)]
    histograms = [registry.histogram("load.histogram", n=str(n)) for n in range(SERIES)]
    while True:
        for tenth in range(10):
            now_ns += NS_PER_S // 10
            for n in range(LOAD // 10 // SERIES // 2):
                for gauge, histogram in zip(gauges, histograms, strict=True):
                    gauge.set(tenth + n)
                    histogram.observe(n)
            while registry.drain(64 * 1024).lines:
                pass
        store.insert_metrics_batch(registry.sample(now_ns))
        yield


@contextmanager
def _store(path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(path) as store:
        yield store


@contextmanager
def _plain(path: Path) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("pragma synchronous=normal")
    db.execute(_TABLE)
    yield db
    db.close()


def _repeat(call: Any) -> Case:
    def case(count: int) -> None:
        for _ in range(count):
            call()

    return case


# ---------------------------------------------------------------- a week


def week(path: Path, *, days: float, metrics: int = 60, every_s: int = 1) -> dict[str, Any]:
    """Make `days` of `metrics`, one observation every `every_s` seconds, batch by batch, and look back over all of it.

    Returns:
        Rows, rows a second, bytes a row after a vacuum, and milliseconds of answers, from roll-ups and from rows.
    """
    seconds = int(days * DAY_S)
    each = BATCH // metrics
    taken = 0.0
    with EmbeddedStore(path) as store:
        for first in range(0, seconds, each * every_s):
            batch = [
                MetricRow(BEGIN + second * NS_PER_S, f"metric.{n}", (), (second * 7919 + n) % 1009 / 8)
                for second in range(first, min(seconds, first + each * every_s), every_s)
                for n in range(metrics)
            ]
            began = time.perf_counter()
            store.insert_metrics_batch(batch)
            taken += time.perf_counter() - began
        end = BEGIN + seconds * NS_PER_S
        answers = {
            "day, 5 m points": (max(BEGIN, end - DAY_S * NS_PER_S), 300),
            "all, 1 h points": (BEGIN, 3600),
            "all, 10 m points": (BEGIN, 600),
            "all, 7 s points (from observations)": (BEGIN, 7),
        }
        times = {}
        for name, (start, step) in answers.items():
            began = time.perf_counter()
            (series,) = store.query_metrics(f"metric.{metrics - 1}", start, end, None, step * NS_PER_S)
            times[name] = round((time.perf_counter() - began) * 1000, 2)
            assert sum(p.observed for p in series.points) == (end - start) // NS_PER_S // every_s, name
        store.vacuum()
    size = sum(file.stat().st_size for file in path.iterdir())
    count = seconds // every_s * metrics
    return {
        "rows": count,
        "rows_per_second": round(count / taken),
        "bytes_per_row": round(size / count, 2),
        "ms": times,
    }


def main() -> int:
    """Make a week, print what was measured as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=main.__doc__)
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--metrics", type=int, default=60)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(week(Path(scratch), days=asked.days, metrics=asked.metrics), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
