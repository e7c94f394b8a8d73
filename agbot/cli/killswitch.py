"""agbot killswitch on|off|status."""

from __future__ import annotations

import getpass
import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control, state_path
from agbot.control import KillReceipt, kill
from agbot.errors import NotRunningError, TimedOutError
from agbot.latch import LATCH_NAME, Latch


@click.group(name="killswitch")
def command() -> None:
    """Close or open the gate for orders.

    The switch is a latch file in the bot's state directory: it survives restarts, and works when the bot is
    down or hung.
    """


@command.command(name="on")
@bot_options
@click.option("--reason", required=True, help="Why; shown everywhere until it is off.")
@click.option("--by", default=getpass.getuser, show_default="you", help="Who.")
@click.option("--json", "as_json", is_flag=True)
def on(profile: str | None, state_dir: Path | None, reason: str, by: str, as_json: bool) -> None:
    """Close the gate, cancel every order, verify with the venue, print a receipt.

    Exit 0 only when the venue shows no open order. Exit 1 when orders are left, 3 when no bot runs, 5 when the bot did
    not answer: the gate is closed all the same. What a dead bot left at a venue: agbot cancel --all --config FILE.
    """
    began = time.perf_counter()
    receipt = kill(
        state_path(profile, state_dir, create=True), reason=reason, by=by, at_ns=time.time_ns(), timeout_s=10.0
    )
    total_ms = round((time.perf_counter() - began) * 1000, 1)
    reply = receipt.reply or {}
    plain = {
        "on": True,
        "latched": receipt.latched,
        "bot_heard": receipt.reply is not None,
        "gate_closed_ms": reply.get("gate_closed_ms"),
        "orders_cancelled": reply.get("orders_cancelled"),
        "orders_left": reply.get("orders_left"),
        "verified": bool(reply.get("verified")),
        "not_verified_because": receipt.doubt,
        "total_ms": total_ms,
    }
    click.echo(json.dumps(plain) if as_json else _text(plain, reason))
    sys.exit(_exit_code(receipt))


def _exit_code(receipt: KillReceipt) -> int:
    if receipt.reply is not None:
        return 0 if receipt.reply.get("verified") and receipt.latched else 1
    return NotRunningError.exit_code if "AGB-501" in receipt.doubt else TimedOutError.exit_code


@command.command(name="off")
@bot_options
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why it is safe again.")
def off(profile: str | None, state_dir: Path | None, by: str, reason: str) -> None:
    """Open the gate again. On record in latch.log."""
    try:
        control(profile, state_dir, {"op": "killswitch", "on": False, "reason": reason, "by": by})
        click.echo(f"kill switch off by {by}: the running bot trades again")
    except NotRunningError:
        directory = state_path(profile, state_dir, create=True)
        Latch(directory / LATCH_NAME).open(by, reason, time.time_ns())
        click.echo(f"kill switch off by {by}: the next bot will trade")


@command.command(name="status")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def status(profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Show the latch, also when no bot runs."""
    state = Latch(state_path(profile, state_dir) / LATCH_NAME).read()
    missing = not state_path(profile, state_dir).is_dir()
    if as_json:
        click.echo(json.dumps({"on": state.on, "reason": state.reason, "by": state.by, "at_ns": state.at_ns}))
    elif missing:
        click.echo(f"no state directory {state_path(profile, state_dir)}: no bot ran here yet")
    else:
        click.echo(f"on: {state.reason} (by {state.by})" if state.on else "off")


def _text(plain: dict[str, Any], reason: str) -> str:
    left = plain["orders_left"]
    lines = {
        "kill switch": f"ON ({reason})" if plain["bot_heard"] else f"LATCHED ({reason}), but no bot heard it",
        "latch": "closed on disk" if plain["latched"] else "NOT WRITTEN",
        "gate closed": "-" if plain["gate_closed_ms"] is None else f"{plain['gate_closed_ms']} ms after the bot heard",
        "orders cancelled": "-" if plain["orders_cancelled"] is None else plain["orders_cancelled"],
        "orders left": "not known" if left is None else f"{left} (the venue was asked)",
        "total": f"{plain['total_ms']} ms",
    }
    if not plain["bot_heard"]:
        lines["at a venue"] = "agbot cancel --all --config FILE takes off what a dead bot left there"
    if plain["not_verified_because"]:
        lines["not verified"] = plain["not_verified_because"]
    return "\n".join(f"{name:<18}{value}" for name, value in lines.items())
