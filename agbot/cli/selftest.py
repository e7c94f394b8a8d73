"""agbot selftest: test vectors made elsewhere, computed again here."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agbot.selftest.check import Verdict
    from agbot.selftest.run import Report


@click.command()
@click.option(
    "--vectors", required=True, type=click.Path(path_type=Path), metavar="FILE", help="A file of test vectors."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(vectors: Path, as_json: bool) -> None:
    """Compute test vectors and compare: signatures, amounts, fees, addresses.

    \b
    agbot selftest --vectors polymarket_vectors.json

    What a file is, its schema says. A row of a shape that is not understood counts as failed. Needs no configuration,
    no network and no credentials. Exit code 0 when no row failed, 1 when one did, 2 for a file that is no vector file.
    """
    from agbot.selftest.check import Status  # noqa: PLC0415
    from agbot.selftest.run import run  # noqa: PLC0415

    report = run(vectors)
    counts = {str(status): report.count(status) for status in Status}
    failed, skipped = report.of(Status.FAILED), report.of(Status.SKIPPED)
    if as_json:
        click.echo(json.dumps(_json(report, counts, [*failed, *skipped]), ensure_ascii=False))
    else:
        for line in [*map(_failure, failed), *_skips(skipped)]:
            click.echo(line)
        click.echo(", ".join(f"{count} {status}" for status, count in counts.items()))
    sys.exit(1 if failed else 0)


def _failure(verdict: Verdict) -> str:
    told = [f"  {d.name}: expected {d.expected}, got {d.got}" for d in verdict.differences]
    return "\n".join([f"failed {verdict.row.id}", *told])


def _skips(verdicts: list[Verdict]) -> list[str]:
    counts = Counter((verdict.row.kind, verdict.reason) for verdict in verdicts)
    return [f"skipped {count} of {kind}: {reason}" for (kind, reason), count in counts.items()]


def _json(report: Report, counts: dict[str, int], told: list[Verdict]) -> dict[str, Any]:
    return {"schema": report.schema, **counts, "rows": [_row(verdict) for verdict in told]}


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.row.id,
        "kind": verdict.row.kind,
        "status": str(verdict.status),
        "reason": verdict.reason,
        "differences": [{"name": d.name, "expected": d.expected, "got": d.got} for d in verdict.differences],
    }
