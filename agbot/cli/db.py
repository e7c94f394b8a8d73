"""agbot db: the files of the history."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agbot.cli.access import moment, show
from agbot.cli.common import bot_options, state_path
from agbot.cli.near import Group

if TYPE_CHECKING:
    from agbot.store.embedded.backup import Manifest


@click.group(name="db", cls=Group)
def command() -> None:
    """Look after the files of the history: versions, backups.

    \b
    agbot db backup ~/agbot-history.zip
    agbot db restore ~/agbot-history.zip
    """


_POSTGRES = click.option("--postgres", is_flag=True, help="The PostgreSQL of AGBOT_POSTGRES_DSN, not the files.")


@command.command(name="status")
@_POSTGRES
@bot_options
@click.option("--json", "as_json", is_flag=True)
def status_(*, postgres: bool, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Show each file: its version, its size, and from when to when its rows are.

    Example: agbot db status --json
    """
    if postgres:
        _show_server(as_json=as_json)
        return
    import attrs  # noqa: PLC0415

    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.store.embedded.upkeep import status  # noqa: PLC0415

    found = status(_history(profile, state_dir))
    lines = [
        {
            "file": file.name,
            "version": file.version,
            "newest": file.newest,
            "bytes": f"{file.size:,}",
            "from": moment(file.first_ns),
            "to": moment(file.last_ns),
        }
        for file in found
    ]
    show(as_json, [attrs.asdict(file) for file in found], table(lines))


@command.command(name="migrate")
@_POSTGRES
@click.option("--to", type=int, help="This version, forward or back.  [default: the newest]")
@bot_options
@click.option("--json", "as_json", is_flag=True)
def migrate_(*, postgres: bool, to: int | None, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Lead the files to a version of their tables; agbot run does so by itself, forward. The bot must be stopped.

    Example: agbot db migrate --to 1, before an older agbot runs on them
    """
    if postgres:
        from agbot.store.postgres import find_dsn, migrate  # noqa: PLC0415

        migrate(find_dsn(), to)
        _show_server(as_json=as_json)
        return
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.store.embedded.upkeep import lead, status  # noqa: PLC0415

    history = _history(profile, state_dir)
    status(history)  # nothing is locked, or made, where there is no history
    with exclusive(history.parent):
        taken = lead(history, to)
    steps = {name: [step.number for step in steps] for name, steps in taken.items()}
    lines = [f"{name}: {step.number} {step.title}" for name, found in taken.items() for step in found]
    show(as_json, steps, "\n".join(lines) or "nothing to do")


@command.command(name="backup")
@click.argument("file", type=click.Path(path_type=Path))
@bot_options
@click.option("--json", "as_json", is_flag=True)
def backup_(*, file: Path, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Write the history to FILE, one whole moment of it, with its digests; a bot may run meanwhile.

    Example: agbot db backup ~/agbot-history.zip
    """
    from agbot.store.embedded.backup import backup  # noqa: PLC0415

    with _bar("backup", hidden=as_json) as progress:
        made = backup(_history(profile, state_dir), file, time.time_ns(), progress)
    _tell(made, as_json=as_json)


@command.command(name="restore")
@click.argument("file", type=click.Path(path_type=Path))
@bot_options
@click.option("--json", "as_json", is_flag=True)
def restore_(*, file: Path, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Replace the history by the backup FILE, once its pages and digests were found whole. The bot must be stopped.

    Example: agbot db restore ~/agbot-history.zip
    """
    from agbot.run.lock import exclusive  # noqa: PLC0415
    from agbot.store.embedded.backup import restore  # noqa: PLC0415
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415

    directory = state_path(profile, state_dir, create=True)
    with exclusive(directory), _bar("restore", hidden=as_json) as progress:
        restored = restore(file, directory / HISTORY, progress)
    _tell(restored, as_json=as_json)


def _show_server(*, as_json: bool) -> None:
    from agbot.cli.tables import pairs  # noqa: PLC0415
    from agbot.store.postgres import find_dsn, status  # noqa: PLC0415

    found = status(find_dsn())
    document = {
        "flavour": str(found.flavour),
        "applied": list(found.applied),
        "pending": list(found.pending),
        "bytes": found.bytes,
    }
    rows = {
        "tables for": str(found.flavour),
        "applied": ", ".join(found.applied) or "none",
        "pending": ", ".join(found.pending) or "none",
        "bytes": f"{found.bytes:,}",
    }
    show(as_json, document, pairs(rows))


def _history(profile: str | None, state_dir: Path | None) -> Path:
    from agbot.store.embedded.schema import HISTORY  # noqa: PLC0415

    return state_path(profile, state_dir) / HISTORY


@contextmanager
def _bar(label: str, *, hidden: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar that is told (done, of how much) again and again, a file after the other."""
    with click.progressbar(length=100, label=label, file=sys.stderr, hidden=hidden) as bar:

        def progress(done: int, of: int) -> None:
            bar.update(100 * done // max(1, of) - bar.pos)

        yield progress


def _tell(manifest: Manifest, *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415

    from agbot.cli.tables import pairs  # noqa: PLC0415

    document: dict[str, Any] = msgspec.to_builtins(manifest)
    rows = {
        name: ", ".join(f"{count} {table}" for table, count in kept.rows.items()) + f"\nsha256 {kept.digest}"
        for name, kept in manifest.files.items()
    }
    click.echo(json.dumps(document) if as_json else pairs(rows))
