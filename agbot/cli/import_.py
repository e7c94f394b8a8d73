"""agbot import: convert a recording to agbot's history format, and say what is in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import click

from agbot.errors import ConfigError
from agbot.model.events import MarketData
from agbot.store.history import write_history
from agbot.store.importers import open_recording
from agbot.store.mirror import MirrorCheck
from agbot.store.recording import Recording
from agbot.store.terms import Terms
from agbot.units import NS_PER_S
from agbot.words import many

_SUFFIXES: Final = (".gz", ".csv", ".jsonl", ".ndjson", ".json", ".txt", ".agh", ".agf", ".parquet")
_BAR_STEPS: Final = 1000


@attrs.define
class _Passage:
    """What went by while a recording was copied."""

    recording: Recording
    audit: MirrorCheck
    first_ns: int = 0
    last_ns: int = 0

    def messages(self, bar: Any) -> Iterator[MarketData]:
        """Yield every message, feeding the audit and the progress bar on the way."""
        shown = 0
        for ts_ns, group in self.recording.groups():
            self.first_ns, self.last_ns = self.first_ns or ts_ns, ts_ns
            self.audit.apply(ts_ns, group)
            yield from group
            done = int(self.recording.fraction * _BAR_STEPS)
            bar.update(done - shown)
            shown = done


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File to write. Default: SOURCE with .agh.")
@click.option("--force", is_flag=True, help="Replace the output file if it is there.")
@click.option("--yes", metavar="TOKEN", help="Which token is YES. Default: the first in the recording.")
@click.option("--tick", metavar="USD", help="Tick size. Default: 0.01.")
@click.option("--min-size", metavar="SHARES", help="Smallest order. Default: 5.")
@click.option("--fee-rate", metavar="RATE", help="Taker fee rate, such as 0.03. Default: 0.")
@click.option("--condition-id", metavar="ID", help="The market's condition id.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def command(*, source: Path, output: Path | None, force: bool, as_json: bool, **terms: str | None) -> None:
    """Convert a recording to agbot's history format (.agh), and say what is in it.

    SOURCE is recognised by its content: any format in docs/history.md, plain or gzip, or a folder of agbot record.
    Terms a recording does not hold come from these options, from SOURCE.market.json, or from the defaults shown.
    The output appears complete or not at all.
    """
    given = {key: value for key, value in terms.items() if value is not None}
    overrides = Terms.parse(given, spelled=lambda key: f"--{key.replace('_', '-')}")
    summary = convert(source, output or beside(source), overrides, force=force, quiet=as_json)
    click.echo(json.dumps(summary, indent=2) if as_json else table(summary))


def convert(source: Path, target: Path, overrides: Terms | None = None, *, force: bool, quiet: bool) -> dict[str, Any]:
    """Convert one recording to agbot's history format, and return what is in it.

    Raises:
        ConfigError: AGB-206 the target is there and `force` is not given, AGB-204, AGB-205 its terms are wrong.
        RecordingError: AGB-201 unreadable, AGB-202 no recording, AGB-203 it ends too early, AGB-206 cannot be written.
    """
    recording = open_recording(source, overrides)
    if target.exists() and not force:
        raise ConfigError(
            "is there already", id="AGB-206", path=target, remedy="choose another file, or replace it: --force"
        )
    passage = _Passage(recording, MirrorCheck(recording.markets))
    with click.progressbar(length=_BAR_STEPS, label=f"reading {source.name}", file=sys.stderr, hidden=quiet) as bar:
        messages = passage.messages(bar)
        count = write_history(target, recording.markets, messages, source=f"{recording.format}: {source.name}")
    return _summary(passage, target, count)


def beside(source: Path) -> Path:
    """Return where a recording is converted to when nobody says: its name with .agh."""
    name = source.name
    while (suffix := Path(name).suffix) in _SUFFIXES:
        name = name.removesuffix(suffix)
    return source.with_name(f"{name}.agh")


def _summary(passage: _Passage, target: Path, count: int) -> dict[str, Any]:
    recording, audit, log = passage.recording, passage.audit, passage.recording.log
    return {
        "source": str(recording.path),
        "format": recording.format,
        "output": str(target),
        "messages": count,
        "counts": dict(sorted(log.counts.items())),
        "level_rows": log.rows,
        "timestamps": audit.timestamps,
        "first_ns": passage.first_ns,
        "last_ns": passage.last_ns,
        "terms": [term._asdict() for term in recording.terms],
        "audit": {
            "mirror_exceptions": audit.exceptions,
            "locked": dict(audit.locked),
            "crossed": dict(audit.crossed),
            "early_deltas": audit.early,
        },
        "not_market_data": dict(log.noted),
        "set_aside": log.skipped_count,
        "set_aside_first": [skip._asdict() for skip in log.skipped],
    }


def table(summary: dict[str, Any]) -> str:
    """Return a summary for people."""
    seconds = (summary["last_ns"] - summary["first_ns"]) / NS_PER_S
    audit, counts = summary["audit"], summary["counts"]
    rows = [
        ("source", f"{summary['source']} ({summary['format']})"),
        ("messages", f"{summary['messages']:,}: " + ", ".join(f"{n:,} {kind}" for kind, n in counts.items())),
        ("time", many(f"{summary['timestamps']:,}", "timestamp") + f" over {seconds:,.0f} s"),
        ("mirror", many(audit["mirror_exceptions"], "timestamp") + " after which NO was not the mirror of YES"),
        ("locked", f"{sum(audit['locked'].values())} states, crossed {sum(audit['crossed'].values())}"),
        ("set aside", f"{many(summary['set_aside'], 'line')}"),
        *(("", f"line {skip['line']}: {skip['reason']}") for skip in summary["set_aside_first"]),
        *_term_rows(summary["terms"]),
        ("written", summary["output"]),
    ]
    return "\n".join(f"{name:14} {value}" for name, value in rows)


def _term_rows(terms: list[dict[str, str]]) -> Iterator[tuple[str, str]]:
    market = None
    for term in terms:
        if term["market"] != market:
            market = term["market"]
            yield "market", market
        yield f"  {term['key']}", f"{term['value']}  ({term['origin']})"
