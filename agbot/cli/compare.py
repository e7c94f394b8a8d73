"""agbot compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.common import bot_options, state_path
from agbot.errors import ConfigError
from agbot.words import many

if TYPE_CHECKING:
    from agbot.backtest.compare import Comparison, Difference, Told
    from agbot.backtest.result import BacktestResult


@click.command(name="compare")
@click.argument("run", required=False)
@bot_options
@click.option("--queue", default="back", show_default=True, help="Where resting orders stand in the simulation.")
@click.option("--data", type=click.Path(path_type=Path), help="A recording of the same time, where it holds more.")
@click.option("--json", "as_json", is_flag=True)
def command(
    *, run: str | None, profile: str | None, state_dir: Path | None, queue: str, data: Path | None, as_json: bool
) -> None:
    """Hold a run against what it could have been: live, simulated with its own delays, ideal without any.

    RUN is a journal file, a run id, or nothing for the newest run of the profile.
    """
    from agbot.backtest.compare import compare  # noqa: PLC0415
    from agbot.backtest.queues import QUEUES  # noqa: PLC0415
    from agbot.backtest.source import open_data  # noqa: PLC0415
    from agbot.backtest.spec import Sources  # noqa: PLC0415
    from agbot.cli.replay import find_run  # noqa: PLC0415
    from agbot.located.value import suggest  # noqa: PLC0415

    if queue not in QUEUES:
        raise ConfigError(f"{queue!r} is no queue rule", id="AGB-583", key="--queue", remedy=suggest(queue, QUEUES))
    path = find_run(run, sorted((state_path(profile, state_dir) / "runs").glob("*.agj")))
    found = compare(path, queue=queue, data=open_data(Sources(recordings=(data,))) if data else None)
    click.echo(json.dumps(_plain(found, path)) if as_json else _text(found, path))


def _columns(found: Comparison) -> dict[str, BacktestResult]:
    return {"live": found.live, "simulated": found.simulated, "ideal": found.ideal}


def _text(found: Comparison, path: Path) -> str:
    from agbot.backtest.table import figures_of  # noqa: PLC0415
    from agbot.backtest.words import percent  # noqa: PLC0415
    from agbot.cli.tables import pairs, table  # noqa: PLC0415
    from agbot.units import to_text  # noqa: PLC0415

    rows = [*((part.name, part.usd, part.words) for part in found.parts), ("gap", found.gap, "ideal less live")]
    parts = [
        {"part of the gap": name, "usd": to_text(usd), "of it": percent(usd, found.gap), "is": words}
        for name, usd, words in rows
    ]
    head = {
        "run": path,
        "strategies": ", ".join(found.live.strategies),
        "latency": found.live.latency,
        "queue": found.simulated.queue,
        "simulated": _drift(found.drift, found.decisions),
        "ideal": _drift(found.drift_ideal, found.decisions),
        "assumptions": "docs/backtest.md",
    }
    return "\n\n".join([pairs(head), table(figures_of(_columns(found))), table(parts)])


def _drift(first: Difference | None, decisions: int) -> str:
    if first is None:
        return f"decides the same, {decisions} of {many(decisions, 'decision')}"
    head = f"decides otherwise from decision {first.number} of {decisions} on"
    return "\n".join([head, f"live:  {_told(first.live)}", f"here:  {_told(first.other)}"])


def _told(told: Told | None) -> str:
    from agbot.backtest.words import moment  # noqa: PLC0415
    from agbot.core.step import Decision  # noqa: PLC0415
    from agbot.units import to_text  # noqa: PLC0415

    if told is None:
        return "nothing more"
    what = told.what
    if isinstance(what, Decision):
        answer = f"denied by {', '.join(what.violated)}" if what.violated else "sent"
        did = f"{what.side} {to_text(what.size)} at {to_text(what.price)} of {what.token}, {answer}: {what.why}"
    else:
        did = f"cancel {getattr(what, 'client_order_id', 'all')}: {what.reason}"
    return f"{moment(told.now_ns)} {did}"


def _plain(found: Comparison, path: Path) -> dict[str, Any]:
    import msgspec  # noqa: PLC0415

    return {
        "journal": str(path),
        "gap": found.gap,
        "parts": {part.name: part.usd for part in found.parts},
        "decisions": found.decisions,
        "drift": found.drift.number if found.drift else None,
        "drift_ideal": found.drift_ideal.number if found.drift_ideal else None,
        **{name: msgspec.to_builtins(result) for name, result in _columns(found).items()},
    }
