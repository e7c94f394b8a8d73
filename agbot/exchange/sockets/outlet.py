"""The outgoing side of WebSockets: a bounded queue for each connection, and the task that empties it.

`put` never waits: telling twenty subscribers costs twenty appends of the same bytes. A connection whose client does not
read is dropped when its bound is passed; nobody else notices. All frames that are queued leave in one write.
"""

from __future__ import annotations

import heapq
import struct
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Final, TypeAlias, TypeVar

import attrs
import structlog
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from agbot.web.http import Abandoned, Torn
from agbot.web.lost import LOST

FRAME_BYTES_MAX: Final = 1024 * 1024
"""Clients close with 1009 on anything longer."""
WRITE_BYTES: Final = 64 * 1024
"""Frames are joined to writes of about this size."""
SLOW: Final = 1013
FLUSH_S: Final = 1.0
"""A connection that is closed by us has this long to take what is queued, and again to answer the close."""

C = TypeVar("C")
_log = structlog.get_logger("agbot.exchange.sockets")


@attrs.frozen(kw_only=True)
class Backlog:
    """How much one client may leave unread."""

    messages: int = 8_192
    bytes: int = 16 * 1024 * 1024


Filter: TypeAlias = Callable[[str, "Outlet", bytes], Iterable[tuple[float, bytes]]]
"""What becomes of a frame: (channel, connection, frame) to any number of (seconds to wait, frame)."""
Opened: TypeAlias = Callable[[str, "Outlet"], None]
"""Told of each connection that was accepted: (channel, connection)."""


class Outlet:
    """One connection. `silent`, `deaf` and `note` are the fault layer's.

    Attributes:
        silent: nothing leaves but the answers to pings.
        deaf: pings are not answered.
        number: counts the channel's connections, from 1.
        address: the EOA that authenticated on it, empty before or on public channels.
        sent: frames that were handed to the kernel.
    """

    def __init__(self, ws: WebSocketConnection, channel: Outlets, number: int) -> None:
        self.number = number
        self.address = ""
        self.silent = False
        self.deaf = False
        self.note: object = None
        self.sent = 0
        self._ws = ws
        self._channel = channel
        self._queue: deque[bytes] = deque()
        self._later: list[tuple[float, int, bytes]] = []
        self._count = 0
        self._bytes = 0
        self._wake = trio.Event()
        self._ended = trio.Event()
        self._code: int | None = None
        self._reason = ""
        self._writing = False
        """Left on by a write that did not end: half a frame may be out."""
        self._broken = False
        self._nursery: trio.Nursery | None = None
        self._torn = False

    @property
    def channel(self) -> str:
        """Return what the channel is called, such as ``market``."""
        return self._channel.name

    @property
    def backlog(self) -> int:
        """Return how many frames wait."""
        return len(self._queue) + len(self._later)

    def put(self, frame: bytes) -> None:
        """Queue one text frame, through the channel's filter. Nothing happens once the connection is ending."""
        if self.silent:
            return
        if len(frame) > FRAME_BYTES_MAX:
            _log.error("frame beyond what clients take is not sent", channel=self.channel, bytes=len(frame))
            self._channel.oversized += 1
            return
        change = self._channel.filter
        if change is None:
            self._append(frame)
            return
        for delay_s, changed in change(self._channel.name, self, frame):
            self._append(changed) if delay_s <= 0 else self._postpone(delay_s, changed)

    def answer(self, frame: bytes) -> None:
        """Queue the answer to a ping, which no filter touches."""
        if not self.deaf:
            self._append(frame)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Send what is queued within `FLUSH_S`, then close with a code; a client that does not take it is reset."""
        if self._code is None:
            self._code, self._reason = code, reason
            self._later.clear()
            self._wake.set()
            if self._nursery is not None:
                self._nursery.start_soon(self._give_up)

    def drop(self, *, reset: bool = False) -> None:
        """Break the connection at once, without a close frame; by a TCP reset if so told."""
        self._broken, self._torn = True, reset
        self._end(0)

    def _end(self, code: int) -> None:
        self._code = code
        self._queue.clear()
        self._later.clear()
        self._bytes = 0
        self._ended.set()

    def _append(self, frame: bytes) -> None:
        if self._code is not None:
            return
        self._queue.append(frame)
        self._count_in(frame)
        if not self._wake.is_set():
            self._wake.set()

    def _postpone(self, delay_s: float, frame: bytes) -> None:
        if self._code is None:
            self._count += 1
            heapq.heappush(self._later, (trio.current_time() + delay_s, self._count, frame))
            self._count_in(frame)
            self._wake.set()

    def _count_in(self, frame: bytes) -> None:
        self._bytes += len(frame)
        bound = self._channel.backlog
        if self._bytes > bound.bytes or len(self._queue) + len(self._later) > bound.messages:
            _log.info("client does not read, dropped", channel=self.channel, connection=self.number)
            self._channel.slow += 1
            self._end(self._channel.slow_code)

    async def serve(self, take: Callable[[str], None]) -> None:
        """Send what is queued and hand over what comes, until either side ends.

        Args:
            take: gets each text message; it must not wait. Binary messages are ignored.

        Raises:
            Abandoned: the connection is to be broken, as after `drop`.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._send)
            if self._code is not None:
                nursery.start_soon(self._give_up)
            nursery.start_soon(self._listen, take)
            await self._ended.wait()
            nursery.cancel_scope.cancel()
        if self._broken or self._writing:
            raise Torn if self._torn else Abandoned
        if self._code:
            with trio.move_on_after(FLUSH_S):
                await self._ws.aclose(self._code, self._reason)

    async def _listen(self, take: Callable[[str], None]) -> None:
        with suppress(*LOST):
            while self._code is None:
                message = await self._ws.get_message()
                if isinstance(message, str):
                    take(message)
        if self._code is None:
            self._end(0)  # the client went

    async def _send(self) -> None:
        with suppress(*LOST):
            while self._code is None or self._queue:
                self._admit_due()
                if not self._queue:
                    await self._wait()
                elif batch := self._batch():
                    await self._write(batch)
        self._ended.set()

    async def _give_up(self) -> None:
        await trio.sleep(FLUSH_S)
        self._ended.set()

    async def _wait(self) -> None:
        """Return when something was queued, a postponed frame is due, or the connection ends."""
        self._wake = trio.Event()
        if not self._later:
            await self._wake.wait()
            return
        with trio.move_on_at(self._later[0][0]):
            await self._wake.wait()

    def _admit_due(self) -> None:
        while self._later and self._later[0][0] <= trio.current_time():
            self._queue.append(heapq.heappop(self._later)[2])

    def _batch(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while self._queue and size < WRITE_BYTES:
            frame = self._queue.popleft()
            size += len(frame)
            parts += (_head(len(frame)), frame)
        self._bytes -= size
        self.sent += len(parts) // 2
        return b"".join(parts)

    async def _write(self, batch: bytes) -> None:
        # trio-websocket writes one message at a time; its own frames (pongs, close) are written under this lock too.
        lock = self._ws._stream_lock  # noqa: SLF001
        try:
            lock.acquire_nowait()  # nearly always, and without a turn of the scheduler
        except trio.WouldBlock:
            await lock.acquire()
        try:
            if self._ws.closed is not None:
                raise ConnectionClosed(self._ws.closed)
            self._writing = True
            await self._ws._stream.send_all(batch)  # noqa: SLF001
            self._writing = False
        finally:
            lock.release()


def _head(length: int) -> bytes:
    """Return the head of an unmasked, final text frame."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return struct.pack("!BBH", 0x81, 126, length)
    return struct.pack("!BBQ", 0x81, 127, length)


class Outlets:
    """The open connections of one channel.

    Args:
        name: such as ``market``.
        backlog: what a client may leave unread.
        slow_code: how a client is closed that leaves more; one that is stuck within a frame is reset.

    Attributes:
        open: those that are connected, oldest first.
        filter, opened: the fault layer's; None passes everything on as it is.
        slow: clients dropped because they did not read; `oversized` counts frames not sent.
    """

    def __init__(self, name: str, *, backlog: Backlog = Backlog(), slow_code: int = SLOW) -> None:
        self.name = name
        self.backlog = backlog
        self.slow_code = slow_code
        self.open: dict[Outlet, None] = {}
        self.filter: Filter | None = None
        self.opened: Opened | None = None
        self.slow = 0
        self.oversized = 0
        self._number = 0

    async def serve(
        self,
        ws: WebSocketConnection,
        join: Callable[[Outlet], C],
        take: Callable[[C, str], None],
        leave: Callable[[C], None],
    ) -> None:
        """Serve one connection to its end.

        Args:
            join: makes the channel's own view of a client.
            take: gets it with each of its messages.
            leave: gets it when the connection has ended.
        """
        self._number += 1
        outlet = Outlet(ws, self, self._number)
        self.open[outlet] = None
        client = join(outlet)
        try:
            if self.opened is not None:
                self.opened(self.name, outlet)
            await outlet.serve(partial(take, client))
        finally:
            leave(client)
            del self.open[outlet]

    def drop_all(self) -> None:
        """Break every connection, as a restart of the venue does."""
        for outlet in list(self.open):
            outlet.drop()
