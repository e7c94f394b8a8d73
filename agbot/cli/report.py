"""agbot report: what an account made in a day, a week or a month, out of its journals."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.bars import fraction_bar
from agbot.cli.common import bot_options, state_path
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.backtest.statement import Statement
    from agbot.settings import Settings


@click.command(name="report")
@click.argument("period", type=click.Choice(["day", "week", "month"]))
@bot_options
@click.option("--run", "run", help="Only this run: a journal file or a run id.")
@click.option("--mode", help="Whose account: live, paper, demo, shadow.  [default: the newest run's]")
@click.option(
    "--end", metavar="DATE", help="The last UTC day, such as 2026-11-28.  [default: today; of a run, its last]"
)
@click.option("--venue", is_flag=True, help="Ask the venue what it credited: rebates, rewards, deposits, redemptions.")
@click.option("--wallet", metavar="ADDRESS", help="With --venue: whose, instead of your funder.")
@click.option(
    "--config", type=click.Path(path_type=Path), help="With --venue: where it is, when not where the bot traded last."
)
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON; money and shares in 10^-6.")
@click.option("--csv", "as_csv", is_flag=True, help="A line for each day, strategy and market.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write one HTML file, nothing to fetch.")
def command(*, period: str, profile: str | None, state_dir: Path | None, **options: Any) -> None:
    """Report the 1, 7 or 30 UTC days that end with --end: PnL, fees, markouts, calibration, denials, incidents.

    \b
    agbot report day
    agbot report week --profile mine --end 2026-11-28 --html week.html
    agbot report month --mode live --csv > november.csv
    agbot report week --mode live --venue

    Figures add up to the account to the last 10^-6: equity before + PnL + what was brought in = equity after.
    """
    if options["as_json"] and options["as_csv"]:
        raise click.UsageError("--json or --csv, not both")
    if (options["wallet"] or options["config"]) and not options["venue"]:
        raise click.UsageError("--wallet and --config go with --venue")
    place = _venue(profile, state_dir, options["config"]) if options["venue"] else None
    found = _statement(period, profile, state_dir, options)
    if place is not None:
        found = _with_credits(found, place, options["wallet"])
    click.echo(_shown(found, options), nl=not options["as_csv"])
    if options["page"] is not None:
        _write(options["page"], found)


def _statement(period: str, profile: str | None, state_dir: Path | None, options: dict[str, Any]) -> Statement:
    from agbot.backtest.statement import Span, day_of  # noqa: PLC0415
    from agbot.backtest.statements import runs_of, state  # noqa: PLC0415

    runs = runs_of(_journals(options["run"], profile, state_dir), (options["mode"] or "").upper())
    end = _date(options["end"]) or (day_of(runs[-1].last_ns) if options["run"] and runs else _today())
    with fraction_bar("report", quiet=options["as_json"] or options["as_csv"]) as progress:
        return state(runs, period, Span.ending(period, end), progress)


def _venue(profile: str | None, state_dir: Path | None, config: Path | None) -> Settings:
    from agbot.cli.whose import venue_of  # noqa: PLC0415

    return venue_of(profile, state_dir, config)


def _with_credits(found: Statement, place: Settings, wallet: str | None) -> Statement:
    import msgspec  # noqa: PLC0415

    from agbot.cli.report_credits import credited  # noqa: PLC0415

    credits_, unread = credited(found, place, wallet)
    return msgspec.structs.replace(found, credits=credits_, credits_unread=unread)


def _journals(run: str | None, profile: str | None, state_dir: Path | None) -> list[Path]:
    from agbot.cli.replay import find_run  # noqa: PLC0415

    known = sorted((state_path(profile, state_dir) / "runs").glob("*.agj"))
    return [find_run(run, known)] if run else known


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as e:
        reason = f"{text!r} is no date"
        raise ConfigError(reason, id="AGB-107", key="--end", remedy="such as --end 2026-11-28") from e


def _today() -> date:
    import time  # noqa: PLC0415

    from agbot.backtest.statement import day_of  # noqa: PLC0415

    return day_of(time.time_ns())


def _shown(found: Statement, options: dict[str, Any]) -> str:
    from agbot.backtest import statement_table  # noqa: PLC0415
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    if options["as_csv"]:
        return statement_table.to_csv(found)
    if not options["as_json"]:
        return statement_table.text(found, table, pairs)
    import msgspec  # noqa: PLC0415

    sums = {name: getattr(found, name) for name in ("pnl", "fees", "turnover", "fills", "unexplained")}
    return msgspec.json.encode({**sums, **msgspec.structs.asdict(found)}).decode()


def _write(path: Path, found: Statement) -> None:
    from agbot.backtest.statement_page import page  # noqa: PLC0415

    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as e:
        remedy = "choose another file with --html"
        raise ConfigError(f"cannot be written: {e.strerror}", id="AGB-585", path=path, remedy=remedy) from e
