"""The journal's shell: one worker thread, group commit, and waiting for durability."""

from __future__ import annotations

from typing import Final

import trio

from agbot.store.journal import Journal

COMMIT_EVERY_S: Final = 0.1
LAST_COMMIT_S: Final = 5.0


class JournalShell:
    """Commits what the engine appends; urgent when somebody waits for durability, else every 100 ms."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._thread = trio.CapacityLimiter(1)
        self._wanted = trio.Event()
        self._committed = trio.Event()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit until cancelled, then once more under a shield, and close.

        A disk that hangs holds the end up for `LAST_COMMIT_S` seconds, no longer.
        """
        task_status.started()
        try:
            while True:
                with trio.move_on_after(COMMIT_EVERY_S):
                    await self._wanted.wait()
                self._wanted = trio.Event()
                await self._commit()
        finally:
            with trio.move_on_after(LAST_COMMIT_S, shield=True):
                await trio.to_thread.run_sync(self.journal.close, limiter=self._thread, abandon_on_cancel=True)

    async def durable(self, seq: int) -> None:
        """Return when record `seq` is on disk."""
        while self.journal.durable_seq < seq:
            self._wanted.set()
            await self._committed.wait()

    async def _commit(self) -> None:
        if self.journal.backlog:
            await trio.to_thread.run_sync(self.journal.commit, limiter=self._thread, abandon_on_cancel=True)
            committed, self._committed = self._committed, trio.Event()
            committed.set()
