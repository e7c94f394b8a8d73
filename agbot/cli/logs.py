"""agbot logs."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click

from agbot.cli.common import bot_options, state_path
from agbot.errors import NotFoundError

LOG_NAME = "agbot.log"


@click.command(name="logs")
@bot_options
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until interrupted.")
@click.option("-n", "--lines", default=50, show_default=True, help="How many lines to begin with.")
def command(profile: str, state_dir: Path | None, follow: bool, lines: int) -> None:
    """Show the bot's log: one JSON object a line."""
    path = state_path(profile, state_dir) / LOG_NAME
    if not path.is_file():
        raise NotFoundError(f"no log at {path}", id="AGB-527", remedy="agbot run writes one; or name its --state-dir")
    try:
        _print(path, follow, lines)
    except KeyboardInterrupt:
        return


def _print(path: Path, follow: bool, lines: int) -> None:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, maxlen=lines):
            click.echo(line, nl=False)
    offset = path.stat().st_size
    while follow:
        time.sleep(0.2)
        size = path.stat().st_size if path.exists() else 0
        if size < offset:  # rotated
            offset = 0
        if size > offset:
            with path.open(encoding="utf-8", errors="replace") as file:
                file.seek(offset)
                click.echo(file.read(), nl=False)
                offset = file.tell()
