"""agbot backtest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.bars import fraction_bar
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.backtest.result import Report
    from agbot.backtest.spec import BacktestSpec

_RECORDING = "For a recording without a sidecar: "
_FOR_RECORDINGS = ("strategies", "yes", "condition_id", "tick", "min_size", "fee_rate")


@click.command(name="backtest")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strategy", "strategies", multiple=True, help="With a recording: as in agbot run; repeatable.")
@click.option("--capital", help="Money at the start, usd.")
@click.option("--queue", help="Where resting orders stand: the name of a queue rule.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for report.html and result.json.")
@click.option("--journal", type=click.Path(path_type=Path), help="Keep every batch and decision in this new file.")
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.option("--yes", "yes", help=_RECORDING + "token id of YES.")
@click.option("--condition-id", help=_RECORDING + "condition id.")
@click.option("--tick", help=_RECORDING + "tick, usd.")
@click.option("--min-size", help=_RECORDING + "smallest order, shares.")
@click.option("--fee-rate", help=_RECORDING + "taker fee rate.")
def command(**options: Any) -> None:
    """Run strategies over market data of the past, in the core that trades live.

    FILE is a configuration with a section backtest, or a recording.

    \b
    agbot backtest examples/backtest.yaml --out /tmp/backtest
    agbot backtest RECORDING --strategy quoter
    """
    from agbot.backtest.run import report  # noqa: PLC0415
    from agbot.backtest.table import text  # noqa: PLC0415
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    spec = _spec(options)
    if spec.out is not None:
        _make(spec.out)
    with fraction_bar("backtest", quiet=options["as_json"]) as progress:
        found = report(spec, progress, journal=options["journal"])
    click.echo(found.to_json() if options["as_json"] else text(found, table, pairs))
    if spec.out is not None:
        _write(spec.out, found)


def _spec(options: dict[str, Any]) -> BacktestSpec:
    import attrs  # noqa: PLC0415

    from agbot.backtest.queues import QUEUES  # noqa: PLC0415
    from agbot.backtest.spec import check, load_spec  # noqa: PLC0415
    from agbot.cli.amounts import usd  # noqa: PLC0415
    from agbot.located.value import suggest  # noqa: PLC0415

    configured = options["file"].suffix.lower() in (".yaml", ".yml")
    if configured and (given := [name for name in _FOR_RECORDINGS if options[name]]):
        raise click.UsageError(f"--{given[0].rstrip('s').replace('_', '-')} has a meaning only with a recording")
    spec = load_spec(options["file"]) if configured else _recording(options)
    if options["capital"] is not None:
        spec = attrs.evolve(
            spec, settings=attrs.evolve(spec.settings, capital_usd=usd(options["capital"], "--capital"))
        )
    if (queue := options["queue"]) is not None:
        if queue not in QUEUES:
            remedy = suggest(queue, QUEUES)
            raise ConfigError(f"{queue!r} is no queue rule", id="AGB-583", key="--queue", remedy=remedy)
        spec = attrs.evolve(spec, queue=queue)
    check(spec)
    return spec if options["out"] is None else attrs.evolve(spec, out=options["out"])


def _recording(options: dict[str, Any]) -> BacktestSpec:
    from agbot.backtest.spec import BacktestSpec, Sources  # noqa: PLC0415
    from agbot.settings import Settings, StrategySettings  # noqa: PLC0415
    from agbot.store.terms import Terms  # noqa: PLC0415

    names = ("yes", "condition_id", "tick", "min_size", "fee_rate")
    terms = Terms.parse({name: options[name] for name in names if options[name] is not None})
    settings = Settings(strategies=tuple(StrategySettings(name=name) for name in options["strategies"] or ("quoter",)))
    return BacktestSpec(settings=settings, data=Sources(recordings=(options["file"],), terms=terms))


def _write(folder: Path, found: Report) -> None:
    from agbot.backtest.page import page  # noqa: PLC0415

    try:
        (folder / "result.json").write_bytes(found.to_json())
        (folder / "report.html").write_text(page(found), encoding="utf-8")
    except OSError as e:
        raise _unwritable(folder, e) from e
    click.echo(f"\nreport: {folder / 'report.html'}\nresult: {folder / 'result.json'}", err=True)


def _unwritable(folder: Path, cause: OSError) -> ConfigError:
    remedy = "choose another folder with --out"
    return ConfigError(f"cannot be written: {cause.strerror}", id="AGB-585", path=folder, remedy=remedy)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _unwritable(folder, e) from e
