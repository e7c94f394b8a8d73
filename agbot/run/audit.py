"""The audit log's shell: an observer that never waits, and one thread that writes. Trading goes on without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import trio

from agbot.core.step import Step
from agbot.log import STORY, get_logger
from agbot.model.events import Event
from agbot.store.audit import AuditLog
from agbot.store.audit_rows import Happened, Row, operator_events, rows_of

WRITE_EVERY_S: Final = 0.1
AGAIN_S: Final = 1.0
"""After a write that failed."""
LAST_WRITE_S: Final = 3.0
BACKLOG_MAX: Final = 50_000
"""Steps that wait to be written; further ones are counted as lost and the log says how many."""

_LEVELS: Final = {"fill": "info", "reject": "info", "denial": "info", "unknown": "warning"}
_TOLD_ELSEWHERE: Final = ("lost", "kill", "release", "halt", "accept")

log = get_logger(__name__)
story = get_logger(STORY)


class AuditShell:
    """Queues what happened to orders, writes it behind the engine's back, and puts the main turns into the log.

    A log that cannot be written is told once, at level critical, until a write succeeds again; what was lost meanwhile
    is counted in a line of kind "lost".

    Args:
        durable: returns once everything that has happened so far is in the journal on disk. The log is written after
            it: what it tells of a run that was killed, the journal knows.
    """

    def __init__(
        self, audit: AuditLog, run_id: str, durable: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint
    ) -> None:
        self._audit = audit
        self._durable = durable
        self._run_id = run_id
        self._queue: list[Happened] = []
        self._lost = self._lost_told = 0
        self._failing = False
        self._thread = trio.CapacityLimiter(1)

    @property
    def backlog(self) -> int:
        """Return how many steps wait to be written."""
        return len(self._queue)

    def observe(self, batch: list[Event], step: Step) -> None:
        """Queue one step; never waits, never fails."""
        happened = Happened(now_ns=step.now_ns, operator=operator_events(batch), heard=step.heard, output=step.output)
        if happened.empty:
            return
        if len(self._queue) >= BACKLOG_MAX:
            self._lost += 1
            return
        self._queue.append(happened)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until cancelled, then once more under a shield. A disk that hangs holds the end up no longer."""
        task_status.started()
        try:
            while True:
                await trio.sleep(AGAIN_S if self._failing else WRITE_EVERY_S)
                await self._write()
        finally:
            with trio.move_on_after(LAST_WRITE_S, shield=True):
                await self._write()
                await trio.to_thread.run_sync(self._close, limiter=self._thread, abandon_on_cancel=True)

    async def _write(self) -> None:
        waiting = len(self._queue)
        if waiting or self._lost != self._lost_told:
            await self._durable()
            append = partial(self._append, waiting)
            self._tell(await trio.to_thread.run_sync(append, limiter=self._thread, abandon_on_cancel=True))

    def _append(self, waiting: int) -> OSError | None:
        """Write `waiting` steps; what could not be written goes on waiting. The engine's thread only adds to them."""
        lost = self._lost
        rows = [row for happened in self._queue[:waiting] for row in rows_of(happened, self._run_id)]
        if lost != self._lost_told:
            rows.append({"kind": "lost", "run": self._run_id, "steps": lost - self._lost_told})
        try:
            self._audit.append(rows)
        except OSError as e:
            return e
        del self._queue[:waiting]
        self._lost_told = lost
        for row in rows:
            _log(row)
        return None

    def _close(self) -> None:
        try:
            self._audit.close()
        except OSError as e:
            self._tell(e)

    def _tell(self, failed: OSError | None) -> None:
        if failed is not None and not self._failing:
            log.critical(
                "audit.not_written",
                path=str(self._audit.path),
                reason=failed.strerror or str(failed),
                remedy="make room; trading goes on, and the journal has everything",
            )
        elif failed is None and self._failing:
            log.warning("audit.written_again", path=str(self._audit.path))
        self._failing = failed is not None


def _log(row: Row) -> None:
    """Put a turn of an order's life into the log, under the id its whole story goes by."""
    if row["kind"] in _TOLD_ELSEWHERE:
        return
    level = "warning" if row.get("contradiction") else _LEVELS.get(row["kind"], "debug")
    fields = {
        name: value for name, value in row.items() if name not in ("kind", "time", "run") and value not in ("", [])
    }
    tell: Callable[..., None] = getattr(story, level)
    tell(f"order.{row['kind']}", **fields)
