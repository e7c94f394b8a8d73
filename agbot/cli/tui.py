"""agbot tui."""

from __future__ import annotations

import getpass
import ipaddress
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from agbot.cli.common import control, state_path
from agbot.errors import ConfigError, NotRunningError, TimedOutError

URL = "ws://127.0.0.1:8080/dashboard"
ANSWER_S = 1.0


@click.command("tui")
@click.option("--url", help=f"The monitor's dashboard socket.  [default: the running bot's, else {URL}]")
@click.option(
    "--profile",
    help="The bot's profile; key k speaks to that bot.  [default: the one that runs, else that ran last]",
)
@click.option("--state-dir", "directory", type=click.Path(), help="The bot's state directory, instead of --profile.")
def command(url: str | None, profile: str | None, directory: str | None) -> None:
    """Watch the running bot in this terminal.

    Nine screens, keys 1 to 9: overview, markets with the ladder, orders, fills and positions, strategies, risk, feeds,
    latency, log. ? tells the keys. The bot is not touched by it, however it ends; what acts on the bot asks first: c
    cancels an order, x stops or starts a strategy, k is the kill switch. NO_COLOR=1 leaves the colours out.
    On a player (agbot replay RUN --watch) the keys move through the journal:

    \b
    space play, pause    n next decision    i next incident    I next fault    , . step    [ ] scrub

    Example: agbot tui --profile paper
    """
    given = Path(directory) if directory else None
    state = state_path(profile, given)
    url = url if url is not None else dashboard_of(profile, given)
    here = _is_here(url)
    # Textual draws on standard error, so a redirection of any of the three leaves a dead screen.
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise ConfigError(
            "agbot tui needs a terminal", id="AGB-521", remedy="run it in one, not in a pipe; or: agbot status"
        )
    for stale in ("COLUMNS", "LINES"):  # exported once, they would outlive every resize: the terminal itself knows
        os.environ.pop(stale, None)
    from agbot.tui.travel import TravelApp  # noqa: PLC0415 - a third of a second, after everything that can fail

    app = TravelApp(url, state_dir=state if here else None, by=_who())
    app.run()
    # run() returns normally also after a crash, whose traceback it has printed.
    sys.exit(app.return_code or 0)


def dashboard_of(profile: str | None, directory: Path | None) -> str:
    """Return the dashboard socket of the bot's monitor, or where one is by default when no bot tells."""
    try:
        page = str(control(profile, directory, {"op": "status"}, timeout_s=ANSWER_S).get("page") or "")
    except (NotRunningError, TimedOutError):
        page = ""
    return f"ws{page.removeprefix('http')}/dashboard" if page.startswith("http") else URL


def _is_here(url: str) -> bool:
    """Return whether the monitor, and so its bot, is on this machine. Raises ConfigError AGB-522: no such address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, 0
    if not host or port == 0 or parts.scheme not in ("ws", "wss"):
        raise ConfigError(f"--url {url} is no WebSocket address", id="AGB-522", remedy=f"such as {URL}")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "terminal"
