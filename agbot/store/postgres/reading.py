"""What is asked of the database, on a connection of its own that writes nothing. Calls block; one at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agbot.secrets import Secret
from agbot.store.postgres.columns import labels_of
from agbot.store.postgres.link import Away, Watch, transaction
from agbot.store.postgres.session import ROLL_UPS
from agbot.store.postgres.tables import FILLS, ORDERS, POSITIONS, TIME_MAX, Table
from agbot.store.rows import FillRow, Filter, MetricPoint, OrderRow, PositionRow, Series

_SERIES: Final = "select series_id, labels::text from metric_series where name = %s and labels @> %s::jsonb"
_RAW: Final = """
select series_id, ts_ns, 1, value, value, value, value from metrics
where series_id = any(%s) and ts_ns >= %s and ts_ns < %s order by 1, 2
"""
_COARSEST: Final = sorted(ROLL_UPS.items(), key=lambda item: -item[1])
_ROLLED: Final = "select series_id, ts_ns, observed, minimum, maximum, total, last, last_ns from {}"
_PIECE: Final = {
    "metrics": "select series_id, ts_ns, 1, value, value, value, value, ts_ns from metrics",
    **{name: _ROLLED.format(name) for name in ROLL_UPS},
}
_WITHIN: Final = "where series_id = any(%s) and ts_ns >= %s and ts_ns < %s"
_STEPPED: Final = """
with part (series_id, ts_ns, observed, minimum, maximum, total, last, last_ns) as ({})
select series_id, ts_ns / %s * %s, sum(observed)::bigint, min(minimum), max(maximum),
       greatest(min(minimum), least(max(maximum), sum(total) / sum(observed))),
       (array_agg(last order by last_ns desc))[1]
from part group by 1, 2 order by 1, 2
"""


_TIES: Final = {
    ORDERS.name: ["client_order_id"],
    FILLS.name: ["trade_id", "venue", "client_order_id"],
    POSITIONS.name: ["token", "strategy", "run_id"],
}


class Reader:
    """A connection that reads. Away, Refused or Unready when it fails; the next question connects again."""

    def __init__(self, dsn: Secret) -> None:
        self._dsn = dsn
        self._watch: Watch | None = None
        self._one = threading.Lock()

    def metrics(self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str], step_ns: int) -> list[Series]:
        """Return the series of `name` that have points in the span, by their labels."""
        if step_ns < 0:
            raise ValueError(f"a step of {step_ns} ns")
        start_ns, end_ns = max(0, start_ns), min(end_ns, TIME_MAX + 1)
        found = {number: labels_of(text) for number, text in self._ask(_SERIES, [name, json.dumps(dict(labels))])}
        if not found or start_ns >= end_ns:
            return []
        points: dict[int, list[MetricPoint]] = {}
        for number, *point in self._points(list(found), start_ns, end_ns, step_ns):
            points.setdefault(number, []).append(MetricPoint(*point))
        return sorted((Series(name, found[n], p) for n, p in points.items()), key=lambda series: series.labels)

    def orders(self, wanted: Filter) -> list[OrderRow]:
        """Return orders made in the span, newest first."""
        return [OrderRow(*row) for row in self._filtered(ORDERS, "created_ns", "state", wanted)]

    def fills(self, wanted: Filter) -> list[FillRow]:
        """Return executions in the span, newest first; `state` is their settlement."""
        return [FillRow(*row) for row in self._filtered(FILLS, "ts_ns", "settlement", wanted)]

    def positions(self, wanted: Filter) -> list[PositionRow]:
        """Return holdings in the span, newest first."""
        return [PositionRow(*row) for row in self._filtered(POSITIONS, "ts_ns", "", wanted)]

    def close(self) -> None:
        """Let go of the connection."""
        with self._one:
            self._drop()

    def _points(self, series: list[int], start_ns: int, end_ns: int, step_ns: int) -> list[tuple[Any, ...]]:
        if not step_ns:
            return self._ask(_RAW, [series, start_ns, end_ns])
        pieces = list(_pieces(start_ns, end_ns, [(n, w) for n, w in _COARSEST if step_ns % w == 0]))
        parts = " union all ".join(f"{_PIECE[name]} {_WITHIN}" for name, _, _ in pieces)
        spans = [bound for _, first, last in pieces for bound in (series, first, last)]
        return self._ask(_STEPPED.format(parts), [*spans, step_ns, step_ns])

    def _filtered(self, table: Table, time: str, state: str, wanted: Filter) -> list[tuple[Any, ...]]:
        exact = {
            "run_id": wanted.run_id,
            "mode": wanted.mode,
            "strategy": wanted.strategy,
            "market": wanted.market,
            state: wanted.state,
        }
        given = {column: value for column, value in exact.items() if column and value}
        where = "".join(f" and {column} = %s" for column in given)
        order = ", ".join(f"{column} desc" for column in (time, *_TIES[table.name]))
        select = f"select {', '.join(table.columns)} from {table.name} where {time} >= %s and {time} < %s"  # noqa: S608
        bounds = [min(max(each, -(2**63)), 2**63 - 1) for each in (wanted.start_ns, wanted.end_ns)]
        return self._ask(f"{select}{where} order by {order} limit %s", [*bounds, *given.values(), max(0, wanted.limit)])

    def _ask(self, query: str, arguments: Sequence[object] | Mapping[str, object]) -> list[tuple[Any, ...]]:
        with self._one:
            if self._watch is not None:
                try:
                    return self._answer(self._watch, query, arguments)
                except Away:  # a server that was started anew has only lost the connection
                    self._drop()
            self._watch = Watch(self._dsn)
            return self._answer(self._watch, query, arguments)

    def _answer(
        self, watch: Watch, query: str, arguments: Sequence[object] | Mapping[str, object]
    ) -> list[tuple[Any, ...]]:
        with transaction(watch) as connection:
            connection.execute("set transaction read only")
            return connection.execute(query.encode(), arguments).fetchall()

    def _drop(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None


def _pieces(start_ns: int, end_ns: int, rolls: list[tuple[str, int]]) -> Iterator[tuple[str, int, int]]:
    """Yield tables, and the part of the span each answers: the coarsest within, finer ones at the ends."""
    if start_ns >= end_ns:
        return
    if not rolls:
        yield "metrics", start_ns, end_ns
        return
    (name, width), *finer = rolls
    first, last = -(-start_ns // width) * width, end_ns // width * width
    if first >= last:
        yield from _pieces(start_ns, end_ns, finer)
        return
    yield from _pieces(start_ns, first, finer)
    yield name, first, last
    yield from _pieces(last, end_ns, finer)
