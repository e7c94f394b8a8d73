"""A player with its page and its control socket: what `agbot replay --watch` runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import trio

from agbot.control import socket_path
from agbot.errors import ConfigError
from agbot.monitor.app import serve
from agbot.monitor.player import Player
from agbot.run.bot import signals
from agbot.run.control import ControlServer
from agbot.run.supervise import background
from agbot.telemetry.protocol import DASHBOARD_PATH

HOST: Final = "127.0.0.1"


async def show(path: Path, directory: Path, port: int, announce: Callable[[str, str], None]) -> None:
    """Show a journal until asked to stop.

    Args:
        directory: where the control socket is, ``player-PORT.sock``.
        announce: is told the page's address and the dashboard's.

    Raises:
        ConfigError: AGB-701 or AGB-956, the port is taken. StoreError: it is no journal.
    """
    control = socket_path(directory, f"player-{port}.sock")
    player = Player(path, control=str(control))
    async with (
        background(signals(player.stop)),
        background(partial(_page, player, port)),  # first: who has the port has the socket of its name
        background(ControlServer(control, player.handlers()).run),
        background(player.run),
    ):
        announce(f"http://{HOST}:{port}", f"ws://{HOST}:{port}{DASHBOARD_PATH}")
        await player.stop.wait()


async def _page(player: Player, port: int, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED) -> None:
    if not await serve(HOST, port, now_ms=player.now_ms, hub=player.hub, task_status=task_status):
        raise ConfigError(
            f"port {port} has the monitor of a live bot",
            id="AGB-956",
            key="--port",
            remedy="choose another with --port",
        )
