"""What the commands to a running exchange share: which one is asked, and how its answer is shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS = ("jump_s", "speed", "logit")
json_option = click.option("--json", "as_json", is_flag=True, help="As JSON.")
admin_option = click.option(
    "--admin", type=click.Path(path_type=Path), help="Which exchange: its admin socket.  [default: the one that runs]"
)


def asks(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of all that ask: --json and --admin."""
    return json_option(admin_option(function))


def ask(admin: Path | None, op: str, /, **arguments: Any) -> dict[str, Any]:
    """Ask the exchange at `admin`, or the one named before the command, or the one that runs; return its answer.

    Raises:
        NotRunningError: AGB-864, none listens.
        AgbotError: what it answered.
    """
    from agbot.exchange.admin.socket import ask as asked  # noqa: PLC0415
    from agbot.exchange.admin.socket import running_admin  # noqa: PLC0415

    path = admin or _before().get("admin") or running_admin()
    return asked(path, op, **{name: value for name, value in arguments.items() if value is not None})


def wants_json(as_json: bool) -> bool:
    """Return whether JSON was asked for, by this command's option or by one before it."""
    return as_json or bool(_before().get("as_json"))


def tell(answer: dict[str, Any], as_json: bool) -> None:
    """Print an answer, for people or for programs."""
    from agbot.cli.tables import summary  # noqa: PLC0415

    told = {name: value for name, value in answer.items() if name != "ok"}
    click.echo(json.dumps(told) if wants_json(as_json) else summary(told))


def parameter(text: str, exact: bool = False) -> tuple[str, Any]:
    """Return ``name=value`` as name and value: JSON where it is some, text otherwise; click.UsageError without =.

    Args:
        exact: amounts stay text: a decimal, of a name that is no plain number, is not rounded.
    """
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise click.UsageError(f"{text!r} is no parameter: write name=value, such as times=3")
    try:
        return name, json.loads(value, parse_float=str if exact and name not in _NUMBERS else float)
    except ValueError:
        return name, value


def parameters(texts: tuple[str, ...], exact: bool = False) -> dict[str, Any]:
    """Return ``name=value`` texts as arguments; ``match.path=/order`` is the key ``path`` of ``match``."""
    found: dict[str, Any] = {}
    for name, value in (parameter(text, exact) for text in texts):
        outer, dot, inner = name.partition(".")
        if not dot:
            found[name] = value
            continue
        within = found.setdefault(outer, {})
        if not isinstance(within, dict):
            raise click.UsageError(f"{outer!r} is given as a whole and in part")
        within[inner] = value
    return found


def _before() -> dict[str, Any]:
    """Return what was said between `exchange` and the command."""
    context = click.get_current_context(silent=True)
    found = context.find_object(dict) if context else None
    return found or {}
