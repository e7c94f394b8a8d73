"""agbot history export: a recording as a table for other programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.model.events import MarketData
    from agbot.store.recording import Recording

_FORMATS: Final = ("csv", "jsonl", "parquet", "agh")
_BAR_STEPS: Final = 1000


@click.command(name="export")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="File to write; .gz compresses.")
@click.option("--format", "form", type=click.Choice(_FORMATS), help="Default: by the name of the file.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def command(*, source: Path, target: Path, form: str | None, force: bool, as_json: bool) -> None:
    """Write SOURCE, a recording of any known format or a recorder's folder, as CSV, JSON lines, Parquet or .agh.

    \b
    agbot history export recording --to game.csv.gz
    agbot history export game.agh --to game.parquet     needs pip install 'agbot[parquet]'

    Tables have a row for each level; agbot reads them back as recordings, every figure exactly. docs/history.md.
    """
    from agbot.store.importers import open_recording  # noqa: PLC0415

    chosen = form or _by_name(target)
    if target.exists() and not force:
        remedy = "choose another file with --to, or replace it: --force"
        raise ConfigError("is there already", id="AGB-206", path=target, remedy=remedy)
    recording = open_recording(source)
    count = _write(recording, target, chosen, quiet=as_json)
    summary = {
        "source": str(source),
        "source_format": recording.format,
        "output": str(target),
        "format": chosen,
        "messages": count,
        "set_aside": recording.log.skipped_count,
        "bytes": target.stat().st_size,
    }
    from agbot.cli.tables import pairs  # noqa: PLC0415

    click.echo(json.dumps(summary) if as_json else pairs({name.replace("_", " "): v for name, v in summary.items()}))


def _by_name(target: Path) -> str:
    suffix = Path(target.name.removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in _FORMATS:
        remedy = f"--format {'|'.join(_FORMATS)}, or a name that ends so"
        raise ConfigError(f"{target.name} names no format", id="AGB-925", key="--to", remedy=remedy)
    return suffix


def _write(recording: Recording, target: Path, form: str, *, quiet: bool) -> int:
    from agbot.store.history import write_history  # noqa: PLC0415
    from agbot.store.tables import write_table  # noqa: PLC0415

    hidden = quiet or not sys.stderr.isatty()
    with click.progressbar(
        length=_BAR_STEPS, label=f"reading {recording.path.name}", file=sys.stderr, hidden=hidden
    ) as bar:
        messages = _passing(recording, bar)
        if form == "agh":
            source = f"{recording.format}: {recording.path.name}"
            return write_history(target, recording.markets, messages, source=source)
        return write_table(target, form, recording.markets, messages)


def _passing(recording: Recording, bar: Any) -> Iterator[MarketData]:
    for message in recording.messages():
        yield message
        bar.update(int(recording.fraction * _BAR_STEPS) - bar.pos)
