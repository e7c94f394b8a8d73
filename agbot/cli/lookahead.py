"""agbot lookahead: does a strategy know what it cannot know?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.words import many

if TYPE_CHECKING:
    from agbot.optimise.decided import MakeLoop, Reads
    from agbot.optimise.lookahead import Inspection


@click.command(name="lookahead")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cuts", type=click.IntRange(1, 100), default=5, help="At how many times to cut.  [default: 5]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(file: Path, cuts: int, as_json: bool) -> None:
    """Run a backtest again with another future, and see whether its past changes.

    FILE is a configuration with a section backtest. Its strategies run over the history whole, twice; then cut short
    and with another future, at several times; then with everything a week later. What they decided before a cut must be
    the same each time. Files, sockets and processes that they open are named too: a strategy has no business there.

    \b
    agbot lookahead examples/backtest.yaml
    agbot lookahead FILE --cuts 20

    Exit code 1 when something was found: the first decision that differs, with its time and market.
    """
    from agbot.optimise.decided import Reads  # noqa: PLC0415

    reads = Reads([file])
    found = _inspected(file, cuts, reads, quiet=as_json)
    click.echo(json.dumps(_told(found, reads)) if as_json else _text(found, reads))
    sys.exit(1 if found.peeks or reads.found else 0)


def _inspected(file: Path, cuts: int, reads: Reads, *, quiet: bool) -> Inspection:
    import attrs  # noqa: PLC0415

    from agbot.backtest.run import run  # noqa: PLC0415
    from agbot.backtest.source import open_data  # noqa: PLC0415
    from agbot.backtest.spec import load_spec  # noqa: PLC0415
    from agbot.optimise.decided import decisions_of  # noqa: PLC0415
    from agbot.optimise.lookahead import inspect  # noqa: PLC0415

    with reads.watched():
        spec = load_spec(file)
    # An outage stands at a time of the calendar, which a history that is moved leaves.
    conditions = attrs.evolve(spec.settings.paper.conditions, outages=())
    paper = attrs.evolve(spec.settings.paper, conditions=conditions)
    spec = attrs.evolve(spec, settings=attrs.evolve(spec.settings, paper=paper))
    source = open_data(spec.data).source

    def drive(make_loop: MakeLoop) -> None:
        run(spec, make_loop=make_loop)

    with _bar(3 + 2 * cuts, quiet=quiet) as told:
        return inspect(decisions_of(drive, reads), source.groups, cuts, told)


def _told(found: Inspection, reads: Reads) -> dict[str, Any]:
    return {
        "found": bool(found.peeks or reads.found),
        "runs": found.runs,
        "decisions": found.decisions,
        "peeks": [
            {
                "run": peek.run,
                "cut_ns": peek.cut_ns or None,
                "ts_ns": peek.at.ts_ns,
                "market": peek.at.market,
                "decided": peek.whole.text if peek.whole else None,
                "otherwise": peek.other.text if peek.other else None,
            }
            for peek in found.peeks
        ],
        "opened": reads.found,
    }


def _text(found: Inspection, reads: Reads) -> str:
    from agbot.store.audit_rows import moment  # noqa: PLC0415

    decisions, runs = many(found.decisions, "decision"), many(found.runs, "run")
    if not found.peeks and not reads.found:
        return f"nothing found: {decisions}, the same in {runs}"
    lines = [f"LOOK-AHEAD, or worse: {decisions} in {runs}"]
    for peek in found.peeks:
        cut = f" (cut at {moment(peek.cut_ns)})" if peek.cut_ns else ""
        lines.append(f"{moment(peek.at.ts_ns)}  {peek}{cut}")
    lines += [f"opened by a strategy: {what}" for what in reads.found]
    return "\n".join(lines)


@contextmanager
def _bar(runs: int, *, quiet: bool) -> Iterator[Callable[[], None]]:
    if quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=runs, label="runs", file=sys.stderr) as bar:
        yield lambda: bar.update(1)
