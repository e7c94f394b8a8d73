"""agbot status."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control


@click.command(name="status")
@bot_options
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@click.option(
    "--probe", is_flag=True, help="For health checks: prints nothing, exit 0 when the bot answers and may trade."
)
def command(profile: str | None, state_dir: Path | None, as_json: bool, probe: bool) -> None:
    """Say in one line what the bot is doing. Exit 3 when none runs, 5 when it does not answer."""
    status = control(profile, state_dir, {"op": "status"})
    closed = status["kill_switch"]["on"] or bool(status["halted"])
    if probe:
        raise SystemExit(1 if closed else 0)
    if as_json:
        click.echo(json.dumps(status, indent=2))
        return
    click.echo(
        f"{status['mode']} {status['run_id']} pid {status['pid']} up {status['uptime_s']:.0f} s: {_gate(status)}, "
        f"{len(status['markets'])} markets, {len(status['open_orders'])} open orders, "
        f"equity {status['equity_usd']} usd, pnl {status['pnl_usd']} usd"
        + (f", {status['page']}" if status["page"] else "")
    )


def _gate(status: dict[str, Any]) -> str:
    if status["kill_switch"]["on"]:
        return f"KILL SWITCH ON ({status['kill_switch']['reason']})"
    if status["halted"]:
        return f"halted ({status['halted']})"
    closed = [f"{scope['scope']} {scope['name']}" for scope in status["kill_scopes"]]
    return f"trading, closed for {', '.join(closed)}" if closed else "trading"
