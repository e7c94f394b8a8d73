"""agbot history import: any recording, or a folder of them, to agbot's history format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from agbot.errors import ConfigError


@click.command(name="import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="File, or folder for a folder.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option("--json", "as_json", is_flag=True, help="For programs: a list of summaries.")
def command(*, source: Path, target: Path, force: bool, as_json: bool) -> None:
    """Convert SOURCE to agbot's history format (.agh), and say what is in it.

    SOURCE is a file of any known format, a recorder's folder, or a folder of files: each becomes a file in --to, and
    what agbot does not know is left out and named. `agbot import` takes terms by option; here they come from sidecars.

    \b
    agbot history import recording --to game.agh
    agbot history import downloads --to histories
    """
    from agbot.cli.import_ import convert, table  # noqa: PLC0415
    from agbot.store.recorder import segments_in  # noqa: PLC0415

    if source.is_dir() and not segments_in(source):
        done, left_out = _folder(source, target, force=force, quiet=as_json)
    else:
        done, left_out = [convert(source, target, force=force, quiet=as_json)], []
    if as_json:
        click.echo(json.dumps({"imported": done, "left_out": left_out}, indent=2))
        return
    for summary in done:
        click.echo(table(summary) + "\n")
    for row in left_out:
        click.echo(f"left out: {row['file']}: {row['reason']}")


def _folder(
    source: Path, target: Path, *, force: bool, quiet: bool
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    from agbot.cli.import_ import beside, convert  # noqa: PLC0415
    from agbot.errors import RecordingError  # noqa: PLC0415

    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        reason, remedy = f"cannot be made: {e.strerror}", "choose another folder with --to"
        raise ConfigError(reason, id="AGB-206", path=target, remedy=remedy) from e
    done: list[dict[str, Any]] = []
    left_out: list[dict[str, str]] = []
    for path in sorted(path for path in source.iterdir() if path.is_file() and not path.name.startswith(".")):
        try:
            done.append(convert(path, target / beside(path).name, force=force, quiet=quiet))
        except RecordingError as e:
            left_out.append({"file": path.name, "reason": e.reason})
    return done, left_out
