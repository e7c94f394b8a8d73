"""What is stored, as the server's types, and how two tellings of one row become one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from math import isfinite
from operator import itemgetter
from typing import Any, Final, NamedTuple, TypeAlias, get_type_hints

import attrs

from agbot.model.order import Settlement
from agbot.store.postgres.link import Refused
from agbot.store.postgres.probe import WIDEST_NS
from agbot.store.rows import FillRow, MetricRow, OrderRow, PositionRow

Execution: TypeAlias = OrderRow | FillRow | PositionRow

RANK: Final = {str(settlement): rank for rank, settlement in enumerate(Settlement, 1)}
"""How final a settlement is: of two tellings of a fill the more final one stays."""
_TYPES: Final = {int: "int8", str: "text"}
_INT_MAX: Final = 2**63 - 1
_TIME: Final = itemgetter(MetricRow._fields.index("ts_ns"))
_VALUE: Final = itemgetter(MetricRow._fields.index("value"))
TIME_MAX: Final = _INT_MAX - WIDEST_NS
"""A partition ends after the times in it, and its end is a number too."""


@attrs.frozen
class Table:
    """A table of executions.

    Attributes:
        width_ns: how much time a partition of it holds on a server without hypertables; 0: it has none.
        merge: what stays of two rows with one key, the second told later.
    """

    name: str
    row: type[Execution]
    key: tuple[str, ...]
    width_ns: int
    merge: Callable[[Any, Any], Any]

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns in the order of the row's fields."""
        return self.row._fields

    @property
    def types(self) -> list[str]:
        """Return the server's type of each column."""
        hints = get_type_hints(self.row)
        return [_TYPES[hints[column]] for column in self.columns]

    def key_of(self, row: Execution) -> Hashable:
        """Return what makes a row this one."""
        return tuple(getattr(row, column) for column in self.key)

    def folded(self, rows: Iterable[Execution]) -> list[Execution]:
        """Return one row for each key, as if they had been stored one after the other."""
        kept: dict[Hashable, Execution] = {}
        for row in rows:
            key = self.key_of(row)
            kept[key] = self.merge(kept[key], row) if key in kept else row
        return list(kept.values())


def _newer(old: OrderRow, new: OrderRow) -> OrderRow:
    return new._replace(created_ns=old.created_ns) if new.updated_ns > old.updated_ns else old


def _settled(old: FillRow, new: FillRow) -> FillRow:
    final = RANK.get(new.settlement, 0) > RANK.get(old.settlement, 0)
    return old._replace(settlement=new.settlement, fee=new.fee) if final else old


def _first(old: PositionRow, _new: PositionRow) -> PositionRow:
    return old


ORDERS: Final = Table("orders", OrderRow, ("client_order_id",), 0, _newer)
FILLS: Final = Table("fills", FillRow, ("venue", "trade_id", "client_order_id"), WIDEST_NS, _settled)
POSITIONS: Final = Table("positions", PositionRow, ("run_id", "strategy", "token", "ts_ns"), WIDEST_NS, _first)
TABLES: Final = (ORDERS, FILLS, POSITIONS)


class Batch(NamedTuple):
    """Rows in the order they were told."""

    metrics: list[MetricRow]
    executions: list[Execution]

    def __len__(self) -> int:
        return len(self.metrics) + len(self.executions)

    def of(self, table: Table) -> list[Execution]:
        """Return the executions for `table`, one for each key."""
        return table.folded(row for row in self.executions if isinstance(row, table.row))


def observed(rows: Iterable[MetricRow]) -> list[MetricRow]:
    """Return observations that the server can hold.

    Raises:
        Refused: the time of one is none.
        ValueError: the value of one is not finite.
    """
    rows = list(rows)
    # A sum is finite only if all of it is; one that is not may have been too large.
    if not isfinite(sum(map(_VALUE, rows))) and not all(map(isfinite, map(_VALUE, rows))):
        raise ValueError("a metric's value is not finite")
    times = list(map(_TIME, rows))
    for each in (min, max):
        _in_time(each(times, default=0))
    return rows


def stated(row: Execution) -> Execution:
    """Return an execution as the server can hold it: what no text column takes is replaced.

    Raises:
        Refused: a number has more than 63 bits, or its time is none.
    """
    for value in row:
        if isinstance(value, int) and not -_INT_MAX <= value <= _INT_MAX:
            raise Refused(f"{value} has more than 63 bits")
    if not isinstance(row, OrderRow):
        _in_time(row.ts_ns)
    if all(value.isascii() and "\0" not in value for value in row if isinstance(value, str)):
        return row
    clean: Any = [text(value) if isinstance(value, str) else value for value in row]
    return type(row)(*clean)


def _in_time(ts_ns: int) -> None:
    if not 0 <= ts_ns <= TIME_MAX:
        raise Refused(f"{ts_ns} is no time in nanoseconds since 1970")


def text(value: str) -> str:
    """Return text as a column takes it: without NUL and halves of surrogate pairs."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
