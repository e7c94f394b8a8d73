"""The append-only journal of one run: what came in, what was decided, in SQLite.

Theory of operation: `append` only queues (it is called between two facts and must not wait); `commit` writes all that
is queued in one transaction and fsyncs. One thread at a time may call `commit`. A record is durable when its sequence
number is at most `durable_seq`. Each record carries a checksum: a torn or corrupt one is set aside and counted when
reading, and the records before it stand.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.core.approvals import Request
from agbot.core.limits import OFF, Limits
from agbot.core.portfolio import CarriedPosition
from agbot.core.triggers import Baseline
from agbot.errors import NotFoundError, StoreError

SCHEMA: Final = 1
BACKLOG_MAX: Final = 50_000
DISK_FREE_MIN: Final = 32 * 1024 * 1024

RUN, BATCH, STEP, END = "run", "batch", "step", "end"

# One transaction: a run killed while its file is being made leaves a journal, or an empty file.
_CREATE = f"""
begin;
create table meta (key text primary key, value text not null) without rowid;
create table record (
    seq integer primary key, kind text not null, now_ns integer not null, body blob not null, crc integer not null);
insert into meta values ('schema', '{SCHEMA}');
commit;
"""  # noqa: S608 - nothing of a person's in it
_SELECT = "select seq, kind, now_ns, body, crc from record where seq > ? order by seq"
_ABOUT = "select seq, kind, now_ns, body, crc from record where instr(body, ?) or instr(body, ?) order by seq"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of; enough to build the same core again.

    `strategies` are (name, parameters as JSON, markets or None for all), `chosen` the rest of each as JSON. `fence` is
    the wallet's token, 0 without a wallet; `reconciled` what the start found at the venue, as JSON: corrections with
    both figures and source. `limits` and `baseline` are what makes the kill switch trip. `requests` are the trades that
    other programs had approved before.
    """

    run_id: str
    mode: str
    version: str
    capital: int
    seed: int
    policies: str
    strategies: tuple[tuple[str, str, tuple[str, ...] | None], ...]
    started_ns: int
    in_flight_max: int = 32
    carried: tuple[CarriedPosition, ...] = ()
    source: str = ""
    limits: Limits = OFF
    baseline: Baseline | None = None
    fence: int = 0
    reconciled: str = ""
    chosen: tuple[str, ...] = ()
    requests: tuple[Request, ...] = ()


@attrs.frozen
class Record:
    """One row: `seq` counts from 1 without gaps, `now_ns` is the core's time."""

    seq: int
    kind: str
    now_ns: int
    body: bytes


def _crc(seq: int, kind: str, now_ns: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(f"{seq}|{kind}|{now_ns}".encode()))


class Journal:
    """Writer of one run's journal file (mode 0600).

    Args:
        path: a file that does not exist yet; its directory does.
        durable: fsync at every commit. Off only for throw-away runs.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self.seq = 0
        self.durable_seq = 0
        self._queued: list[tuple[int, str, int, bytes, int]] = []
        self._swap = threading.Lock()
        _make_sure_of_room(path.parent)
        os.close(_create(path))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("pragma journal_mode=wal")
            self._db.execute(f"pragma synchronous={'full' if durable else 'off'}")
            self._db.executescript(_CREATE)
        except sqlite3.Error as e:
            self._db.close()
            raise _failed(path, e) from e

    @property
    def backlog(self) -> int:
        """Return how many records wait for a commit."""
        return len(self._queued)

    def append(self, kind: str, now_ns: int, body: bytes) -> int:
        """Queue one record and return its sequence number. StoreError when the backlog is over its bound."""
        if len(self._queued) >= BACKLOG_MAX:
            raise StoreError(
                f"journal {self.path} is {BACKLOG_MAX} records behind the disk",
                id="AGB-602",
                remedy="free or replace the disk, then start again: nothing was traded on unwritten records",
            )
        self.seq += 1
        with self._swap:
            self._queued.append((self.seq, kind, now_ns, body, _crc(self.seq, kind, now_ns, body)))
        return self.seq

    def commit(self) -> int:
        """Write what is queued in one transaction; returns the newest durable sequence number."""
        with self._swap:
            rows, self._queued = self._queued, []
        if not rows:
            return self.durable_seq
        try:
            self._db.execute("begin immediate")
            self._db.executemany("insert into record values (?, ?, ?, ?, ?)", rows)
            self._db.execute("commit")
        except sqlite3.Error as e:
            with self._swap:
                self._queued[:0] = rows
            raise _failed(self.path, e) from e
        self.durable_seq = rows[-1][0]
        return self.durable_seq

    def close(self) -> None:
        """Commit what is left and close the file."""
        try:
            self.commit()
        finally:
            self._db.close()


class JournalReader:
    """Reads a journal, also one that is being written or was cut off.

    Attributes:
        set_aside: (sequence number, reason) of records that could not be believed.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise NotFoundError(f"no journal at {path}", id="AGB-604", remedy="agbot replay --list shows the runs")
        self.path = path
        self.set_aside: list[tuple[int, str]] = []
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._check(path)
        except StoreError:
            self._db.close()
            raise

    def _check(self, path: Path) -> None:
        try:
            if self._db.execute("select count(*) from sqlite_master").fetchone() == (0,):
                raise _headless(path)
            found = self._db.execute("select value from meta where key = 'schema'").fetchone()
        except sqlite3.Error as e:
            raise StoreError(
                f"{path} is not a journal ({e})", id="AGB-603", remedy="name a file that agbot run wrote"
            ) from e
        if found is None or found[0] != str(SCHEMA):
            raise foreign(path, f"it has schema {found[0] if found else 'none'}, this agbot reads {SCHEMA}")

    def records(self, after: int = 0) -> Iterator[Record]:
        """Yield the records behind number `after` in order, up to the first gap; corrupt ones end what is believed."""
        expected = after + 1
        rows: sqlite3.Cursor | None = None
        while True:
            try:
                rows = rows or self._db.execute(_SELECT, (after,))
                row = rows.fetchone()
            except sqlite3.DatabaseError as e:
                self.set_aside.append((expected, f"unreadable page: {e}"))
                return
            if row is None:
                return
            if reason := _wrong(expected, row):
                self.set_aside.append((expected, reason))
                return
            expected += 1
            yield Record(*row[:4])

    def about(self, text: str, other: str) -> Iterator[Record]:
        """Yield the records that hold one of two texts, up to the first corrupt one of them; quick, and blind to gaps.

        Raises:
            StoreError: AGB-603, they cannot be read.
        """
        try:
            for row in self._db.execute(_ABOUT, (text.encode(), other.encode())):
                if reason := _wrong(row[0], row):
                    self.set_aside.append((row[0], reason))
                    return
                yield Record(*row[:4])
        except sqlite3.DatabaseError as e:
            raise self._unreadable(e) from e

    def mentions(self, text: str) -> bool:
        """Return whether any record holds `text`; quick, and blind to damage: `records` decides what is believed."""
        found = self._db.execute("select 1 from record where instr(body, ?) limit 1", (text.encode(),))
        try:
            return found.fetchone() is not None
        except sqlite3.DatabaseError:
            return True  # an unreadable page: let the records say up to where

    def mentioning(self, text: str, kind: str, most: int = 200) -> list[bytes]:
        """Return the bodies of the first records of a kind that hold `text`; quick, and blind to damage.

        Raises:
            StoreError: AGB-603, they cannot be read.
        """
        question = "select body from record where kind = ? and instr(body, ?) order by seq limit ?"
        try:
            return [body for (body,) in self._db.execute(question, (kind, text.encode(), most))]
        except sqlite3.DatabaseError as e:
            raise self._unreadable(e) from e

    def _unreadable(self, e: sqlite3.Error) -> StoreError:
        return StoreError(f"{self.path} cannot be read: {e}", id="AGB-603", remedy="agbot replay tells how far")

    def batches(self, until_ns: int | None = None) -> tuple[int, int, int]:
        """Return how many batches there are, up to a time, and when the first and the last of these came (UTC ns).

        From the rows alone: what `records` does not believe counts too. StoreError AGB-603: they cannot be read.
        """
        question = "select count(*), min(now_ns), max(now_ns) from record where kind = ? and now_ns <= ?"
        latest = 2**63 - 1 if until_ns is None else until_ns
        try:
            count, first_ns, last_ns = self._db.execute(question, (BATCH, latest)).fetchone()
        except sqlite3.DatabaseError as e:
            raise self._unreadable(e) from e
        return count, first_ns or 0, last_ns or 0

    def header(self) -> Header:
        """Return what the run was made of; StoreError AGB-606 when nothing was committed, AGB-609 when damaged."""
        first = next(self.records(), None)
        if first is None and not self.set_aside:
            raise _headless(self.path)
        if first is None or first.kind != RUN:
            reason = self.set_aside[0][1] if self.set_aside else "it is not a header"
            raise StoreError(
                f"{self.path}: its first record is damaged ({reason}), so nothing after it can be read",
                id="AGB-609",
                remedy="restore the file from a backup; moved out of runs/, the next run begins without its money",
            )
        try:
            return msgspec.msgpack.decode(first.body, type=Header)
        except msgspec.DecodeError as e:
            raise foreign(self.path, str(e)) from e

    def last_ns(self) -> int:
        """Return the core's time at the last record, 0 when there is none; quick, and blind to damage."""
        try:
            found = self._db.execute("select now_ns from record order by seq desc limit 1").fetchone()
        except sqlite3.DatabaseError:
            return 2**63 - 1  # an unreadable page: let the records say up to where
        return int(found[0]) if found else 0

    def ended(self) -> str | None:
        """Return why the run ended in order, None when it runs or was cut off; quick, and blind to damage."""
        try:
            found = self._db.execute("select kind, body from record order by seq desc limit 1").fetchone()
            return str(msgspec.msgpack.decode(found[1])["reason"]) if found and found[0] == END else None
        except (sqlite3.DatabaseError, msgspec.DecodeError, LookupError, TypeError):
            return None

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def foreign(path: Path, why: str) -> StoreError:
    """Return the error for records that are whole and that this version cannot read."""
    return StoreError(
        f"{path} was written by another agbot: {why}", id="AGB-605", remedy="use the agbot version that wrote it"
    )


def _headless(path: Path) -> StoreError:
    return StoreError(
        f"{path} does not begin with a run header",
        id="AGB-606",
        remedy="the run was killed before its first commit: nothing was sent, delete the file",
    )


def _wrong(expected: int, row: tuple[object, ...]) -> str:
    seq, kind, now_ns, body, crc = row
    if not (isinstance(seq, int) and isinstance(kind, str) and isinstance(now_ns, int) and isinstance(body, bytes)):
        return "a column has the wrong type"
    if seq != expected:
        return f"a gap: expected record {expected}"
    return "" if _crc(seq, kind, now_ns, body) == crc else "checksum mismatch"


def _make_sure_of_room(directory: Path) -> None:
    """Refuse to begin a run that could not be written to its end."""
    try:
        free = shutil.disk_usage(directory).free
    except OSError:
        return  # the creation of the file will say what is wrong
    if free < DISK_FREE_MIN:
        raise StoreError(
            f"{free // 2**20} MiB are left on the disk of {directory}, a run needs {DISK_FREE_MIN // 2**20}",
            id="AGB-610",
            remedy="make room (old journals are the .agj files there), or choose another --state-dir",
        )


def _create(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    except OSError as e:
        raise StoreError(
            f"cannot create the journal {path}: {e.strerror}",
            id="AGB-601",
            remedy="choose another --state-dir or make this one writable",
        ) from e


def _failed(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(
        f"journal {path}: {error}",
        id="AGB-602",
        remedy="free disk space or choose another --state-dir; open orders were cancelled",
    )
