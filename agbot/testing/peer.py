"""The server's end of a WebSocket, scripted by a test: over memory streams (any clock) or over loopback."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio
import trio.testing
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.uri import WebSocketURI

CALLS_MAX: Final = 256
READ_BYTES: Final = 64 * 1024


class Peer:
    """One connection. Nothing happens by itself: not even the upgrade is answered before `accept`."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.headers: dict[str, str] = {}
        self.path = ""
        self.pongs = 0
        self._protocol = ServerProtocol(max_size=None)
        self._texts: deque[str] = deque()

    async def accept(self, *, early: bytes = b"") -> Peer:
        """Answer the upgrade; `early` are bytes sent in the same breath."""
        request = await self.request()
        self._protocol.send_response(self._protocol.accept(request))
        await self.raw(b"".join(self._protocol.data_to_send()) + early)
        return self

    async def request(self) -> Request:
        """Read the upgrade request, without an answer."""
        while True:
            self._protocol.receive_data(bytes(await self.stream.receive_some(READ_BYTES)))
            for event in self._protocol.events_received():
                if isinstance(event, Request):
                    self.path, self.headers = event.path, {k.lower(): v for k, v in event.headers.raw_items()}
                    return event

    async def receive(self) -> str:
        """Return the client's next text message; EOFError when there will be none."""
        while not self._texts:
            received = await self.stream.receive_some(READ_BYTES)
            if not received:
                raise EOFError("the client is gone")
            self._protocol.receive_data(bytes(received))
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self._texts.append(bytes(event.data).decode())
                elif isinstance(event, Frame) and event.opcode is Opcode.PONG:
                    self.pongs += 1
            if self._protocol.close_rcvd is not None and not self._texts:
                raise EOFError(f"the client closed: {self._protocol.close_rcvd}")
        return self._texts.popleft()

    async def send(self, *messages: str | bytes) -> None:
        """Send text messages, all in one write."""
        await self.raw(b"".join(frame(m) for m in messages))

    async def raw(self, octets: bytes) -> None:
        """Send bytes as they are."""
        await self.stream.send_all(octets)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, then end the connection."""
        self._protocol.send_close(code, reason)
        await self.raw(b"".join(self._protocol.data_to_send()))
        await self.stream.aclose()


def frame(message: str | bytes, *, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    """Return a message as a server's frame."""
    octets = message.encode() if isinstance(message, str) else message
    return Frame(opcode, octets, fin).serialize(mask=False)


class Switchboard:
    """Stands in for the network: each connect of a client becomes a `Peer` that waits in `calls`."""

    def __init__(self) -> None:
        self.connects = 0
        self._ring, self.calls = trio.open_memory_channel[Peer](CALLS_MAX)

    async def connect(self, _uri: WebSocketURI) -> trio.abc.Stream:
        """Return the client's end of a new connection; pass it as `connect` of `agbot.web.socket.open_socket`."""
        client, server = trio.testing.memory_stream_pair()
        self.connects += 1
        self._ring.send_nowait(Peer(server))
        return client

    async def call(self) -> Peer:
        """Return the next connection, accepted."""
        return await (await self.calls.receive()).accept()


@asynccontextmanager
async def listening(script: Callable[[Peer], Awaitable[None]]) -> AsyncIterator[str]:
    """Run `script` for each connection to a port of loopback; yields the URL."""

    async def connection(stream: trio.SocketStream) -> None:
        try:
            await script(Peer(stream))
        except (EOFError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client went first
        finally:
            await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, connection, listeners)
        yield f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/ws/market"
        nursery.cancel_scope.cancel()
