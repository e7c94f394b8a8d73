"""agbot simulate: many small worlds, each from a seed, in which the bot is given every chance to lose something."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agbot.simulate.seeds import Outcome

TOLD_MAX = 5


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=None, help="How many worlds.  [default: 300, 1 with --seed]")
@click.option("--seed", type=click.IntRange(0), default=None, help="The first of them.  [default: 1]")
@click.option(
    "--hours", type=click.FloatRange(0, min_open=True), help="One world of so many hours; does memory stay flat?"
)
@click.option(
    "--day",
    type=click.FloatRange(0, min_open=True),
    help="Five strategies on thirty markets for so many hours.",
)
@click.option("--faults", help="Only these, with commas between.  [default: all; --list names them]")
@click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one for each core]")
@click.option("--defects", is_flag=True, help="Plant known defects, one by one, and tell which seed finds each.")
@click.option("--digests", is_flag=True, help="Print the digest of each seed's world as JSON, and nothing else.")
@click.option("--list", "listed", is_flag=True, help="Name the faults and leave.")
@click.option(
    "--journals",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --seed: write the journals of its bot's lives here, for agbot replay FILE --watch.",
)
@click.option("--trace", is_flag=True, help="With --seed: let the bot log as it lives.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(  # noqa: PLR0917 - options
    seeds: int | None,
    seed: int | None,
    hours: float | None,
    day: float | None,
    faults: str | None,
    workers: int | None,
    defects: bool,
    digests: bool,
    listed: bool,
    journals: Path | None,
    trace: bool,
    as_json: bool,
) -> None:
    """Live through seeded worlds and let an auditor compare what the venue knows with what the bot believes.

    \b
    agbot simulate                      300 worlds with faults of every kind
    agbot simulate --seeds 10000
    agbot simulate --seed 4711 --trace  one world again, aloud
    agbot simulate --faults crash,request_lost --seeds 100
    agbot simulate --seed 4711 --faults feed_lost --journals worlds
    agbot simulate --hours 72           one world of three days, and what is kept in memory
    agbot simulate --day 24             five strategies at once: their parts against the venue's ledger

    The core, the gateway and the Polymarket adapter are the real ones, the venue is agbot's own exchange; time is
    virtual and the same seed is the same world. Exit code 1 when a world failed: its seed and the shortest list of
    faults that makes it fail are printed; with --hours also when memory grew.
    """
    from agbot.simulate.schedule import ALL  # noqa: PLC0415

    if listed:
        click.echo("\n".join(ALL))
        return
    names = _names(faults, ALL)
    count = seeds or (1 if seed is not None else 300)
    first = 1 if seed is None else seed
    if hours is not None:
        _soak(first, hours, as_json)
    elif day is not None:
        _day(first, day, as_json)
    elif defects:
        _plant(range(first, first + count), workers or 0, as_json)
    elif journals is not None:
        _keep(first, names, journals, as_json)
    elif trace:
        _aloud(first, names)
    else:
        _worlds(range(first, first + count), names, workers or (1 if count == 1 else 0), digests, as_json)


def _worlds(seeds: range, names: Sequence[str], workers: int, digests: bool, as_json: bool) -> None:
    from agbot.simulate.seeds import live, many  # noqa: PLC0415

    began = time.perf_counter()
    outcomes = list(_watched(many(seeds, names, workers), len(seeds)))
    if digests:
        click.echo(json.dumps({str(o.seed): o.digest for o in sorted(outcomes, key=lambda o: o.seed)}, indent=2))
        return
    told = _told(outcomes, time.perf_counter() - began)
    failed = sorted((o for o in outcomes if o.found), key=lambda o: o.seed)
    told["failed"] = [_failure(outcome, live) for outcome in failed[:TOLD_MAX]]
    click.echo(json.dumps(told) if as_json else _text(told))
    sys.exit(1 if failed else 0)


def _plant(seeds: range, workers: int, as_json: bool) -> None:
    from agbot.simulate.defects import DEFECTS  # noqa: PLC0415
    from agbot.simulate.seeds import finding  # noqa: PLC0415

    rows = []
    for name in DEFECTS:
        outcome = finding(name, seeds, workers)
        found, after = (outcome.found[0], outcome.seed - seeds.start + 1) if outcome else ("not found", None)
        rows.append({"defect": name, "seeds": after, "found": found})
        if not as_json:
            click.echo(f"{name:<22}{after or '-':>6}  {found}")
    if as_json:
        click.echo(json.dumps({"defects": rows}))
    sys.exit(0 if all(row["seeds"] for row in rows) else 1)


def _day(seed: int, hours: float, as_json: bool) -> None:
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.simulate.day import Day  # noqa: PLC0415

    world = Day(seed, hours)
    with click.progressbar(world.live(), length=world.quarters, label="hours", file=sys.stderr, hidden=as_json) as bar:
        for _ in bar:
            pass
    told = world.told()
    if as_json:
        click.echo(json.dumps(told))
    else:
        denials = [{**row, "said": row["said"][0] if row["said"] else ""} for row in told["denials"]]
        click.echo(f"{table(told['strategies'])}\n\n{table(denials)}\n")
        click.echo(f"markets in which strategies held against each other: {told['netted']}")
        click.echo(f"strategies {told['strategies_usd']} usd, account {told['account_usd']} usd")
        click.echo("\n".join(told["found"]) or "their parts add up to the account and to the venue's ledger")
    sys.exit(1 if told["found"] else 0)


def _soak(seed: int, hours: float, as_json: bool) -> None:
    import attrs  # noqa: PLC0415

    from agbot.simulate.soak import EVERY_H, Soak, verdict  # noqa: PLC0415

    soak, rows = Soak(seed, hours, min(EVERY_H, hours / 8)), []
    for row in soak.live():
        rows.append(row)
        if not as_json:
            if len(rows) == 1:
                click.echo(" ".join(f"{name:>15}" for name in attrs.asdict(row)))
            click.echo(" ".join(f"{value:>15g}" for value in attrs.asdict(row).values()))
    grown = verdict(rows)
    if as_json:
        told = {"rows": [attrs.asdict(row) for row in rows], "grown": grown, "found": soak.found}
        click.echo(json.dumps(told))
    else:
        click.echo("\n".join([*(soak.found or ["0 violations"]), *(grown or ["memory, tasks and orders kept: flat"])]))
    sys.exit(1 if grown or soak.found else 0)


def _names(faults: str | None, known: Sequence[str]) -> Sequence[str]:
    from agbot.errors import ConfigError  # noqa: PLC0415
    from agbot.located.value import suggest  # noqa: PLC0415

    if not faults:
        return known
    names = [name.strip() for name in faults.split(",")]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"there is no fault '{name[:60]}' to simulate",
                id="AGB-890",
                key="--faults",
                remedy=suggest(name, known),
            )
    return names


def _keep(seed: int, names: Sequence[str], directory: Path, as_json: bool) -> None:
    from agbot.simulate.schedule import drawn  # noqa: PLC0415
    from agbot.simulate.seeds import journals  # noqa: PLC0415

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    troubles = drawn(seed, names)
    outcome, paths = journals(seed, troubles, directory)
    if as_json:
        told = {"journals": list(map(str, paths)), "troubles": list(map(str, troubles)), "found": list(outcome.found)}
        click.echo(json.dumps({**told, "digest": outcome.digest}))
    else:
        click.echo("\n".join([*map(str, troubles), *(outcome.found or ("nothing is wrong",))]))
        click.echo("\n".join(f"agbot replay {path} --watch" for path in paths))
    sys.exit(1 if outcome.found else 0)


def _aloud(seed: int, names: Sequence[str]) -> None:
    from agbot.log import configure  # noqa: PLC0415
    from agbot.simulate.schedule import drawn  # noqa: PLC0415
    from agbot.simulate.seeds import live  # noqa: PLC0415

    configure(file=None, level="debug")
    troubles = drawn(seed, names)
    outcome = live(seed, troubles, aloud=True)
    click.echo("\n".join([*map(str, troubles), *(outcome.found or ("nothing is wrong",)), f"digest {outcome.digest}"]))
    sys.exit(1 if outcome.found else 0)


def _watched(outcomes: Any, count: int) -> Any:
    with click.progressbar(outcomes, length=count, label="worlds", file=sys.stderr) as watched:
        yield from watched


def _told(outcomes: Sequence[Outcome], wall_s: float) -> dict[str, Any]:
    from hashlib import sha256  # noqa: PLC0415

    digests = "".join(outcome.digest for outcome in sorted(outcomes, key=lambda o: o.seed))
    return {
        "worlds": len(outcomes),
        "violations": sum(bool(outcome.found) for outcome in outcomes),
        "events_min": min(outcome.events for outcome in outcomes),
        "events_mean": round(sum(outcome.events for outcome in outcomes) / len(outcomes)),
        "faults_min": min(len(outcome.troubles) for outcome in outcomes),
        "orders": sum(outcome.orders for outcome in outcomes),
        "lives": sum(outcome.lives for outcome in outcomes),
        "seconds_per_world": round(wall_s / len(outcomes), 3),
        "cpu_seconds_per_world": round(sum(outcome.cpu_s for outcome in outcomes) / len(outcomes), 3),
        "digest": sha256(digests.encode()).hexdigest()[:16],
    }


def _failure(outcome: Outcome, live: Any) -> dict[str, Any]:
    from agbot.simulate.seeds import shrunk  # noqa: PLC0415

    shortest = shrunk(outcome)
    return {
        "seed": outcome.seed,
        "found": list(outcome.found),
        "shortest": [str(trouble) for trouble in shortest],
        "found_then": list(live(outcome.seed, shortest).found),
    }


def _text(told: dict[str, Any]) -> str:
    failed = told.pop("failed")
    lines = [f"{name.replace('_', ' '):<24}{value}" for name, value in told.items()]
    for failure in failed:
        lines += [f"\nseed {failure['seed']} failed:", *(f"  {what}" for what in failure["found"])]
        lines += ["  with these faults alone it fails too:", *(f"    {trouble}" for trouble in failure["shortest"])]
        lines += [f"  again, aloud: agbot simulate --seed {failure['seed']} --trace"]
    return "\n".join(lines)
