"""The socket to the monitor: odd frames, silence, refusals and restarts are a reconnect, never a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agbot.tui import client as client_module
from agbot.tui.app import AgbotApp
from agbot.tui.widgets.status import Link, StatusBar


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECONNECT_S", 0.05)


def test_frames_come_over_the_socket_and_the_monitor_may_restart(bot: Any, make_monitor: Any, until: Any) -> None:
    async def go() -> None:
        monitor = make_monitor(lambda: [bot.snapshot()])
        async with monitor.on() as port:
            app = AgbotApp(f"ws://127.0.0.1:{port}/dashboard")
            context = app.run_test(size=(80, 24))
            pilot = await context.__aenter__()
            await until(lambda: app.link is Link.UP and monitor.clients, "the snapshot")
            await monitor.send(bot.delta(bot.order(77)))
            await until(lambda: "o77" in app.dashboard.orders, "the delta")
        await until(lambda: app.link is Link.RECONNECTING, "the loss")
        app.draw()
        await pilot.pause()
        assert "reconnecting" in str(app.query_one(StatusBar).content)
        assert app.screen.has_class("-stale")
        assert "o77" in app.dashboard.orders
        async with monitor.on(port):
            await until(lambda: app.link is Link.UP, "the way back")
            assert "o77" in app.dashboard.orders
            await context.__aexit__(None, None, None)
        assert not app.return_code

    asyncio.run(go())


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ("not json", "no JSON"),
        ('{"v": 9, "kind": "snapshot", "tick": 1}', "another version"),
        ('{"v": 1, "kind": "delta", "tick": 99}', "frames were lost"),
    ],
)
def test_an_odd_frame_is_a_reconnect_not_a_crash(bot: Any, make_monitor: Any, until: Any, odd: str, why: str) -> None:
    async def go() -> None:
        monitor = make_monitor(lambda: [bot.snapshot()])
        async with monitor.on() as port:
            app = AgbotApp(f"ws://127.0.0.1:{port}/dashboard")
            async with app.run_test():
                await until(lambda: app.link is Link.UP and monitor.clients, "the snapshot")
                await monitor.send(odd)
                await until(lambda: why in app.link_why, "the reason")
                await until(lambda: monitor.connections == 2 and app.link is Link.UP, "a fresh snapshot")
            assert not app.return_code

    asyncio.run(go())


def test_a_silent_monitor_is_a_lost_one(
    bot: Any, make_monitor: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "IDLE_S", 0.2)

    async def go() -> None:
        monitor = make_monitor(lambda: [bot.snapshot()])
        async with monitor.on() as port:
            app = AgbotApp(f"ws://127.0.0.1:{port}/dashboard")
            async with app.run_test():
                await until(lambda: "silent" in app.link_why, "the reason")
                await until(lambda: monitor.connections >= 2, "another try")

    asyncio.run(go())


def test_no_monitor_and_a_refusing_one(until: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer, asked = ["403 Forbidden"], []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(f"HTTP/1.1 {answer[0]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        app = AgbotApp(f"ws://127.0.0.1:{port}/dashboard")
        async with app.run_test():
            await until(lambda: "refused with 403" in app.link_why, "the refusal")
            answer[0] = "401 Unauthorized"
            await until(lambda: "wants AGBOT_MONITOR_TOKEN" in app.link_why, "the question for the token")
            monkeypatch.setenv("AGBOT_MONITOR_TOKEN", "correct-horse-battery-staple")
            await until(lambda: any("Bearer correct-horse-battery-staple" in head for head in asked), "the token")
            server.close()
            await server.wait_closed()
            await until(lambda: "no monitor" in app.link_why, "the absence")

    asyncio.run(go())
