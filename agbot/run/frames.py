"""The recorder's shell: sockets that are listened to, one worker thread that writes, and the end in order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Final

import trio

from agbot.errors import StoreError, leaves
from agbot.log import get_logger
from agbot.store.recorder import FrameRecorder
from agbot.venue.polymarket.link import OpenSocket
from agbot.web.socket import Socket, open_socket

WRITE_EVERY_S: Final = 1.0
LAST_WRITE_S: Final = 30.0
"""For the last block, the index, and packing the segment anew."""

log = get_logger(__name__)


class FrameShell:
    """Runs a `FrameRecorder`.

    Args:
        beside_trading: a disk that fails or is full ends the recording with a word in the log, and nothing else.

    Attributes:
        full: set once the folder is as large as it may get.
    """

    def __init__(
        self,
        recorder: FrameRecorder,
        *,
        beside_trading: bool = False,
        open_: Callable[..., AbstractAsyncContextManager[Socket]] = open_socket,
    ) -> None:
        self.recorder = recorder
        self.full = trio.Event()
        self._beside_trading = beside_trading
        self._open = open_
        self._thread = trio.CapacityLimiter(1)
        self._wanted = trio.Event()
        self._off = False

    def opener(self, name: str) -> OpenSocket:
        """Return an `open_socket` whose messages are kept as those of the socket `name`."""

        @asynccontextmanager
        async def open_(url: str) -> AsyncIterator[Socket]:
            connection = 0

            def heard(messages: list[bytes]) -> None:
                if not self._off:
                    self.recorder.frames(connection, messages)
                    if self.recorder.waiting >= self.recorder.bounds.block_bytes:
                        self._wanted.set()

            async with self._open(url, heard=heard) as socket:
                connection = self.recorder.opened(name, url)
                why = "closed by us"
                try:
                    yield socket
                except BaseException as e:
                    why = str(next(leaves(e)))
                    raise
                finally:
                    self.recorder.closed(connection, why)

        return open_

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write once a second, or when a block is full, until cancelled; then write the rest and seal.

        Raises:
            StoreError: AGB-921 the disk is nearly full, AGB-929 it failed; not beside trading.
        """
        task_status.started()
        with self._contained():
            try:
                await self._write_on()
            finally:
                with trio.move_on_after(LAST_WRITE_S, shield=True):
                    await trio.to_thread.run_sync(self._end, limiter=self._thread, abandon_on_cancel=True)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        try:
            yield
        except StoreError as e:
            if not self._beside_trading:
                raise
            self._off = True
            log.critical("record.stopped", id=e.id, reason=e.reason, remedy=e.remedy)

    async def _write_on(self) -> None:
        while True:
            with trio.move_on_after(WRITE_EVERY_S):
                await self._wanted.wait()
            self._wanted = trio.Event()
            batch = self.recorder.take()
            if batch is not None:
                await trio.to_thread.run_sync(self.recorder.write, batch, limiter=self._thread)
            if self.recorder.full:
                self.full.set()

    def _end(self) -> None:
        """Write what still waits, once the sockets are closed, and seal."""
        batch = self.recorder.take()
        try:
            if batch is not None and self.recorder.active:
                self.recorder.write(batch)
        finally:
            self.recorder.close()
