"""What a client may take of the server: connections, time, bytes; and who answers when there are none left."""

import errno
import json

import httpx
import pytest
import trio
import trio.testing
from trio_websocket import ConnectionRejected, WebSocketConnection

from agbot.telemetry.websocket import open_websocket
from agbot.web.descriptors import connections_max, raise_open_files
from agbot.web.server import Bounds, Request, Response, Server, SocketRoute


async def echo(ws: WebSocketConnection, _: Request) -> None:
    while True:
        await ws.send_message(await ws.get_message())


def answer(request: Request) -> Response:
    if request.path == "/body":
        return Response(201, request.body)
    return Response(200, json.dumps([request.method, request.path, request.query]).encode(), "application/json")


async def start(nursery: trio.Nursery, server: Server) -> tuple[Server, int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await nursery.start(server.run, listeners)
    return server, listeners[0].socket.getsockname()[1]


async def read_all(stream: trio.SocketStream) -> bytes:
    got = b""
    with trio.fail_after(30):
        async for part in stream:
            got += part
    return got


async def ask(port: int, request: bytes) -> bytes:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(request)
        return await read_all(stream)


async def is_alive(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/x?y=1")).json() == ["GET", "/x", "y=1"]


async def test_a_silent_connection_is_closed(nursery: trio.Nursery) -> None:
    _, port = await start(nursery, Server(answer, {}, bounds=Bounds(idle_s=0.05)))
    assert await ask(port, b"") == b""
    request = f"GET /a HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    assert (await ask(port, request)).endswith(b'["GET", "/a", ""]'), "after an answer too"


@pytest.mark.parametrize("half", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na"])
async def test_a_request_that_has_begun_must_be_complete_in_time(nursery: trio.Nursery, half: bytes) -> None:
    server, port = await start(nursery, Server(answer, {}, bounds=Bounds(request_s=0.05)))
    got = await ask(port, half)
    assert got.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert got.endswith(b'{"error":"request timeout"}')
    assert b"Connection: close" in got
    assert server.faults == 0


async def test_a_trickle_does_not_prolong_a_request(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    _, port = await start(nursery, Server(answer, {}, bounds=Bounds(request_s=10, idle_s=1000)))
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        began = trio.current_time()
        for n in range(10):
            await stream.send_all(b"A" if n else b"GET / HTTP/1.1\r\n")
            await trio.sleep(1)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 408 ")
        assert 10 <= trio.current_time() - began < 11


async def test_a_connection_too_many_is_told_so(nursery: trio.Nursery) -> None:
    routes = {"/echo": SocketRoute(echo, 100)}
    server, port = await start(nursery, Server(answer, routes, bounds=Bounds(connections=1)))
    async with open_websocket(f"ws://127.0.0.1:{port}/echo") as ws:
        async with httpx.AsyncClient(trust_env=False) as client:
            got = await client.post(f"http://127.0.0.1:{port}/body", content=b"x" * 60_000)
            assert (got.status_code, got.json()) == (503, {"error": "too many connections"})
            assert got.headers["connection"] == "close"
        with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True):
            async with open_websocket(f"ws://127.0.0.1:{port}/echo"):
                pass
        assert server.refused == 2
        await ws.send_message("still here")
        assert await ws.get_message() == "still here"
    assert await is_alive(port)


async def test_a_long_body_is_refused_before_it_is_sent(nursery: trio.Nursery) -> None:
    _, port = await start(nursery, Server(answer, {}))
    got = await ask(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\nExpect: 100-continue\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 413 ")


async def test_a_client_that_asks_first_is_told_to_go_on(nursery: trio.Nursery) -> None:
    _, port = await start(nursery, Server(answer, {}))
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        head = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        await stream.send_all(head + b"Connection: close\r\n\r\n")
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 100 ")
        await stream.send_all(b"hello")
        got = await read_all(stream)
    assert got.startswith(b"HTTP/1.1 201 ")
    assert got.endswith(b"hello")


@pytest.mark.parametrize(("length", "status"), [(16 * 1024, 200), (16 * 1024 + 1, 431), (20_000, 431), (64_000, 431)])
async def test_a_head_has_at_most_sixteen_kibibytes(nursery: trio.Nursery, length: int, status: int) -> None:
    _, port = await start(nursery, Server(answer, {}))
    start_line = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: "
    got = await ask(port, start_line + b"b" * (length - len(start_line) - 4) + b"\r\n\r\n")
    assert got.startswith(f"HTTP/1.1 {status} ".encode())


async def test_a_function_may_choose_the_socket(nursery: trio.Nursery) -> None:
    def find(request: Request) -> SocketRoute | None:
        return SocketRoute(echo, 100) if request.path.startswith("/any") else None

    _, port = await start(nursery, Server(answer, find))
    async with open_websocket(f"ws://127.0.0.1:{port}/any/path") as ws:
        await ws.send_message("hello")
        assert await ws.get_message() == "hello"
    assert (await ask(port, b"GET /any HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 426 ")
    assert await is_alive(port)


class Scarce(trio.abc.Listener[trio.SocketStream]):
    """A listener whose next tries fail."""

    def __init__(self, plenty: trio.SocketListener, errors: list[int]) -> None:
        self.plenty = plenty
        self.errors = errors

    async def accept(self) -> trio.SocketStream:
        if self.errors:
            raise OSError(self.errors.pop(), "scarce")
        return await self.plenty.accept()

    async def aclose(self) -> None:
        await self.plenty.aclose()


async def test_a_system_that_gives_no_connection_for_a_while_ends_nothing(nursery: trio.Nursery) -> None:
    (plenty,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    errors = [errno.EMFILE, errno.ECONNABORTED, errno.EPROTO]
    await nursery.start(Server(answer, {}).run, [Scarce(plenty, errors)])
    assert await is_alive(plenty.socket.getsockname()[1])
    assert errors == []


async def test_a_listener_that_is_none_ends_the_server() -> None:
    (plenty,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    with pytest.RaisesGroup(pytest.RaisesExc(OSError, match="scarce")):
        await Server(answer, {}).run([Scarce(plenty, [errno.EINVAL])])
    assert plenty.socket.fileno() == -1


class Limits:
    """The system's bound on open files, as a test sets it."""

    RLIMIT_NOFILE, RLIM_INFINITY = 7, -1

    def __init__(self, soft: int, hard: int, stubborn: bool = False) -> None:
        self.now = (soft, hard)
        self.stubborn = stubborn

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _: int, now: tuple[int, int]) -> None:
        if self.stubborn:
            raise ValueError("not here")
        self.now = now


@pytest.mark.parametrize(
    ("limits", "connections", "soft"),
    [
        (Limits(256, 1024), 524, 1024),
        (Limits(1024, 1_000_000), 10_000, 10_500),
        (Limits(20_000, 20_000), 10_000, 20_000),
        (Limits(1024, -1), 10_000, 10_500),
        (Limits(-1, -1), 10_000, -1),
        (Limits(1024, -1, stubborn=True), 524, 1024),
        (Limits(64, 64), 1, 64),
    ],
)
def test_as_many_connections_as_the_system_lets_us(
    monkeypatch: pytest.MonkeyPatch, limits: Limits, connections: int, soft: int
) -> None:
    monkeypatch.setattr("agbot.web.descriptors.resource", limits)
    assert connections_max() == connections
    assert limits.now[0] == soft


def test_a_bound_that_is_high_enough_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agbot.web.descriptors.resource", Limits(4096, 1_000_000))
    assert raise_open_files(1000) == 4096
