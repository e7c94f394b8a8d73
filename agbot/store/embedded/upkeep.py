"""What a history's files are, and leading them from one version to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from agbot.errors import ConfigError, NotFoundError
from agbot.store.embedded.schema import (
    BUSY_MS,
    EXECUTIONS_NAME,
    FILES,
    METRICS_NAME,
    Migration,
    migrate,
    reported,
    version_of,
)

_SPANS: Final = {
    EXECUTIONS_NAME: "select min(created_ns), max(updated_ns) from orders",
    METRICS_NAME: "select min(ts), max(last_ns) from hour",
}


@attrs.frozen(kw_only=True)
class FileStatus:
    """One file: its version and the newest that this agbot knows, its bytes, and the time of its oldest and newest row.

    Times are UTC ns, 0 where there is none or where this agbot does not know the version.
    """

    name: str
    version: int
    newest: int
    size: int
    first_ns: int
    last_ns: int


def status(history: Path) -> list[FileStatus]:
    """Return what there is. NotFoundError AGB-905, StoreError AGB-901."""
    return [_status(history / name) for name in FILES]


def lead(history: Path, to: int | None) -> dict[str, list[Migration]]:
    """Lead both files to version `to`, each to its newest where that is less or `to` is None; returns the steps taken.

    No bot may run on them.

    Raises:
        ConfigError: AGB-909, there is no such version. NotFoundError: AGB-905. StoreError: AGB-901, AGB-902.
    """
    highest = max(steps[-1].number for steps in FILES.values())
    if to is not None and not 1 <= to <= highest:
        raise ConfigError(f"there is no version {to}", id="AGB-909", remedy=f"between 1 and {highest}")
    taken = {}
    for name, steps in FILES.items():
        with _opened(history / name) as db:
            taken[name] = migrate(db, history / name, min(to or highest, steps[-1].number))
    return taken


def _status(path: Path) -> FileStatus:
    with _opened(path) as db:
        version, newest = version_of(db), FILES[path.name][-1].number
        spanned = db.execute(_SPANS[path.name]).fetchone() if 0 < version <= newest else (0, 0)
        first_ns, last_ns = (time or 0 for time in spanned)
    size = sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*"))
    return FileStatus(name=path.name, version=version, newest=newest, size=size, first_ns=first_ns, last_ns=last_ns)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise NotFoundError(
            f"there is no history at {path}", id="AGB-905", remedy="agbot run writes one; name its --profile"
        )
    with reported(path):
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_MS / 1000)
        try:
            yield db
        finally:
            db.close()
