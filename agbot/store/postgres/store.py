"""History in PostgreSQL or TimescaleDB: a `HistoryStore` over a writing thread and a reading connection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future

from agbot.store.postgres.reading import Reader
from agbot.store.postgres.tables import Batch, Execution, observed, stated
from agbot.store.postgres.worker import Health, Worker
from agbot.store.rows import FillRow, Filter, MetricRow, OrderRow, PositionRow, Series


class PostgresStore:
    """A history store. Calls that store return when the rows are committed, or held on the disk; StoreError else."""

    def __init__(self, worker: Worker, reader: Reader) -> None:
        self._worker = worker
        self._reader = reader

    @property
    def health(self) -> Health:
        """Return whether the database answers, and what waits for it."""
        return self._worker.health

    def post(self, metrics: Iterable[MetricRow] = (), executions: Iterable[Execution] = ()) -> Future[None]:
        """Hand rows over without waiting: they gather for 0.2 s. The future is done when they are stored.

        Raises:
            Refused: a row cannot be stored; then none of them is.
            ValueError: a metric's value is not finite; likewise.
        """
        return self._worker.put(_clean(metrics, executions), urgent=False)

    def insert_metrics_batch(self, rows: Sequence[MetricRow]) -> None:
        """Store observations in one transaction; one that is there already stays. ValueError for one not finite."""
        self._store(_clean(rows, ()))

    def query_metrics(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, step_ns: int = 0
    ) -> list[Series]:
        """Return the series of `name` with points in the span; a roll-up is cut at the span's ends by observations."""
        return self._reader.metrics(name, start_ns, end_ns, labels or {}, step_ns)

    def store_order(self, row: OrderRow) -> None:
        """Store an order; one with a later `updated_ns` replaces what is there."""
        self._store(_clean((), [row]))

    def store_fill(self, row: FillRow) -> None:
        """Store an execution; told again, the more final settlement stays, and its fee."""
        self._store(_clean((), [row]))

    def store_position(self, row: PositionRow) -> None:
        """Store a holding; told again, the first stays."""
        self._store(_clean((), [row]))

    def store_executions(self, rows: Iterable[Execution]) -> None:
        """Store orders, fills and holdings in one transaction."""
        self._store(_clean((), rows))

    def query_orders(self, wanted: Filter) -> list[OrderRow]:
        """Return orders made in the span, newest first."""
        return self._reader.orders(wanted)

    def query_fills(self, wanted: Filter) -> list[FillRow]:
        """Return executions in the span, newest first."""
        return self._reader.fills(wanted)

    def query_positions(self, wanted: Filter) -> list[PositionRow]:
        """Return holdings in the span, newest first."""
        return self._reader.positions(wanted)

    def close(self) -> None:
        """Store or hold what is queued, and let go of the database."""
        self._worker.close()
        self._reader.close()

    def _store(self, batch: Batch) -> None:
        if batch:
            self._worker.put(batch, urgent=True).result()


def _clean(metrics: Iterable[MetricRow], executions: Iterable[Execution]) -> Batch:
    return Batch(observed(metrics), [stated(told) for told in executions])
