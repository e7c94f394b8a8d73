"""The whole monitor over its sockets: routes, linger, who may have the port, slow readers."""

import json
import re
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from importlib import resources
from typing import Any

import httpx
import pytest
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection

from agbot import __version__
from agbot.errors import ConfigError
from agbot.monitor import app
from agbot.monitor.app import serve
from agbot.telemetry.websocket import open_websocket

Make = Callable[..., str]
Frame = dict[str, Any]
Until = Callable[[WebSocketConnection, Callable[[Frame], bool]], Awaitable[list[Frame]]]


async def get(port: int, path: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(f"http://127.0.0.1:{port}{path}")


@pytest.mark.parametrize(
    ("path", "status", "content_type", "piece"),
    [
        ("/", 200, "text/html; charset=utf-8", "<title>agbot</title>"),
        ("/static/app.js", 200, "text/javascript; charset=utf-8", "WebSocket"),
        ("/static/style.css", 200, "text/css; charset=utf-8", "prefers-color-scheme"),
        ("/static/icon.svg", 200, "image/svg+xml", "<svg"),
        ("/healthz", 200, "application/json", '"app":"agbot-monitor"'),
        ("/health", 200, "application/json", f'"version":"{__version__}"'),
        ("/readyz", 503, "text/plain; charset=utf-8", "no bot"),
        ("/ready", 503, "text/plain; charset=utf-8", "no bot"),
        ("/prometheus", 200, "text/plain; version=0.0.4; charset=utf-8", ""),
        ("/metrics", 426, "text/plain; charset=utf-8", "WebSocket"),
        ("/nowhere", 404, "text/plain; charset=utf-8", ""),
        ("/static/", 404, "text/plain; charset=utf-8", ""),
        ("/static/index.html", 404, "text/plain; charset=utf-8", ""),
        ("/static/../app.py", 404, "text/plain; charset=utf-8", ""),
        ("/static/%2e%2e/app.py", 404, "text/plain; charset=utf-8", ""),
        ("/static//etc/passwd", 404, "text/plain; charset=utf-8", ""),
        ("/static/__init__.py", 404, "text/plain; charset=utf-8", ""),
    ],
)
async def test_routes(port: int, path: str, status: int, content_type: str, piece: str) -> None:
    answer = await get(port, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, content_type)
    assert piece in answer.text


async def test_raw_paths_do_not_leave_the_site(port: int) -> None:
    for path in ("/static/../../errors.py", "/../../../../etc/passwd", "//etc/passwd", "/static/..%2fapp.py"):
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()
            )
            got = b"".join([part async for part in stream])
        assert got.startswith(b"HTTP/1.1 404 ")


async def test_the_page_may_load_nothing_foreign(port: int) -> None:
    page = await get(port, "/")
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert {policy[f"{what}-src"] for what in ("script", "style", "img", "connect")} == {"'self'"}
    assert policy["require-trusted-types-for"] == "'script'"
    names = [name.name for name in (resources.files("agbot.monitor") / "web").iterdir() if name.is_file()]
    for name in names:
        text = page.text if name == "index.html" else (resources.files("agbot.monitor") / "web" / name).read_text()
        assert not re.search(r"(?<!xmlns=.)https?://(?!\$)", text), f"{name} names another place"
    assert not re.search(r"<script(?![^>]* src=./static/)|<style| style=| on\w+=", page.text)


async def test_a_bot_makes_the_monitor_ready(port: int, metric: Make, event: Make, frames_until: Until) -> None:
    async with (
        open_websocket(f"ws://127.0.0.1:{port}/dashboard") as page,
        open_websocket(f"ws://127.0.0.1:{port}/metrics") as bot,
    ):
        await bot.send_message(
            event("run", run_id="r", mode="DEMO") + "\n" + metric("exec.orders_placed", 2, "counter")
        )
        frames = await frames_until(page, lambda frame: frame["connected"])
        assert frames[-1]["run"]["mode"] == "DEMO"
        assert [frame["tick"] for frame in frames] == list(range(frames[0]["tick"], frames[0]["tick"] + len(frames)))
        assert (await get(port, "/readyz")).status_code == 200
        assert (await get(port, "/healthz")).json()["runs"] == 1
        assert "exec_orders_placed_total 2.0" in (await get(port, "/prometheus")).text
    async with open_websocket(f"ws://127.0.0.1:{port}/dashboard") as page:
        await frames_until(page, lambda frame: not frame["connected"])
    assert (await get(port, "/ready")).status_code == 503


async def test_plain_frames(port: int, metric: Make) -> None:
    async with (
        open_websocket(f"ws://127.0.0.1:{port}/dashboard?v=0") as page,
        open_websocket(f"ws://127.0.0.1:{port}/metrics") as bot,
    ):
        await bot.send_message(metric("a", 1, at=7, x="y") + "\n" + metric("b", 2))
        with trio.fail_after(30):
            got = [json.loads(await page.get_message()) for _ in range(2)]
    assert got[0] == {"timestamp": 7, "metric_name": "a", "value": 1.0, "labels": {"x": "y"}}
    assert got[1]["metric_name"] == "b"


@pytest.mark.parametrize("path", ["/metrics", "/dashboard", "/dashboard?v=0"])
@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        ((b"Origin", b"http://127.0.0.1:PORT"), True),
        ((b"Origin", b"http://localhost:PORT"), False),
        ((b"Origin", b"http://evil.example"), False),
        ((b"Origin", b"https://127.0.0.1:PORT"), False),
        ((b"Origin", b"null"), False),
        ((b"X-Nothing", b"x"), True),
    ],
)
async def test_origin_is_checked_on_both_sockets(
    port: int, path: str, header: tuple[bytes, bytes], *, allowed: bool
) -> None:
    headers = [(header[0], header[1].replace(b"PORT", str(port).encode()))]
    if allowed:
        async with open_websocket(f"ws://127.0.0.1:{port}{path}", extra_headers=headers) as ws:
            assert ws.closed is None
    else:
        with pytest.RaisesGroup(pytest.RaisesExc(ConnectionRejected), flatten_subgroups=True):
            async with open_websocket(f"ws://127.0.0.1:{port}{path}", extra_headers=headers):
                pass


@pytest.mark.parametrize("path", ["/metrics", "/dashboard"])
async def test_a_rebound_name_is_refused_on_both_sockets(port: int, path: str) -> None:
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: evil.example:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 403 ")


async def test_a_reader_that_does_not_read_is_dropped_and_the_others_miss_no_tick(
    nursery: trio.Nursery, metric: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "BACKLOG_TICKS_MAX", 5)
    port: int = await nursery.start(partial(serve, "127.0.0.1", 0))
    stalled = await trio.open_tcp_stream("127.0.0.1", port)
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    async with (
        stalled,
        open_websocket(f"ws://127.0.0.1:{port}/dashboard") as healthy,
        open_websocket(f"ws://127.0.0.1:{port}/metrics") as bot,
    ):
        await stalled.send_all(
            f"GET /dashboard HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        ticks: list[int] = []

        async def read() -> None:
            while True:
                ticks.append(json.loads(await healthy.get_message())["tick"])

        async with trio.open_nursery() as readers:
            readers.start_soon(read)
            with trio.fail_after(60):
                frames = ["\n".join(metric("m", n, i=str(i), pad="x" * 150) for i in range(1500)) for n in range(2)]
                while (await get(port, "/healthz")).json()["readers"] != 1 or len(ticks) < 5:
                    await bot.send_message(frames[len(ticks) % 2])  # hundreds of KiB a tick: buffers are soon full
                    await trio.sleep(0.02)
            readers.cancel_scope.cancel()
        assert ticks == list(range(ticks[0], ticks[0] + len(ticks)))
        with trio.fail_after(30):  # the dropped one sees the end of its stream
            try:
                while await stalled.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass


async def test_readers_are_bounded(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "READERS_MAX", 1)
    async with open_websocket(f"ws://127.0.0.1:{port}/dashboard") as first:
        await first.get_message()
        async with open_websocket(f"ws://127.0.0.1:{port}/dashboard") as second:
            with pytest.raises(ConnectionClosed) as closed, trio.fail_after(30):
                await second.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1013
        assert await first.get_message()


async def test_what_a_page_sends_is_ignored(port: int) -> None:
    async with open_websocket(f"ws://127.0.0.1:{port}/dashboard") as page:
        for _ in range(5):
            await page.send_message("kill everything")
        with trio.fail_after(30):
            assert json.loads(await page.get_message())["kind"] == "snapshot"
            await page.ping()


async def test_a_spawned_monitor_leaves_after_its_last_bot(metric: Make) -> None:
    ended = trio.Event()

    async def run(task_status: trio.TaskStatus[int]) -> None:
        assert await serve("127.0.0.1", 0, linger_s=0.5, task_status=task_status)
        ended.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(run)
            async with open_websocket(f"ws://127.0.0.1:{port}/metrics") as bot:
                await bot.send_message(metric("a", 1))
                with trio.move_on_after(1.0):
                    await ended.wait()
                assert not ended.is_set()
            await ended.wait()


async def test_a_monitor_no_bot_ever_came_to_leaves_too() -> None:
    with trio.fail_after(30):
        assert await serve("127.0.0.1", 0, linger_s=0.1)


async def test_a_second_monitor_yields_to_the_first(port: int) -> None:
    with trio.fail_after(30):
        assert not await serve("127.0.0.1", port)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-something\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
async def test_a_foreign_listener_is_named_with_the_remedy(nursery: trio.Nursery, reply: bytes) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(reply)

    listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
    taken = listeners[0].socket.getsockname()[1]
    with pytest.raises(ConfigError) as refused, trio.fail_after(30):
        await serve("127.0.0.1", taken)
    assert (refused.value.id, refused.value.exit_code) == ("AGB-701", 2)
    assert str(taken) in refused.value.reason
    assert f"{taken}" in refused.value.remedy
    assert "--port" in refused.value.remedy


async def test_a_silent_foreign_listener_is_told_apart_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "PROBE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as holder, pytest.raises(ConfigError, match="AGB-701"):
        await serve("127.0.0.1", holder.getsockname()[1])


async def test_a_monitor_of_another_protocol_is_told_apart(nursery: trio.Nursery) -> None:
    body = b'{"app":"agbot-monitor","version":"9.9","protocol":2,"runs":0}'

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
    with pytest.raises(ConfigError, match=r"protocol 2.*version 9\.9"), trio.fail_after(30):
        await serve("127.0.0.1", listeners[0].socket.getsockname()[1])


async def test_an_address_that_is_not_ours_says_so() -> None:
    with pytest.raises(ConfigError, match="AGB-702"):
        await serve("192.0.2.1", 0)
