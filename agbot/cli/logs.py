"""agbot logs."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path

import click

from agbot.cli.common import bot_options, state_path
from agbot.errors import NotFoundError

LOG_NAME = "agbot.log"
FOLLOW_S = 0.2


@click.command(name="logs")
@bot_options
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until interrupted.")
@click.option(
    "-n", "--lines", default=50, type=click.IntRange(min=0), show_default=True, help="How many lines to begin with."
)
def command(profile: str | None, state_dir: Path | None, follow: bool, lines: int) -> None:
    """Show the bot's log: one JSON object a line."""
    path = state_path(profile, state_dir) / LOG_NAME
    if not path.is_file():
        raise NotFoundError(f"no log at {path}", id="AGB-537", remedy="agbot run writes one; or name its --state-dir")
    try:
        _print(path, follow, lines)
    except KeyboardInterrupt:
        return


def _print(path: Path, follow: bool, lines: int) -> None:
    with path.open("rb") as file:
        for line in deque(file, maxlen=lines):
            click.echo(line, nl=False)
        offset = file.tell()  # where reading ended: what is written meanwhile is news
    while follow:
        time.sleep(FOLLOW_S)
        offset = _news(path, offset)


def _news(path: Path, offset: int) -> int:
    """Print what was written beyond `offset`, everything after a rotation, and return the new offset."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(offset if file.tell() >= offset else 0)
            click.echo(file.read(), nl=False)
            return file.tell()
    except FileNotFoundError:  # between the two renames of a rotation
        return 0
