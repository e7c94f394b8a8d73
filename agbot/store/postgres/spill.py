"""Rows that wait on the disk while the database is away: in order, with checksums, within a bound. SQLite.

`hold` returns when the rows are on the disk. Over the bound the oldest observations go, and are counted; an execution
never goes: when only executions are left, the next is refused. One thread at a time.
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.errors import StoreError
from agbot.log import get_logger
from agbot.store.postgres.tables import Batch, Execution, text
from agbot.store.rows import FillRow, MetricRow, OrderRow, PositionRow

BYTES_MAX: Final = 256 * 1024 * 1024
CHUNK_ROWS: Final = 5_000
"""Observations in one record: what goes at once when room is needed."""

_METRICS, _EXECUTIONS = 0, 1
_CREATE: Final = """
create table if not exists held (
    seq integer primary key autoincrement, kind integer not null, aside integer not null default 0,
    reason text not null default '', rows integer not null, body blob not null, crc integer not null);
create index if not exists held_kind on held (aside, kind, seq);
create table if not exists counted (what text primary key, rows integer not null) without rowid;
"""
_WAITING: Final = "select seq, rows from held where aside = 0 order by seq limit 100"
_log = get_logger(__name__)


class _Executions(msgspec.Struct):
    """Executions by kind; `order` says which kind came when, so that they come back as they were told."""

    order: bytes
    orders: list[OrderRow]
    fills: list[FillRow]
    positions: list[PositionRow]


_KINDS: Final = (OrderRow, FillRow, PositionRow)
_encode: Final = msgspec.msgpack.Encoder().encode
_metrics_of: Final = msgspec.msgpack.Decoder(list[MetricRow]).decode
_executions_of: Final = msgspec.msgpack.Decoder(_Executions).decode


@attrs.frozen
class Held:
    """What comes back from the spill: a batch, and the records it was made of."""

    batch: Batch
    records: tuple[int, ...]


class Spill:
    """The file.

    Args:
        path: made with mode 0600 when it is not there.
        bytes_max: how much it holds; SQLite needs about a tenth more on the disk.

    Raises:
        StoreError: AGB-917 it cannot be opened, or another bot has it.
    """

    def __init__(self, path: Path, bytes_max: int = BYTES_MAX) -> None:
        self.path = path
        self.bytes_max = bytes_max
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.0)
        except (OSError, sqlite3.Error) as e:
            raise self._failed(e) from e
        try:
            self._db.execute("pragma locking_mode=exclusive")
            self._db.execute("pragma journal_mode=wal")
            self._db.execute("pragma synchronous=full")
            self._db.executescript(f"begin exclusive; {_CREATE} commit;")
            select = "select coalesce(sum(length(body)), 0), coalesce(sum(rows) filter (where aside = 0), 0) from held"
            self.bytes, self.rows = self._db.execute(select).fetchone()
            self._counted: dict[str, int] = dict(self._db.execute("select what, rows from counted"))
        except sqlite3.Error as e:
            self._db.close()
            raise self._failed(e) from e

    @property
    def dropped(self) -> int:
        """Return how many observations went for want of room, since the file was made."""
        return self._counted.get("dropped", 0)

    @property
    def set_aside(self) -> int:
        """Return how many rows were damaged, or the database would not take, since the file was made."""
        return self._counted.get("aside", 0)

    def hold(self, batch: Batch) -> None:
        """Put a batch behind what is held; it is on the disk afterwards.

        Raises:
            StoreError: AGB-916 there is no room for its executions, and then nothing of it is held; AGB-917 the disk.
        """
        chunks = [batch.metrics[i : i + CHUNK_ROWS] for i in range(0, len(batch.metrics), CHUNK_ROWS)]
        before = self.bytes, self.rows, dict(self._counted)
        try:
            self._db.execute("begin immediate")
            if batch.executions:
                self._put(_EXECUTIONS, len(batch.executions), _encode(_packed(batch)))
            for chunk in chunks:
                self._put(_METRICS, len(chunk), _metrics(chunk))
            self._db.execute("commit")
        except (sqlite3.Error, StoreError) as e:
            self._undo(before)
            raise e if isinstance(e, StoreError) else self._failed(e) from e

    def oldest(self, rows_max: int) -> Held | None:
        """Return the oldest rows, at least one record and about `rows_max` rows; None when none are held."""
        batch, rows = Batch([], []), 0
        records: list[int] = []
        try:
            for record, more in self._db.execute(_WAITING).fetchall():
                if records and rows + more > rows_max:
                    break
                if self._read(record, batch):
                    records.append(record)
                    rows += more
        except sqlite3.Error as e:
            raise self._failed(e) from e
        return Held(batch, tuple(records)) if records else None

    def release(self, records: Sequence[int]) -> None:
        """Let go of records that are in the database."""
        marks = [(record,) for record in records]
        try:
            self._db.execute("begin immediate")
            for mark in marks:
                select = "select rows, length(body) from held where seq = ?"
                rows, size = self._db.execute(select, mark).fetchone()
                self.rows, self.bytes = self.rows - rows, self.bytes - size
            self._db.executemany("delete from held where seq = ?", marks)
            self._db.execute("commit")
        except sqlite3.Error as e:
            raise self._failed(e) from e

    def keep_refused(self, executions: Sequence[Execution], reason: str) -> None:
        """Keep executions that the database will not take, for a person. Raises as `hold`."""
        self.hold(Batch([], list(executions)))
        (record,) = self._db.execute("select max(seq) from held").fetchone()
        self._put_aside(record, reason)

    def count_refused(self, observations: int) -> None:
        """Count observations that the database will not take."""
        self._count("aside", observations)

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._db.close()

    def _read(self, record: int, batch: Batch) -> bool:
        kind, body, crc = self._db.execute("select kind, body, crc from held where seq = ?", [record]).fetchone()
        whole = zlib.crc32(body) == crc and _unpack(kind, body, batch)
        if not whole:
            self._put_aside(record, "damaged")
        return whole

    def _put_aside(self, record: int, reason: str) -> None:
        (rows,) = self._db.execute("select rows from held where seq = ?", [record]).fetchone()
        self._db.execute("update held set aside = 1, reason = ? where seq = ?", [reason, record])
        self.rows -= rows
        self._count("aside", rows)
        _log.error("postgres.set_aside", file=str(self.path), record=record, rows=rows, reason=reason)

    def _put(self, kind: int, rows: int, body: bytes) -> None:
        while self.bytes + len(body) > self.bytes_max:
            if not self._drop_oldest():
                if kind == _METRICS:
                    self._count("dropped", rows)
                    return
                raise StoreError(
                    f"{self.path} is full of orders and fills: {rows} more have no room",
                    id="AGB-916",
                    remedy="bring the database back, or raise the bound",
                )
        insert = "insert into held (kind, rows, body, crc) values (?, ?, ?, ?)"
        self._db.execute(insert, [kind, rows, body, zlib.crc32(body)])
        self.bytes, self.rows = self.bytes + len(body), self.rows + rows

    def _drop_oldest(self) -> bool:
        select = "select seq, rows, length(body) from held where aside = 0 and kind = 0 order by seq limit 1"
        found = self._db.execute(select).fetchone()
        if found is None:
            return False
        self._db.execute("delete from held where seq = ?", found[:1])
        self.rows, self.bytes = self.rows - found[1], self.bytes - found[2]
        self._count("dropped", found[1])
        return True

    def _count(self, what: str, rows: int) -> None:
        self._counted[what] = self._counted.get(what, 0) + rows
        self._db.execute("insert or replace into counted values (?, ?)", [what, self._counted[what]])

    def _undo(self, before: tuple[int, int, dict[str, int]]) -> None:
        self.bytes, self.rows, self._counted = before
        if self._db.in_transaction:
            self._db.execute("rollback")

    def _failed(self, error: Exception) -> StoreError:
        remedy = "make room on its disk; one bot has one such file"
        return StoreError(f"{self.path} cannot be used: {error}", id="AGB-917", remedy=remedy)


def _metrics(rows: list[MetricRow]) -> bytes:
    try:
        return _encode(rows)
    except UnicodeEncodeError:
        return _encode(
            [
                (row.ts_ns, text(row.name), [(text(name), text(value)) for name, value in row.labels], row.value)
                for row in rows
            ]
        )


def _packed(batch: Batch) -> _Executions:
    packed = _Executions(bytes(_KINDS.index(type(row)) for row in batch.executions), [], [], [])
    lists = (packed.orders, packed.fills, packed.positions)
    for kind, row in zip(packed.order, batch.executions, strict=True):
        lists[kind].append(row)  # type: ignore[arg-type]
    return packed


def _unpack(kind: int, body: bytes, batch: Batch) -> bool:
    try:
        if kind == _METRICS:
            batch.metrics.extend(_metrics_of(body))
            return True
        packed = _executions_of(body)
        rows: list[Iterator[Execution]] = [iter(packed.orders), iter(packed.fills), iter(packed.positions)]
        batch.executions.extend([next(rows[each]) for each in packed.order])
    except (msgspec.DecodeError, StopIteration, IndexError):
        return False
    return True
