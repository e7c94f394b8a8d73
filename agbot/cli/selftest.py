"""agbot selftest: test vectors made elsewhere, computed again here."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from agbot.selftest.check import Verdict
    from agbot.selftest.run import Report


@click.command()
@click.option(
    "--vectors",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|FOLDER",
    help="A file of test vectors, or a folder: every *.json in it that is one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(vectors: Path, as_json: bool) -> None:
    """Compute test vectors and compare: signatures, amounts, fees, addresses.

    \b
    agbot selftest --vectors polymarket_vectors.json
    agbot selftest --vectors vectors/             every file of vectors in it, and totals

    What a file is, its schema says. A row of a shape that is not understood counts as failed. Needs no configuration,
    no network and no credentials. Exit code 0 when no row failed, 1 when one did, 2 for a file that is no vector file.
    """
    from agbot.selftest.run import run, run_all  # noqa: PLC0415

    if vectors.is_dir():
        reports, others = run_all(vectors)
        document, lines = _folder_json(reports, others), _folder_lines(reports, others)
    else:
        report = run(vectors)
        reports, document, lines = {vectors: report}, _json(report), _lines(report)
    click.echo(json.dumps(document, ensure_ascii=False) if as_json else "\n".join(lines))
    sys.exit(1 if _total(reports.values())["failed"] else 0)


def _lines(report: Report) -> list[str]:
    from agbot.selftest.check import Status  # noqa: PLC0415

    failed, skipped = report.of(Status.FAILED), report.of(Status.SKIPPED)
    return [*map(_failure, failed), *_skips(skipped), _counted(_total([report]))]


def _folder_lines(reports: Mapping[Path, Report], others: Mapping[Path, str]) -> list[str]:
    lines = [line for path, report in reports.items() for line in (*_lines(report)[:-1], _of_file(path, report))]
    lines += [f"{path.name} is no vector file: {reason}" for path, reason in others.items()]
    return [*lines, f"{len(reports)} file{'s' * (len(reports) != 1)}: {_counted(_total(reports.values()))}"]


def _of_file(path: Path, report: Report) -> str:
    return f"{path.name}: {_counted(_total([report]))}"


def _total(reports: Iterable[Report]) -> dict[str, int]:
    from agbot.selftest.check import Status  # noqa: PLC0415

    known = list(reports)
    return {str(status): sum(report.count(status) for report in known) for status in Status}


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in counts.items())


def _failure(verdict: Verdict) -> str:
    told = [f"  {d.name}: expected {d.expected}, got {d.got}" for d in verdict.differences]
    return "\n".join([f"failed {verdict.row.id}", *told])


def _skips(verdicts: list[Verdict]) -> list[str]:
    counts = Counter((verdict.row.kind, verdict.reason) for verdict in verdicts)
    return [f"skipped {count} of {kind}: {reason}" for (kind, reason), count in counts.items()]


def _json(report: Report) -> dict[str, Any]:
    from agbot.selftest.check import Status  # noqa: PLC0415

    told = [*report.of(Status.FAILED), *report.of(Status.SKIPPED)]
    return {"schema": report.schema, **_total([report]), "rows": [_row(verdict) for verdict in told]}


def _folder_json(reports: Mapping[Path, Report], others: Mapping[Path, str]) -> dict[str, Any]:
    return {
        **_total(reports.values()),
        "files": [{"file": path.name, **_json(report)} for path, report in reports.items()],
        "others": [{"file": path.name, "reason": reason} for path, reason in others.items()],
    }


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": verdict.row.id,
        "kind": verdict.row.kind,
        "status": str(verdict.status),
        "reason": verdict.reason,
        "differences": [{"name": d.name, "expected": d.expected, "got": d.got} for d in verdict.differences],
    }
