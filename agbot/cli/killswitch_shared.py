"""agbot killswitch --shared: the switch of several bots, at a Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final

import attrs
import click

from agbot.cli.tables import table
from agbot.errors import AgbotError, NotRunningError, TimedOutError
from agbot.latch import SCOPED_TEXT_MAX
from agbot.shared.link import Link, Unreadable
from agbot.shared.switch import Heard, SharedSwitch

WITHIN_S: Final = 10.0
LOOK_S: Final = 0.1


def on(name: str, *, reason: str, by: str, scope: str, named: str, plain: bool, as_json: bool) -> int:
    """Close the gate of every bot that listens, wait until each has proved it, and print who has. Returns exit code."""
    began, switch = time.perf_counter(), SharedSwitch(Link.found(plain=plain), name)
    state = switch.move(on=True, reason=reason, by=by, at_ns=time.time_ns(), scope=scope, name=named)
    closed = state.scoped(scope, named[:SCOPED_TEXT_MAX]) if scope else state
    at_ns = closed.at_ns if closed else 0
    closed_ms = round((time.perf_counter() - began) * 1000, 1)
    bots = _proofs(switch, at_ns)
    rows = [_row(bot, at_ns) for bot in bots]
    told = {"on": True, "shared": name, "closed_ms": closed_ms, "bots": rows}
    told["total_ms"] = round((time.perf_counter() - began) * 1000, 1)
    if as_json:
        click.echo(json.dumps(told))
    else:
        what = f" for {scope} {named}" if scope else ""
        click.echo(f"shared kill switch {name} ON{what} ({reason}), {closed_ms} ms")
        click.echo(table(rows, empty="no bot listens to it now; those that start or come back find it closed"))
    if not bots:
        return NotRunningError.exit_code
    if any(bot.closed_ns < at_ns for bot in bots):
        return TimedOutError.exit_code
    return int(any(bot.left != 0 for bot in bots))


def off(name: str, *, reason: str, by: str, scope: str, named: str, plain: bool) -> None:
    """Open the gate of every bot whose own latch is open."""
    switch = SharedSwitch(Link.found(plain=plain), name)
    switch.move(on=False, reason=reason, by=by, at_ns=time.time_ns(), scope=scope, name=named)
    what = f" for {scope} {named}" if scope else ""
    click.echo(f"shared kill switch {name} off{what} by {by}: bots whose own switch is off trade again")


def status(name: str, *, plain: bool, as_json: bool) -> None:
    """Print the shared switch, and who listens to it."""
    switch = SharedSwitch(Link.found(plain=plain), name)
    try:
        state, bots = switch.read(), switch.heard()
    except Unreadable as e:
        raise AgbotError(
            f"the shared kill switch {name!r} cannot be read: {e}",
            id="AGB-517",
            remedy="start Redis, or mend AGBOT_REDIS_URL; a bot that cannot read it either is closed",
        ) from e
    if as_json:
        click.echo(json.dumps({**attrs.asdict(state), "bots": [attrs.asdict(bot) for bot in bots]}))
        return
    click.echo(f"on: {state.reason} (by {state.by})" if state.on else "off")
    for s in state.scopes:
        click.echo(f"on for {s}: {s.reason} (by {s.by})")
    rows = [{"bot": bot.who, "gate": "closed" if bot.on else "open"} for bot in bots]
    click.echo(table(rows, empty="no bot listens to it now"))


def _proofs(switch: SharedSwitch, at_ns: int) -> Sequence[Heard]:
    """Return what each bot says once all have carried out what was closed at `at_ns`, or time is up."""
    deadline, bots = time.monotonic() + WITHIN_S, _heard(switch)
    while time.monotonic() < deadline and any(bot.closed_ns < at_ns for bot in bots):
        time.sleep(LOOK_S)
        bots = _heard(switch)
    return bots


def _heard(switch: SharedSwitch) -> Sequence[Heard]:
    try:
        return switch.heard()
    except Unreadable as e:
        raise AgbotError(
            f"the shared kill switch {switch.name!r} is on, and Redis does not say what the bots did: {e}",
            id="AGB-517",
            remedy="look at each: agbot status, agbot killswitch status --shared NAME",
        ) from e


def _row(bot: Heard, at_ns: int) -> dict[str, Any]:
    if bot.closed_ns < at_ns:
        return {"bot": bot.who, "gate": "no answer", "cancelled": None, "left": None}
    return {"bot": bot.who, "gate": "closed", "cancelled": bot.cancelled, "left": bot.left}
