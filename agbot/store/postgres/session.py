"""What one connection writes: a batch is one transaction, and telling it twice changes nothing.

Observations go by binary COPY straight into their table: with its key, that stores all of them or, when one is there
already, none. Only then they go as arrays, with `on conflict do nothing`. Minutes and hours are brought up to date in
the same transaction by what was new in it, so they count nothing twice either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from agbot.secrets import Secret
from agbot.store.postgres import columns
from agbot.store.postgres.columns import Points
from agbot.store.postgres.link import Away, Duplicate, PartitionGone, Watch, transaction
from agbot.store.postgres.migrations import check
from agbot.store.postgres.probe import Flavour
from agbot.store.postgres.tables import FILLS, ORDERS, RANK, TABLES, Batch, Execution, Table, text
from agbot.store.rows import Labels, MetricRow, OrderRow

if TYPE_CHECKING:
    from psycopg import Cursor

    Cursor_: TypeAlias = "Cursor[tuple[Any, ...]]"

DAY_NS: Final = 86_400 * 10**9
ROLL_UPS: Final = {"metrics_1m": 60 * 10**9, "metrics_1h": 3_600 * 10**9}
SERIES_MAX: Final = 200_000
"""Numbers of series that are remembered; with more, all are asked for again."""

_FILLS_LOCK: Final = 4_711_093_503
_RANK: Final = "case {} " + " ".join(f"when '{name}' then {rank}" for name, rank in RANK.items()) + " else 0 end"
_SETTLED: Final = """
update fills f set settlement = s.settlement, fee = s.fee
from unnest(%b::text[], %b::text[], %b::text[], %b::text[], %b::int8[]) s (venue, trade_id, order_id, settlement, fee)
where f.venue = s.venue and f.trade_id = s.trade_id and f.client_order_id = s.order_id
  and {} > {}
""".format(*(_RANK.format(column) for column in ("s.settlement", "f.settlement")))
_NEW: Final = """
insert into metrics select * from unnest(%b::int4[], %b::int8[], %b::float8[])
on conflict do nothing returning series_id, ts_ns, value
"""
_ROLL: Final = """
insert into {} as r select * from unnest(%b::int4[], %b::int8[], %b::int8[], %b::float8[], %b::float8[], %b::float8[],
                                         %b::float8[], %b::int8[])
on conflict (series_id, ts_ns) do update set
    observed = r.observed + excluded.observed, minimum = least(r.minimum, excluded.minimum),
    maximum = greatest(r.maximum, excluded.maximum), total = r.total + excluded.total,
    last = case when excluded.last_ns > r.last_ns then excluded.last else r.last end,
    last_ns = greatest(r.last_ns, excluded.last_ns)
"""
_ROLL_ALL: Final = "with minutes as ({}) {}".format(*(_ROLL.format(name) for name in ROLL_UPS))
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
        self._watch = Watch(dsn)
        self._series: dict[tuple[str, Labels], int] = {}
        self._partitions: set[tuple[str, int]] = set()
        try:
            with transaction(self._watch) as connection:
                self.flavour = check(connection)
        except BaseException:
            self.close()
            raise

    def store(self, batch: Batch) -> None:
        """Store a batch of clean rows (`tables.observed`, `tables.stated`) in one transaction."""
        points = columns.points(self._numbers(batch.metrics), batch.metrics)
        executions = [(table, rows) for table in TABLES if (rows := batch.of(table))]
        put = _copied
        for _ in range(4):
            self._prepare(points, executions)
            try:
                return self._store(put, points, executions)
            except Duplicate:
                put = _inserted
            except PartitionGone:
                self._partitions.clear()
        raise Away("partitions are deleted as fast as they are made")

    def retain(self) -> None:
        """Delete what is older than is kept, where the server does not do it by itself."""
        if self.flavour is not Flavour.COMMUNITY:
            with transaction(self._watch) as connection:
                connection.execute("set local lock_timeout = '2s'")
                connection.execute("select agbot_retain(agbot_now_ns())")

    def close(self) -> None:
        """Let go of the connection."""
        self._watch.close()

    def _store(
        self, put: Callable[[Cursor_, Points], Points], points: Points, executions: list[tuple[Table, list[Execution]]]
    ) -> None:
        with transaction(self._watch) as connection, connection.cursor(binary=True) as cursor:
            if len(points):
                new = put(cursor, points)
                if self.flavour is not Flavour.COMMUNITY and len(new):
                    _roll_up(cursor, new)
            for table, rows in executions:
                _put(cursor, table, rows)

    def _prepare(self, points: Points, executions: list[tuple[Table, list[Execution]]]) -> None:
        if self.flavour is not Flavour.PLAIN:
            return
        wanted = {("metrics", day, DAY_NS) for day in np.unique(points["ts_ns"] // DAY_NS).tolist()}
        for table, rows in executions:
            width = table.width_ns
            wanted |= {(table.name, row.ts_ns // width, width) for row in rows if not isinstance(row, OrderRow)}
        for name, number, width in sorted(wanted):
            if (name, number) not in self._partitions:
                with transaction(self._watch) as connection:
                    connection.execute("select agbot_partition(%s, %s::bigint, %s::bigint)", [name, number, width])
                self._partitions.add((name, number))

    def _numbers(self, rows: list[MetricRow]) -> list[int]:
        """Return the number of each row's series; those that have none get one."""
        try:
            known = self._series
            return [known[row[1], row[2]] for row in rows]
        except KeyError:
            missing = {(row.name, row.labels) for row in rows} - known.keys()
        if len(known) + len(missing) > SERIES_MAX:
            known.clear()
            missing = {(row.name, row.labels) for row in rows}
        self._number(list(missing))
        return [known[row.name, row.labels] for row in rows]

    def _number(self, series: list[tuple[str, Labels]]) -> None:
        told = [(text(name), columns.labels_text(labels)) for name, labels in series]
        wanted = sorted({*told})
        numbers: dict[tuple[str, str], int] = {}
        for _ in range(2):  # one that somebody else made in this moment is seen the second time
            with transaction(self._watch) as connection:
                found = connection.execute(
                    _SERIES, [[n for n, _ in wanted], [labels for _, labels in wanted]]
                ).fetchall()
            numbers |= {(name, columns.labels_text(columns.labels_of(labels))): n for n, name, labels in found}
            if len(numbers) == len(wanted):
                break
        self._series |= {key: numbers[clean] for key, clean in zip(series, told, strict=True)}


def _copied(cursor: Cursor_, points: Points) -> Points:
    with cursor.copy("copy metrics from stdin (format binary)") as copy:
        for piece in columns.as_copy(points):
            copy.write(piece)
    return points


def _inserted(cursor: Cursor_, points: Points) -> Points:
    new = cursor.execute(_NEW, columns.each(points)).fetchall()
    return columns.ordered(np.array(new, dtype=columns.POINT))


def _roll_up(cursor: Cursor_, new: Points) -> None:
    spans = [columns.each(columns.rolled_up(new, step_ns)) for step_ns in ROLL_UPS.values()]
    cursor.execute(_ROLL_ALL, [column for span in spans for column in span])


def _put(cursor: Cursor_, table: Table, rows: list[Execution]) -> None:
    lists = [list(column) for column in zip(*rows, strict=True)]
    if table is FILLS:
        named = dict(zip(table.columns, lists, strict=True))
        cursor.execute("select pg_advisory_xact_lock(%s)", [_FILLS_LOCK])
        cursor.execute(_SETTLED, [named[column] for column in (*table.key, "settlement", "fee")])
    cursor.execute(_UPSERTS[table.name], lists)


def _upsert(table: Table) -> str:
    told = ", ".join(f"%b::{kind}[]" for kind in table.types)
    columns_ = ", ".join(table.columns)
    start = f"insert into {table.name} as old select * from unnest({told}) as s ({columns_}) "  # noqa: S608
    if table is FILLS:  # it may be there with another time, which is in the key
        same = " and ".join(f"f.{column} = s.{column}" for column in table.key)
        start += f"where not exists (select from fills f where {same}) "
    if table is not ORDERS:
        return f"{start}on conflict do nothing"
    rest = [column for column in table.columns if column not in ("client_order_id", "created_ns")]
    change = ", ".join(f"{column} = excluded.{column}" for column in rest)
    return f"{start}on conflict (client_order_id) do update set {change} where excluded.updated_ns > old.updated_ns"


_UPSERTS: Final = {table.name: _upsert(table) for table in TABLES}
