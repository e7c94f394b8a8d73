"""Orders, fills and positions in SQLite: what is stored twice is one row, and of two versions the later one stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from agbot.model.order import Settlement
from agbot.store.embedded.schema import reported, writing
from agbot.store.rows import FillRow, Filter, OrderRow, PositionRow

ExecutionRow: TypeAlias = OrderRow | FillRow | PositionRow

_RANK: Final = "case {} " + " ".join(f"when '{s}' then {rank}" for rank, s in enumerate(Settlement, 1)) + " else 0 end"
_CHANGING: Final = [name for name in OrderRow._fields if name not in ("client_order_id", "created_ns")]


def _put(table: str, fields: Sequence[str], conflict: str) -> str:
    return f"insert into {table} values ({', '.join('?' * len(fields))}) on conflict do {conflict}"  # noqa: S608


def _update(fields: Iterable[str], condition: str) -> str:
    return f"update set {', '.join(f'{name} = excluded.{name}' for name in fields)} where {condition}"


_PUT: Final[dict[type[ExecutionRow], str]] = {
    OrderRow: _put("orders", OrderRow._fields, _update(_CHANGING, "excluded.updated_ns > updated_ns")),
    FillRow: _put(
        "fills",
        FillRow._fields,
        _update(("settlement", "fee"), f"{_RANK.format('excluded.settlement')} > {_RANK.format('settlement')}"),
    ),
    PositionRow: _put("positions", PositionRow._fields, "nothing"),
}
_TIES: Final = {"orders": "client_order_id", "fills": "trade_id", "positions": "token"}
_FIELDS: Final = ("run_id", "mode", "strategy", "market")


def store(db: sqlite3.Connection, path: Path, rows: Iterable[ExecutionRow]) -> None:
    """Store rows of any kind in one durable transaction: all of them, or none. StoreError AGB-901."""
    with reported(path), writing(db):
        for row in rows:
            db.execute(_PUT[type(row)], row)


def query_orders(db: sqlite3.Connection, wanted: Filter) -> list[OrderRow]:
    """Return orders by when they were created, newest first."""
    return [OrderRow(*row) for row in _select(db, "orders", "created_ns", "state", wanted)]


def query_fills(db: sqlite3.Connection, wanted: Filter) -> list[FillRow]:
    """Return executions by their time, newest first; a filter's `state` is their settlement."""
    return [FillRow(*row) for row in _select(db, "fills", "ts_ns", "settlement", wanted)]


def query_positions(db: sqlite3.Connection, wanted: Filter) -> list[PositionRow]:
    """Return holdings by their time, newest first."""
    return [PositionRow(*row) for row in _select(db, "positions", "ts_ns", "", wanted)]


def prune(db: sqlite3.Connection, path: Path, before_ns: int) -> int:
    """Forget what was last heard of before `before_ns`; returns how many rows went. StoreError AGB-901."""
    ages = (("orders", "updated_ns"), ("fills", "ts_ns"), ("positions", "ts_ns"))
    with reported(path), writing(db):
        return sum(db.execute(f"delete from {table} where {age} < ?", (before_ns,)).rowcount for table, age in ages)  # noqa: S608


def _select(db: sqlite3.Connection, table: str, time: str, state: str, wanted: Filter) -> list[tuple[Any, ...]]:
    where, values = [f"{time} >= ?", f"{time} < ?"], [wanted.start_ns, wanted.end_ns]
    for name, field in (*((name, name) for name in _FIELDS), (state, "state")):
        if name and (value := getattr(wanted, field)):
            where.append(f"{name} = ?")
            values.append(value)
    order = f"order by {time} desc, {_TIES[table]} desc limit ?"
    query = f"select * from {table} where {' and '.join(where)} {order}"  # noqa: S608 - names of ours
    return db.execute(query, (*values, max(0, wanted.limit))).fetchall()
