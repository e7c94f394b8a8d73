"""Where a run's history goes: the files in its state directory, and a PostgreSQL where one is named."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from agbot.secrets import Secret
from agbot.settings import HistorySettings
from agbot.store.embedded import EmbeddedStore
from agbot.store.embedded.executions import ExecutionRow
from agbot.store.rows import MetricRow

SPILL: Final = "postgres-spill.db"


class Sink(Protocol):
    """What history is written to. A row that is written twice is one row."""

    def store_executions(self, rows: Sequence[ExecutionRow], /) -> None: ...
    def insert_metrics_batch(self, rows: Sequence[MetricRow], /) -> None: ...
    def close(self) -> None: ...


def address(settings: HistorySettings) -> Secret | None:
    """Return the database's address, None where none is wanted.

    Raises:
        ConfigError: AGB-115 it is in neither environment nor keyring, AGB-910 the package psycopg is missing, AGB-911
            it is none.
    """
    if not settings.postgres:
        return None
    from agbot.store.postgres import find_dsn  # noqa: PLC0415 - an extra

    return find_dsn(settings.postgres)


class Sinks:
    """Every sink of a run, opened when it is first written to. Calls block; StoreError for one that does not take it.

    A database that is away is not waited for: its rows wait in the spill beside the embedded files.
    """

    def __init__(self, directory: Path, dsn: Secret | None) -> None:
        self._directory = directory
        self._dsn = dsn
        self._beside: Sink | None = None
        self.embedded: EmbeddedStore | None = None

    def opened(self) -> list[Sink]:
        """Return them all, opening those that are not."""
        self.embedded = self.embedded or EmbeddedStore(self._directory)
        if self._dsn is None:
            return [self.embedded]
        self._beside = self._beside or self._database(self._dsn)
        return [self.embedded, self._beside]

    def close(self) -> None:
        """Let go of all; the next write opens them anew."""
        sinks, self.embedded, self._beside = (self.embedded, self._beside), None, None
        for sink in sinks:
            if sink is not None:
                sink.close()

    def _database(self, dsn: Secret) -> Sink:
        from agbot.store.postgres import Away, migrate, open_store  # noqa: PLC0415 - an extra

        with suppress(Away):  # the spill takes its rows; tables that are old are met again by the next opening
            migrate(dsn)
        return open_store(dsn, spill=self._directory / SPILL)
