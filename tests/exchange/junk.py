"""What junk is thrown at: a small server in this process, or `agbot exchange` in another."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import attrs
import trio
from trio_websocket import WebSocketConnection

from agbot.exchange.api import Ask, Reply
from agbot.exchange.core.model import Refused
from agbot.telemetry.websocket import open_websocket
from agbot.web.server import Bounds, Request, Response, Server, SocketRoute

MESSAGE_BYTES_MAX = 1024 * 1024
BUG = "ended by a bug"


@attrs.frozen
class Target:
    """Something that serves on `port`: a socket path, a path that takes JSON, and the process whose memory counts."""

    port: int
    socket: str
    takes_json: str
    pid: int
    first: str
    """What the socket answers in some way."""

    @property
    def handshake(self) -> bytes:
        """An upgrade as any client sends it."""
        return (
            f"GET {self.socket} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ).encode()

    @property
    def memory_kib(self) -> int:
        """The resident memory of the server's process."""
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, check=True)
        return int(told.stdout)

    async def said(self, sent: bytes, *, eof: bool = False) -> bytes:
        """Send bytes; return what comes back until the server closes."""
        got = b""
        with trio.fail_after(30), suppress(trio.BrokenResourceError):
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await stream.send_all(sent)
                if eof:
                    await stream.send_eof()
                async for part in stream:
                    got += part
        return got

    async def cut(self, sent: bytes) -> None:
        """Send bytes and reset the connection."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(sent)
            reset(stream)

    @asynccontextmanager
    async def upgraded(self) -> AsyncIterator[trio.SocketStream]:
        """A connection on which frames are spoken."""
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            await stream.send_all(self.handshake)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            yield stream

    @asynccontextmanager
    async def websocket(self) -> AsyncIterator[WebSocketConnection]:
        """A client of the socket."""
        async with open_websocket(f"ws://127.0.0.1:{self.port}{self.socket}") as ws:
            yield ws

    async def asked(self, body: bytes) -> tuple[int, bytes]:
        """Send JSON, or what should be; return status and body."""
        head = f"POST {self.takes_json} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        got = await self.said(head.encode() + body)
        return int(got[9:12]), got.partition(b"\r\n\r\n")[2]

    async def is_well(self) -> bool:
        """Return whether requests and sockets are served as ever."""
        with trio.fail_after(30):
            async with self.websocket() as ws:
                await ws.send_message(self.first)
                answered = bool(await ws.get_message())
        return answered and (await self.asked(b"[]"))[0] == 200


def reset(stream: trio.SocketStream) -> None:
    """Let the connection end by a reset when it is closed."""
    stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))


# ---------------------------------------------------------------- in this process


def _answer(request: Request) -> Response:
    ask = Ask(method=request.method, path=request.path, query_text=request.query, body=request.body)
    try:
        return Reply({"query": ask.query, "json": ask.json if ask.body else None}).response()
    except Refused as no:
        return Reply({"error": no.text}, no.status).response()


async def _echo(ws: WebSocketConnection, _: Request) -> None:
    while True:
        await ws.send_message(await ws.get_message())


@asynccontextmanager
async def small(bounds: Bounds) -> AsyncIterator[tuple[Server, Target]]:
    """Serve an echo while the body runs; nothing in it may have been a bug of ours."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(_answer, {"/ws": SocketRoute(_echo, MESSAGE_BYTES_MAX)}, bounds=bounds)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        yield server, Target(listeners[0].socket.getsockname()[1], "/ws", "/", os.getpid(), "hello")
        nursery.cancel_scope.cancel()
    assert server.faults == 0


# ---------------------------------------------------------------- in a process of its own


@contextmanager
def exchange(open_files: int = 0) -> Iterator[Target]:
    """Run `agbot exchange` while the body runs, if need be with fewer open files; it may log no bug."""
    command = f"exec {sys.executable} -m agbot exchange --json --port 0 --population none --no-limits"
    with tempfile.TemporaryDirectory(prefix="agbot-junk-") as state, tempfile.TemporaryFile("w+") as errors:
        shell = f"{f'ulimit -n {open_files}; ' if open_files else ''}{command}"
        environment = os.environ | {"XDG_STATE_HOME": state}
        with subprocess.Popen(
            ["sh", "-c", shell], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process:
            try:
                assert process.stdout is not None
                ready = json.loads(process.stdout.readline())
                port = int(ready["urls"]["clob"].rpartition(":")[2])
                yield Target(port, "/ws/market", "/books", process.pid, "PING")
            finally:
                process.terminate()
                process.wait(30)
        errors.seek(0)
        assert BUG not in errors.read()
