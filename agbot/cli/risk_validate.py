"""agbot risk validate: do the risk models hold on a recorded series, or on simulated books?"""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

if TYPE_CHECKING:
    from agbot.quant.validation import Verdict

MODELS: Final = ("historical", "age-weighted", "normal", "student", "cornish-fisher", "ewma", "garch", "filtered")
PASSES: Final = (
    "passes: Kupiec and conditional coverage p >= 0.05, zone green, Z2 > -0.70. 'below' is no test: a right model has "
    "fewer than its share of days about half the time"
)


@click.command(name="validate")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--column", default="close", show_default=True, help="The price: a column's name, or its number from 1.")
@click.option("--window", type=click.IntRange(50, 5000), default=500, show_default=True, help="Days a model sees.")
@click.option("--confidence", "levels", type=click.FloatRange(0.5, 0.999), multiple=True, default=(0.95, 0.99))
@click.option("--model", "models", type=click.Choice(MODELS), multiple=True, help="Only these.  [default: all]")
@click.option("--simulated", is_flag=True, help="Books of claims that move for a day, in place of a file.")
@click.option("--days", type=click.IntRange(100, 100_000), default=1000, show_default=True, help="With --simulated.")
@click.option("--claims", type=click.IntRange(1, 500), default=20, show_default=True, help="With --simulated.")
@click.option("--seed", type=int, default=1, show_default=True, help="With --simulated.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(
    file: Path | None,
    *,
    column: str,
    window: int,
    levels: Sequence[float],
    models: Sequence[str],
    days: int,
    claims: int,
    seed: int,
    simulated: bool,
    as_json: bool,
) -> None:
    """Forecast every day's risk out of the days before it, and test what came (docs/var.md).

    \b
    agbot risk validate prices.csv.gz --column Close
    agbot risk validate --simulated --days 2000

    FILE is CSV, also gzipped, oldest first, one price a row; cells that are empty or a dot are days without one. A
    model that fails is a finding: the exit code is 0.
    """
    if simulated == (file is not None):
        raise click.UsageError("name a FILE, or say --simulated")
    if file is None:
        rows, left_out = _of_books(seed, days, claims, levels, quiet=as_json), 0
    else:
        rows, left_out = _of_series(file, column, window, levels, models or MODELS, quiet=as_json)
    if as_json:
        click.echo(json.dumps({"left_out": left_out, "models": [_told(row) for row in rows]}))
        return
    from agbot.cli.tables import table  # noqa: PLC0415

    click.echo(table([_row(row) for row in rows]))
    click.echo("\n" + PASSES)
    if left_out:
        click.echo(f"{left_out} changes from or to a price that is not above 0 were left out: they are no part of it")


def _of_series(
    file: Path, column: str, window: int, levels: Sequence[float], models: Sequence[str], *, quiet: bool
) -> tuple[list[Verdict], int]:
    from agbot.errors import ConfigError  # noqa: PLC0415
    from agbot.quant.validation import changes_of, rolled, verdict  # noqa: PLC0415

    prices = list(_prices(file, column))
    changes = changes_of(prices)
    if len(changes) < window + 100:
        remedy = f"give at least {window + 101} prices, or a smaller --window"
        raise ConfigError(f"{len(prices)} prices are too few", id="AGB-160", path=str(file), remedy=remedy)
    days = len(changes) - window
    asked = [(model, level) for model in models for level in levels]
    with _bar(days * len(asked), quiet=quiet) as bar:
        rows = [verdict(m, c, list(_watched(rolled(changes, m, c, window), bar))) for m, c in asked]
    return rows, len(prices) - 1 - len(changes)


def _of_books(seed: int, days: int, claims: int, levels: Sequence[float], *, quiet: bool) -> list[Verdict]:
    from agbot.quant.validation import simulated, verdict  # noqa: PLC0415

    rows: list[Verdict] = []
    with _bar(days * len(levels), quiet=quiet) as bar:
        for level in levels:
            both = list(_watched(simulated(seed, days, claims, level), bar))
            rows += [verdict("law of claims", level, [law for law, _ in both])]
            rows += [verdict("normal", level, [bell for _, bell in both])]
    return rows


def _bar(steps: int, *, quiet: bool) -> Any:
    return click.progressbar(length=steps, label="days", file=sys.stderr, hidden=quiet)


def _watched(days: Iterable[Any], bar: Any) -> Iterator[Any]:
    for at, day in enumerate(days, 1):
        yield day
        if at % 50 == 0:
            bar.update(50)


def _prices(file: Path, column: str) -> Iterator[float]:
    """Yield the prices of a file. ConfigError: it cannot be read, or a cell is no number."""
    from agbot.errors import ConfigError  # noqa: PLC0415

    try:
        with _opened(file) as source:
            rows = csv.reader(source)
            first = next(rows, [])
            at = _at(file, first, column)
            numbered = enumerate(([first] if column.isdigit() and _is_number(first[at]) else []), 1)
            for line, row in [*numbered, *enumerate(rows, 2)]:
                cell = row[at].strip(" .") if at < len(row) else ""
                if cell and not _is_number(cell):
                    reason, remedy = f"{cell[:40]!r} is no price", "write a plain number, or leave the cell empty"
                    raise ConfigError(reason, id="AGB-106", path=str(file), line=line, key=column, remedy=remedy)
                if cell:
                    yield float(cell)
    except (OSError, UnicodeError, EOFError, csv.Error) as e:
        raise ConfigError(f"cannot be read: {e}", id="AGB-101", path=str(file), remedy="check the path") from e


def _opened(file: Path) -> TextIO:
    return gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8")


def _at(file: Path, header: Sequence[str], column: str) -> int:
    from agbot.errors import ConfigError  # noqa: PLC0415

    names = [name.strip().lower() for name in header]
    if column.lower() in names:
        return names.index(column.lower())
    if column.isdigit() and 1 <= int(column) <= len(names):
        return int(column) - 1
    remedy = f"--column with one of: {', '.join(header)[:200]}" if header else "give a file with a header"
    raise ConfigError(f"there is no column {column!r}", id="AGB-159", path=str(file), line=1, remedy=remedy)


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) < float("inf")
    except ValueError:
        return False


def _told(row: Verdict) -> dict[str, Any]:
    import attrs  # noqa: PLC0415

    return {**attrs.asdict(row), "rate": row.rate, "below": row.below, "passed": row.passed}


def _row(row: Verdict) -> dict[str, str]:
    return {
        "model": row.model,
        "at": f"{row.confidence:g}",
        "days": str(row.days),
        "none": str(row.missing or ""),
        "worse": str(row.exceptions),
        "rate": f"{row.rate:.2%}",
        "below": "yes" if row.below else "no",
        "Kupiec p": f"{row.kupiec_p:.3f}",
        "independent p": f"{row.independence_p:.3f}",
        "coverage p": f"{row.coverage_p:.3f}",
        "zone": str(row.zone),
        "Z2": "" if row.z2 is None else f"{row.z2:+z.2f}",
        "passes": "yes" if row.passed else "no",
    }
