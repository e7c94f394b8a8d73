"""A player process, what the command line asks it, and three keys in the terminal."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import pytest

from agbot.cli.replay_watch import ask, message, place
from agbot.control import request, socket_path
from agbot.errors import NotRunningError
from agbot.simulate.schedule import Trouble
from agbot.simulate.seeds import journals
from agbot.tui.travel import TravelApp

KEYS: Final = (("i", "denied by PositionLimit"), ("i", "link books lost: cut"), ("n", "by anything"))
WITHIN_S: Final = 30.0
NOTHING: Final[dict[str, Any]] = {
    **dict.fromkeys(("play", "step", "next_", "seek")), "pause": False, "where": False,
}  # fmt: skip


def said_by(app: TravelApp, expected: str) -> bool:
    return expected in app.player_said


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the journal of a bot in a simulated world whose feed is lost for two seconds."""
    _, paths = journals(7, [Trouble("feed_lost", 2.5, 2.0)], tmp_path_factory.mktemp("worlds"))
    return paths[0]


@pytest.fixture
def player(journal: Path, tmp_path: Path) -> Any:
    """Start a player process, and return its port and the command line that speaks to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    agbot = [sys.executable, "-P", "-m", "agbot", "replay", "--port", str(port), "--state-dir", str(tmp_path / "state")]
    process = subprocess.Popen([*agbot, str(journal), "--watch"], stderr=subprocess.PIPE, text=True, env=os.environ)
    assert process.stderr is not None
    said = [process.stderr.readline() for _ in range(3)]
    try:
        yield port, agbot, said
    finally:
        process.terminate()
        _, rest = process.communicate(timeout=20)
    assert process.returncode == 0, rest


def test_three_keys_in_the_terminal_and_the_command_line(player: Any, until: Any, text_of: Any, tmp_path: Path) -> None:
    port, agbot, said = player
    assert "paused at the start" in said[0]
    control = socket_path(tmp_path / "state", f"player-{port}.sock")
    url = f"ws://127.0.0.1:{port}/dashboard"
    assert url in said[1]

    async def go() -> None:
        app = TravelApp(url, state_dir=tmp_path)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(lambda: app.player, "the player is known", WITHIN_S)
            for key, expected in KEYS:
                await pilot.press(key)
                await until(partial(said_by, app, expected), expected, WITHIN_S)
            app.draw()
            app.draw_travel()
            await pilot.pause()
            screen = text_of(app)
            assert "REPLAY ‖ paused" in screen
            assert "2026-09-21 14:13:2" in screen
            assert "kill switch off" in screen
            assert "i next incident" in screen, "the footer is in sight, too"
            assert app.check_action("kill", ()) is False
            await asyncio.to_thread(request, control, {"op": "seek", "fraction": 0}, WITHIN_S)
            await until(lambda: app.dashboard.gauge("replay.step") == 0, "back at the start", WITHIN_S)
            await pilot.press("I")
            await until(partial(said_by, app, "link books lost: cut"), "the fault, with one key", WITHIN_S)
            before = app.dashboard.gauge("replay.step")
            await pilot.press("comma")
            await until(lambda: app.dashboard.gauge("replay.step") == before - 1, "a step back", WITHIN_S)

    asyncio.run(go())
    done = subprocess.run([*agbot, "--seek", "50%", "--json"], capture_output=True, text=True, check=True)
    state = json.loads(done.stdout)
    assert (state["step"], state["state"]) == (round(state["steps"] / 2), "paused")
    assert request(control, {"op": "status"})["step"] == state["step"]
    done = subprocess.run([*agbot, "--seek", "noon"], capture_output=True, text=True, check=False)
    assert (done.returncode, "AGB-957" in done.stderr) == (2, True)


def test_where_no_player_is(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="AGB-955"):
        ask(tmp_path, 8090, as_json=False, **NOTHING | {"pause": True})
    assert [place(text) for text in ("40%", "+5%", "-2.5%", "12:30")] == [
        {"fraction": 0.4}, {"by": 0.05}, {"by": -0.025}, {"time": "12:30"},
    ]  # fmt: skip
    assert message(**NOTHING | {"play": 2.0}) == {"op": "play", "speed": 2.0}
    for asked in (NOTHING, NOTHING | {"play": 2.0, "pause": True}):
        with pytest.raises(click.UsageError):
            message(**asked)


def test_on_a_live_run_there_are_no_such_keys(bot: Any, tmp_path: Path) -> None:
    async def go() -> None:
        app = TravelApp(None, state_dir=tmp_path)
        async with app.run_test(size=(120, 40)) as pilot:
            app.take(bot.snapshot())
            await pilot.press("i", "n", "space")
            assert app.check_action("travel", ("incident",)) is False
            assert app.check_action("kill", ()) is True
            assert app.player_said == ""

    asyncio.run(go())
