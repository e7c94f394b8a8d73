"""What one connection writes: a batch is one transaction, and telling it twice changes nothing.

Observations go by binary COPY straight into their table: with its key, that stores all of them or, when one is there
already, none. Only then they go by way of a temporary table and `on conflict do nothing`. Minutes and hours are brought
up to date in the same transaction by what was new in it, so they count nothing twice either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from agbot.secrets import Secret
from agbot.store.postgres import columns
from agbot.store.postgres.columns import Points
from agbot.store.postgres.link import Duplicate, connect, deadline, told, transaction
from agbot.store.postgres.migrations import check
from agbot.store.postgres.probe import Flavour
from agbot.store.postgres.tables import FILLS, ORDERS, TABLES, Batch, Execution, Table
from agbot.store.rows import Labels, MetricRow, OrderRow

if TYPE_CHECKING:
    from psycopg import Cursor

    Cursor_: TypeAlias = "Cursor[tuple[Any, ...]]"

DAY_NS: Final = 86_400 * 10**9
ROLL_UPS: Final = {"metrics_1m": 60 * 10**9, "metrics_1h": 3_600 * 10**9}
SERIES_MAX: Final = 200_000
"""Numbers of series that are remembered; with more, all are asked for again."""

_STAGES: Final = (*(table.name for table in TABLES), "metrics")
_FILLS_LOCK: Final = 4_711_093_503
_MOVED: Final = """
delete from fills f using stage_fills s
where f.venue = s.venue and f.trade_id = s.trade_id and f.client_order_id = s.client_order_id and f.ts_ns <> s.ts_ns
"""
_NEW: Final = """
insert into metrics select * from stage_metrics on conflict do nothing returning series_id, ts_ns, value
"""
_ROLL: Final = """
insert into {0} as r select * from stage_{0} order by series_id, ts_ns
on conflict (series_id, ts_ns) do update set
    observed = r.observed + excluded.observed, minimum = least(r.minimum, excluded.minimum),
    maximum = greatest(r.maximum, excluded.maximum), total = r.total + excluded.total,
    last = case when excluded.last_ns > r.last_ns then excluded.last else r.last end,
    last_ns = greatest(r.last_ns, excluded.last_ns)
"""
_SERIES: Final = """
with wanted as (select n as name, l::jsonb as labels from unnest(%s::text[], %s::text[]) as w (n, l)),
     made as (insert into metric_series (name, labels) select name, labels from wanted order by 1, 2
              on conflict do nothing returning series_id, name, labels)
select series_id, name, labels::text from made
union
select s.series_id, s.name, s.labels::text from metric_series s join wanted w
    on s.name = w.name and md5(s.labels::text) = md5(w.labels::text)
"""


class Session:
    """A connection that writes. Every method blocks and raises Away, Refused or Unready; after Away it is of no use."""

    def __init__(self, dsn: Secret) -> None:
        self._connection = connect(dsn)
        self._series: dict[tuple[str, Labels], int] = {}
        self._partitions: set[tuple[str, int]] = set()
        try:
            with deadline(self._connection):
                self.flavour = check(self._connection)
                self._make_stages()
        except BaseException:
            self.close()
            raise

    @property
    def _rolls(self) -> bool:
        return self.flavour is not Flavour.COMMUNITY

    def store(self, batch: Batch) -> None:
        """Store a batch of clean rows (`tables.observed`, `tables.stated`) in one transaction."""
        points = columns.points(self._numbers(batch.metrics), batch.metrics)
        executions = [(table, rows) for table in TABLES if (rows := batch.of(table))]
        self._prepare(points, executions)
        try:
            self._store(points, executions, staged=False)
        except Duplicate:
            self._store(points, executions, staged=True)

    def retain(self) -> None:
        """Delete what is older than is kept, where the server does not do it by itself."""
        if self.flavour is not Flavour.COMMUNITY:
            with transaction(self._connection) as connection:
                connection.execute("set local lock_timeout = '2s'")
                connection.execute("select agbot_retain(agbot_now_ns())")

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _store(self, points: Points, executions: list[tuple[Table, list[Execution]]], *, staged: bool) -> None:
        with transaction(self._connection) as connection, connection.cursor(binary=True) as cursor:
            if len(points):
                new = self._by_stage(cursor, points) if staged else self._straight(cursor, points)
                self._roll_up(cursor, new)
            for table, rows in executions:
                self._put(cursor, table, rows)

    def _straight(self, cursor: Cursor_, points: Points) -> Points:
        with cursor.copy("copy metrics from stdin (format binary)") as copy:
            copy.write(columns.as_copy(points))
        return points

    def _by_stage(self, cursor: Cursor_, points: Points) -> Points:
        with cursor.copy("copy stage_metrics from stdin (format binary)") as copy:
            copy.write(columns.as_copy(points))
        new = cursor.execute(_NEW).fetchall()
        return columns.ordered(np.array(new, dtype=columns.POINT))

    def _roll_up(self, cursor: Cursor_, new: Points) -> None:
        if not self._rolls or not len(new):
            return
        for name, step_ns in ROLL_UPS.items():
            with cursor.copy(f"copy stage_{name} from stdin (format binary)") as copy:
                copy.write(columns.as_copy(columns.rolled_up(new, step_ns)))
            cursor.execute(_ROLL.format(name))

    def _put(self, cursor: Cursor_, table: Table, rows: list[Execution]) -> None:
        with cursor.copy(f"copy stage_{table.name} from stdin (format binary)") as copy:
            copy.set_types(table.types)
            for row in rows:
                copy.write_row(row)
        if table is FILLS:
            cursor.execute("select pg_advisory_xact_lock(%s)", [_FILLS_LOCK])
            cursor.execute(_MOVED)
        cursor.execute(_UPSERTS[table.name])

    def _make_stages(self) -> None:
        with told():
            for name in (*_STAGES, *(ROLL_UPS if self._rolls else ())):
                self._connection.execute(f"create temp table stage_{name} (like {name}) on commit delete rows")

    def _prepare(self, points: Points, executions: list[tuple[Table, list[Execution]]]) -> None:
        if self.flavour is not Flavour.PLAIN:
            return
        wanted = {("metrics", day, DAY_NS) for day in np.unique(points["ts_ns"] // DAY_NS).tolist()}
        for table, rows in executions:
            width = table.width_ns
            wanted |= {(table.name, row.ts_ns // width, width) for row in rows if not isinstance(row, OrderRow)}
        for name, number, width in sorted(wanted):
            if (name, number) not in self._partitions:
                with transaction(self._connection) as connection:
                    connection.execute("select agbot_partition(%s, %s::bigint, %s::bigint)", [name, number, width])
                self._partitions.add((name, number))

    def _numbers(self, rows: list[MetricRow]) -> dict[tuple[str, Labels], int]:
        known = self._series
        missing = {key for row in rows if (key := (row.name, row.labels)) not in known}
        if missing:
            if len(known) + len(missing) > SERIES_MAX:
                known.clear()
                missing = {(row.name, row.labels) for row in rows}
            self._number(sorted(missing))
        return known

    def _number(self, series: list[tuple[str, Labels]]) -> None:
        names, texts = [name for name, _ in series], [columns.labels_text(labels) for _, labels in series]
        numbers: dict[tuple[str, Labels], int] = {}
        for _ in range(2):  # one that somebody else made in this moment is seen the second time
            with transaction(self._connection) as connection:
                found = connection.execute(_SERIES, [names, texts]).fetchall()
            numbers |= {(name, columns.labels_of(text)): number for number, name, text in found}
            if len(numbers) == len({*zip(names, texts, strict=True)}):
                break
        for name, labels in series:
            self._series[name, labels] = numbers[name, columns.labels_of(columns.labels_text(labels))]


def _upsert(table: Table) -> str:
    key = (*table.key, "ts_ns") if table is FILLS else table.key
    rest = [column for column in table.columns if column not in key]
    start = f"insert into {table.name} as old select * from stage_{table.name} on conflict ({', '.join(key)}) do "  # noqa: S608
    change = f"update set {', '.join(f'{column} = excluded.{column}' for column in rest)}"
    newer = " where excluded.updated_ns > old.updated_ns"
    return start + {ORDERS.name: change + newer, FILLS.name: change}.get(table.name, "nothing")


_UPSERTS: Final = {table.name: _upsert(table) for table in TABLES}
