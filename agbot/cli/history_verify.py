"""agbot history verify: is a recording whole?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from agbot.cli.bars import fraction_bar
from agbot.words import many

if TYPE_CHECKING:
    from agbot.store.check import Checked


@click.command(name="verify")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--gap", default="60s", show_default=True, help="A longer time without a message is told.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
def command(*, source: Path, gap: str, as_json: bool) -> None:
    """Read all of SOURCE, a recording of any known format or a recorder's folder, and say whether it is whole.

    Looked at: checksums of all blocks, indexes, seals and end lines, the order of times, gaps, lines that mean nothing.
    Exit 1 (AGB-923) when something that was written cannot be read; gaps and lines set aside are told and are no error.

    \b
    agbot history verify recording
    agbot history verify game.agh --gap 10m --json
    """
    from agbot.cli.record import seconds  # noqa: PLC0415
    from agbot.errors import RecordingError  # noqa: PLC0415
    from agbot.store.check import check  # noqa: PLC0415
    from agbot.units import NS_PER_S  # noqa: PLC0415

    with fraction_bar("reading", quiet=as_json) as progress:
        found = check(source, gap_ns=int(seconds(gap, "--gap") * NS_PER_S), progress=progress)
    click.echo(json.dumps(_plain(found)) if as_json else _text(found))
    if found.damaged:
        remedy = "restore it from a copy; what stands before and behind the damage replays"
        reason = f"damaged in {found.damaged} places"
        raise RecordingError(reason, id="AGB-923", path=source, remedy=remedy)


def _plain(found: Checked) -> dict[str, Any]:
    return {**attrs.asdict(found), "path": str(found.path), "whole": not found.damaged}


def _text(found: Checked) -> str:
    from agbot.cli.tables import pairs, table  # noqa: PLC0415
    from agbot.store.check import moment  # noqa: PLC0415

    files = ", ".join(
        many(f"{count:,}", name)
        for count, name in ((found.segments, "segment"), (found.blocks, "block"), (found.records, "record"))
    )
    told = {
        "recording": f"{found.path} ({found.format})",
        **({"files": files} if found.segments else {}),
        "messages": f"{found.messages:,}: " + ", ".join(f"{n:,} {kind}" for kind, n in found.counts.items()),
        "time": f"{moment(found.first_ns)} to {moment(found.last_ns)}" if found.messages else "none",
        "gaps": str(len(found.gaps)),
        "set aside": str(found.set_aside),
        "verdict": f"damaged in {found.damaged} places" if found.damaged else "whole",
    }
    rows = [{"found": f.kind, "where": f.where, "what": f.words} for f in found.findings]
    return "\n\n".join([pairs(told), *([table(rows)] if rows else [])])
