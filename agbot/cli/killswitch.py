"""agbot killswitch on|off|status."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import attrs
import click

from agbot.cli import unwind
from agbot.cli.common import audited, bot_options, control, state_path
from agbot.cli.near import Group
from agbot.control import KillReceipt, kill
from agbot.errors import ConfigError, NotRunningError, TimedOutError
from agbot.latch import LATCH_NAME, SCOPES, Latch
from agbot.words import many

POLL_S: Final = 0.2
FLOOR: Final = "0.80"
SLICE: Final = "sold {sold} of {size} {market} {outcome} at {limit} or better for {usd} usd, {left} left ({said})"
AT_A_VENUE: Final = (
    "its heartbeat cancels: ten seconds after the bot's last one a venue takes every order off by itself "
    "(unless live.heartbeat is false); look and cancel: agbot cancel --all --config FILE"
)

NOT_SOLD: Final = "not sold          that takes a running bot: agbot run starts one, its gate closed; then repeat this"


F = TypeVar("F", bound=Callable[..., Any])


def scope_options(function: F) -> F:
    """Add --market, --strategy and --venue, which say what the switch is for; none is the whole account."""
    for scope in reversed(SCOPES):
        function = click.option(f"--{scope}", metavar="NAME", help=f"Only this {scope}.  [default: the account]")(
            function
        )
    return function


def shared_options(function: F) -> F:
    """Add --shared and --plain, which mean the switch of several bots."""
    function = click.option("--plain", is_flag=True, help="With --shared: an unencrypted Redis elsewhere is meant.")(
        function
    )
    return click.option("--shared", metavar="NAME", help="The switch that bots share at the Redis of AGBOT_REDIS_URL.")(
        function
    )


@click.group(name="killswitch", cls=Group)
def command() -> None:
    """Close or open the gate for orders.

    The switch is a latch file in the bot's state directory: it survives restarts, and works when the bot is
    down or hung. It stands for the account, or for one market, strategy or venue. docs/killswitch.md says what makes it
    trip by itself, and how one switch stops many bots (--shared).
    """


@attrs.frozen(kw_only=True)
class Order:
    """To close a gate: who says so and why, for what, and down to which fraction of the bid to sell ("" not at all)."""

    reason: str
    by: str
    scope: str = ""
    name: str = ""
    floor: str = ""


@command.command(name="on")
@bot_options
@click.option("--every", is_flag=True, help="Every bot of yours on this machine, those with a --state-dir excepted.")
@scope_options
@shared_options
@click.option("--reason", default="by hand", show_default=True, help="Why; shown everywhere until it is off.")
@click.option("--by", default=getpass.getuser, show_default="you", help="Who.")
@click.option("--flatten", is_flag=True, help="Then sell what is held, slice by slice.")
@click.option("--floor", default=FLOOR, show_default=True, help="Sell at no less than this fraction of the bid of now.")
@click.option("--json", "as_json", is_flag=True)
def on(
    profile: str | None,
    state_dir: Path | None,
    reason: str,
    by: str,
    *,
    every: bool,
    flatten: bool,
    floor: str,
    as_json: bool,
    shared: str | None,
    plain: bool,
    **scopes: str | None,
) -> None:
    """Close the gate, cancel every order, verify with the venue, print a receipt.

    Exit 0 only when the venue shows no open order, and nothing is left to sell with --flatten. Exit 1 when something is
    left, 3 when no bot runs, 5 when the bot did not answer: the gate is closed all the same. What a dead bot left at a
    venue: agbot cancel --all --config FILE.
    """
    scope, name = _scope(scopes)
    if shared is not None:
        if flatten or profile or state_dir or every:
            raise click.UsageError("--shared closes the gate of every bot; selling is each bot's: --flatten without it")
        sys.exit(_shared().on(shared, reason=reason, by=by, scope=scope, named=name, plain=plain, as_json=as_json))
    if flatten and scope == "venue":
        raise click.UsageError("--flatten sells what the account, a market or a strategy holds")
    order = Order(reason=reason, by=by, scope=scope, name=name, floor=_floor(floor) if flatten else "")
    if every:
        if flatten or profile or state_dir:
            raise click.UsageError("--every closes the gate of every bot; selling is each bot's: --flatten without it")
        sys.exit(_every().on(order, as_json=as_json))
    receipt, told = close(_one_of(profile, state_dir), order)
    if not as_json:
        click.echo(_text(told, reason))
    code = exit_code(receipt)
    if flatten and receipt.reply is not None:
        told["flatten"] = _flattened(profile, state_dir, quiet=as_json)
        code = code or int(any(row["why"] and not row["dust"] for row in told["flatten"]["positions"]))
    elif flatten and not as_json:
        click.echo(NOT_SOLD)
    if as_json:
        click.echo(json.dumps(told))
    sys.exit(code)


def close(directory: Path, order: Order) -> tuple[KillReceipt, dict[str, Any]]:
    """Close one bot's gate, on record also where no bot confirms. Return the receipt, and what to tell of it.

    Raises:
        NotRunningError, NotFoundError, AgbotError: as `agbot.control.kill`.
    """
    began, scope, name = time.perf_counter(), order.scope, order.name
    before = Latch(directory / LATCH_NAME).read()
    receipt = kill(
        directory,
        reason=order.reason,
        by=order.by,
        at_ns=time.time_ns(),
        scope=scope,
        name=name,
        flatten=order.floor,
    )
    if receipt.reply is None:
        audited(directory, "kill", reason=order.reason, by=order.by, latched=receipt.latched, **_named(scope, name))
    told = _plain(receipt, scope, name, round((time.perf_counter() - began) * 1000, 1))
    return receipt, told | {"was_on": before.reason if before.on and not scope else ""}


def _one_of(profile: str | None, explicit: Path | None) -> Path:
    try:
        return state_path(profile, explicit, create=True)
    except ConfigError as e:
        if e.id == "AGB-508":
            raise ConfigError(e.reason, id=e.id, remedy="one of them: --profile NAME; all of them: --every") from e
        raise


def _every() -> ModuleType:
    from agbot.cli import killswitch_every  # noqa: PLC0415

    return killswitch_every


def _shared() -> ModuleType:
    from agbot.cli import killswitch_shared  # noqa: PLC0415

    return killswitch_shared


def _scope(scopes: Mapping[str, str | None]) -> tuple[str, str]:
    given = [(scope, name) for scope, name in scopes.items() if name is not None]
    if len(given) > 1:
        raise click.UsageError(f"one of {', '.join(f'--{scope}' for scope in SCOPES)} at a time")
    scope, name = given[0] if given else ("", "")
    if scope and not name.strip("/ "):
        raise click.UsageError(f"--{scope} wants a name")
    return scope, name.rstrip("/").rpartition("/")[2] if scope == "market" else name


def _named(scope: str, name: str) -> dict[str, str]:
    return {"scope": scope, "name": name} if scope else {}


def _floor(text: str) -> str:
    from agbot.units import SCALE, to_units  # noqa: PLC0415

    try:
        fraction = to_units(text)
    except ValueError as e:
        raise click.UsageError(f"--floor: {e}") from e
    if not 0 < fraction <= SCALE:
        raise click.UsageError("--floor is a fraction of the bid, above 0 and at most 1")
    return text


def _plain(receipt: KillReceipt, scope: str, name: str, total_ms: float) -> dict[str, Any]:
    reply = receipt.reply or {}
    return {
        "on": True,
        **_named(scope, name),
        "latched": receipt.latched,
        "bot_heard": receipt.reply is not None,
        "bot": receipt.bot or "confirmed",
        "gate_closed_ms": reply.get("gate_closed_ms"),
        "orders_cancelled": reply.get("orders_cancelled"),
        "orders_left": reply.get("orders_left"),
        "verified": bool(reply.get("verified")),
        "not_verified_because": receipt.doubt,
        "total_ms": total_ms,
    }


def exit_code(receipt: KillReceipt) -> int:
    """Return 0 for a verified receipt, 1 for another, 3 when no bot runs, 5 when one does not answer."""
    if receipt.reply is not None:
        return 0 if receipt.reply.get("verified") and receipt.latched else 1
    return NotRunningError.exit_code if "AGB-501" in receipt.doubt else TimedOutError.exit_code


def _flattened(profile: str | None, state_dir: Path | None, *, quiet: bool) -> dict[str, Any]:
    """Return what was sold and what is left, printing each slice as it happens unless `quiet`."""
    slices: list[dict[str, Any]] = []
    planned = False
    while True:
        told = control(profile, state_dir, {"op": "flatten", "seen": len(slices)})
        for line in () if quiet or planned else map(_to_sell, told["pairs"]):
            click.echo(line)
        planned = True
        slices += told["slices"]
        for part in () if quiet else told["slices"]:
            click.echo(SLICE.format(**part))
        if told["over"]:
            break
        time.sleep(POLL_S)
    if not quiet:
        from agbot.cli.tables import table  # noqa: PLC0415

        rows = [{name: row[name] for name in row if name != "dust"} for row in told["positions"]]
        click.echo(table(rows, empty="nothing is held"))
        for line in _of_pairs(told["pairs"]):
            click.echo(line)
    return {"positions": told["positions"], "pairs": told["pairs"], "slices": slices}


def _to_sell(row: Mapping[str, str]) -> str:
    """Return that both halves of pairs are about to be sold, and what merging them would make."""
    return (
        f"{row['market']}: both halves of {many(row['pairs'], 'pair')} are sold, for which the bids give "
        f"{row['bids_usd']} usd; merged on the chain they are {row['merged_usd']} usd: {_merge(row, 'pairs')}"
    )


def _of_pairs(pairs: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield what became of pairs of which both halves were to be sold."""
    for row in pairs:
        if float(row["sold"]):
            sold = f"both halves of {many(row['sold'], 'pair')} were sold, for {row['sold_usd']} usd"
            yield f"{row['market']}: {sold}; merged, a pair is 1.00 usd"
        if float(row["left"]):
            left = many(row["left"], "pair is", "pairs are")
            yield f"{row['market']}: {left} left, 1.00 usd each: {_merge(row, 'left')}"


def _merge(row: Mapping[str, str], size: str) -> str:
    return f"agbot merge {row['market']} {row[size]} --dry-run shows the call"


@command.command(name="off")
@bot_options
@scope_options
@click.option("--by", required=True, help="Who takes the responsibility.")
@click.option("--reason", required=True, help="Why it is safe again.")
@shared_options
def off(
    profile: str | None,
    state_dir: Path | None,
    by: str,
    reason: str,
    *,
    shared: str | None,
    plain: bool,
    **scopes: str | None,
) -> None:
    """Open the gate again. On record in latch.log, and in the running bot's journal.

    A trigger that had tripped measures anew from here.
    """
    scope, name = _scope(scopes)
    if shared is not None:
        _shared().off(shared, reason=reason, by=by, scope=scope, named=name, plain=plain)
        return
    what = f"for {scope} {name} " if scope else ""
    more = _named(scope, name)
    try:
        control(profile, state_dir, {"op": "killswitch", "on": False, "reason": reason, "by": by, **more})
        click.echo(f"kill switch {what}off by {by}: the running bot trades again")
    except NotRunningError:
        directory = state_path(profile, state_dir, create=True)
        latch = Latch(directory / LATCH_NAME)
        if scope:
            latch.open_scope(scope, name, reason=reason, by=by, at_ns=time.time_ns())
        else:
            latch.open(by, reason, time.time_ns())
        audited(directory, "release", reason=reason, by=by, **_named(scope, name))
        click.echo(f"kill switch {what}off by {by}: the next bot will trade")


@command.command(name="status")
@bot_options
@shared_options
@click.option("--json", "as_json", is_flag=True)
def status(profile: str | None, state_dir: Path | None, *, as_json: bool, shared: str | None, plain: bool) -> None:
    """Show the latch, also when no bot runs; with --shared the shared switch, and who listens to it."""
    if shared is not None:
        _shared().status(shared, plain=plain, as_json=as_json)
        return
    state = Latch(state_path(profile, state_dir) / LATCH_NAME).read()
    missing = not state_path(profile, state_dir).is_dir()
    if as_json:
        click.echo(json.dumps(attrs.asdict(state)))
    elif missing:
        click.echo(f"no state directory {state_path(profile, state_dir)}: no bot ran here yet")
    else:
        click.echo(f"on: {state.reason} (by {state.by})" if state.on else "off")
        for s in state.scopes:
            click.echo(f"on for {s}: {s.reason} (by {s.by})")


def _text(plain: dict[str, Any], reason: str) -> str:
    left = plain["orders_left"]
    what = f" for {plain['scope']} {plain['name']}" if "scope" in plain else ""
    lines = {
        "kill switch": f"{'ON' if plain['bot_heard'] else 'LATCHED'}{what} ({reason})",
        "latch": "closed on disk" if plain["latched"] else "NOT WRITTEN",
        "bot": plain["bot"],
        "gate closed": "-" if plain["gate_closed_ms"] is None else f"{plain['gate_closed_ms']} ms after the bot heard",
        "orders cancelled": "-" if plain["orders_cancelled"] is None else plain["orders_cancelled"],
        "orders left": "not known" if left is None else f"{left} (the venue was asked)",
        "total": f"{plain['total_ms']} ms",
    }
    if plain["was_on"]:
        lines["was on already"] = f"{plain['was_on']}: a running bot goes on naming that reason; this one is on record"
    if not plain["bot_heard"]:
        lines["at a venue"] = AT_A_VENUE
    if plain["not_verified_because"]:
        lines["not verified"] = plain["not_verified_because"]
    return "\n".join(f"{name:<18}{value}" for name, value in lines.items())


command.add_command(unwind.command)
