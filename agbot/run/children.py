"""Child processes of the bot: the monitor. It may die, be killed or be somebody else's; trading does not notice."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import httpx
import trio

from agbot.errors import ConfigError
from agbot.log import get_logger
from agbot.telemetry.protocol import PROTOCOL

LINGER_S: Final = 60
QUICK_FAILURES_MAX: Final = 5
RESTART_S: Final = 1.0
WATCH_S: Final = 2.0

log = get_logger(__name__)


def netloc(host: str, port: int) -> str:
    """Return host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def monitor_answers(host: str, port: int) -> bool:
    """Return whether an agbot monitor of our protocol listens there.

    Raises:
        ConfigError: somebody else listens there, or a monitor of another protocol.
    """
    try:
        async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
            reply = await client.get(f"http://{netloc(host, port)}/healthz")
        found = reply.json()
        app, protocol = str(found.get("app")), found.get("protocol")
    except httpx.ConnectError:
        return False
    except (httpx.HTTPError, ValueError, AttributeError):
        app, protocol = "another program", None
    if app != "agbot-monitor" or protocol != PROTOCOL:
        what = f"{app} (protocol {protocol})" if app == "agbot-monitor" else "another program"
        raise ConfigError(
            f"port {port} on {host} is taken by {what}",
            id="AGB-120",
            key="monitor.endpoint",
            remedy="stop it, choose another port with --port, or run with --no-web",
        )
    return True


def own_command(*argv: str) -> list[str]:
    """Return the command line that starts this very agbot again, whatever lies in the working directory."""
    # Without -P the clone's sources, which have no compiled modules, would be found before the installed package.
    return [sys.executable, "-P", "-m", "agbot", *argv]


async def keep_monitor(host: str, port: int, *, running: bool = False, state_dir: Path | None = None) -> None:
    """Start a monitor, and again when it dies; gives up after five quick failures. Never raises.

    One that is `running` already, or that another bot was quicker to start, is watched and replaced when it is gone.

    The page's history is what the store in `state_dir` has kept. The child is left behind on purpose when the bot ends:
    it serves the last state and leaves by itself.
    """
    where = [] if state_dir is None else ["--state-dir", str(state_dir)]
    command = own_command("monitor", "--host", host, "--port", str(port), "--linger", str(LINGER_S), *where)
    quick = 0
    while quick < QUICK_FAILURES_MAX:
        if running:
            await _gone(host, port)
        running = True
        began = trio.current_time()
        try:
            process = await trio.lowlevel.open_process(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            code = await process.wait()
        except OSError as e:
            log.error("monitor.not_started", error=str(e))
            return
        quick = quick + 1 if trio.current_time() - began < RESTART_S * 5 else 0
        log.warning("monitor.ended", exit_code=code)
        await trio.sleep(RESTART_S)
    log.error(
        "monitor.given_up",
        failures=quick,
        remedy=f"there is no page; `agbot monitor --host {host} --port {port}` in another terminal says why",
    )


async def _gone(host: str, port: int) -> None:
    """Return once no monitor answers there; also when somebody else does, which the next start will say."""
    with suppress(ConfigError):
        while await monitor_answers(host, port):  # noqa: ASYNC110 - another process: there is no event to wait for
            await trio.sleep(WATCH_S)
