"""A backup is one file: both databases as SQLite copies them while they are in use, with what each must hold.

A digest is over the rows of a file in the order of their keys, not over its bytes: the same history has the same digest
before a backup, in it, and after it was restored.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from agbot.errors import NotFoundError, StoreError
from agbot.store.embedded.schema import FILES, open_to_read, reported, version_of

MANIFEST: Final = "manifest.json"
PAGES_A_STEP: Final = 1_000

Progress: TypeAlias = Callable[[int, int], None]
"""Told how much is done of how much: of a file at a time."""


class Kept(msgspec.Struct, frozen=True):
    """What one file of a backup holds."""

    version: int
    rows: dict[str, int]
    digest: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup is: by whom, of when (UTC ns), and what each of its files holds."""

    agbot_backup: int
    made_ns: int
    files: dict[str, Kept]


def backup(history: Path, target: Path, now_ns: int, progress: Progress = lambda *_: None) -> Manifest:
    """Write the history in `history` to the file `target` (0600), whole or not at all; a bot may write meanwhile.

    Raises:
        NotFoundError: AGB-905, there is no history.
        StoreError: AGB-901 it cannot be read, AGB-907 `target` is there or cannot be written.
    """
    if target.exists():
        raise _unwritten(target, "it is there already")
    with _scratch(target.parent) as scratch:
        for name in FILES:
            _copy(history / name, scratch / name, progress)
        manifest = Manifest(1, now_ns, {name: kept(scratch / name) for name in FILES})
        whole = scratch / "backup.zip"
        with zipfile.ZipFile(whole, "x", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr(MANIFEST, msgspec.json.encode(manifest))
            for name in FILES:
                archive.write(scratch / name, name)
        whole.chmod(0o600)
        whole.replace(target)
    return manifest


def restore(source: Path, history: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Replace the history in `history` by a backup, once all of it was found to be whole. No bot may run on it.

    Raises:
        NotFoundError: AGB-905, there is no such backup.
        StoreError: AGB-906 it is no backup or damaged, AGB-902 of a newer agbot, AGB-901 it cannot be put in place.
    """
    with reported(history):
        history.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _scratch(history) as scratch:
        manifest = _unpacked(source, scratch, progress)
        for name in FILES:
            found = _whole(source, scratch / name)
            if found != manifest.files.get(name):
                raise _damaged(source, f"{name} does not hold what was backed up")
        with reported(history):
            for name in FILES:
                for rest in ("-wal", "-shm"):
                    (history / f"{name}{rest}").unlink(missing_ok=True)
                (scratch / name).replace(history / name)
    return manifest


def kept(path: Path) -> Kept:
    """Return what a file of the history holds. NotFoundError AGB-905, StoreError AGB-901, AGB-902."""
    db = open_to_read(path)
    try:
        with reported(path):
            found = {table: _digest(db, table) for table in _tables(db)}
            version = version_of(db)
    finally:
        db.close()
    whole = hashlib.sha256(msgspec.msgpack.encode({table: digest for table, (_, digest) in found.items()}))
    return Kept(version, {table: rows for table, (rows, _) in found.items()}, whole.hexdigest())


def _tables(db: sqlite3.Connection) -> list[str]:
    wanted = "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name"
    return [name for (name,) in db.execute(wanted)]


def _digest(db: sqlite3.Connection, table: str) -> tuple[int, str]:
    keys = [
        name
        for *_, name in sorted((key, name) for _, name, *_, key in db.execute(f"pragma table_info({table})") if key)
    ]
    digest, rows, encode = hashlib.sha256(), 0, msgspec.msgpack.Encoder().encode
    for row in db.execute(f"select * from {table} order by {', '.join(keys)}"):  # noqa: S608 - names of the schema
        digest.update(encode(row))
        rows += 1
    return rows, digest.hexdigest()


def _copy(source: Path, target: Path, progress: Progress) -> None:
    db = open_to_read(source)
    copy = sqlite3.connect(target)
    try:
        with reported(source):
            db.execute("begin")  # one moment of it, however often a bot writes meanwhile
            db.execute("select 1 from sqlite_master").fetchone()
            db.backup(copy, pages=PAGES_A_STEP, progress=lambda _, left, total: progress(total - left, total))
            copy.execute("pragma journal_mode=delete").fetchone()  # one file, whole without a -wal
            target.chmod(0o600)
    finally:
        copy.close()
        db.close()


def _unpacked(source: Path, scratch: Path, progress: Progress) -> Manifest:
    try:
        with zipfile.ZipFile(source) as archive:
            manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
            for name in FILES:
                with archive.open(name) as packed, (scratch / name).open("xb") as out:
                    shutil.copyfileobj(packed, out, 1 << 20)
                (scratch / name).chmod(0o600)
                progress(1, 1)
    except FileNotFoundError as e:
        raise NotFoundError(f"there is no backup {source}", id="AGB-905", remedy="agbot db backup makes one") from e
    except (zipfile.BadZipFile, zlib.error, msgspec.MsgspecError, KeyError, EOFError, ValueError, RuntimeError) as e:
        raise _damaged(source, str(e)) from e
    except OSError as e:
        raise _damaged(source, e.strerror or str(e)) from e
    return manifest


def _whole(source: Path, path: Path) -> Kept:
    """Return what an unpacked file holds, after SQLite's own look at its pages."""
    try:
        db = sqlite3.connect(path)
        try:
            (verdict,) = db.execute("pragma integrity_check(1)").fetchone()
        finally:
            db.close()
    except sqlite3.DatabaseError as e:
        raise _damaged(source, f"{path.name}: {e}") from e
    if verdict != "ok":
        raise _damaged(source, f"{path.name}: {verdict}")
    return kept(path)


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A directory for the work on the same disk, gone afterwards."""
    try:
        scratch = tempfile.TemporaryDirectory(prefix=".agbot-backup-", dir=beside, ignore_cleanup_errors=True)
    except OSError as e:
        raise _unwritten(beside, e.strerror or str(e)) from e
    with scratch as path:
        try:
            yield Path(path)
        except OSError as e:
            raise _unwritten(beside, e.strerror or str(e)) from e


def _damaged(source: Path, why: str) -> StoreError:
    remedy = "take another backup: nothing was changed"
    return StoreError(f"{source} is not a whole backup: {why}", id="AGB-906", remedy=remedy)


def _unwritten(target: Path, why: str) -> StoreError:
    return StoreError(f"{target} cannot be written: {why}", id="AGB-907", remedy="name another file, or make room")
