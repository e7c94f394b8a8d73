"""Sockets on loopback, and a client that waits for what it expects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio

from agbot.web.server import Request, Response, Server, SocketRoute
from agbot.web.socket import Socket, open_socket


def _nothing(request: Request) -> Response:
    return Response(404, request.path.encode())


@asynccontextmanager
async def served(routes: Mapping[str, SocketRoute]) -> AsyncIterator[str]:
    """Serve sockets; yields the URL in front of their paths."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(_nothing, routes)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        yield f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()
    assert server.faults == 0


class Client:
    """A connection; `seen` has every frame so far."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.seen: list[bytes] = []
        self._unread: list[bytes] = []

    async def say(self, told: object) -> None:
        """Send JSON, or text as it is."""
        await self.socket.send(told if isinstance(told, str) else msgspec.json.encode(told))

    async def raw(self) -> bytes:
        """Return the next frame."""
        with trio.fail_after(10):
            while not self._unread:
                self._unread = await self.socket.receive()
        self.seen.append(self._unread[0])
        return self._unread.pop(0)

    async def next(self) -> Any:
        """Return the next frame, decoded."""
        return msgspec.json.decode(await self.raw())

    async def take(self, n: int) -> list[Any]:
        """Return the next frames."""
        return [await self.next() for _ in range(n)]

    async def ponged(self) -> None:
        """Wait until the server has read everything that was said."""
        await self.say("PING")
        assert await self.raw() == b"PONG"

    async def until_pong(self) -> list[Any]:
        """Return what comes before the answer to a ping."""
        await self.say("PING")
        frames = []
        while (raw := await self.raw()) != b"PONG":
            frames.append(msgspec.json.decode(raw))
        return frames


@asynccontextmanager
async def connected(url: str, *first: object) -> AsyncIterator[Client]:
    """Connect and say something."""
    async with open_socket(url) as socket:
        client = Client(socket)
        for told in first:
            await client.say(told)
        yield client
