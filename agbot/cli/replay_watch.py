"""agbot replay --watch: the player, and what it is asked from another terminal."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import click

from agbot.errors import NotRunningError

ANSWER_S = 5.0
LOOK_S = 0.1


def watch(path: Path, directory: Path, port: int) -> None:
    """Show a journal until Ctrl-C. ConfigError AGB-956, the port is taken; StoreError when it is no journal."""
    import trio  # noqa: PLC0415

    from agbot.cli.common import DEFAULT_PROFILE  # noqa: PLC0415
    from agbot.control import state_dir  # noqa: PLC0415
    from agbot.monitor.watch import show  # noqa: PLC0415

    def announce(page: str, url: str) -> None:
        click.echo(f"agbot replay: {path} at {page}, paused at the start", err=True)
        click.echo(f"  agbot tui --url {url}", err=True)
        own = "" if directory == state_dir(DEFAULT_PROFILE, create=False) else f" --state-dir {directory}"
        own += "" if port == _default_port() else f" --port {port}"
        click.echo(f"  agbot replay --next incident{own}      (or --play 1, --step -1, --seek 40%)", err=True)

    trio.run(show, path, directory, port, announce)


def _default_port() -> int:
    from agbot.cli.replay import PORT  # noqa: PLC0415

    return PORT


def ask(directory: Path, port: int, *, as_json: bool, **asked: Any) -> None:
    """Send one request to the player of `port` and print where it stands then.

    Raises:
        NotRunningError: AGB-955, there is no such player. ConfigError: AGB-957, it cannot go there.
    """
    socket = _socket(directory, port)
    state = _send(socket, {**message(**asked), "wait": False})
    if state["state"] == "seeking":
        state = _arrived(socket, state)
    click.echo(json.dumps(state) if as_json else _text(state))


def message(
    *, play: float | None, pause: bool, step: int | None, next_: str | None, seek: str | None, where: bool
) -> dict[str, Any]:
    """Return the request that the options ask for. UsageError when it is more than one."""
    asked: list[dict[str, Any]] = []
    asked += [{"op": "play", "speed": play}] if play is not None else []
    asked += [{"op": "pause"}] if pause else []
    asked += [{"op": "step", "count": step}] if step is not None else []
    asked += [{"op": "next", "what": next_}] if next_ is not None else []
    asked += [{"op": "seek", **place(seek)}] if seek is not None else []
    asked += [{"op": "status"}] if where else []
    if len(asked) != 1:
        raise click.UsageError("one of --play, --pause, --step, --next, --seek and --where")
    return asked[0]


def place(text: str) -> dict[str, Any]:
    """Return where `--seek` goes: a part of the steps, one from here with a sign, or a time."""
    found = re.fullmatch(r"([+-]?)(\d{1,3}(?:\.\d+)?)%", text, re.ASCII)
    if found is None:
        return {"time": text}
    part = float(found[2]) / 100
    return {"by": -part if found[1] == "-" else part} if found[1] else {"fraction": part}


def _socket(directory: Path, port: int) -> Path:
    from agbot.control import socket_path  # noqa: PLC0415

    return socket_path(directory, f"player-{port}.sock")


def _send(socket: Path, request: dict[str, Any]) -> dict[str, Any]:
    from agbot.control import request as send  # noqa: PLC0415

    try:
        return send(socket, request, ANSWER_S)
    except NotRunningError as e:
        raise NotRunningError(
            f"no player listens at {socket}",
            id="AGB-955",
            remedy="agbot replay RUN --watch starts one; --port, --profile and --state-dir must be the same",
        ) from e


def _arrived(socket: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Wait until it stands; on a terminal with a bar that tells how far it is."""
    began, length = time.monotonic(), state["goal"] or state["steps"]
    hidden = not sys.stderr.isatty()
    with click.progressbar(length=max(length, 1), label="steps", file=sys.stderr, hidden=hidden) as bar:
        while state["state"] == "seeking":
            time.sleep(LOOK_S if time.monotonic() - began > LOOK_S else LOOK_S / 10)
            state = _send(socket, {"op": "status"})
            bar.update(state["step"] - bar.pos)
    return state


def _text(state: dict[str, Any]) -> str:
    speed = f" at speed {state['speed']:g}" if state["state"] == "playing" else ""
    why = f": {state['stopped']}" if state["stopped"] else ""
    return f"{state['at']} UTC, step {state['step']} of {state['steps']}, {state['state']}{speed}{why}"
