"""Keeps what programs push that are no bots: a bot has its own history, they have none but the monitor's.

Gauges and counters are kept as they stand at the end of each second in which they were told, observations of a
histogram singly, at the time they came. One thread writes; a disk that takes nothing is told once and tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
import trio

from agbot.errors import StoreError
from agbot.settings import HistorySettings
from agbot.store.rows import MetricRow
from agbot.telemetry.protocol import MetricLine, series_key
from agbot.units import NS_PER_S

if TYPE_CHECKING:
    from agbot.store.embedded import EmbeddedStore

PUSHED: Final = "pushed"
"""Folder in the state directory; `agbot history --state-dir DIR/pushed` reads it."""
WRITE_S: Final = 1.0
LAST_WRITE_S: Final = 3.0
WAITING_MAX: Final = 100_000
"""Observations that wait for the disk; further ones are left out and counted."""
PRUNE_EVERY_NS: Final = 3600 * NS_PER_S

_log = structlog.get_logger("agbot.monitor")


class Keeper:
    """Takes lines in memory, and writes them into the history in `state_dir`/pushed, made with the first of them.

    Args:
        limits: how long it is kept.
    """

    def __init__(
        self, state_dir: Path, *, now_ns: Callable[[], int] = time.time_ns, limits: HistorySettings | None = None
    ) -> None:
        self.state_dir = state_dir / PUSHED
        self.left_out = self._told_left_out = 0
        self._now_ns = now_ns
        self._limits = limits or HistorySettings()
        self._newest: dict[str, MetricLine] = {}
        self._rows: list[MetricRow] = []
        self._last_ns = 0
        self._pruned_ns = 0
        self._store: EmbeddedStore | None = None
        self._failing = False
        self._thread = trio.CapacityLimiter(1)

    def take(self, line: MetricLine) -> None:
        """Keep a line until the next write; never waits, never fails."""
        if line.metric_type != "histogram":
            self._newest[series_key(line.metric_name, line.labels)] = line
        elif len(self._rows) < WAITING_MAX:
            self._last_ns = max(self._last_ns + 1, self._now_ns())  # two at one time would be one row
            self._rows.append(_row(self._last_ns, line))
        else:
            self.left_out += 1

    async def run(self) -> None:
        """Write once a second until cancelled, then once more under a shield."""
        try:
            while True:
                await trio.sleep(WRITE_S)
                await self.write()
        finally:
            with trio.move_on_after(LAST_WRITE_S, shield=True):
                await self.write()
                await trio.to_thread.run_sync(self._close, limiter=self._thread, abandon_on_cancel=True)

    async def write(self) -> None:
        """Hand over what waits; what could not be written waits on."""
        second_ns = self._now_ns() // NS_PER_S * NS_PER_S
        told, self._newest = self._newest, {}
        room = max(0, WAITING_MAX - len(self._rows))
        self._rows += [_row(second_ns, line) for line in list(told.values())[:room]]
        self.left_out += max(0, len(told) - room)
        if not self._rows:
            return
        rows = list(self._rows)
        failed = await trio.to_thread.run_sync(self._put, rows, limiter=self._thread, abandon_on_cancel=True)
        if failed is None:
            del self._rows[: len(rows)]
        self._tell(failed)

    def _put(self, rows: Sequence[MetricRow]) -> StoreError | None:
        """Write, in the thread that alone has the store; one that fails is opened anew the next time."""
        from agbot.store.embedded import EmbeddedStore  # noqa: PLC0415 - SQLite, once something was pushed
        from agbot.store.embedded.schema import HISTORY, reported  # noqa: PLC0415

        try:
            if self._store is None:
                with reported(self.state_dir):
                    self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._store = EmbeddedStore(self.state_dir / HISTORY)
            self._store.insert_metrics_batch(rows)
            self._tidy(self._store)
        except StoreError as e:
            self._close()
            return e
        return None

    def _tidy(self, store: EmbeddedStore) -> None:
        store.pack()
        now_ns = self._now_ns()
        if now_ns - self._pruned_ns >= PRUNE_EVERY_NS:
            store.prune(now_ns, metrics_ns=self._limits.metrics_ns, executions_ns=self._limits.executions_ns)
            self._pruned_ns = now_ns

    def _close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _tell(self, failed: StoreError | None) -> None:
        if failed is not None and not self._failing:
            _log.error("what was pushed is not kept", reason=failed.reason, id=failed.id, remedy=failed.remedy)
        elif failed is None and self._failing:
            _log.warning("what is pushed is kept again", path=str(self.state_dir), left_out=self.left_out)
        if failed is None and self.left_out > self._told_left_out:
            _log.warning("more was pushed than is kept", left_out=self.left_out)
            self._told_left_out = self.left_out
        self._failing = failed is not None


def _row(ts_ns: int, line: MetricLine) -> MetricRow:
    return MetricRow(ts_ns, line.metric_name, tuple(sorted(line.labels.items())), line.value)
