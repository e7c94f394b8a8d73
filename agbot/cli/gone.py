"""agbot status of a bot that does not run: how it ended, and the orders of it that may still rest."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import Any

import attrs
import click

from agbot.cli.access import moment
from agbot.cli.common import state_path
from agbot.control import LOCK_NAME, bot_directories
from agbot.errors import ConfigError, StoreError
from agbot.run.fence import holder_in
from agbot.run.place import kept, venue_name
from agbot.settings import Mode
from agbot.store.gone import LIVE, gone
from agbot.words import many


def tell(profile: str | None, explicit: Path | None, *, as_json: bool) -> None:
    """Print what the bot that the options name left; where none is named, also what any other left at a venue."""
    asked = state_path(profile, explicit)
    others = () if profile or explicit else (path for path in bot_directories() if path != asked)
    rows = [row for row in (_row(asked, explicit), *(_row(path, None) for path in others)) if row]
    rows = [row for row in rows if row["state_dir"] == str(asked) or row["orders"] or "unread" in row]
    if as_json:
        click.echo(json.dumps({"running": False, "left": rows}, indent=2))
        return
    for row in rows:
        click.echo(_line(row))


def _row(directory: Path, explicit: Path | None) -> dict[str, Any] | None:
    base = {"state_dir": str(directory), "which": _which(directory, explicit)}
    try:
        found = gone(directory)
    except StoreError as e:
        return {**base, "orders": [], "unread": str(e)}
    if found is None:
        return None
    return {**base, **attrs.asdict(found), "venue": _venue(directory), "pid": _process(directory)}


def _venue(directory: Path) -> str | None:
    """Return the name of the venue where it traded, None when nothing legible says so."""
    try:
        place = kept(directory)
    except ConfigError:
        return None
    return venue_name(place.settings()) if place and place.mode is not Mode.DEMO else None


def _which(directory: Path, explicit: Path | None) -> str:
    if explicit is not None:
        return f" --state-dir {shlex.quote(str(directory))}"
    return f" --profile {directory.name}"


def _process(directory: Path) -> int | None:
    """Return the process that took the directory last, None once it is gone; the number may be another's by now."""
    try:
        holder = holder_in((directory / LOCK_NAME).read_text("ascii", "replace"))
        if holder is not None:
            os.kill(holder.pid, 0)
    except (OSError, OverflowError):
        return None
    return holder.pid if holder else None


def _line(row: dict[str, Any]) -> str:
    if "unread" in row:
        return f"what the last run in {row['state_dir']} left cannot be read: {row['unread']}"
    when = f"{moment(row['last_ns'])} UTC"
    if row["ended"] is not None:
        how = f"the bot ended in order at {when} ({row['ended']})"
    elif row["pid"] is not None:
        how = f"the bot does not answer (last heard at {when}; pid {row['pid']} is there, starting or ending)"
    else:
        how = f"the bot is gone (last heard at {when})"
    return f"{row['mode']} {row['run_id']}: {how}{_orders(row)}"


def _orders(row: dict[str, Any]) -> str:
    if row["mode"] != LIVE:
        return "; its orders were not real and went with it"
    count = len(row["orders"])
    if not count:
        return "; no order of it was left open"
    which = row["which"] if row["venue"] else " --config FILE"
    return (
        f"; as far as its journal knows, {many(count, 'order')} of it may still rest at {row['venue'] or 'its venue'}: "
        f"look with `agbot orders{which}`, cancel with `agbot cancel --all{which}`, or start it again"
    )
