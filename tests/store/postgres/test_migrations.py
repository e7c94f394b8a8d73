"""Migrations: what is chosen for which server, up and down with rows in the tables, and nothing left of what fails."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable

import pytest

from agbot.errors import StoreError
from agbot.secrets import Secret
from agbot.store.postgres import migrate, migrations, open_store, status
from agbot.store.postgres.migrations import Migration, known, plan, sql_for
from agbot.store.postgres.probe import Flavour, judge
from agbot.store.rows import Filter
from benchmarks.postgres_server import Server
from tests.store.postgres.model import DAY_NS, START_NS, fill, metric, order, position

EVER = 2**63 - 1
HOUR_NS = 3_600 * 10**9
PAID_FOR = re.compile(r"compress|_policy|continuous|add_job", re.IGNORECASE)
NEWEST = len(known())
TIMESCALE = os.environ.get("AGBOT_TEST_TIMESCALE", "")


def all_sql(flavour: Flavour) -> str:
    up, down = plan(known(), 0, NEWEST, flavour), plan(known(), NEWEST, 0, flavour)
    return re.sub(r"--.*", "", "".join(step.sql for step in [*up, *down]))


@pytest.mark.parametrize(
    ("answer", "flavour"),
    [
        (("15.1", None, None, False), Flavour.PLAIN),
        (("15.1", None, "timescale", True), Flavour.PLAIN),
        (("16.2", "2.17.0", "apache", True), Flavour.APACHE),
        (("16.2", "2.17.0", "timescale", True), Flavour.COMMUNITY),
        (("16.2", "2.17.0", None, True), Flavour.APACHE),
        (("16.2", "2.17.0", "something new", True), Flavour.APACHE),
    ],
)
def test_what_a_server_is_follows_from_its_answer(answer: tuple[str, str, str, bool], flavour: Flavour) -> None:
    assert judge(*answer).flavour is flavour


def test_under_the_apache_licence_nothing_is_called_that_it_refuses() -> None:
    sql = all_sql(Flavour.APACHE)
    assert PAID_FOR.findall(sql) == []
    assert sql.count("create_hypertable") == 3
    assert "drop_chunks" in sql
    assert "partition by" not in sql


def test_under_the_community_licence_the_server_does_the_work() -> None:
    sql = all_sql(Flavour.COMMUNITY)
    assert sql.count("create_hypertable") == 3
    assert sql.count("timescaledb.continuous") == sql.count("add_continuous_aggregate_policy") == 2
    assert sql.count("add_compression_policy") == sql.count("remove_compression_policy") == 1
    assert sql.count("add_retention_policy") == sql.count("remove_retention_policy") == 2
    assert str(7 * DAY_NS) in sql
    assert "agbot_retain" not in sql


def test_plain_postgresql_is_asked_for_nothing_of_timescale() -> None:
    sql = all_sql(Flavour.PLAIN)
    assert "hypertable" not in sql
    assert "timescale" not in sql
    assert PAID_FOR.findall(sql) == []
    assert sql.count("partition by range (ts_ns)") == 3


@pytest.mark.parametrize("flavour", list(Flavour))
def test_orders_are_a_plain_table_and_the_keys_of_the_others_hold_the_time(flavour: Flavour) -> None:
    sql = sql_for(known()[0].up, flavour)
    tables = dict(re.findall(r"create table (\w+) \((.*?)\n\)", sql, re.DOTALL))
    for table in ("metrics", "fills", "positions"):
        (key,) = re.findall(r"primary key \((.*)\)", tables[table])
        assert key.endswith("ts_ns")
    assert "client_order_id text primary key" in tables["orders"]
    assert "'orders'" not in sql


@pytest.mark.parametrize(
    ("applied", "target", "steps"),
    [
        (0, 3, [(1, True), (2, True), (3, True)]),
        (2, 3, [(3, True)]),
        (3, 3, []),
        (3, 1, [(3, False), (2, False)]),
        (2, 0, [(2, False), (1, False)]),
    ],
)
def test_the_way_to_a_version(applied: int, target: int, steps: list[tuple[int, bool]]) -> None:
    migrations = [Migration(n, f"m{n}", f"up {n}", f"down {n}") for n in (1, 2, 3)]
    taken = plan(migrations, applied, target, Flavour.PLAIN)
    assert [(step.migration.version, step.up) for step in taken] == steps
    assert all(step.sql.startswith("up" if step.up else "down") for step in taken)


def test_sections_are_for_whom_they_name() -> None:
    text = "a\n-- only: plain, apache\nb\n-- only: community\nc\n-- all\nd -- only: plain\n"
    assert sql_for(text, Flavour.PLAIN) == "a\nb\nd -- only: plain\n"
    assert sql_for(text, Flavour.COMMUNITY) == "a\nc\nd -- only: plain\n"


def test_a_database_says_what_it_is_and_has(dsn: Secret) -> None:
    before = status(dsn)
    assert before.applied == ()
    assert before.pending[0] == "0001_history"
    after = migrate(dsn)
    assert after.pending == ()
    assert after == status(dsn)
    assert migrate(dsn).applied == after.applied


def test_every_way_up_and_down_with_rows(dsn: Secret, server: Server, database: str) -> None:
    migrate(dsn)
    server.ask("delete from agbot_retention", database)
    store = open_store(dsn)
    store.post([metric(n) for n in range(5_000)], [order(), fill(), position()]).result()
    hours = store.query_metrics("pnl", 0, EVER, step_ns=HOUR_NS)
    raw = store.query_metrics("pnl", 0, EVER)
    store.close()
    for target in (3, 2, 1, 2, 3):
        assert len(migrate(dsn, target).applied) == target
    migrate(dsn)
    server.ask("delete from agbot_retention", database)
    store = open_store(dsn)
    assert store.query_metrics("pnl", 0, EVER, step_ns=HOUR_NS) == hours  # roll-ups are made again from what is there
    assert store.query_metrics("pnl", 0, EVER) == raw
    assert store.query_orders(Filter()) == [order()]
    assert store.query_fills(Filter()) == [fill()]
    store.close()
    migrate(dsn, 0)
    relations = server.ask("select relname from pg_class where relnamespace = 'public'::regnamespace", database)
    functions = server.ask("select proname from pg_proc where pronamespace = 'public'::regnamespace", database)
    assert sorted(relations) == [("agbot_migrations",), ("agbot_migrations_pkey",)]
    assert functions == []


def test_what_fails_leaves_nothing(dsn: Secret, server: Server, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = Migration(NEWEST + 1, "bad", "create table half (x integer); select 1/0", "drop table half")
    worse = Migration(NEWEST + 1, "worse", "create table half (x integer); select nonsense", "drop table half")
    for each in (bad, worse):
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "known", lambda each=each: (*known(), each))
            with pytest.raises(StoreError, match="AGB-91"):
                migrate(dsn)
        assert server.ask("select relname from pg_class where relnamespace = 'public'::regnamespace", database) == []
    assert len(migrate(dsn).applied) == NEWEST


def test_two_who_migrate_at_once_do_it_once(dsn: Secret) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            migrate(dsn)
        except BaseException as e:
            failures.append(e)
            raise

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert status(dsn).pending == ()


@pytest.mark.parametrize("target", [-1, NEWEST + 1])
def test_no_such_version(dsn: Secret, target: int) -> None:
    with pytest.raises(StoreError, match=r"AGB-915.*there is no version"):
        migrate(dsn, target)


def test_a_database_of_a_newer_agbot_is_left_alone(dsn: Secret, server: Server, database: str) -> None:
    migrate(dsn)
    server.ask(f"insert into agbot_migrations values ({NEWEST + 1}, 'later', 'plain')", database)
    for act in (migrate, status, open_store):
        with pytest.raises(StoreError, match=r"AGB-915.*does not know"):
            act(dsn)


@pytest.mark.parametrize("prepare", [lambda dsn: None, lambda dsn: migrate(dsn, 1)], ids=["empty", "old"])
def test_a_store_wants_the_newest(dsn: Secret, prepare: Callable[[Secret], object]) -> None:
    prepare(dsn)
    with pytest.raises(StoreError, match=r"AGB-915.*0004_views"):
        open_store(dsn)


def test_old_observations_go_and_their_hours_stay(dsn: Secret, server: Server, database: str) -> None:
    migrate(dsn)
    server.ask("update agbot_retention set keep_ns = 9e18 where relation = 'metrics_1m'", database)
    server.ask(f"update agbot_retention set keep_ns = {2 * DAY_NS} where relation = 'metrics'", database)
    server.ask("create or replace function agbot_now_ns() returns bigint language sql as 'select 0::bigint'", database)
    store = open_store(dsn)  # its own first turn deletes nothing: to it, it is 1970
    store.insert_metrics_batch([metric(ts_ns=START_NS + day * DAY_NS) for day in range(6)])
    server.ask(f"select agbot_retain({START_NS + 5 * DAY_NS + 1})", database)
    (left,) = store.query_metrics("pnl", 0, EVER)
    assert [(point.ts_ns - START_NS) // DAY_NS for point in left.points] == [3, 4, 5]
    (hours,) = store.query_metrics("pnl", 0, EVER, step_ns=HOUR_NS)
    assert len(hours.points) == 6
    server.ask(f"update agbot_retention set keep_ns = {DAY_NS} where relation = 'metrics_1m'", database)
    server.ask(f"select agbot_retain({START_NS + 5 * DAY_NS + 1})", database)
    assert server.ask("select count(*) from metrics_1m", database) == [(1,)]
    store.close()


@pytest.mark.skipif(not TIMESCALE, reason="AGBOT_TEST_TIMESCALE names no database that may be emptied")
def test_timescale_up_and_down_with_rows() -> None:
    dsn = Secret(TIMESCALE)
    migrate(dsn, 0)
    assert migrate(dsn).flavour in (Flavour.APACHE, Flavour.COMMUNITY)
    not_old_ns = 1_900_000_000 * 10**9  # retention leaves it
    rows = [metric(n, ts_ns=not_old_ns + n * 10**9) for n in range(5_000)]
    store = open_store(dsn)
    for _ in range(2):
        store.post(rows, [order(), fill(), fill(ts_ns=START_NS + 9), position()]).result()
    assert sum(len(series.points) for series in store.query_metrics("pnl", 0, EVER)) == len(rows)
    hours = store.query_metrics("pnl", 0, EVER, step_ns=HOUR_NS)
    assert sum(point.observed for series in hours for point in series.points) == len(rows)
    assert store.query_fills(Filter()) == [fill()]
    assert (store.query_orders(Filter()), store.query_positions(Filter())) == ([order()], [position()])
    store.close()
    for target in (3, 2, 1, 2, 3, NEWEST, 0):
        assert len(migrate(dsn, target).applied) == target
