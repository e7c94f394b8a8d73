"""The history that needs no server: two SQLite files in a directory, written by one process, read by any."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from agbot.errors import NotFoundError
from agbot.store.embedded import executions, reading, schema
from agbot.store.embedded.executions import ExecutionRow
from agbot.store.embedded.metrics import MetricWriter
from agbot.store.embedded.schema import EXECUTIONS_NAME, HISTORY, METRICS_NAME, reported
from agbot.store.rows import FillRow, Filter, MetricRow, OrderRow, PositionRow, Series
from agbot.units import NS_PER_S

DAY_NS: Final = 86_400 * NS_PER_S
MINUTES_LONGER: Final = 2
"""Roll-ups of minutes are kept so many times as long as observations."""
HOURS_LONGER: Final = 20
"""And those of hours so many times."""
VACUUM_STEPS: Final = 3

STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
"""What a chart's points may be apart."""


class HistoryReader:
    """Reads the history in `path`, also while a bot writes it; changes nothing.

    Raises:
        NotFoundError: AGB-905, there is none. StoreError: AGB-901 not readable, AGB-902 of a newer agbot.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open(schema.open_to_read)

    def __enter__(self) -> HistoryReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query_metrics(
        self, name: str, start_ns: int, end_ns: int, labels: Mapping[str, str] | None = None, step_ns: int = 0
    ) -> list[Series]:
        """Return every series of `name` that has all of `labels`, in [start_ns, end_ns), by `step_ns` (0: as stored).

        Points lie at multiples of the step. Where observations are no longer kept, a minute or an hour that the range
        cuts is left out.
        """
        with reported(self._metrics_path):
            return reading.query_metrics(self._metrics, name, start_ns, end_ns, labels, step_ns)

    def metric_names(self) -> list[str]:
        """Return every metric's name, sorted."""
        with reported(self._metrics_path):
            return reading.names(self._metrics)

    def query_orders(self, wanted: Filter) -> list[OrderRow]:
        """Return orders by when they were created, newest first."""
        with reported(self._executions_path):
            return executions.query_orders(self._executions, wanted)

    def query_fills(self, wanted: Filter) -> list[FillRow]:
        """Return executions by their time, newest first; a filter's `state` is their settlement."""
        with reported(self._executions_path):
            return executions.query_fills(self._executions, wanted)

    def query_positions(self, wanted: Filter) -> list[PositionRow]:
        """Return holdings by their time, newest first."""
        with reported(self._executions_path):
            return executions.query_positions(self._executions, wanted)

    def close(self) -> None:
        """Let go of the files."""
        for db in (self._metrics, self._executions):
            db.close()

    def _open(self, opened: schema.Opener) -> None:
        self._executions_path, self._metrics_path = (self.path / name for name in (EXECUTIONS_NAME, METRICS_NAME))
        self._executions: sqlite3.Connection = opened(self._executions_path)
        try:
            self._metrics: sqlite3.Connection = opened(self._metrics_path)
        except BaseException:
            self._executions.close()
            raise


class EmbeddedStore(HistoryReader):
    """`HistoryStore` on two SQLite files in the directory `path` (made where it is missing, 0700), WAL.

    Executions are on the disk when a call returns, metrics within the system's memory until a checkpoint. One process
    writes, one thread at a time. StoreError AGB-901, AGB-902.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with reported(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open(schema.open_file)
        try:
            self._writer = MetricWriter(self._metrics, self._metrics_path)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> EmbeddedStore:
        return self

    def insert_metrics_batch(self, rows: Sequence[MetricRow]) -> None:
        """Store observations in one transaction, roll-ups with them; one that is there already stays as it is.

        ValueError for a value that is not finite. One older than what is kept is left out.
        """
        self._writer.insert(rows)

    def store_order(self, row: OrderRow) -> None:
        """Store an order; one with a later `updated_ns` replaces what is there."""
        self.store_executions([row])

    def store_fill(self, row: FillRow) -> None:
        """Store an execution; told again, the later settlement replaces the earlier one."""
        self.store_executions([row])

    def store_position(self, row: PositionRow) -> None:
        """Store a holding."""
        self.store_executions([row])

    def store_executions(self, rows: Iterable[ExecutionRow]) -> None:
        """Store orders, fills and holdings in one durable transaction: all of them, or none."""
        executions.store(self._executions, self._executions_path, rows)

    def pack(self) -> int:
        """Deflate some of what nothing is appended to any more; returns how many blobs. Call it now and then."""
        return self._writer.pack()

    def prune(self, now_ns: int, *, metrics_ns: int, executions_ns: int) -> int:
        """Forget what is older than these; returns how many rows went.

        Roll-ups of minutes stay `MINUTES_LONGER` times as long as observations, those of hours `HOURS_LONGER` times.
        """
        ages = {"chunks_ns": 1, "minutes_ns": MINUTES_LONGER, "hours_ns": HOURS_LONGER}
        edges = {name: max(0, now_ns - times * metrics_ns) for name, times in ages.items()}
        gone = executions.prune(self._executions, self._executions_path, now_ns - executions_ns)
        return gone + self._writer.prune(**edges)

    def vacuum(self, progress: Callable[[], None] = lambda: None) -> None:
        """Deflate all observations and give back what the files no longer need; takes as much room again meanwhile.

        Args:
            progress: called when one of `VACUUM_STEPS` steps is done.
        """
        self._writer.pack_all()
        progress()
        for db, path in ((self._executions, self._executions_path), (self._metrics, self._metrics_path)):
            with reported(path):
                db.execute("vacuum")
                db.execute("pragma wal_checkpoint(truncate)").fetchall()
            progress()


def series_between(state_dir: Path, name: str, start_ns: int, end_ns: int, points: int) -> list[Series]:
    """Return a metric of a state directory in [start_ns, end_ns), in at most about `points` points a series.

    Empty where no history is kept; StoreError AGB-901, AGB-902 where it cannot be read. Blocks: for a worker thread.
    """
    try:
        with HistoryReader(state_dir / HISTORY) as history:
            return history.query_metrics(name, start_ns, end_ns, step_ns=step_for(end_ns - start_ns, points))
    except NotFoundError:
        return []


def step_for(span_ns: int, points: int) -> int:
    """Return the smallest step (ns) in which a span has at most `points` points; days beyond a day."""
    least = -(-span_ns // max(1, points))
    fitting = (step * NS_PER_S for step in STEPS_S if step * NS_PER_S >= least)
    return next(fitting, -(-least // DAY_NS) * DAY_NS)
