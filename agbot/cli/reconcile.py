"""agbot reconcile: where the venue's figures are not the running bot's, and taking them over."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from agbot.cli.common import bot_options, control
from agbot.words import many

ACCEPT_S: Final = 60.0
"""Accepting reads the whole account once more."""


@click.command(name="reconcile")
@bot_options
@click.option("--accept", metavar="MARKET", help="Take the venue's figures over there; `cash` is the usd.")
@click.option("--by", help="Who has looked and takes the responsibility; with --accept.")
@click.option("--reason", help="Why it differs; with --accept.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    profile: str | None,
    state_dir: Path | None,
    accept: str | None,
    by: str | None,
    reason: str | None,
    *,
    as_json: bool,
) -> None:
    """Show where the venue holds something else than the running bot thinks.

    A difference that three reads in a row have shown stops new orders in its market; missing cash stops all. Look why:
    a deposit, a withdrawal, a redemption, an order from elsewhere. Then

    \b
    agbot reconcile --accept MARKET --by NAME --reason TEXT

    makes the venue's figures the bot's own and opens the market again. It is refused when this command has not shown
    them before, when they have moved since, and while trades there have not settled. It is journaled with both figures.
    Without a bot there is nothing to accept: a start takes the venue's figures over by itself, and says which.
    """
    if accept is None:
        if by or reason:
            raise click.UsageError("--by and --reason go with --accept MARKET")
        told = control(profile, state_dir, {"op": "reconcile"})
        click.echo(json.dumps(told) if as_json else _shown(told, time.time_ns()))
        return
    if not (by and reason):
        raise click.UsageError("--accept wants --by NAME and --reason TEXT")
    request = {"op": "reconcile", "accept": accept, "by": by, "reason": reason}
    told = control(profile, state_dir, request, ACCEPT_S)
    click.echo(json.dumps(told) if as_json else _accepted(told, by))


def _shown(told: Mapping[str, Any], now_ns: int) -> str:
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.units import NS_PER_S  # noqa: PLC0415

    rows = [{**row, "halted": "no new orders" if row["halted"] else ""} for row in told["rows"]]
    if not told["checked_ns"]:
        return "the account has not been read yet"
    age_s = max(0, now_ns - told["checked_ns"]) // NS_PER_S
    failed = f", {told['failed_reads']} failed" if told["failed_reads"] else ""
    return table(rows, "no difference") + f"\n{many(told['reads'], 'read')}{failed}, the last {age_s} s ago"


def _accepted(told: Mapping[str, Any], by: str) -> str:
    lines = [f"{r['market']} {r['what']}: {r['venue']} instead of {r['agbot']}" for r in told["accepted"]]
    return "\n".join([*lines, f"accepted by {by}: new orders may be placed there again"])
