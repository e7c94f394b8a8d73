"""agbot doctor: what is wrong with this machine, this wallet or the way to the venue, and what to type."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agbot.cli.common import bot_options
from agbot.words import many

if TYPE_CHECKING:
    from agbot.doctor import Report, Row


@click.command(name="doctor")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--offline", is_flag=True, help="Only what needs no network.")
@click.option("--live", is_flag=True, help="As live trading asks: credentials must be there.")
@bot_options
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def command(
    *, config: Path | None, offline: bool, live: bool, profile: str | None, state_dir: Path | None, as_json: bool
) -> None:
    """Check configuration, wallet, permissions, clock, disk and the way to the venue.

    \b
    agbot doctor config.yaml
    agbot doctor --offline
    agbot doctor config.yaml --live

    Each check has an id (docs/doctor.md), a cause and what to type. Exit 0 when nothing failed, 1 when something did.
    Nothing is sent but questions, and no secret is ever printed.
    """
    import trio  # noqa: PLC0415

    from agbot.cli.check import examine  # noqa: PLC0415
    from agbot.control import state_dir as resolved  # noqa: PLC0415
    from agbot.doctor.world import run_checks  # noqa: PLC0415

    found = examine(config, None)
    settings = found.settings
    directory = resolved(profile or settings.profile, state_dir or settings.state_dir, create=False)

    async def main() -> Report:
        return await run_checks(settings, directory, faults=found.faults, live=live, offline=offline)

    if sys.stderr.isatty():
        click.echo("asking, 8 seconds at most …", err=True)
    report = trio.run(main)
    click.echo(json.dumps(report.json(), ensure_ascii=False) if as_json else as_text(report))
    if not report.green:
        sys.exit(1)


def as_text(report: Report) -> str:
    """Return the report as lines that can be pasted."""
    failed = ", ".join(row.id for row in report.failures)
    end = f"{len(report.failures)} of {many(len(report.rows), 'check')} failed: {failed}" if failed else "green"
    return "\n".join([*(line for row in report.rows for line in _lines(row)), "", end])


def _lines(row: Row) -> list[str]:
    from agbot.located.value import shown  # noqa: PLC0415

    finding = row.finding
    lines = [f"{finding.status:<4}  {row.id}  {row.title}: {shown(finding.cause, 400)}"]
    lines += [f"             {shown(detail, 200)}" for detail in finding.details]
    return [*lines, f"           → {shown(finding.remedy, 400)}"] if finding.remedy else lines
