"""Key k: a reason, a y, a receipt, and nothing without them."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from textual.widgets import Input, Static

from agbot.latch import Latch
from agbot.tui.app import AgbotApp
from agbot.tui.screens.kill import KillScreen


@pytest.fixture
def state_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ag") as name:
        yield Path(os.path.realpath(name))


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


def test_k_asks_for_a_reason_and_a_y_then_shows_the_receipt(run_app: Any, state_dir: Path, until: Any) -> None:
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
        run_app(app, steps, (80, 24))
    assert bot.asked == [{"op": "killswitch", "on": True, "reason": "yq odd", "by": "ann"}]
    latched = Latch(state_dir / "latch").read()
    assert (latched.on, latched.reason, latched.by) == (True, "yq odd", "ann")


@pytest.mark.parametrize("keys", [("escape",), ("enter", "n"), ("enter", "escape"), ("x", "enter", "z", "1", "n")])
def test_k_without_a_y_does_nothing(run_app: Any, state_dir: Path, keys: tuple[str, ...]) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", *keys)
        assert not isinstance(app.screen, KillScreen)

    run_app(app, steps)
    assert not Latch(state_dir / "latch").read().on
    assert list(state_dir.iterdir()) == []


def test_a_switch_that_is_closed_is_said_to_be_and_the_keys_are_the_same(
    run_app: Any, state_dir: Path, until: Any
) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    def keys() -> str:
        return str(app.screen.query_one("#keys", Static).content)

    async def steps(pilot: Any) -> None:
        shown: list[tuple[str, str]] = []
        for closed in (False, True):
            app.dashboard.kill_on, app.dashboard.kill_reason = closed, "too many losses" if closed else ""
            await pilot.press("k")
            assert ("It is closed already: too many losses" in said(app)) is closed
            first = keys()
            await pilot.press("enter")
            shown.append((first, keys()))
            assert said(app).startswith("Keep the gate closed" if closed else "Close the gate")
            await pilot.press("y")
            await until(lambda: stage(app) == "done", "the receipt")
            await pilot.press("x")
        assert shown == [("enter: go on, then y: yes   esc: back", "y: yes, now   n, esc: no")] * 2

    run_app(app, steps, (80, 24))


def test_k_without_a_bot_latches_and_says_what_is_not_verified(run_app: Any, state_dir: Path, until: Any) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", "enter", "y")
        await until(lambda: stage(app) == "done", "the receipt")
        assert "Gate closed." in said(app)
        assert "NOT VERIFIED" in said(app)
        assert "AGB-501" in said(app)
        assert "no bot runs here" in said(app)
        assert app.screen.query_one("#kill").has_class("-failed")

    run_app(app, steps)
    assert Latch(state_dir / "latch").read().reason == "from the terminal"


@pytest.mark.parametrize(("where", "error_id"), [("gone", "AGB-501"), (None, "AGB-523")])
def test_k_that_achieves_nothing_says_so(
    run_app: Any, state_dir: Path, until: Any, where: str | None, error_id: str
) -> None:
    app = AgbotApp(None, state_dir=state_dir / where if where else None)

    async def steps(pilot: Any) -> None:
        await pilot.press("k", "enter", "y")
        await until(lambda: stage(app) == "done", "the answer")
        assert said(app).startswith("NOT CLOSED.")
        assert error_id in said(app)

    run_app(app, steps)


def test_the_screen_goes_on_under_the_question(run_app: Any, bot: Any, state_dir: Path) -> None:
    app = AgbotApp(None, state_dir=state_dir)

    async def steps(pilot: Any) -> None:
        await pilot.press("k")
        app.take(bot.snapshot())
        app.draw()
        await pilot.press("question_mark", "escape")
        await pilot.press("question_mark")
        app.take(bot.delta())
        app.draw()

    run_app(app, steps)


def test_k_never_stops_another_bot_than_the_one_on_the_screen(run_app: Any, state_dir: Path, until: Any) -> None:
    app = AgbotApp(None, state_dir=state_dir, by="ann")

    async def steps(pilot: Any) -> None:
        app.dashboard.run = attrs.evolve(app.dashboard.run, run_id="shown")
        await pilot.press("k")
        await pilot.press("enter")
        await pilot.press("y")
        await until(lambda: stage(app) == "done", "the refusal")
        assert "AGB-528" in said(app)
        assert not Latch(state_dir / "latch").read().on

    with FakeBot(state_dir, {"ok": True, "run_id": "another"}) as bot:
        run_app(app, steps)
    assert [asked["op"] for asked in bot.asked] == ["status"]
