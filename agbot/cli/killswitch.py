"""agbot killswitch on|off|status."""

from __future__ import annotations

import getpass
import json
import time
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control, state_path
from agbot.errors import AgbotError, NotRunningError, TimedOutError
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
def on(profile: str, state_dir: Path | None, reason: str, by: str, as_json: bool) -> None:
    """Close the gate, cancel every order, verify with the venue, print a receipt.

    Exit 0 only when the venue shows no open order, or no bot runs (then nothing of a paper run rests). Exit 1 when
    orders are left, 5 when the bot did not answer: the gate is closed all the same.
    """
    began = time.perf_counter()
    directory = state_path(profile, state_dir)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    Latch(directory / LATCH_NAME).close(reason, by, time.time_ns())
    receipt: dict[str, Any] = {"on": True, "gate_closed_ms": round((time.perf_counter() - began) * 1000, 3)}
    code = 0
    try:
        asked = {"op": "killswitch", "on": True, "reason": reason, "by": by}
        answer = control(profile, state_dir, asked, timeout_s=10.0)
        receipt.update({k: v for k, v in answer.items() if k not in ("ok", "gate_closed_ms")})
        code = 0 if answer["verified"] else 1
    except NotRunningError:
        receipt.update(
            bot="not running", orders_left=0, note="no bot runs on this state directory: no paper order rests"
        )
    except (TimedOutError, AgbotError) as e:
        receipt.update(bot="did not answer", orders_left=None, note=f"could not verify: {e}")
        code = 5 if isinstance(e, TimedOutError) else 1
    receipt["total_ms"] = round((time.perf_counter() - began) * 1000, 1)
    click.echo(json.dumps(receipt) if as_json else _text(receipt, reason))
    raise SystemExit(code)


@command.command(name="off")
@bot_options
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why it is safe again.")
def off(profile: str, state_dir: Path | None, by: str, reason: str) -> None:
    """Open the gate again. On record in latch.log."""
    try:
        control(profile, state_dir, {"op": "killswitch", "on": False, "reason": reason, "by": by})
        click.echo(f"kill switch off by {by}: the running bot trades again")
    except NotRunningError:
        directory = state_path(profile, state_dir)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        Latch(directory / LATCH_NAME).open(by, reason, time.time_ns())
        click.echo(f"kill switch off by {by}: the next bot will trade")


@command.command(name="status")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def status(profile: str, state_dir: Path | None, as_json: bool) -> None:
    """Show the latch, also when no bot runs."""
    state = Latch(state_path(profile, state_dir) / LATCH_NAME).read()
    missing = not state_path(profile, state_dir).is_dir()
    if as_json:
        click.echo(json.dumps({"on": state.on, "reason": state.reason, "by": state.by, "at_ns": state.at_ns}))
    elif missing:
        click.echo(f"no state directory {state_path(profile, state_dir)}: no bot ran here yet")
    else:
        click.echo(f"on: {state.reason} (by {state.by})" if state.on else "off")


def _text(receipt: dict[str, Any], reason: str) -> str:
    left = receipt.get("orders_left")
    lines = {
        "kill switch": f"ON ({reason})",
        "gate closed": f"{receipt['gate_closed_ms']} ms after the command",
        "orders cancelled": receipt.get("orders_cancelled", "-"),
        "orders left": "unknown" if left is None else f"{left}" + (" (venue asked)" if receipt.get("verified") else ""),
        "total": f"{receipt['total_ms']} ms",
    }
    if "note" in receipt:
        lines["note"] = receipt["note"]
    return "\n".join(f"{name:<18}{value}" for name, value in lines.items())
