"""agbot stop."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click

from agbot.cli.common import bot_options, control
from agbot.errors import TimedOutError


@click.command(name="stop")
@bot_options
@click.option("--reason", default="agbot stop", show_default=True)
@click.option("--timeout", "timeout_s", default=20.0, show_default=True, help="Seconds to wait for the end.")
def command(profile: str | None, state_dir: Path | None, reason: str, timeout_s: float) -> None:
    """Stop the bot in order: cancel all orders, wait until flat, write the journal, exit.

    Exit 3 when none runs, 5 when it has not ended in time.
    """
    deadline = time.monotonic() + timeout_s
    pid = int(control(profile, state_dir, {"op": "stop", "reason": reason})["pid"])
    while _alive(pid):
        if time.monotonic() > deadline:
            raise TimedOutError(
                f"pid {pid} still runs after {timeout_s:g} s",
                id="AGB-536",
                remedy="agbot logs; then kill it: no order is lost",
            )
        time.sleep(0.05)
    click.echo(f"stopped (pid {pid})")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    """Return whether the process has ended and only waits for its parent; False where /proc is absent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
