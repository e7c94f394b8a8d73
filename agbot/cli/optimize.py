"""agbot optimize: search for parameters, and say how much of the best is luck."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.words import many

if TYPE_CHECKING:
    from agbot.optimise.heat import Heat
    from agbot.optimise.outcome import Outcome
    from agbot.optimise.plan import Plan
    from agbot.optimise.pool import Workers
    from agbot.optimise.report import Report
    from agbot.optimise.study import Study


@click.command(name="optimize")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--method", type=click.Choice(["grid", "random", "tpe"]), help="As optimise.method.  [default: grid]")
@click.option("--trials", type=click.IntRange(1, 100_000), help="As optimise.trials; a grid tries all there are.")
@click.option("--seed", type=click.IntRange(0), help="As optimise.seed: of the search.")
@click.option("--walk-forward", "walk", help="Judge on what came after: 'events', or a number of windows.")
@click.option("--engine", type=click.Choice(["pool", "dask"]), default="pool", help="Who runs.  [default: pool]")
@click.option("--workers", type=click.IntRange(1), help="Processes of the pool.  [default: one for each core]")
@click.option("--scheduler", help="With --engine dask: the scheduler, such as tcp://10.0.0.5:8786.")
@click.option("--log", type=click.Path(path_type=Path), help="Where trials are kept.  [default: FILE.trials.jsonl]")
@click.option("--retry-failed", "again", is_flag=True, help="Run trials once more that have failed.")
@click.option("--heatmap", help="Two parameters, A,B.  [default: the two, when two are searched]")
@click.option("--svg", type=click.Path(path_type=Path), help="Write the heatmap as a picture.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, **options: Any) -> None:
    """Search for a strategy's parameters over a backtest, and say how much of the best is luck.

    FILE is a configuration with the sections backtest and optimise:

    \b
    optimise:
      method: random                # grid, random or tpe
      trials: 200
      parameters:
        edge: {low: 0.01, high: 0.05, step: 0.01}
        size: {low: 10, high: 1000, log: 5}

    \b
    agbot optimize examples/optimise.yaml
    agbot optimize FILE --walk-forward 6              choose on the past, judge on what came next
    agbot optimize FILE --engine dask --scheduler tcp://10.0.0.5:8786

    Every trial is kept: the same command goes on where it was stopped, and trials of earlier runs count against the
    best one. DSR is the probability that the best is beyond luck, PBO that it is worse than the median on other data;
    docs/optimise.md has more. The parameters are shown under the verdict, whatever it is.
    """
    from agbot.optimise.backtests import backtests_of, identity_of, load_search  # noqa: PLC0415
    from agbot.optimise.log import TrialLog  # noqa: PLC0415
    from agbot.optimise.study import Study  # noqa: PLC0415

    spec, written = load_search(file)
    plan = _planned(written, options)
    workers = _workers(options)
    evaluate = backtests_of(spec, plan)
    identity = identity_of(evaluate, plan)
    path = plan.log or file.with_suffix(".trials.jsonl")
    with TrialLog(path, identity) as log, _bar(quiet=options["as_json"]) as told:
        if log.torn:
            click.echo(f"{path}: the last trial was cut short by a crash; it is run again", err=True)
        study = Study(plan=plan, evaluate=evaluate, workers=workers, log=log, again=options["again"], on_trials=told)
        report = _searched(study, identity)
        heat = _heat(study, options["heatmap"])
    _write(options["svg"], heat, report)
    click.echo(json.dumps(report.told()) if options["as_json"] else _text(report, heat))


def _planned(plan: Plan, options: dict[str, Any]) -> Plan:
    import attrs  # noqa: PLC0415

    from agbot.located import loads  # noqa: PLC0415
    from agbot.optimise.plan import read_walk  # noqa: PLC0415

    given = {name: options[name] for name in ("method", "trials", "seed", "log") if options[name] is not None}
    if options["walk"] is not None:
        given["walk_forward"] = read_walk(loads(options["walk"], "--walk-forward", "yaml"))
    return attrs.evolve(plan, **given)


def _workers(options: dict[str, Any]) -> Workers:
    if options["engine"] == "dask":
        if not options["scheduler"]:
            raise click.UsageError("--engine dask needs --scheduler ADDRESS; dask scheduler prints it")
        from agbot.optimise.cluster import Cluster  # noqa: PLC0415

        return Cluster(options["scheduler"])
    if options["scheduler"]:
        raise click.UsageError("--scheduler has a meaning only with --engine dask")
    from agbot.optimise.pool import Pool  # noqa: PLC0415

    return Pool(options["workers"] or 0)


def _searched(study: Study, identity: dict[str, str]) -> Report:
    from agbot.optimise.report import Report  # noqa: PLC0415
    from agbot.optimise.verdict import judge  # noqa: PLC0415
    from agbot.optimise.walk import folds_of, walk  # noqa: PLC0415

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        first = _finished(study)
        how = study.plan.walk_forward
        walked = walk(folds_of(first, how), study.explore) if how is not None else None
    except KeyboardInterrupt:
        kept = many(study.log.count, "trial is kept", "trials are kept")
        click.echo(f"\nstopped: {kept} in {study.log.path}; the same command goes on", err=True)
        sys.exit(1)
    return Report(
        plan=study.plan,
        identity=identity,
        log=str(study.log.path),
        verdict=judge(study.log.trials),
        walk=walked,
    )


def _finished(study: Study) -> Outcome:
    """Run the search and return one outcome. AgbotError AGB-570 when every trial has failed."""
    from agbot.errors import AgbotError  # noqa: PLC0415
    from agbot.optimise.outcome import Failed, Outcome  # noqa: PLC0415

    results = [trial.result for trial in study.explore()]
    for result in results:
        if isinstance(result, Outcome):
            return result
    first = next(result.reason for result in results if isinstance(result, Failed))
    remedy = "mend it, then --retry-failed"
    raise AgbotError(f"every trial has failed, the first of this: {first}", id="AGB-570", remedy=remedy)


def _heat(study: Study, named: str | None) -> Heat | None:
    from agbot.optimise.heat import heat_of  # noqa: PLC0415

    searched = [dimension.name for dimension in study.plan.space.dimensions if len(dimension.values) > 1]
    if named is None and len(searched) != 2:
        return None
    names = [name.strip() for name in named.split(",")] if named else searched
    if len(names) != 2:
        raise click.UsageError("--heatmap takes two parameters, A,B")
    return heat_of(study.log.trials, *names)


def _write(path: Path | None, heat: Heat | None, report: Report) -> None:
    from agbot.errors import ConfigError  # noqa: PLC0415
    from agbot.optimise.heat import svg_of  # noqa: PLC0415

    if path is None:
        return
    if heat is None:
        raise click.UsageError("--svg needs two parameters: name them with --heatmap A,B")
    try:
        path.write_text(svg_of(heat, report.words), encoding="utf-8")
    except OSError as e:
        raise ConfigError(f"cannot be written: {e.strerror}", id="AGB-578", path=path, remedy="choose another") from e


def _text(report: Report, heat: Heat | None) -> str:
    from agbot.cli.tables import pairs, table  # noqa: PLC0415
    from agbot.optimise.heat import rows_of  # noqa: PLC0415

    parts = [pairs(report.lines())]
    if report.walk:
        parts.append(table(report.steps()))
    if heat:
        parts.append(f"mean sharpe a period over all else\n{table(rows_of(heat))}")
    return "\n\n".join(parts)


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Show how many trials are known of those wanted so far; only on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _known, _wanted: None
        return
    with click.progressbar(length=1, label="trials", file=sys.stderr, show_pos=True) as bar:

        def told(known: int, wanted: int) -> None:
            bar.length = max(wanted, 1)
            bar.update(known - bar.pos)

        yield told
