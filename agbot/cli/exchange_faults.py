"""agbot exchange faults and mode: what the exchange does wrong, and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.exchange_asking import ask, asks, parameters, wants_json
from agbot.cli.near import Group

if TYPE_CHECKING:
    from agbot.faults import Fault

MODES = ("normal", "restarting", "post_only", "cancel_only", "disabled")


@click.group(cls=Group, invoke_without_command=True)
@asks
@click.pass_context
def faults(context: click.Context, as_json: bool, admin: Path | None) -> None:
    """Switch faults on and off, and see what struck.

    \b
    agbot exchange faults                        all there are, and which are on
    agbot exchange faults list reply_lost        one of them, with its parameters
    agbot exchange faults on reply_lost probability=0.1 for_s=60
    agbot exchange faults on slow_reply delay_s=4 match.path='GET /book'
    agbot exchange faults load faults.yaml       those of a file, in place of all
    agbot exchange faults report                 what struck, how often
    agbot exchange faults off reply_lost
    agbot exchange faults clear

    docs/faults.md lists all faults, each with the public issue it was seen in.
    """
    before = context.obj or {}
    context.obj = {"admin": admin or before.get("admin"), "as_json": as_json or before.get("as_json", False)}
    if context.invoked_subcommand is None:
        _list(None, False, None)


@faults.command(name="list")
@click.argument("name", required=False)
@asks
def list_(name: str | None, as_json: bool, admin: Path | None) -> None:
    """List all faults, or show NAME with its parameters. Needs no exchange."""
    _list(name, as_json, admin)


def _list(name: str | None, as_json: bool, admin: Path | None) -> None:
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.errors import NotFoundError, NotRunningError  # noqa: PLC0415
    from agbot.faults import CATALOGUE  # noqa: PLC0415
    from agbot.located.value import suggest  # noqa: PLC0415

    if name is not None and name not in CATALOGUE:
        raise NotFoundError(f"there is no fault {name!r}", id="AGB-109", remedy=suggest(name, CATALOGUE))
    try:
        listed, runs = ask(admin, "faults")["faults"], True
    except NotRunningError:
        listed, runs = [_offline(fault) for fault in CATALOGUE.values()], False
    chosen = [row for row in listed if name in (None, row["name"])]
    if wants_json(as_json):
        click.echo(json.dumps({"faults": chosen}))
    elif name is not None:
        click.echo(_described(CATALOGUE[name], bool(chosen[0]["on"])))
    else:
        rows = [{"name": row["name"], "on": "on" if row["on"] else "", **_about(row)} for row in chosen]
        click.echo(table(rows) + ("" if runs else "\n\nno exchange runs: nothing is on"))


def _offline(fault: Fault) -> dict[str, Any]:
    told = {"name": fault.name, "on": False, "where": str(fault.where), "sees": fault.sees}
    return {**told, "parameters": fault.defaults()}


def _about(row: Mapping[str, Any]) -> dict[str, str]:
    return {"where": row["where"], "a client sees": row["sees"], "parameters": _settings(row["parameters"])}


def _described(fault: Fault, on: bool) -> str:
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    reach = "; ".join(f"{key} {', '.join(patterns)}" for key, patterns in fault.reach.items())
    head = {
        "fault": fault.name + (" (on)" if on else ""),
        "a client sees": fault.sees,
        "strikes": f"{fault.where}: {reach or 'all'}",
        "probability": fault.probability,
        "seen in": "\n".join(f"https://github.com/{thread.replace('#', '/issues/')}" for thread in fault.threads),
    }
    rows = [
        {
            "parameter": parameter.name,
            "default": _word(parameter.default),
            "is": parameter.says + (f": {', '.join(parameter.choices)}" if parameter.choices else ""),
        }
        for parameter in fault.parameters
    ]
    common = "of every fault: probability, times, after_s, at, for_s, match.path, match.channel… (docs/faults.md)"
    return "\n\n".join([pairs(head), table(rows, empty="no parameters of its own"), common])


@faults.command()
@click.argument("name")
@click.argument("given", metavar="[PARAMETER=VALUE]...", nargs=-1)
@asks
def on(name: str, given: tuple[str, ...], as_json: bool, admin: Path | None) -> None:
    """Switch fault NAME on, in place of what was on of it.

    \b
    agbot exchange faults on reply_lost
    agbot exchange faults on reply_lost probability=0.1 for_s=60
    agbot exchange faults on silent_socket times=1 match.channel=market
    """
    _report(ask(admin, "faults", **{**parameters(given), "action": "on", "name": name}), as_json, only_on=True)


@faults.command()
@click.argument("name")
@asks
def off(name: str, as_json: bool, admin: Path | None) -> None:
    """Switch fault NAME off."""
    _report(ask(admin, "faults", action="off", name=name), as_json, only_on=True)


@faults.command()
@asks
def clear(as_json: bool, admin: Path | None) -> None:
    """Switch every fault off."""
    _report(ask(admin, "faults", action="clear"), as_json, only_on=True)


@faults.command()
@click.argument("file", type=click.Path(path_type=Path))
@asks
def load(file: Path, as_json: bool, admin: Path | None) -> None:
    """Switch on what FILE lists, in place of all that is on."""
    _report(ask(admin, "faults", action="load", file=str(file.absolute())), as_json, only_on=True)


@faults.command()
@asks
def report(as_json: bool, admin: Path | None) -> None:
    """Show what is on or ever struck, and how often it could have."""
    _report(ask(admin, "faults", action="report"), as_json)


@click.command()
@click.argument("mode", type=click.Choice(MODES), metavar="MODE")
@asks
def mode(mode: str, as_json: bool, admin: Path | None) -> None:
    """Put the venue in a MODE, as an incident does: normal, restarting, post_only, cancel_only or disabled.

    \b
    agbot exchange mode cancel_only
    agbot exchange mode normal
    """
    told = ask(admin, "mode", mode=mode)
    click.echo(json.dumps({"mode": told["mode"]}) if wants_json(as_json) else f"mode: {told['mode']}")


def _report(answer: Mapping[str, Any], as_json: bool, *, only_on: bool = False) -> None:
    from agbot.cli.tables import table  # noqa: PLC0415

    if wants_json(as_json):
        click.echo(json.dumps({name: value for name, value in answer.items() if name != "ok"}))
        return
    rows = [
        {
            "name": name,
            "on": "on" if found["on"] else "",
            "could strike": found["occasions"],
            "struck": found["struck"],
            "last": _moment(found["last_ns"]),
            "settings": "; ".join(_settings(switch) for switch in found["switches"]),
        }
        for name, found in answer["report"].items()
        if found["on"] or not only_on
    ]
    click.echo(table(rows, empty="no fault is on" if only_on else "no fault is on, and none has struck"))


def _settings(values: Mapping[str, Any]) -> str:
    """Return ``name=value`` as `faults on` takes them; how often a switch struck is told elsewhere."""
    words = []
    for name, value in values.items():
        if name == "struck" or (name == "probability" and value == 1):
            continue
        if name == "at_ns":
            name, value = "at", _moment(int(value)).replace(" ", "T") + "Z"  # noqa: PLW2901 - as it is written
        inner = value.items() if isinstance(value, Mapping) else [("", value)]
        words += [f"{name}{'.' if key else ''}{key}={_word(part)}" for key, part in inner]
    return " ".join(words)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value)


def _moment(ns: int) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S") if ns else "-"
