"""agbot status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click

from agbot.cli.common import bot_options, control
from agbot.errors import NotRunningError
from agbot.words import many

READ_ONLY: Final = "READ-ONLY"


@click.command(name="status")
@bot_options
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@click.option(
    "--probe", is_flag=True, help="For health checks: prints nothing, exit 0 when the bot answers and may trade."
)
def command(profile: str | None, state_dir: Path | None, as_json: bool, probe: bool) -> None:
    """Say in one line what the bot is doing, and below it what the venue says otherwise.

    Exit 3 when none runs, after what the last run left: orders that may still rest. Exit 5 when it does not answer.
    """
    try:
        status = control(profile, state_dir, {"op": "status"})
    except NotRunningError:
        if not probe:
            from agbot.cli import gone  # noqa: PLC0415

            gone.tell(profile, state_dir, as_json=as_json)
        raise
    closed = status["kill_switch"]["on"] or bool(status["halted"]) or status["mode"] == READ_ONLY
    if probe:
        raise SystemExit(1 if closed else 0)
    if as_json:
        click.echo(json.dumps(status, indent=2))
        return
    click.echo(
        f"{status['mode']} {status['run_id']} pid {status['pid']} up {status['uptime_s']:.0f} s: {_gate(status)}, "
        f"{many(len(status['markets']), 'market')}, {many(len(status['open_orders']), 'open order')}, "
        f"equity {status['equity_usd']} usd, {_made(status)}" + (f", {status['page']}" if status["page"] else "")
    )
    for venue, told in status.get("venues", {}).items():
        if told["reason"]:
            click.echo(f"venue     {venue} is {told['health']}: {told['reason']}")
    for line in reconciled(status.get("reconcile", {})):
        click.echo(line)


def reconciled(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person should know of how the venue's figures compare with the bot's; nothing when all is well."""
    if start := found.get("start"):
        yield from _start(start)
    for row in found.get("differences", ()):
        yield f"differs   {row['what']}: {row['is']}"
    for where in found.get("halted", {}):
        yield f"halted    {where}: no new orders (ReconcileDifference) until figures agree, or: agbot reconcile"
    if "holder" in found:
        orders = many(found["holders_orders"], "order rests", "orders rest")
        yield f"holder    {found['holder'] or 'nobody here'}, {orders}"
        yield f"account   {found['cash_usd']} usd, {many(len(found['positions']), 'position')}"
    if found.get("foreign_orders"):
        rest = many(found["foreign_orders"], "order rests", "orders rest")
        yield f"foreign   {rest} that no journal explains: {', '.join(found['foreign'])}"
    if found.get("failed_reads"):
        yield f"unread    {many(found['failed_reads'], 'read')} of the account failed"


def _start(start: Mapping[str, Any]) -> Iterator[str]:
    counts = {"taken off": start["cancelled"], "closed by evidence": start["closed"]}
    said = [f"{many(len(rows), 'order')} {what}" for what, rows in counts.items() if rows]
    said += [f"{many(start['fills'], 'fill')} folded in"] if start["fills"] else []
    if said:
        yield f"start     of run {start['from_run']}: {', '.join(said)}"
    for row in start["corrections"]:
        where = f"{row['what']} {row['market']}".strip()
        yield f"corrected {where}: {row['journal']} by the journal, {row['venue']} by {row['source']}"
    if strangers := start.get("strangers"):
        traded = ", ".join(f"{order_id} ({size} shares)" for order_id, size in strangers.items())
        count = many(len(strangers), "order that no journal explains has", "orders that no journal explains have")
        yield f"strange   {count} traded: {traded}"


def _made(status: Mapping[str, Any]) -> str:
    """Return what was made today and in this run, which counts what it took over from the cost, not from its worth."""
    today, cost = status.get("day_pnl_usd"), status.get("taken_over_usd", "0.00")
    since = f" ({cost} usd of shares were taken over, at cost)" if float(cost) else ""
    return f"pnl {'' if today is None else f'today {today} usd, '}this run {status['pnl_usd']} usd{since}"


def _gate(status: dict[str, Any]) -> str:
    if status["kill_switch"]["on"]:
        return f"KILL SWITCH ON ({status['kill_switch']['reason']})"
    if status["halted"]:
        return f"halted ({status['halted']})"
    if status["mode"] == READ_ONLY:
        return "looking on, nothing is sent"
    closed = [f"{scope['scope']} {scope['name']}" for scope in status["kill_scopes"]]
    said = f"trading, closed for {', '.join(closed)}" if closed else "trading"
    return f"{said}{_denied(status.get('denied', {}))}"


def _denied(told: Mapping[str, Any]) -> str:
    """Return that nothing passed the gate lately and why; empty when something did, or nothing was wished for."""
    from agbot.cli.shown import with_limit  # noqa: PLC0415

    if not told:
        return ""
    figures = {row["rule"]: with_limit(row) for row in told["figures"]}
    why = [f"{name} ({figures[name]})" if figures.get(name) else name for name in told["policies"]]
    return f", but every order of the last minute was denied: {', '.join(why)}"
