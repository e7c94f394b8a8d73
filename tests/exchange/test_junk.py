"""Whatever comes down the wire, the server goes on serving the others, and its memory stays bounded.

The server runs here with a small answer and one WebSocket; the crowd of idle sockets is another process.
"""

from __future__ import annotations

import json
import os
import random
import resource
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from agbot.exchange.api import Ask, Reply
from agbot.exchange.model import Refused
from agbot.telemetry.websocket import open_websocket
from agbot.web.descriptors import connections_max
from agbot.web.server import Bounds, Request, Response, Server, SocketRoute

CROWD = Path(__file__).with_name("crowd.py")
CONNECTION_KIB_MAX = 16
"""What one idle connection may take of the server's memory; 8 are usual."""
NOISE_KIB = 8 * 1024
"""What the process may take besides: arenas that are not given back, tests that came before."""
JUNK_GROWTH_KIB_MAX = 16 * 1024
MESSAGE_BYTES_MAX = 1024 * 1024
HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ORDER = (
    b"POST /order HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 40\r\n"
    b'User-Agent: py_clob_client_v2\r\n\r\n{"order":{"salt":123,"side":"BUY"},"a":1}'[:-1]
)


def answer(request: Request) -> Response:
    """Give the JSON back that came, as the exchange's routes read it."""
    ask = Ask(method=request.method, path=request.path, query_text=request.query, body=request.body)
    try:
        return Reply({"query": ask.query, "json": ask.json if ask.body else None}).response()
    except Refused as no:
        return Reply({"error": no.text}, no.status).response()


async def echo(ws: WebSocketConnection, _: Request) -> None:
    while True:
        await ws.send_message(await ws.get_message())


@asynccontextmanager
async def serving(bounds: Bounds) -> AsyncIterator[tuple[Server, int]]:
    """Serve while the body runs; nothing in it may have been a bug of ours."""
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    server = Server(answer, {"/ws": SocketRoute(echo, MESSAGE_BYTES_MAX)}, bounds=bounds)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        yield server, listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()
    assert server.faults == 0


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that forgives nobody for long."""
    async with serving(Bounds(idle_s=1, request_s=0.5)) as (_, port):
        yield port


async def said(port: int, sent: bytes, *, eof: bool = False) -> bytes:
    """Send bytes; return what comes back until the server closes or goes silent."""
    got = b""
    with trio.fail_after(30), suppress(trio.BrokenResourceError):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(sent)
            if eof:
                await stream.send_eof()
            async for part in stream:
                got += part
    return got


async def cut(port: int, sent: bytes) -> None:
    """Send bytes and reset the connection."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(sent)
        stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))


async def asked(port: int, body: bytes = b"", path: bytes = b"/") -> tuple[int, bytes]:
    """Ask properly; return status and body."""
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % (path, len(body))
    got = await said(port, head + body)
    return int(got[9:12]), got.partition(b"\r\n\r\n")[2]


async def is_well(port: int) -> bool:
    """Return whether requests and sockets are served as ever."""
    with trio.fail_after(30):
        async with open_websocket(f"ws://127.0.0.1:{port}/ws") as ws:
            await ws.send_message("hello")
            echoed = await ws.get_message()
    status, body = await asked(port, b'{"a":1}')
    return (status, json.loads(body)["json"], echoed) == (200, {"a": 1}, "hello")


def memory_kib(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout)


# ---------------------------------------------------------------- bytes


async def test_random_bytes(port: int) -> None:
    dice = random.Random(1)
    for _ in range(100):
        await cut(port, dice.randbytes(dice.randrange(1, 2000)))
        await said(port, dice.randbytes(dice.randrange(1, 2000)), eof=True)
    assert await is_well(port)


@pytest.mark.parametrize("whole", [ORDER, HANDSHAKE], ids=["order", "upgrade"])
async def test_half_requests(port: int, whole: bytes) -> None:
    async with trio.open_nursery() as nursery:
        for end in range(len(whole)):
            nursery.start_soon(cut, port, whole[:end])
    for end in range(1, len(whole), 7):
        assert b" 200 " not in await said(port, whole[:end], eof=True)
    assert await is_well(port)


async def test_requests_with_one_byte_changed() -> None:
    dice = random.Random(2)
    async with serving(Bounds(request_s=0.5, connections=20)) as (server, port):
        for whole in (ORDER, HANDSHAKE):
            for _ in range(100):
                changed = bytearray(whole)
                changed[dice.randrange(len(whole))] = dice.randrange(256)
                await said(port, bytes(changed), eof=True)
        assert await is_well(port)
        assert server.refused == 0, "who has been refused takes no place any more"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 16 * 1024 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 3000 + b"\r\n", 431),
        (b"GET /" + b"a" * 16 * 1024 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"A" * 20_000, 431),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /caf\xc3 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA\xff: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xc3\r\nConnection: close\r\n\r\n", 200),
        (b"GET /?a=%ff&b=%c3%28&%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"400\r\n" + b"a" * 1024 + b"\r\n") * 65,
            413,
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (HANDSHAKE.replace(b"Connection: ", b"Connection: \xc4"), 400),
        (HANDSHAKE.replace(b"/ws", b"/elsewhere"), 404),
        (HANDSHAKE.replace(b"Upgrade: websocket\r\n", b"Connection: close\r\n"), 426),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
async def test_what_breaks_the_protocol_is_told_so(port: int, sent: bytes, status: int) -> None:
    got = await said(port, sent)
    assert got.startswith(b"HTTP/1.1 %d " % status), got[:200]
    assert await is_well(port)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 30_000 + b"]" * 30_000,
        b'"\xff\xfe"',
        b'{"\xc3":1}',
        b'"\\ud800"',
        b"9" * 60_000,
        b"1e999999",
        b"NaN",
        b"{}{}",
        b"\x00",
        b'{"a":1',
    ],
)
async def test_json_that_is_none_is_refused(port: int, body: bytes) -> None:
    assert await asked(port, body) == (400, b'{"error":"Invalid order payload"}')
    assert await is_well(port)


# ---------------------------------------------------------------- sockets


@pytest.mark.parametrize(
    "behind",
    [
        b"x",
        b"\x81",
        b"\x81\x05hello",
        b"\x81\x85aaaah",
        b"\x81\x81aaaa\xff",
        b"\xf1\x80aaaa",
        b"\x83\x80aaaa",
        b"\x80\x80aaaa",
        b"\x89\xfe\x00\x7e" + b"aaaa" + b"p" * 126,
        b"\x88\x81aaaa\x00",
        b"\x88\x82aaaa\x62\x62",
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffaaaa" + b"b" * 1000,
        b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01aaaa" + b"b" * (MESSAGE_BYTES_MAX + 1),
        b"\x02\x80aaaa" + b"\x00\x80aaaa" * 1000,
    ],
)
async def test_junk_in_a_socket(port: int, behind: bytes) -> None:
    await cut(port, HANDSHAKE + behind)
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(HANDSHAKE)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        with suppress(trio.BrokenResourceError):
            await stream.send_all(behind)
            await stream.send_eof()
            async for _ in stream:
                pass
    assert await is_well(port)


async def test_random_frames(port: int) -> None:
    dice = random.Random(3)
    for _ in range(100):
        await cut(port, HANDSHAKE + dice.randbytes(dice.randrange(1, 200)))
    for _ in range(30):
        await said(port, HANDSHAKE + dice.randbytes(dice.randrange(1, 200)), eof=True)
    assert await is_well(port)


async def test_a_reset_in_the_middle_of_a_frame(port: int) -> None:
    frame = b"\x81\xfe\x01\x00aaaa" + b"m" * 256
    for end in range(1, len(frame), 5):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(HANDSHAKE)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
            await stream.send_all(frame[:end])
            stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert await is_well(port)


async def test_a_peer_that_floods_and_never_reads(port: int) -> None:
    ping = b"\x89\xfdaaaa" + b"p" * 125
    before = memory_kib(os.getpid())
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(HANDSHAKE)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        with trio.move_on_after(1):
            while True:
                await stream.send_all(ping * 500)
        assert await is_well(port)
        assert memory_kib(os.getpid()) - before < JUNK_GROWTH_KIB_MAX


# ---------------------------------------------------------------- many at once


async def test_a_trickle_from_many_holds_up_nobody() -> None:
    async with serving(Bounds(request_s=1, connections=150)) as (server, port), trio.open_nursery() as nursery:
        late: list[bytes] = []

        async def trickle() -> None:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                with trio.move_on_after(0.8):
                    for octet in ORDER:
                        await stream.send_all(bytes([octet]))
                        while await trio.sleep(0.1):
                            pass
                late.append(await stream.receive_some())

        for _ in range(100):
            nursery.start_soon(trickle)
        with trio.fail_after(30):
            while server.connections < 100:
                await trio.sleep(0.01)
        began = time.monotonic()
        assert await is_well(port)
        assert time.monotonic() - began < 1, "a request and a socket between a hundred trickles"
        with trio.fail_after(30):
            while len(late) < 100:
                await trio.sleep(0.01)
        assert {words[:13] for words in late} == {b"HTTP/1.1 408 "}
    assert server.connections == 0


async def test_memory_does_not_grow_with_junk() -> None:
    async with serving(Bounds(connections=50)) as (_, port):
        dice = random.Random(4)

        async def rounds(count: int) -> int:
            for _ in range(count):
                await cut(port, HANDSHAKE + dice.randbytes(100))
                await cut(port, ORDER[: dice.randrange(len(ORDER))] + dice.randbytes(10_000))
                await asked(port, b"[" * 60_000)
            return memory_kib(os.getpid())

        before = await rounds(50)
        assert await rounds(300) - before < JUNK_GROWTH_KIB_MAX
        assert await is_well(port)


class Crowd:
    """Idle sockets in another process."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process

    async def count(self) -> dict[str, int]:
        """Return how many are open, refused with a 503, closed without a word."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.send_all(b"\n")
        line = b""
        with trio.fail_after(60):
            while not line.endswith(b"\n"):
                line += await self.process.stdout.receive_some()
        return dict(json.loads(line))


@asynccontextmanager
async def crowd(port: int, size: int) -> AsyncIterator[Crowd]:
    """Let `size` sockets of another process connect while the body runs."""
    command = [sys.executable, str(CROWD), str(port), str(size)]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Crowd(process)
        assert process.stdin is not None
        await process.stdin.aclose()
        await process.wait()
    finally:
        process.kill()


async def hold(bound: int, size: int) -> None:
    """Hold a crowd that is larger than the bound, see that it is refused politely and that it leaves no trace."""
    async with serving(Bounds(connections=bound, idle_s=3600)) as (server, port):
        assert await is_well(port)
        before = memory_kib(os.getpid())
        async with open_websocket(f"ws://127.0.0.1:{port}/ws") as ws:
            async with crowd(port, size) as idle:
                counted = await idle.count()
                while counted["open"] > bound - 1:
                    await trio.sleep(0.05)
                    counted = await idle.count()
                assert counted == {"open": bound - 1, "refused": size - bound + 1, "closed": 0}
                assert memory_kib(os.getpid()) - before < bound * CONNECTION_KIB_MAX + NOISE_KIB
                await ws.send_message("still here")
                assert await ws.get_message() == "still here"
                assert await asked(port) == (503, b'{"error":"too many connections"}')
                assert await idle.count() == counted, "nobody was put out for another"
            with trio.fail_after(30):
                while server.connections > 1:
                    await trio.sleep(0.01)
            assert await asked(port) == (200, b'{"query":{},"json":null}')
        assert server.refused == size - bound + 2


async def test_a_crowd_beyond_the_bound_is_refused_politely() -> None:
    await hold(bound=200, size=500)


@pytest.fixture
def open_files() -> Iterator[None]:
    """Put the bound on open files back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
@pytest.mark.usefixtures("open_files")
async def test_as_many_idle_sockets_as_the_system_lets_us() -> None:
    bound = connections_max()
    await hold(bound=bound, size=bound + 100)


async def test_a_silent_socket_is_closed_after_its_time(port: int) -> None:
    async with crowd(port, 20) as idle:
        counted = await idle.count()
        while counted["open"]:
            await trio.sleep(0.05)
            counted = await idle.count()
        assert counted == {"open": 0, "refused": 0, "closed": 20}


async def test_closed_sockets_tell_their_talk(port: int) -> None:
    async with open_websocket(f"ws://127.0.0.1:{port}/ws") as ws:
        await ws.send_message("x" * (MESSAGE_BYTES_MAX + 1))
        with pytest.raises(ConnectionClosed), trio.fail_after(30):
            await ws.get_message()
        assert ws.closed is not None
        assert ws.closed.code == 1009
