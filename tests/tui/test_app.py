"""The app as a person meets it, on a terminal of a given size: sync tests, Textual needs asyncio."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from textual.widgets import Input, Static

from agbot.latch import Latch
from agbot.tui import client as client_module
from agbot.tui.app import AgbotApp, screenshot_svg
from agbot.tui.screens.help import HelpScreen
from agbot.tui.screens.kill import KillScreen
from agbot.tui.widgets.chart import Chart
from agbot.tui.widgets.sheet import Sheet
from agbot.tui.widgets.status import Link, StatusBar

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECONNECT_S", 0.05)


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ag") as name:
        yield Path(os.path.realpath(name))


@pytest.fixture
def text_of() -> Callable[[AgbotApp], str]:
    """Return a function that gives what is on the screen, line by line."""

    def read(app: AgbotApp) -> str:
        width, height = app.size
        lines = app.screen._compositor.render_strips()
        assert len(lines) == height
        assert all(line.cell_length == width for line in lines)
        return "\n".join(line.text for line in lines)

    return read


def run(app: AgbotApp, steps: Callable[[Any], Any], size: tuple[int, int] = (120, 40)) -> None:
    async def go() -> None:
        async with app.run_test(size=size) as pilot:
            await steps(pilot)

    asyncio.run(go())


@pytest.mark.parametrize("size", SIZES)
def test_everything_is_in_sight(bot: Any, text_of: Any, size: tuple[int, int]) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await pilot.pause()
        screen = text_of(app)
        expected = ("DEMO", "● live", "kill switch off", "equity 10,003.52", "cash 9,790.12", "pnl +", "btc-over")
        for part in (*expected, "35.5N", "120Y", "BUY YES", "open", "10 live", "denied", "q quit", "k kill switch"):
            assert part in screen, part
        assert any("⠀" < c <= "⣿" for c in screen)  # braille: the charts
        for pane in (*app.query(Sheet), *app.query(Chart)):
            assert pane.size.width >= 28
            assert pane.size.height >= 5

    run(app, steps, size)


@pytest.mark.parametrize("size", [(20, 6), (40, 10), (1, 1)])
def test_a_tiny_terminal_is_no_crash(bot: Any, size: tuple[int, int]) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await pilot.press("k")
        await pilot.press("escape", "question_mark", "x", "z", "d")

    run(app, steps, size)
    assert not app.return_code


def test_it_is_alive_before_anything_came(text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.draw()
        await pilot.pause()
        for part in ("connecting", "no market yet", "no order yet", "no fill yet", "nothing to tell yet"):
            assert part in text_of(app)

    run(app, steps)


@pytest.mark.parametrize("mode", ["DEMO", "REPLAY", "PAPER", "SHADOW", "LIVE", "WHATEVER"])
def test_the_mode_is_always_in_sight(bot: Any, text_of: Any, mode: str) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        bot.mode = mode
        app.take(bot.snapshot())
        app.draw()
        await pilot.pause()
        assert f" {mode} " in text_of(app).splitlines()[0]
        await pilot.press("z")
        assert f" {mode} " in text_of(app).splitlines()[0]

    run(app, steps, (80, 24))


def test_states_of_bot_and_kill_switch_in_words(bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        async def top(frame: object) -> str:
            app.take(frame)
            app.draw()
            await pilot.pause()
            return text_of(app).splitlines()[0]

        assert "● live" in await top(bot.snapshot())
        assert "bot away" in await top(bot.delta(connected=False))
        assert app.screen.has_class("-stale")
        killed = [["polymarket.risk.kill_switch", {}, "gauge", 1, 0]]
        assert "KILL SWITCH ON: odd fills" in await top(bot.delta(bot.kill(), metrics=killed))
        assert app.query_one(StatusBar).has_class("-killed")
        end = bot.line("run", {"run_id": bot.run_id, "ended": True, "exit_code": 1})
        assert "run ended, exit 1" in await top(bot.delta(end))

    run(app, steps)


def test_prices_move(bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        await pilot.pause()
        before = text_of(app)
        for _ in range(40):
            app.take(bot.delta())
        app.draw()
        await pilot.pause()
        assert text_of(app) != before

    run(app, steps)


def test_keys_move_the_focus_and_the_zoom(bot: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        app.draw()
        for key, pane in (("2", "orders"), ("3", "fills"), ("4", "risk"), ("1", "markets")):
            await pilot.press(key)
            assert app.focused is not None
            assert app.focused.id == pane
        await pilot.press("tab")
        assert app.focused is not None
        assert app.focused.id == "orders"
        await pilot.press("z")
        assert app.screen.maximized is app.query_one("#orders")
        await pilot.press("4")
        assert app.screen.maximized is app.query_one("#risk")
        await pilot.press("z")
        assert app.screen.maximized is None

    run(app, steps)


def test_a_table_scrolls_under_its_header(bot: Any, text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot(orders=[bot.order(n, why=f"reason{n:03}") for n in range(150)]))
        await pilot.press("2", "z")
        app.draw()
        await pilot.pause()
        assert "reason149" in text_of(app)
        assert "reason000" not in text_of(app)
        await pilot.press("end")
        sheet = app.query_one("#orders")
        await pilot.wait_for_scheduled_animations()
        assert sheet.scroll_y == sheet.max_scroll_y > 0
        assert "reason000" in text_of(app)
        assert "why" in text_of(app)

    run(app, steps, (120, 24))


def test_dark_and_light(bot: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        app.take(bot.snapshot())
        assert app.current_theme.dark
        dark = app.screen.styles.background
        await pilot.press("d")
        await pilot.pause()
        assert not app.current_theme.dark
        assert app.screen.styles.background != dark
        await pilot.press("d")
        assert app.current_theme.dark

    run(app, steps)


def test_help_names_every_key(text_of: Any) -> None:
    app = AgbotApp(None)

    async def steps(pilot: Any) -> None:
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        shown = text_of(app)
        for word in ("kill switch", "the bot is untouched", "dark or light", "go to markets", "enlarge", "UNKNOWN"):
            assert word in shown
        await pilot.press("k")  # any key closes it, and does nothing else
        assert not isinstance(app.screen, HelpScreen | KillScreen)

    run(app, steps, (80, 24))


def test_q_leaves_with_success() -> None:
    app = AgbotApp(None)
    run(app, lambda pilot: pilot.press("q"))
    assert app.return_code == 0
    assert not app.is_running


class FakeBot:
    """A control socket that answers one request."""

    def __init__(self, directory: Path, reply: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / "control.sock"))
        self._listener.listen(1)
        self._listener.settimeout(10)
        self._reply = reply
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> FakeBot:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(10)
        self._listener.close()

    def _serve(self) -> None:
        link, _ = self._listener.accept()
        with link:
            self.asked.append(json.loads(link.makefile("rb").readline()))
            link.sendall(json.dumps(self._reply).encode() + b"\n")


def said(app: AgbotApp) -> str:
    return str(app.screen.query_one("#said", Static).content)


def stage(app: AgbotApp) -> str:
    assert isinstance(app.screen, KillScreen)
    return app.screen._stage


def test_k_asks_for_a_reason_and_a_y_then_shows_the_receipt(state_dir: Path, until: Any) -> None:
    app = AgbotApp(None, state_dir=state_dir, by="ann")
    reply = {"ok": True, "gate_closed_ms": 1.5, "orders_cancelled": 4, "orders_left": 0}

    async def steps(pilot: Any) -> None:
        await pilot.press("k")
        await pilot.press(*"yq odd")  # y, k and q are letters here
        assert app.screen.query_one("#reason", Input).value == "yq odd"
        await pilot.press("enter")
        assert "Reason: yq odd" in said(app)
        assert not Latch(state_dir / "latch").read().on
        await pilot.press("y")
        await until(lambda: stage(app) == "done", "the receipt")
        assert said(app).splitlines() == [
            "Gate closed.",
            "gate closed ms: 1.5",
            "orders cancelled: 4",
            "orders left: 0",
        ]
        await pilot.press("x")
        assert not isinstance(app.screen, KillScreen)

    with FakeBot(state_dir, reply) as bot:
        run(app, steps, (80, 24))
    assert bot.asked == [{"op": "killswitch", "on": True, "reason": "yq odd", "by": "ann"}]
    latched = Latch(state_dir / "latch").read()
    assert (latched.on, latched.reason, latched.by) == (True, "yq odd", "ann")


@pytest.mark.parametrize("keys", [("escape",), ("enter", "n"), ("enter", "escape"), ("x", "enter", "z", "1", "n")])
def test_k_without_a_y_does_nothing(state_dir: Path, keys: tuple[str, ...]) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", *keys)
        assert not isinstance(app.screen, KillScreen)

    run(app, steps)
    assert not Latch(state_dir / "latch").read().on
    assert list(state_dir.iterdir()) == []


def test_k_without_a_bot_latches_and_says_what_is_not_verified(state_dir: Path, until: Any) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", "enter", "y")
        await until(lambda: stage(app) == "done", "the receipt")
        assert "Gate closed." in said(app)
        assert "NOT VERIFIED" in said(app)
        assert "AGB-501" in said(app)
        assert app.screen.query_one("#kill").has_class("-failed")

    run(app, steps)
    assert Latch(state_dir / "latch").read().reason == "from the terminal"


@pytest.mark.parametrize(("where", "error_id"), [("gone", "AGB-501"), (None, "AGB-523")])
def test_k_that_achieves_nothing_says_so(state_dir: Path, until: Any, where: str | None, error_id: str) -> None:
    app = AgbotApp(None, state_dir=state_dir / where if where else None)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", "enter", "y")
        await until(lambda: stage(app) == "done", "the answer")
        assert said(app).startswith("NOT CLOSED.")
        assert error_id in said(app)

    run(app, steps)


def test_the_screen_goes_on_under_the_question(bot: Any, state_dir: Path) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k")
        app.take(bot.snapshot())
        app.draw()
        await pilot.press("question_mark", "escape")
        await pilot.press("question_mark")
        app.take(bot.delta())
        app.draw()

    run(app, steps)


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


def test_no_monitor_and_a_refusing_one(until: Any) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        app = AgbotApp(f"ws://127.0.0.1:{port}/dashboard")
        async with app.run_test():
            await until(lambda: "refused with 403" in app.link_why, "the refusal")
            server.close()
            await server.wait_closed()
            await until(lambda: "no monitor" in app.link_why, "the absence")

    asyncio.run(go())


def test_a_bug_in_the_app_is_a_failure_exit() -> None:
    class Buggy(AgbotApp):
        def draw_tables(self) -> None:
            raise ZeroDivisionError

    app = Buggy(None)
    app.run(headless=True, size=(80, 24))
    assert app.return_code == 1


@pytest.mark.parametrize("size", SIZES)
def test_screenshot(bot: Any, size: tuple[int, int]) -> None:
    svg = screenshot_svg([bot.snapshot(), *(bot.delta() for _ in range(5))], size)
    words = "".join(ElementTree.fromstring(svg).itertext()).replace("\xa0", " ")
    for part in ("DEMO", "agbot", "btc-over", "1 markets", "4 risk log"):
        assert part in words
