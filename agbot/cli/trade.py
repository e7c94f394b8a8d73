"""agbot trade: the door for programs that approve trades; submitted once, asked for as often as one likes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, control
from agbot.cli.near import Group
from agbot.errors import AgbotError, ConfigError, TimedOutError

ANSWER_S = 12.0
FILE_MAX = 65_536


@click.group(name="trade", cls=Group)
def command() -> None:
    """Hand an approved trade to the running bot, and hear what became of it.

    A request id makes one order at most, however often it is submitted. docs/control.md has the fields.
    """


def _wait(function: Any) -> Any:
    return click.option(
        "--wait",
        type=click.FloatRange(0, 60),
        default=0.0,
        show_default=True,
        help="Seconds to wait for a result that is final.",
    )(function)


@command.command(name="submit")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@bot_options
@_wait
@click.option("--json", "as_json", is_flag=True)
def submit(file: Path, profile: str | None, state_dir: Path | None, wait: float, as_json: bool) -> None:
    """Submit the trade in FILE, a JSON object; - reads it from standard input.

    Exit 1 when it was rejected, 3 when no bot runs, 5 when what became of it is unknown: submit it again or ask.
    """
    trade = _read(file)
    answer = control(profile, state_dir, {**trade, "op": "trade", "wait_s": wait}, timeout_s=ANSWER_S + wait)
    _say(answer, as_json)


@command.command(name="result")
@click.argument("request_id")
@bot_options
@_wait
@click.option("--json", "as_json", is_flag=True)
def result(request_id: str, profile: str | None, state_dir: Path | None, wait: float, as_json: bool) -> None:
    """Say what became of the trade that was submitted as REQUEST_ID.

    Exit 1 when it was rejected, 4 when nobody asked for it, 5 when what became of it is unknown.
    """
    request = {"op": "trade_result", "request_id": request_id, "wait_s": wait}
    _say(control(profile, state_dir, request, timeout_s=ANSWER_S + wait), as_json)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = sys.stdin.buffer.read(FILE_MAX + 1) if str(file) == "-" else file.read_bytes()
        found = json.loads(data) if len(data) <= FILE_MAX else None
    except OSError as e:
        raise ConfigError(f"it cannot be read: {e.strerror}", id="AGB-657", path=file, remedy="name a file") from e
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"it is not JSON: {e}", id="AGB-657", path=file, remedy="write one JSON object") from e
    if not isinstance(found, dict):
        raise ConfigError("it is not one JSON object", id="AGB-657", path=file, remedy="docs/control.md has one")
    return found


def _say(answer: dict[str, Any], as_json: bool) -> None:
    answer.pop("ok", None)
    result = answer["result"]
    click.echo(json.dumps(answer) if as_json else _text(answer))
    if result["status"] == "rejected":
        raise AgbotError(f"the trade was rejected: {result['error']}", id="AGB-659", remedy=_remedy(answer))
    if result["status"] == "unknown":
        raise TimedOutError(
            "what became of the trade is not known",
            id="AGB-658",
            remedy=f"ask again: agbot trade result {result['request_id']}",
        )


def _remedy(answer: dict[str, Any]) -> str:
    from agbot.errors import RiskRejected  # noqa: PLC0415

    broken = answer.get("decision", {}).get("rule_triggered")
    return RiskRejected(broken).remedy if broken else "approve another trade, under another request_id"


def _text(answer: dict[str, Any]) -> str:
    result = answer["result"]
    rows = [f"{name} {value}" for name, value in result.items() if name != "ts_ms" and value not in ("", None)]
    if answer.get("repeated"):
        rows.append("submitted before" + (f" with another {', '.join(d)}" if (d := answer["differs"]) else ""))
    return ", ".join(rows)
