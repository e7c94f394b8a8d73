"""agbot sql: questions of a person's own."""

from __future__ import annotations

import csv
import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agbot.cli.common import bot_options, state_path

if TYPE_CHECKING:
    from agbot.store.embedded.sql import Answer

ROWS_MAX: Final = 10_000
"""Of a table for people; JSON and CSV have all."""


@click.command(name="sql")
@click.argument("question", metavar="SELECT")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@click.option("--timeout", type=click.FloatRange(0.001), default=10.0, show_default=True, help="Seconds to answer in.")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def command(
    *, question: str, as_csv: bool, timeout: float, profile: str | None, state_dir: Path | None, as_json: bool
) -> None:
    """Ask the history in SQL; nothing can be changed by it, and a bot may run meanwhile.

    \b
    agbot sql "select strategy, side, count(*), sum(size) / 1e6 as shares from fills group by 1, 2"
    agbot sql "select m.name, sum(f.fee) / 1e6 as fees from fills f join markets m using (market) group by 1"
    agbot sql "select * from metrics_1h where name = 'agbot.equity_usd' order by ts_ns desc limit 24"

    Tables: orders, fills, positions (money and sizes in 10⁻⁶, times in ns), markets (market, name: those of the newest
    20 runs), metrics (name, labels, ts_ns, value), metrics_1m, metrics_1h (name, labels, ts_ns, observed, minimum,
    maximum, mean, last). Labels are JSON: labels ->> 'side'. metrics is every observation: ask it about hours, the
    others about months.
    """
    from agbot.cli.called import market_names  # noqa: PLC0415
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415
    from agbot.store.embedded.sql import ask  # noqa: PLC0415

    if as_csv and as_json:
        raise click.UsageError("--csv or --json, not both")
    state = state_path(profile, state_dir)
    names = market_names(state / "runs") if "markets" in question.lower() else {}
    with ask(state / HISTORY, question, timeout, names) as answer:
        if as_csv:
            out = csv.writer(sys.stdout, lineterminator="\n")
            out.writerow(answer.columns)
            out.writerows(map(_plain, answer))
        elif as_json:
            click.echo(json.dumps([dict(zip(answer.columns, _plain(row), strict=True)) for row in answer]))
        else:
            _table(answer)


def _table(answer: Answer) -> None:
    from agbot.cli.tables import table  # noqa: PLC0415

    found = list(islice(answer, ROWS_MAX + 1))
    names = [name if answer.columns.index(name) == i else f"{name} {i + 1}" for i, name in enumerate(answer.columns)]
    rows = [dict(zip(names, ("" if v is None else v for v in _plain(row)), strict=True)) for row in found[:ROWS_MAX]]
    click.echo(table(rows, empty="no rows"))
    if len(found) > ROWS_MAX:
        click.echo(f"and more: --csv and --json print beyond the first {ROWS_MAX:,}", err=True)


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [value.hex() if isinstance(value, bytes) else value for value in row]
