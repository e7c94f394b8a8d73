"""agbot replay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agbot.cli.common import bot_options, state_path
from agbot.errors import NotFoundError, ReplayMismatchError

PORT = 8090


@click.command(name="replay")
@click.argument("run", required=False)
@bot_options
@click.option("--verify", "verify_", is_flag=True, help="Compare every decision; exit 1 at the first difference.")
@click.option("--list", "list_", is_flag=True, help="List the profile's runs.")
@click.option("--watch", is_flag=True, help="Show it on page and terminal as a live run, until Ctrl-C.")
@click.option(
    "--port", type=click.IntRange(1, 65_535), default=PORT, show_default=True, help="The player's page, and its name."
)
@click.option("--play", type=float, metavar="SPEED", help="Ask the player: play, 1 as it was, 10 ten times faster.")
@click.option("--pause", is_flag=True, help="Ask the player: stand still.")
@click.option("--step", type=int, metavar="N", help="Ask the player: N steps on, back with -N.")
@click.option(
    "--next", "next_", type=click.Choice(["decision", "incident", "fault"]), help="Ask the player: on to the next one."
)
@click.option("--seek", metavar="WHERE", help="Ask the player: to 40%, +5%, -5%, 12:30:01 or 2026-11-28T12:30:01 UTC.")
@click.option("--where", is_flag=True, help="Ask the player: where it stands.")
@click.option("--json", "as_json", is_flag=True)
def command(
    *,
    run: str | None,
    profile: str | None,
    state_dir: Path | None,
    verify_: bool,
    list_: bool,
    watch: bool,
    port: int,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run a journal through the same core, and tell what the run did.

    RUN is a journal file, a run id, or nothing for the newest run of the profile.

    \b
    agbot replay                         the newest run: how long, orders, fills, profit, how it ended
    agbot replay --verify                compare every decision of it, exit 1 where one differs
    agbot replay FILE --watch            a player, paused at the start; in other terminals:
    agbot tui --url ws://127.0.0.1:8090/dashboard     space, n, i, I, comma, dot, [ and ]
    agbot replay --next fault            what went wrong first, denials left out (incident: with them)
    agbot replay --next decision         and what the bot decided then
    """
    from agbot.cli import replay_watch  # noqa: PLC0415

    if any(value is not None and value is not False for value in asked.values()):
        replay_watch.ask(state_path(profile, state_dir), port, as_json=as_json, **asked)
        return
    runs = sorted((state_path(profile, state_dir) / "runs").glob("*.agj"))
    if watch:
        replay_watch.watch(find_run(run, runs), state_path(profile, state_dir, create=True), port)
        return
    if list_:
        click.echo(json.dumps([r.stem for r in runs]) if as_json else "\n".join(r.stem for r in runs) or "no runs yet")
        return
    from agbot.store.verify import verify  # noqa: PLC0415

    path = find_run(run, runs)
    from agbot.cli import replay_text  # noqa: PLC0415

    still = replay_text.still_runs(path)  # asked first: a run that ends meanwhile has said so when it is read
    verdict = verify(path)
    if as_json:
        click.echo(json.dumps(replay_text.plain(verdict, path, still)))
    elif verify_:
        click.echo(replay_text.compared(verdict, path, still))
    else:
        named = run if run is not None and Path(run).is_file() else ""
        click.echo(replay_text.told(verdict, path, still, named, _other(profile, state_dir)))
    if verify_ and not verdict.agrees:
        at = verdict.divergence.seq if verdict.divergence else verdict.records
        raise ReplayMismatchError(
            f"record {at} of {path} decided differently",
            id="AGB-608",
            remedy="the code or a policy changed since; run the version that wrote it, or report this",
        )


def find_run(run: str | None, runs: list[Path]) -> Path:
    """Return the journal that `run` names: a file, a run id, or None for the newest. NotFoundError AGB-604."""
    if run is None and runs:
        return runs[-1]
    if run is not None and Path(run).is_file():
        return Path(run)
    for path in runs:
        if path.stem == run:
            return path
    reason = "there is no run yet" if run is None else f"no run {run!r}"
    raise NotFoundError(reason, id="AGB-604", remedy="agbot replay --list, with --profile NAME; or name a journal file")


def _other(profile: str | None, state_dir: Path | None) -> str:
    if state_dir is not None:
        return f" --state-dir {state_dir}"
    return f" --profile {profile}" if profile else ""
