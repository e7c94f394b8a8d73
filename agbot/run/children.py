"""Child processes of the bot: the monitor. It may die, be killed or be somebody else's; trading does not notice."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final

import attrs
import httpx
import trio

from agbot.errors import ConfigError
from agbot.log import get_logger
from agbot.secrets import Secret
from agbot.telemetry.access import TOKEN_ENV, bearer
from agbot.telemetry.protocol import PROTOCOL

LINGER_S: Final = 60
QUICK_FAILURES_MAX: Final = 5
RESTART_S: Final = 1.0
WATCH_S: Final = 2.0
SHARED_S: Final = 5.0
"""How often a bot looks whether others push to its monitor."""
BEHIND_THE_GATE: Final = "/who"
"""No page of a monitor: 404 for whom it lets in, 401 for others."""

log = get_logger(__name__)


def netloc(host: str, port: int) -> str:
    """Return host and port as a URL has them: an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@attrs.frozen
class Monitor:
    """A monitor that runs: how many `senders` push to it, and what speaks against its showing us, if any.

    `live` are those of them that trade real money: it shows one of these, whoever else comes.
    """

    senders: int
    trouble: str = ""
    live: int = 0


async def monitor_at(host: str, port: int, token: Secret | None) -> Monitor | None:
    """Return the agbot monitor of our protocol that listens there, None when nobody does.

    Raises:
        ConfigError: somebody else listens there, or a monitor of another protocol.
    """
    async with _client() as client:
        found = await _found(client, host, port)
        if found is None:
            return None
        try:
            reply = await client.get(f"http://{netloc(host, port)}{BEHIND_THE_GATE}", headers=bearer(token))
        except httpx.HTTPError as e:
            return attrs.evolve(found, trouble=f"did not say whether it lets this bot in ({type(e).__name__})")
    if reply.status_code == HTTPStatus.UNAUTHORIZED:
        trouble = f"wants another {TOKEN_ENV} than this bot has: nothing of it is shown there"
        return attrs.evolve(found, trouble=trouble)
    return found


async def monitor_answers(host: str, port: int) -> bool:
    """Return whether an agbot monitor of our protocol listens there.

    Raises:
        ConfigError: somebody else listens there, or a monitor of another protocol.
    """
    async with _client() as client:
        return await _found(client, host, port) is not None


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=2.0, trust_env=False)


async def _found(client: httpx.AsyncClient, host: str, port: int) -> Monitor | None:
    """Return what the monitor there says of itself, None when nobody listens; ConfigError as `monitor_at`."""
    try:
        reply = await client.get(f"http://{netloc(host, port)}/healthz")
        found = reply.json()
        app, protocol, counts = str(found.get("app")), found.get("protocol"), (found.get("runs"), found.get("live"))
    except httpx.ConnectError:
        return None
    except (httpx.HTTPError, ValueError, AttributeError):
        app, protocol, counts = "another program", None, (0, 0)
    if app != "agbot-monitor" or protocol != PROTOCOL:
        what = f"{app} (protocol {protocol})" if app == "agbot-monitor" else "another program"
        raise ConfigError(
            f"port {port} on {host} is taken by {what}",
            id="AGB-120",
            key="monitor.endpoint",
            remedy="stop it, choose another port with --port, or run with --no-web",
        )
    senders, live = (count if isinstance(count, int) else 0 for count in counts)
    return Monitor(senders, live=live)


async def watch_sharing(host: str, port: int) -> None:
    """Say in the log when others begin to push to the monitor there: they and this bot share a page. Never ends."""
    others = 0
    async with _client() as client:
        while True:
            await trio.sleep(SHARED_S)
            with suppress(ConfigError):  # somebody else is there now: `keep_monitor` tells of that
                found = await _found(client, host, port)
                before, others = others, max(0, found.senders - 1) if found else 0
                if found and others > before:
                    log.warning("monitor.shared", others=others, page=f"http://{netloc(host, port)}", **_stage(found))


def _stage(found: Monitor) -> dict[str, str]:
    shows = "a bot that trades real money, before all others" if found.live else "the bot that began last"
    return {"shows": shows, "remedy": "a page of its own for each: --port N"}


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
