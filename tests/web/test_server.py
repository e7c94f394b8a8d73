"""What a client may do to the server, and that only its own connection notices."""

import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from agbot.telemetry.websocket import open_websocket
from agbot.web.origin import refusal_of_strangers
from agbot.web.server import Bounds, Break, Request, Response, Server, SocketRoute

UPGRADE = (
    "GET /{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def echo(ws: WebSocketConnection, _: Request) -> None:
    while True:
        await ws.send_message(await ws.get_message())


async def ticks(ws: WebSocketConnection, _: Request) -> None:
    while True:
        await ws.send_message("x" * 1000)
        await trio.lowlevel.checkpoint()


async def buggy(ws: WebSocketConnection, _: Request) -> None:
    raise RuntimeError("a bug in a socket")


async def later(request: Request) -> Response:
    await trio.lowlevel.checkpoint()
    return Response(201, request.body)


def answer(request: Request) -> Response | Break | Awaitable[Response]:
    if request.path == "/body":
        return later(request)
    if request.path.startswith("/broken"):
        return Break(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", reset=request.path == "/broken/reset")
    if request.path == "/split":
        return Response(200, headers=[("Location", "/\r\nSet-Cookie: a=b")])
    if request.path == "/bug":
        raise RuntimeError("a bug in a page")
    return Response(200, json.dumps([request.method, request.path, request.query]).encode(), "application/json")


Open = Callable[[], tuple[Server, int]]


@pytest.fixture
async def running(nursery: trio.Nursery) -> tuple[Server, int]:
    routes = {path: SocketRoute(talk, 1000) for path, talk in (("/echo", echo), ("/ticks", ticks), ("/buggy", buggy))}
    return await start(nursery, Server(answer, routes, refuse=refusal_of_strangers("")))


async def start(nursery: trio.Nursery, server: Server) -> tuple[Server, int]:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await nursery.start(server.run, listeners)
    return server, listeners[0].socket.getsockname()[1]


@asynccontextmanager
async def raw(port: int) -> AsyncIterator[trio.SocketStream]:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        yield stream


async def read_all(stream: trio.SocketStream) -> bytes:
    got = b""
    with trio.fail_after(30):
        try:
            async for part in stream:
                got += part
        except trio.BrokenResourceError:
            pass  # a reset after the answer is fine
    return got


async def ask(port: int, request: bytes) -> bytes:
    async with raw(port) as stream:
        await stream.send_all(request)
        return await read_all(stream)


async def is_alive(port: int) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"http://127.0.0.1:{port}/x?y=1")).json() == ["GET", "/x", "y=1"]


async def test_requests_are_answered_and_the_connection_stays(running: tuple[Server, int]) -> None:
    port = running[1]
    host = f"Host: 127.0.0.1:{port}\r\n".encode()
    got = await ask(
        port, b"GET /a?b=c HTTP/1.1\r\n" + host + b"\r\nHEAD /d HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n"
    )
    first, second = got.split(b"HTTP/1.1 200 OK")[1:]
    assert first.endswith(b'["GET", "/a", "b=c"]')
    assert b"Content-Length: 18" in second
    assert second.endswith(b"\r\n\r\n")
    assert b"X-Content-Type-Options: nosniff" in first


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        ("GET / HTTP/1.1\r\nHost: evil.example:{port}\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n", 403),
        ("GET / HTTP/1.0\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n\r\n", 403),
        ("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: null\r\n\r\n", 403),
        ("POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 2\r\n\r\nab", 405),
        ("DELETE / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", 405),
        ("GET /echo HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n", 426),
        (UPGRADE.replace("{path}", "nowhere"), 404),
        (UPGRADE.replace("{path}", "echo").replace("127.0.0.1:{port}", "evil.example:{port}"), 403),
        (UPGRADE.replace("{path}", "echo").replace("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"), 403),
        ("GET / HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 9000 + "\r\n", 431),
        ("\x16\x03\x01junk\r\n\r\n", 400),
        ("GET /\r\n\r\n", 400),
    ],
)
async def test_what_is_refused_is_refused_with_its_status(
    running: tuple[Server, int], request_text: str, status: int
) -> None:
    port = running[1]
    got = await ask(port, request_text.replace("{port}", str(port)).encode("latin-1"))
    assert got.startswith(f"HTTP/1.1 {status} ".encode()), got[:100]
    assert await is_alive(port)
    assert running[0].faults == 0


async def test_a_body_that_does_not_end_is_cut(running: tuple[Server, int]) -> None:
    port = running[1]
    head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 999999\r\n\r\n".encode()
    got = await ask(port, head + b"x" * (Bounds().body_bytes + 1))
    assert got.startswith(b"HTTP/1.1 413 ")


async def test_a_page_of_ours_may_open_a_socket(running: tuple[Server, int]) -> None:
    port = running[1]
    origin = [(b"Origin", f"http://127.0.0.1:{port}".encode())]
    with trio.fail_after(30):
        async with open_websocket(f"ws://127.0.0.1:{port}/echo", extra_headers=origin) as ws:
            await ws.send_message("hello")
            assert await ws.get_message() == "hello"
    foreign = [(b"Origin", b"http://evil.example")]
    with pytest.RaisesGroup(ConnectionRejected, flatten_subgroups=True):
        async with open_websocket(f"ws://127.0.0.1:{port}/echo", extra_headers=foreign):
            pass


async def test_an_upgrade_on_a_used_connection_works(running: tuple[Server, int]) -> None:
    port = running[1]
    async with raw(port) as stream:
        get = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        await stream.send_all((get + UPGRADE.format(path="ticks", port=port)).encode())
        got = b""
        with trio.fail_after(30):
            while got.count(b"HTTP/1.1") < 2 or b"xxx" not in got:
                got += await stream.receive_some()
        assert b"HTTP/1.1 101" in got


def reset(port: int, sent: bytes) -> None:
    """Send and break off with a TCP reset."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(sent)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\x00" * 100,
        b"GET / HT",
        UPGRADE.encode(),
        UPGRADE.encode()[:60],
        UPGRADE.encode() + b"x",
        UPGRADE.encode() + b"\x81\x01a",
        UPGRADE.encode() + b"\xff" * 200,
        UPGRADE.encode() + b"\x88\x00",
        UPGRADE.encode() + b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff0000",
        UPGRADE.replace("13", "99").encode(),
        UPGRADE.replace("Key: dGhlIHNhbXBsZSBub25jZQ==", "Key: short").encode(),
        UPGRADE.replace("Connection: Upgrade\r\n", "").encode(),
    ],
)
@pytest.mark.parametrize("path", ["echo", "ticks"])
async def test_abuse_ends_its_own_connection_only(running: tuple[Server, int], sent: bytes, path: str) -> None:
    server, port = running
    sent = sent.replace(b"{path}", path.encode()).replace(b"{port}", str(port).encode())
    for _ in range(3):
        await trio.to_thread.run_sync(partial(reset, port, sent))
    async with raw(port) as stream:  # the same, then a polite end: whatever comes back, the server goes on
        await stream.send_all(sent)
        await stream.send_eof()
    assert await is_alive(port)
    assert server.faults == 0


async def test_trailing_bytes_behind_an_upgrade_break_that_socket_only(running: tuple[Server, int]) -> None:
    port = running[1]
    async with raw(port) as stream:
        await stream.send_all(UPGRADE.format(path="ticks", port=port).encode() + b"x" * 50)
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 101 ")
        await stream.send_all(b"x" * 50)
        await read_all(stream)
    assert await is_alive(port)


async def test_a_bug_of_ours_is_counted_and_the_server_goes_on(running: tuple[Server, int]) -> None:
    server, port = running
    assert await ask(port, f"GET /bug HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()) == b""
    async with open_websocket(f"ws://127.0.0.1:{port}/buggy") as ws:
        assert await close_code(ws) == 1011
    assert await is_alive(port)
    assert server.faults == 2


async def test_a_header_does_not_become_two(running: tuple[Server, int]) -> None:
    server, port = running
    assert await ask(port, f"GET /split HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()) == b""
    assert server.faults == 1


async def test_an_old_client_is_answered_and_closed(running: tuple[Server, int]) -> None:
    got = await ask(running[1], f"GET /a HTTP/1.0\r\nHost: 127.0.0.1:{running[1]}\r\n\r\n".encode())
    assert got.endswith(b'\r\nConnection: close\r\n\r\n["GET", "/a", ""]')


async def test_too_long_a_message_closes_its_socket(running: tuple[Server, int]) -> None:
    async with open_websocket(f"ws://127.0.0.1:{running[1]}/echo") as ws:
        await ws.send_message("x" * 1001)
        assert await close_code(ws) == 1009


@pytest.fixture
async def owned(nursery: trio.Nursery) -> int:
    """A server whose owner takes every method."""
    return (await start(nursery, Server(answer, {})))[1]


async def test_an_owner_takes_bodies_and_answers_later(owned: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for body in (b"", b"x", b"y" * 40_000):
            got = await client.request("DELETE", f"http://127.0.0.1:{owned}/body", content=body)
            assert (got.status_code, got.content) == (201, body)


async def test_a_reply_may_break_off_by_reset_or_by_end(owned: int) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"http://127.0.0.1:{owned}/broken")
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://127.0.0.1:{owned}/broken/reset")
    assert await is_alive(owned)


async def test_any_status_may_be_answered(nursery: trio.Nursery) -> None:
    _, port = await start(nursery, Server(lambda _: Response(520, b"cloud"), {}))
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 520


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body_have_none(nursery: trio.Nursery, status: int) -> None:
    _, port = await start(nursery, Server(lambda _: Response(status, b"body"), {}))
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(2):
            assert (await client.get(f"http://127.0.0.1:{port}/")).content == b""


async def close_code(ws: WebSocketConnection) -> int:
    with trio.fail_after(30), suppress(ConnectionClosed):
        while True:
            await ws.get_message()
    assert ws.closed is not None
    return ws.closed.code


async def test_cancellation_closes_every_socket_with_going_away(nursery: trio.Nursery) -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
    server = Server(answer, {"/echo": SocketRoute(echo, 1000), "/ticks": SocketRoute(ticks, 1000)})
    serving = trio.CancelScope()

    async def serve(task_status: trio.TaskStatus[None]) -> None:
        with serving:
            await server.run(listeners, task_status=task_status)

    await nursery.start(serve)
    async with open_websocket(url + "/echo") as quiet, open_websocket(url + "/ticks") as busy:
        serving.cancel()
        assert await close_code(busy) == 1001
        assert await close_code(quiet) == 1001
    assert listeners[0].socket.fileno() == -1
