"""agbot explain: one order's whole story."""

from __future__ import annotations

import json
from pathlib import Path

import click

from agbot.cli.bars import fraction_bar
from agbot.cli.common import bot_options, state_path


@click.command(name="explain")
@click.argument("order", metavar="ORDER|CORRELATION_ID")
@click.option("--run", metavar="RUN", help="In this journal: a run id, or a file.  [default: all runs of the profile]")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def command(*, order: str, run: str | None, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Tell an order's whole story: what was seen, which rule said what, what was sent, who said what, what it earned.

    Reads the journals, also those of a run that was killed. ORDER is a client order id or its end (live-22, where one
    order has it), the correlation id of a chain, or the venue's id.
    """
    from agbot.cli.replay import find_run  # noqa: PLC0415
    from agbot.cli.story import plain, text  # noqa: PLC0415
    from agbot.store.explain import explain  # noqa: PLC0415

    runs = sorted((state_path(profile, state_dir) / "runs").glob("*.agj"))
    with fraction_bar("replaying", quiet=as_json) as progress:
        story = explain(runs, order, only=find_run(run, runs) if run else None, progress=progress)
    click.echo(json.dumps(plain(story)) if as_json else text(story))
