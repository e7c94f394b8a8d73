"""The database is killed, cut off, stands still or never was: no row is lost, none is there twice.

`AGBOT_POSTGRES_ROUNDS` says how often it is killed; `nox -s postgres` does it ten times.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from agbot.errors import StoreError
from agbot.secrets import Secret
from agbot.store.postgres import PostgresStore, link, migrate, open_store, worker
from agbot.store.postgres.link import Away
from agbot.store.rows import Filter, MetricRow
from benchmarks.postgres_server import Server, until
from tests.store.postgres.model import MemoryStore, digest, fill, metric, order, position
from tests.store.postgres.wire import Wire

ROUNDS = int(os.environ.get("AGBOT_POSTGRES_ROUNDS", "3"))
EVER = 2**63 - 1
MINUTE_NS = 60 * 10**9


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the writer look for the server again and again: a test waits for it."""
    monkeypatch.setattr(worker, "RETRY_MAX_S", 0.2)


@pytest.fixture
def ready(dsn: Secret, server: Server, database: str) -> Secret:
    """Return a database with its tables, which keeps old rows."""
    migrate(dsn)
    server.ask("delete from agbot_retention", database)
    return dsn


@pytest.fixture
def held(ready: Secret, tmp_path: Path) -> Iterator[PostgresStore]:
    """Return a store with a spill."""
    store = open_store(ready, spill=tmp_path / "spill")
    yield store
    store.close()


def caught_up(store: PostgresStore) -> None:
    until(lambda: store.health.connected and not store.health.held_rows, "catching up")


class Load:
    """Tells rows of every kind until it is stopped, and remembers those that were acknowledged."""

    def __init__(self, store: PostgresStore) -> None:
        self.memory = MemoryStore()
        self.acknowledged = 0
        self._store = store
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        goal = self.acknowledged + more
        until(lambda: self.acknowledged >= goal, f"{more} more rows")

    def _run(self) -> None:
        number = 0
        while not self._enough.is_set():
            rows = [metric(number * 50 + i) for i in range(50)]
            told: Future[None] = self._store.post(
                rows, [fill(number), fill(number // 2, settlement="CONFIRMED", ts_ns=fill(number).ts_ns)]
            )
            self._store.store_order(order(number % 97, filled=number, updated_ns=number + 1))
            self._store.store_position(position(number))
            told.result()
            self._remember(number, rows)
            number += 1

    def _remember(self, number: int, rows: list[MetricRow]) -> None:
        self.memory.insert_metrics_batch(rows)
        self.memory.store_fill(fill(number))
        self.memory.store_fill(fill(number // 2, settlement="CONFIRMED", ts_ns=fill(number).ts_ns))
        self.memory.store_order(order(number % 97, filled=number, updated_ns=number + 1))
        self.memory.store_position(position(number))
        self.acknowledged += len(rows) + 4


def agrees(server: Server, database: str, store: PostgresStore, memory: MemoryStore) -> None:
    """Compare count and hash of all rows, and of the minutes of the observations."""
    for table, rows in (("orders", memory.orders), ("fills", memory.fills), ("positions", memory.positions)):
        assert digest(server.ask(f"select * from {table}", database)) == digest(rows.values()), table
    count = sum(len(points) for points in memory.metrics.values())
    assert server.ask("select count(*) from metrics", database) == [(count,)]
    for step_ns in (0, MINUTE_NS, 60 * MINUTE_NS):
        assert store.query_metrics("pnl", 0, EVER, step_ns=step_ns) == memory.query_metrics(
            "pnl", 0, EVER, step_ns=step_ns
        )


def test_nothing_is_lost_or_doubled_when_the_server_is_killed_under_load(
    held: PostgresStore, server: Server, database: str
) -> None:
    load = Load(held)
    for _ in range(ROUNDS):
        load.wait_for(500)
        server.kill()
        until(lambda: held.health.held_rows > 500, "rows in the spill")
        server.start()
        caught_up(held)
    load.wait_for(500)
    load.stop()
    caught_up(held)
    agrees(server, database, held, load.memory)
    assert (held.health.dropped_metrics, held.health.set_aside) == (0, 0)


def test_nothing_is_lost_or_doubled_when_the_wire_is_cut(
    ready: Secret, wire: Wire, server: Server, database: str, tmp_path: Path
) -> None:
    store = open_store(server.dsn(database, wire.folder), spill=tmp_path / "spill")
    load = Load(store)
    for _ in range(ROUNDS):
        load.wait_for(200)
        wire.cut()
        until(lambda: store.health.held_rows > 200, "rows in the spill")
        wire.mend()
        caught_up(store)
    load.stop()
    caught_up(store)
    agrees(server, database, store, load.memory)
    store.close()


@pytest.mark.parametrize("with_spill", [True, False], ids=["spill", "no spill"])
def test_a_commit_that_was_done_and_never_answered_is_one_row(
    ready: Secret, wire: Wire, server: Server, database: str, tmp_path: Path, with_spill: bool
) -> None:
    store = open_store(server.dsn(database, wire.folder), spill=tmp_path / "spill" if with_spill else None)
    memory = MemoryStore()
    for number in range(3):
        wire.swallow_commits = 1
        rows = [metric(number * 20 + i) for i in range(40)]
        store.post(rows, [fill(number), order(number)]).result()
        memory.insert_metrics_batch(rows)
        memory.store_fill(fill(number))
        memory.store_order(order(number))
    caught_up(store)
    assert wire.swallowed == 3
    agrees(server, database, store, memory)
    store.close()


def test_a_server_that_stands_still_is_cut_off(
    ready: Secret, server: Server, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "ANSWER_S", 0.3)
    monkeypatch.setattr(link, "_OPTIONS", {**link._OPTIONS, "connect_timeout": 2})
    store = open_store(ready, spill=tmp_path / "spill")
    go_on = server.pause()
    try:
        store.store_order(order())
        assert store.health.held_rows == 1
    finally:
        go_on()
    caught_up(store)
    assert store.query_orders(Filter()) == [order()]
    store.close()


def test_without_a_spill_what_is_not_stored_is_said(ready: Secret, server: Server) -> None:
    store = open_store(ready)
    server.kill()
    try:
        for act in (
            lambda: store.store_order(order()),
            lambda: store.insert_metrics_batch([metric()]),
            lambda: store.query_orders(Filter()),
        ):
            with pytest.raises(Away, match="AGB-912"):
                act()
    finally:
        server.start()
    until(lambda: not_away(store), "connection")
    assert store.query_orders(Filter()) == [order()]
    store.close()


def not_away(store: PostgresStore) -> bool:
    try:
        store.store_order(order())
    except Away:
        return False
    return True


def test_a_full_spill_lets_observations_go_and_refuses_executions(
    ready: Secret, server: Server, database: str, tmp_path: Path
) -> None:
    store = open_store(ready, spill=tmp_path / "spill", spill_bytes_max=20_000)
    server.kill()
    try:
        for n in range(50):
            store.insert_metrics_batch([metric(n * 20 + i) for i in range(20)])
        assert (dropped := store.health.dropped_metrics) > 0
        stored = until_full(lambda n: store.store_fill(fill(n)))
        store.insert_metrics_batch([metric(10_000 + i) for i in range(20)])
        assert store.health.dropped_metrics == 1_020 > dropped
    finally:
        server.start()
    caught_up(store)
    assert digest(store.query_fills(Filter())) == digest(fill(n) for n in range(stored))
    assert server.ask("select count(*) from metrics", database) == [(0,)]
    store.store_fill(fill(stored))
    store.close()


def until_full(store: Callable[[int], None]) -> int:
    """Store until there is no room; return how often there was."""
    for n in range(1_000):
        try:
            store(n)
        except StoreError as e:
            if e.id == "AGB-916":
                return n
            raise
    raise AssertionError("it was never full")


def test_a_store_opens_while_the_database_is_away(ready: Secret, server: Server, tmp_path: Path) -> None:
    server.kill()
    try:
        with pytest.raises(Away, match="AGB-912"):
            open_store(ready)
        store = open_store(ready, spill=tmp_path / "spill")
        store.store_order(order())
        store.close()
    finally:
        server.start()
    store = open_store(ready, spill=tmp_path / "spill")
    caught_up(store)
    assert store.query_orders(Filter()) == [order()]
    store.close()


BOT = """
import sys
from pathlib import Path
from agbot.secrets import Secret
from agbot.store.postgres import open_store
from agbot.store.rows import OrderRow
store = open_store(Secret(sys.argv[1]), spill=Path(sys.argv[2]))
for n in range(10**6):
    store.store_order(OrderRow(f"o{n}", *[""] * 8, *[n] * 3, *[""] * 3, n, n))
    print(n, flush=True)
"""


def test_what_a_killed_bot_was_told_is_stored_outlives_it(ready: Secret, server: Server, tmp_path: Path) -> None:
    words = [sys.executable, "-c", BOT, ready.reveal(), str(tmp_path / "spill")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as bot:
        assert bot.stdout is not None
        lines = [bot.stdout.readline() for _ in range(20)]
        server.kill()
        try:
            lines += [bot.stdout.readline() for _ in range(50)]
            bot.kill()
            lines += bot.stdout.read().splitlines()
        finally:
            server.start()
    store = open_store(ready, spill=tmp_path / "spill")
    assert store.health.held_rows > 0
    caught_up(store)
    found = {row.client_order_id for row in store.query_orders(Filter(limit=10**6))}
    told = {f"o{int(line)}" for line in lines[:-1]}  # the last one may be half a number
    assert len(told) >= 69
    assert found >= told
    store.close()


def test_what_only_the_server_refuses_is_set_aside_and_holds_nothing_up(
    ready: Secret, server: Server, tmp_path: Path
) -> None:
    long = "".join(chr(0x4E00 + n) for n in range(6_000))  # no index takes it
    store = open_store(ready, spill=tmp_path / "spill")
    server.kill()
    try:
        store.store_order(order(1))
        store.post([metric(1), metric(2, name=long), metric(3)], [order(2, client_order_id=long), order(3)]).result()
        store.store_order(order(4))
    finally:
        server.start()
    caught_up(store)
    assert [row.client_order_id for row in store.query_orders(Filter())] == ["o4", "o3", "o1"]
    assert sum(len(series.points) for series in store.query_metrics("pnl", 0, EVER)) == 2
    assert store.health.set_aside == 2
    store.close()
