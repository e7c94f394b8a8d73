"""agbot history vacuum."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from agbot.cli.common import bot_options, state_path
from agbot.words import many


@click.command(name="vacuum")
@click.option("--metrics-days", type=click.IntRange(1), help="Forget observations older than this.  [default: none]")
@click.option("--executions-days", type=click.IntRange(1), help="Forget orders, fills and positions older than this.")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def vacuum(
    *,
    metrics_days: int | None,
    executions_days: int | None,
    profile: str | None,
    state_dir: Path | None,
    as_json: bool,
) -> None:
    """Deflate the history and give back the room its files no longer need. The bot must be stopped.

    Example: agbot history vacuum --metrics-days 30
    """
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.store.embedded import EmbeddedStore  # noqa: PLC0415
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415
    from agbot.store.embedded.store import DAY_NS, VACUUM_STEPS  # noqa: PLC0415
    from agbot.store.embedded.upkeep import status  # noqa: PLC0415

    directory = state_path(profile, state_dir)
    before = sum(file.size for file in status(directory / HISTORY))
    now_ns = time.time_ns()
    kept = {
        f"{name}_ns": now_ns if days is None else days * DAY_NS
        for name, days in (("metrics", metrics_days), ("executions", executions_days))
    }
    with (
        exclusive(directory),
        EmbeddedStore(directory / HISTORY) as store,
        click.progressbar(length=VACUUM_STEPS, label="vacuum", file=sys.stderr, hidden=as_json) as bar,
    ):
        gone = store.prune(now_ns, **kept)
        store.vacuum(lambda: bar.update(1))
    after = sum(file.size for file in status(directory / HISTORY))
    told = {"rows_forgotten": gone, "bytes_before": before, "bytes_after": after}
    click.echo(json.dumps(told) if as_json else f"{many(gone, 'row')} forgotten, {before:,} bytes are now {after:,}")
