"""agbot plot."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from agbot.cli.common import bot_options, state_path
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.backtest.result import BacktestResult

WIDTH: Final = 100
"""Characters where nobody says how wide the terminal is."""


@click.command(name="plot")
@click.argument("what", metavar="RESULT.json|RUN", required=False)
@bot_options
@click.option("--out", type=click.Path(path_type=Path), help="Write an SVG file instead.")
def command(*, what: str | None, profile: str | None, state_dir: Path | None, out: Path | None) -> None:
    """Draw equity, price and fills of a backtest or of a run.

    \b
    agbot plot /tmp/backtest/result.json
    agbot plot RUN --out run.svg

    RUN is a journal file, a run id, or nothing for the newest run of the profile.
    """
    found = _found(what, profile, state_dir)
    if out is not None:
        _write(out, found)
        return
    from agbot.backtest.terminal import drawn  # noqa: PLC0415

    click.echo(drawn(found, shutil.get_terminal_size((WIDTH, 0)).columns, colour=sys.stdout.isatty()))


def _found(what: str | None, profile: str | None, state_dir: Path | None) -> BacktestResult:
    from agbot.backtest.lived import lived  # noqa: PLC0415
    from agbot.backtest.result import read_report  # noqa: PLC0415
    from agbot.cli.replay import find_run  # noqa: PLC0415

    if what is not None and what.endswith(".json"):
        return read_report(Path(what)).chosen
    return lived(find_run(what, sorted((state_path(profile, state_dir) / "runs").glob("*.agj")))).result


def _write(out: Path, found: BacktestResult) -> None:
    from agbot.backtest import charts  # noqa: PLC0415
    from agbot.backtest.svg import standalone  # noqa: PLC0415

    drawn = [charts.equity(found), charts.inventory(found), *charts.prices(found)]
    try:
        out.write_text(standalone(drawn), encoding="utf-8")
    except OSError as e:
        reason, remedy = f"cannot be written: {e.strerror}", "choose another file with --out"
        raise ConfigError(reason, id="AGB-585", path=out, remedy=remedy) from e
