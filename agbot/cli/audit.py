"""agbot audit: the chain of order events on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agbot.cli.common import bot_options, state_path
from agbot.cli.near import Group
from agbot.errors import StoreError
from agbot.words import many

if TYPE_CHECKING:
    from agbot.store.audit import AuditVerdict


@click.group(name="audit", cls=Group)
def command() -> None:
    """Look at the audit log: one JSON line for every event of an order, each with the hash of the one before."""


@command.command(name="verify")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@bot_options
@click.option("--json", "as_json", is_flag=True)
def verify_(file: Path | None, profile: str | None, state_dir: Path | None, as_json: bool) -> None:
    """Check the chain; exit 1 names the first line that does not follow.

    FILE is one file of an audit log; without it, all of the profile's are checked, oldest first.
    """
    from agbot.store.audit import files_of, verify  # noqa: PLC0415

    verdict = verify([file] if file else files_of(state_path(profile, state_dir)))
    click.echo(json.dumps(_plain(verdict)) if as_json else _text(verdict))
    if verdict.broken:
        raise StoreError(
            f"the audit log was changed: {verdict.broken}",
            id="AGB-622",
            remedy="compare with the journal: agbot explain ORDER; lines before it can be believed",
        )


def _plain(verdict: AuditVerdict) -> dict[str, object]:
    return {
        "ok": not verdict.broken,
        "files": verdict.files,
        "lines": verdict.lines,
        "first_seq": verdict.first_seq,
        "last_seq": verdict.last_seq,
        "broken": verdict.broken,
        "torn": list(verdict.torn),
    }


def _text(verdict: AuditVerdict) -> str:
    where = f"{many(verdict.lines, 'line')} in {many(verdict.files, 'file')}"
    lines = [f"{where}, numbers {verdict.first_seq} to {verdict.last_seq}"]
    if verdict.first_seq > 1:
        lines.append(f"lines before number {verdict.first_seq} are not here: rotated away, or in another file")
    lines += [f"{at}: cut off by the end of its process" for at in verdict.torn]
    lines.append(f"BROKEN: {verdict.broken}" if verdict.broken else "ok: every line follows from the one before")
    return "\n".join(lines)
