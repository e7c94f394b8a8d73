"""The two files of the embedded history, their tables, and the steps from one version of these to another.

A file's version is its `user_version`. A step goes up or down in one transaction, version included: a process that is
killed meanwhile leaves the one or the other.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import attrs

from agbot.errors import NotFoundError, StoreError

HISTORY: Final = "history"
"""Where a state directory keeps it."""
EXECUTIONS_NAME: Final = "executions.db"
METRICS_NAME: Final = "metrics.db"
BUSY_MS: Final = 5_000
CHECKPOINT_PAGES: Final = 8_000


@attrs.frozen
class Migration:
    """One step: statements that lead up to version `number` from the one before, and back down."""

    number: int
    title: str
    up: tuple[str, ...]
    down: tuple[str, ...]


_ROLL_UP: Final = """(series integer not null, ts integer not null, observed integer not null, minimum real not null,
    maximum real not null, total real not null, last real not null, last_ns integer not null,
    primary key (series, ts)) without rowid"""

METRICS: Final = (
    Migration(
        1,
        "series, observations by the minute, roll-ups of minutes and hours",
        (
            """create table series (id integer primary key, name text not null, labels text not null,
            unique (name, labels))""",
            """create table chunk (series integer not null, ts integer not null, form integer not null,
            body blob not null, primary key (series, ts)) without rowid""",
            f"create table minute {_ROLL_UP}",
            f"create table hour {_ROLL_UP}",
            "create table horizon (kind text primary key, ts integer not null) without rowid",
        ),
        tuple(f"drop table {name}" for name in ("horizon", "hour", "minute", "chunk", "series")),
    ),
)

EXECUTIONS: Final = (
    Migration(
        1,
        "orders, fills, positions",
        (
            """create table orders (client_order_id text primary key, run_id text not null, mode text not null,
            venue text not null, strategy text not null, market text not null, token text not null,
            outcome text not null, side text not null, price integer not null, size integer not null,
            filled integer not null, state text not null, reason text not null, why text not null,
            created_ns integer not null, updated_ns integer not null) without rowid""",
            """create table fills (venue text not null, trade_id text not null, client_order_id text not null,
            run_id text not null, mode text not null, strategy text not null, market text not null,
            token text not null, outcome text not null, side text not null, price integer not null,
            size integer not null, fee integer not null, liquidity text not null, settlement text not null,
            ts_ns integer not null, primary key (venue, trade_id, client_order_id)) without rowid""",
            """create table positions (ts_ns integer not null, run_id text not null, mode text not null,
            strategy text not null, market text not null, token text not null, outcome text not null,
            size integer not null, cost integer not null, realised integer not null,
            primary key (run_id, strategy, token, ts_ns)) without rowid""",
            "create index orders_by_time on orders (created_ns)",
            "create index fills_by_time on fills (ts_ns)",
        ),
        tuple(f"drop table {name}" for name in ("positions", "fills", "orders")),
    ),
    Migration(
        2,
        "orders and fills found by their market",
        (
            "create index orders_by_market on orders (market, created_ns)",
            "create index fills_by_market on fills (market, ts_ns)",
        ),
        ("drop index fills_by_market", "drop index orders_by_market"),
    ),
)

FILES: Final = {EXECUTIONS_NAME: EXECUTIONS, METRICS_NAME: METRICS}
Opener: TypeAlias = Callable[[Path], sqlite3.Connection]
SYNCHRONOUS: Final = {EXECUTIONS_NAME: "full", METRICS_NAME: "normal"}


def open_file(path: Path) -> sqlite3.Connection:
    """Open a file of the history for writing, made where it is missing (0600), at the newest version.

    Raises:
        StoreError: AGB-901 it cannot be opened, AGB-902 a newer agbot wrote it.
    """
    with reported(path):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        try:
            if not version_of(db):
                db.execute("pragma auto_vacuum=incremental")
            db.execute("pragma journal_mode=wal")
            db.execute(f"pragma synchronous={SYNCHRONOUS[path.name]}")
            db.execute(f"pragma wal_autocheckpoint={CHECKPOINT_PAGES}")
            db.execute("pragma cache_size=-16000")
            migrate(db, path, FILES[path.name][-1].number)
        except (sqlite3.Error, StoreError):
            db.close()
            raise
        return db


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a file of the history that must be there, to read only; its version must be known.

    Raises:
        NotFoundError: AGB-905, there is none. StoreError: as `open_file`.
    """
    if not path.exists():
        raise NotFoundError(
            f"there is no history at {path}", id="AGB-905", remedy="agbot run writes one; name its --profile"
        )
    with reported(path):
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            db.execute(f"pragma busy_timeout={BUSY_MS}")
            db.execute("pragma query_only=1")
            known(db, path)
        except (sqlite3.Error, StoreError):
            db.close()
            raise
        return db


def known(db: sqlite3.Connection, path: Path) -> int:
    """Return a file's version; StoreError AGB-902 for one that this agbot does not know."""
    found, newest = version_of(db), FILES[path.name][-1].number
    if found > newest:
        raise StoreError(
            f"{path} has version {found}, and this agbot knows versions up to {newest}",
            id="AGB-902",
            remedy=f"use the agbot that wrote it, and there: agbot db migrate --to {newest}",
        )
    return found


def version_of(db: sqlite3.Connection) -> int:
    """Return a file's version, 0 when it is empty."""
    return int(db.execute("pragma user_version").fetchone()[0])


def migrate(db: sqlite3.Connection, path: Path, to: int) -> list[Migration]:
    """Lead a file to version `to`, up or down, and return the steps that were taken. StoreError AGB-902."""
    now, steps = known(db, path), FILES[path.name]
    if now <= to:
        taken = [step for step in steps if now < step.number <= to]
        for step in taken:
            _take(db, step.up, step.number, expected=step.number - 1)
    else:
        taken = [step for step in reversed(steps) if to < step.number <= now]
        for step in taken:
            _take(db, step.down, step.number - 1, expected=step.number)
    return taken


def _take(db: sqlite3.Connection, statements: tuple[str, ...], version: int, *, expected: int) -> None:
    with writing(db):
        if version_of(db) != expected:
            return  # another process has taken it meanwhile
        for statement in statements:
            db.execute(statement)
        db.execute(f"pragma user_version={version}")


@contextlib.contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction: all of the body, or none when it raises."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("rollback")
        raise


@contextlib.contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into StoreError AGB-901."""
    try:
        yield
    except (sqlite3.Error, OSError, OverflowError, UnicodeEncodeError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise StoreError(
            f"the history {path}: {why}",
            id="AGB-901",
            remedy="make room; a damaged file: agbot db restore FILE, or move it away. Trading does not need it",
        ) from e
