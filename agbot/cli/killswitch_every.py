"""agbot killswitch on --every: the gates of all bots of this user on this machine, each by its own latch."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import click

from agbot.cli.killswitch import Order, close, exit_code
from agbot.cli.tables import table
from agbot.control import bot_directories, state_dir
from agbot.errors import AgbotError, NotFoundError, NotRunningError

NOBODY: Final = "no bot ever ran here under a profile"


def on(order: Order, *, as_json: bool) -> int:
    """Close every gate at once, wait for every bot, and print who confirmed.

    Returns:
        The exit code: the worst of the bots that run; 3 when none does (the gates are closed all the same), 4 when
        none has anything of the name.
    """
    began, directories = time.perf_counter(), bot_directories()
    with ThreadPoolExecutor(max(1, len(directories))) as threads:  # one that hangs holds nobody up
        found = list(threads.map(lambda directory: _one(directory, order), directories))
    rows, codes = [row for row, _ in found], [code for _, code in found]
    total_ms = round((time.perf_counter() - began) * 1000, 1)
    if as_json:
        click.echo(json.dumps({"on": True, "bots": rows, "total_ms": total_ms}))
    else:
        click.echo(table(rows, empty=NOBODY))
        click.echo(f"{sum(row['latched'] for row in rows)} of {len(rows)} gates closed on disk, {total_ms} ms")
    return _worst(codes)


def _one(directory: Path, order: Order) -> tuple[dict[str, Any], int]:
    row: dict[str, Any] = {"profile": directory.name}
    try:
        receipt, told = close(state_dir(directory.name, directory), order)
    except AgbotError as e:
        return row | {"latched": False, "bot": str(e), "cancelled": "", "left": "", "verified": False}, e.exit_code
    cancelled, left = ("" if (n := told[f"orders_{name}"]) is None else n for name in ("cancelled", "left"))
    bot = told["bot"] if not told["bot_heard"] else told["not_verified_because"] or told["bot"]
    row |= {"latched": told["latched"], "bot": bot, "cancelled": cancelled, "left": left, "verified": told["verified"]}
    return row, exit_code(receipt)


def _worst(codes: Sequence[int]) -> int:
    """Return 1, 5 or 0 of the bots that were asked; without one, 4 where a bot has nothing of the name, else 3."""
    asked = [code for code in codes if code not in (NotRunningError.exit_code, NotFoundError.exit_code)]
    if asked:
        return max(asked, key=lambda code: (code == 1, code))
    return max(codes, default=NotRunningError.exit_code)
