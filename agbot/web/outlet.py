"""The server's end of a WebSocket on which only the server has something to tell: frames made once, for all clients.

A server's frames are not masked, so one frame is the same bytes for everybody. `Outlet.offer` writes it at once, as far
as the kernel takes it, without a task or an await for each client; only what is left over waits for the socket. What
may wait is bounded: a client beyond it is dropped, and the others do not notice.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

import trio

TRY_LATER: Final = 1013
SHORT: Final = 128
"""What is shorter goes as it is to clients that take it deflated, too: it would save no packet."""

Write: TypeAlias = Callable[[bytes | memoryview], int]
"""Writes what it can without waiting and returns how much; BlockingIOError when that is nothing."""


def text_frame(payload: bytes, *, deflated: bool = False) -> bytes:
    """Return a whole text message as a server sends it; `deflated` with nothing it has to remember (RFC 7692)."""
    first = 0x81
    if deflated and len(payload) >= SHORT:
        first |= 0x40
        packer = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -zlib.MAX_WBITS)
        payload = (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", first, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length) + payload
    return struct.pack("!BBQ", first, 127, length) + payload


class Outlet:
    """What one client has still to get. No I/O but `write`, no clock.

    Args:
        write: puts bytes on the client's socket without waiting.
        waiting_max: offers that may wait, the one on its way not counted.
        bytes_max: bytes that may wait, likewise; a single offer may be longer.
        deflates: whether the client takes deflated messages.
    """

    def __init__(self, write: Write, *, waiting_max: int, bytes_max: int, deflates: bool = False) -> None:
        self.deflates = deflates
        self.dropped = False
        """Too far behind: what waited is gone, nothing more is taken."""
        self.over = trio.Event()
        """Set once nothing more can be sent: dropped, closed by either side, or broken."""
        self.stuck = trio.Event()
        """Set while bytes wait for the socket."""
        self.code, self.reason = 1000, ""
        self._write = write
        self._waiting_max = waiting_max
        self._bytes_max = bytes_max
        self._rest: bytes | memoryview = b""
        self._waiting: deque[bytes] = deque()
        self._bytes = 0

    @property
    def held(self) -> int:
        """Bytes that wait, those on their way included."""
        return len(self._rest) + self._bytes

    def offer(self, frames: bytes) -> bool:
        """Send whole frames, now or later; False when the client is gone or was too far behind and is dropped."""
        if self.over.is_set():
            return False
        self._put(frames)
        if self._waiting:
            waiting = len(self._waiting)
            if waiting > self._waiting_max or (self._bytes > self._bytes_max and waiting > 1):
                self._forget()
                self.dropped = True
                self.leave(TRY_LATER, "too slow")
        return not self.over.is_set()

    def leave(self, code: int, reason: str = "") -> None:
        """Take nothing more; what waits is still sent, then the close."""
        if not self.over.is_set():
            self.code, self.reason = code, reason
            self.over.set()

    def last(self, frames: bytes) -> None:
        """Send frames of the protocol itself (pong, close), also after `leave`."""
        self._put(frames)
        if len(self._waiting) > self._waiting_max:
            self._forget()  # pings from a client that does not read
            self.leave(TRY_LATER, "too slow")

    def flush(self) -> None:
        """Write on, as far as the socket takes it."""
        while self._rest or self._waiting:
            if not self._rest:
                self._rest = self._waiting.popleft()
                self._bytes -= len(self._rest)
            written = self._try(self._rest)
            if written < len(self._rest):
                self._rest = memoryview(self._rest)[written:]
                self.stuck.set()
                return
            self._rest = b""

    def _put(self, frames: bytes) -> None:
        if self._rest or self._waiting:
            self._waiting.append(frames)
            self._bytes += len(frames)
        elif (written := self._try(frames)) < len(frames):
            self._rest = memoryview(frames)[written:]
            self.stuck.set()

    def _try(self, frames: bytes | memoryview) -> int:
        """Return how much could be written; all of it, as far as anybody cares, once the client is gone."""
        try:
            return self._write(frames)
        except BlockingIOError:
            return 0
        except OSError:
            self._forget()
            self.leave(TRY_LATER, "broken")
            return len(frames)

    def _forget(self) -> None:
        self._waiting.clear()
        self._bytes = 0
