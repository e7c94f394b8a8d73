"""History in PostgreSQL or TimescaleDB, for who wants it in a database of its own: `pip install 'agbot[postgres]'`."""

from __future__ import annotations

from pathlib import Path

from agbot.log import get_logger
from agbot.secrets import Secret
from agbot.store.postgres.link import Away, checked, find_dsn
from agbot.store.postgres.migrations import Status, migrate, status
from agbot.store.postgres.reading import Reader
from agbot.store.postgres.session import Session
from agbot.store.postgres.spill import BYTES_MAX, Spill
from agbot.store.postgres.store import PostgresStore
from agbot.store.postgres.worker import Health, Worker

__all__ = ["Away", "Health", "PostgresStore", "Status", "find_dsn", "migrate", "open_store", "status"]

_log = get_logger(__name__)


def open_store(dsn: Secret, *, spill: Path | None = None, spill_bytes_max: int = BYTES_MAX) -> PostgresStore:
    """Open the history in a database that has been migrated. Blocks.

    Args:
        dsn: its address, from `find_dsn`.
        spill: the file where rows wait while the database is away; without one, storing fails then.
        spill_bytes_max: how much of them there may be.

    Raises:
        Away: AGB-912 it does not answer, and there is no spill.
        Unready: AGB-914 it refuses, AGB-915 it has not been migrated.
        StoreError: AGB-917 the spill cannot be used.
        ConfigError: AGB-910 the package psycopg is missing; AGB-911 the address is none.
    """
    checked(dsn)
    session = None
    waiting = Spill(spill, spill_bytes_max) if spill is not None else None
    try:
        session = Session(dsn)
    except Away as e:
        if waiting is None:
            raise
        _log.warning("postgres.away", reason=e.reason)
    except BaseException:
        if waiting is not None:
            waiting.close()
        raise
    return PostgresStore(Worker(dsn, waiting, session), Reader(dsn))
