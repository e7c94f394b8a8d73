"""What PostgreSQL takes through our writer, beside a COPY whose bytes were made before, and beside executemany.

All three store the same observations in tables with the same key and partitions, on a server that is started for it
with its defaults (fsync on). A round is four batches of 5,000; the peers commit each (executemany has one), ours are
handed to the writing thread one after the other and waited for. Ours are also checked, their series numbered, their
minutes and hours kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TypeVar

from agbot.store.postgres import columns, migrate, open_store
from agbot.store.postgres.session import Session
from agbot.store.postgres.tables import Batch
from agbot.store.rows import MetricRow
from benchmarks.postgres_server import Server, binaries
from benchmarks.timing import Effort, Row, at_most, faster, not_installed

T = TypeVar("T")

BATCH = 5_000
BATCHES = 4
SERIES = 200
SECOND_NS = 10**9
START_NS = 20_000 * 86_400 * SECOND_NS
SLOWER_AT_MOST = 1.66
FASTER_AT_LEAST = 5
NAME = "observation into PostgreSQL"
OURS, COPY, MANY = NAME, "a COPY made before", "executemany"

Act = Callable[[int], int]
"""Stores batches of that round; returns how many."""


def rows(effort: Effort) -> list[Row]:
    """Measure both promises."""
    if (absent := _absent()) is not None:
        goals = (f"<= {SLOWER_AT_MOST:g} x {COPY}", f">= {FASTER_AT_LEAST} x faster than {MANY}")
        return [not_installed(NAME, goal, absent) for goal in goals]
    with _acts(effort.rounds) as acts:
        ns = _best(acts, effort.rounds)
    return [at_most(NAME, SLOWER_AT_MOST, ns, OURS, COPY), faster(NAME, FASTER_AT_LEAST, ns, OURS, MANY)]


def _absent() -> str | None:
    if find_spec("psycopg") is None:
        return "psycopg"
    return "PostgreSQL" if binaries() is None else None


def _best(acts: dict[str, Act], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(acts, float("inf"))
    for number in range(rounds):
        for name, act in acts.items():
            began = time.perf_counter_ns()
            stored = act(number) * BATCH
            best[name] = min(best[name], (time.perf_counter_ns() - began) / stored)
    return best


@contextmanager
def _acts(rounds: int) -> Iterator[dict[str, Act]]:
    """Yield the three, each with a database of its own, its connections open and its partitions made."""
    programs = binaries()
    assert programs is not None
    server = Server(programs)
    batches = [_batch(number) for number in range(1 + rounds * BATCHES)]
    try:
        for database in ("ours", "copy", "many"):
            server.ask(f"create database {database}")
            migrate(server.dsn(database))
            server.ask("delete from agbot_retention", database)
        with _ours(server, batches) as ours, _peers(server, batches) as (copy, many):
            yield {OURS: ours, COPY: copy, MANY: many}
    finally:
        server.remove()


@contextmanager
def _ours(server: Server, batches: list[list[MetricRow]]) -> Iterator[Act]:
    store = open_store(server.dsn("ours"))
    store.insert_metrics_batch(batches[0])

    def ours(number: int) -> int:
        waiting = [store.post(batch) for batch in _of(batches, number)]
        for each in waiting:
            each.result()
        return len(waiting)

    try:
        yield ours
    finally:
        store.close()


@contextmanager
def _peers(server: Server, batches: list[list[MetricRow]]) -> Iterator[tuple[Act, Act]]:
    import psycopg  # noqa: PLC0415 - optional

    for database in ("copy", "many"):  # the first batch makes the partition
        session = Session(server.dsn(database))
        session.store(Batch(batches[0], []))
        session.close()
    numbered = [[int(row.name.rpartition(".")[2]) + 1 for row in batch] for batch in batches]
    blobs = [b"".join(columns.as_copy(columns.points(n, batch))) for n, batch in zip(numbered, batches, strict=True)]
    tuples = [
        [(number, row.ts_ns, row.value) for number, row in zip(n, batch, strict=True)]
        for n, batch in zip(numbered, batches, strict=True)
    ]
    copying, inserting = (psycopg.connect(server.dsn(name).reveal(), autocommit=True) for name in ("copy", "many"))

    def copy(number: int) -> int:
        into = "copy metrics from stdin (format binary)"
        for blob in _of(blobs, number):
            with copying.transaction(), copying.cursor() as cursor, cursor.copy(into) as wire:
                wire.write(blob)
        return BATCHES

    def many(number: int) -> int:
        insert = "insert into metrics values (%s, %s, %s) on conflict do nothing"
        with inserting.transaction(), inserting.cursor() as cursor:
            cursor.executemany(insert, _of(tuples, number)[0])
        return 1

    with copying, inserting:
        yield copy, many


def _of(batches: Sequence[T], number: int) -> Sequence[T]:
    """Return the batches of a round; the first of all made the partition and is in none."""
    first = 1 + number * BATCHES
    return batches[first : first + BATCHES]


def _batch(number: int) -> list[MetricRow]:
    first = number * BATCH
    labels = [(("mode", "paper"), ("strategy", f"s{n % 7}")) for n in range(SERIES)]
    return [
        MetricRow(START_NS + n * SECOND_NS // 10_000, f"agbot.metric.{n % SERIES}", labels[n % SERIES], n / 8)
        for n in range(first, first + BATCH)
    ]
