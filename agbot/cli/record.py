"""agbot record: keep every frame that the market and price sockets send."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from agbot.errors import ConfigError
from agbot.words import many

if TYPE_CHECKING:
    from agbot.run.record import RecordPlan, Standing
    from agbot.store.recorder import Bounds, FrameRecorder
    from agbot.venue.polymarket.topics import Topic

_SPANS: Final = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_SIZES: Final = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZES_2: Final = {"kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
_FIGURE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)", re.ASCII)
_LOG_EVERY_S: Final = 10.0


@click.command(name="record")
@click.option("--config", type=click.Path(path_type=Path), help="Configuration: where the venue is, markets, topics.")
@click.option(
    "--market", "--markets", "-m", "markets", multiple=True, help="A market; repeat it, or separate by commas."
)
@click.option("--busiest", is_flag=True, help="Also the market that is traded most today.")
@click.option("--topic", "topics", multiple=True, help="Also this RTDS topic, such as crypto_prices:btcusdt.")
@click.option("--out", type=click.Path(path_type=Path), default="recording", show_default=True, help="Folder to write.")
@click.option("--for", "span", help="Stop after this long, such as 90s, 10m or 1h.")
@click.option("--max-size", help="Stop when the folder has this size, such as 500MB or 20GiB.")
@click.option("--keep-free", default="1GiB", show_default=True, help="Stop while so much of the disk is free.")
@click.option("--segment-size", default="256MiB", show_default=True, help="Begin a new file at this size.")
@click.option("--segment-time", default="1h", show_default=True, help="Begin a new file after so long.")
@click.option("--codec", type=click.Choice(["zstd", "deflate"]), help="How it is packed. Default: zstd, if installed.")
@click.option(
    "--json", "as_json", is_flag=True, help="For programs: a JSON line when it begins, each 10 s, at the end."
)
def command(*, as_json: bool, **options: Any) -> None:
    """Record every frame of the market sockets and of RTDS and realtime, as received.

    \b
    agbot record --busiest --for 10m
    agbot record --config config.yaml --out tape --max-size 20GB
    agbot record -m will-it-rain --topic crypto_prices:btcusdt --keep-free 5GB
    agbot backtest recording --strategy quoter      a folder is a recording like any other

    It stops with Ctrl-C, after --for, at --max-size (exit 0), or before the disk is full (AGB-921, exit 1).
    Killed at any moment it loses what came in the last second; the next start mends the last file.
    """
    import trio  # noqa: PLC0415

    from agbot import log  # noqa: PLC0415
    from agbot.run.record import record  # noqa: PLC0415

    log.configure(file=None, console=sys.stderr, level="warning")
    screen = _Screen(as_json)
    plan = _plan(options, screen.every_s)
    try:
        reason, standing = trio.run(record, plan, screen.begun, screen.tell)
    finally:
        screen.end()
    document = {"event": "ended", "reason": reason, "folder": str(plan.directory), **_plain(standing)}
    click.echo(json.dumps(document) if as_json else f"{plan.directory}: {line(standing)}\nended: {reason}")


def _plan(options: dict[str, Any], every_s: float) -> RecordPlan:
    from agbot.cli.access import settings_of  # noqa: PLC0415
    from agbot.run.record import RecordPlan  # noqa: PLC0415
    from agbot.store.packing import packer  # noqa: PLC0415

    return RecordPlan(
        settings=settings_of(options["config"]),
        directory=options["out"],
        packer=packer(options["codec"] or ""),
        markets=[name for text in options["markets"] for name in text.split(",") if name],
        busiest=options["busiest"],
        topics=[_topic(text) for text in options["topics"]],
        bounds=_bounds(options),
        duration_s=seconds(options["span"], "--for") if options["span"] else None,
        every_s=every_s,
    )


def _bounds(options: dict[str, Any]) -> Bounds:
    from agbot.store.recorder import Bounds  # noqa: PLC0415
    from agbot.units import NS_PER_S  # noqa: PLC0415

    return Bounds(
        segment_bytes=size(options["segment_size"], "--segment-size"),
        segment_ns=int(seconds(options["segment_time"], "--segment-time") * NS_PER_S),
        size_max=size(options["max_size"], "--max-size") if options["max_size"] else None,
        free_min=size(options["keep_free"], "--keep-free", least=0),
    )


def _topic(text: str) -> Topic:
    from agbot.venue.polymarket.topics import rtds_topic  # noqa: PLC0415

    try:
        return rtds_topic(text)
    except ValueError as e:
        raise ConfigError(str(e), id="AGB-490", key="--topic", remedy="such as --topic crypto_prices:btcusdt") from e


def seconds(text: str, option: str) -> float:
    """Return the seconds of a span such as 90s, 10m, 1.5h or 2d; ConfigError AGB-107 naming the option."""
    return _read(text, option, _SPANS, f"such as {option} 10m") or _none(text, option)


def size(text: str, option: str, *, least: int = 1) -> int:
    """Return the bytes of a size such as 500MB or 1.5GiB; ConfigError AGB-107 naming the option."""
    found = int(_read(text, option, {**_SIZES, **_SIZES_2}, f"such as {option} 500MB"))
    return found if found >= least else int(_none(text, option))


def _read(text: str, option: str, units: dict[str, int], remedy: str) -> float:
    found = _FIGURE.fullmatch(text.strip().lower())
    if found is None or found[2] not in units:
        raise ConfigError(f"{text!r} is not understood", id="AGB-107", key=option, remedy=remedy)
    return float(found[1]) * units[found[2]]


def _none(text: str, option: str) -> float:
    raise ConfigError(f"{text!r} is nothing", id="AGB-107", key=option, remedy="more than 0")


class _Screen:
    """Where the standing is shown: one line that changes on a terminal, a line each ten seconds elsewhere."""

    def __init__(self, as_json: bool) -> None:
        self._json = as_json
        self._live = sys.stderr.isatty() and not as_json
        self.every_s = 1.0 if self._live else _LOG_EVERY_S

    def begun(self, recorder: FrameRecorder) -> None:
        """Say where to, and what an earlier recorder had left open."""
        if self._json:
            recovered = [{"file": name, "cut": cut} for name, cut in recorder.recovered]
            click.echo(json.dumps({"event": "recording", "folder": str(recorder.directory), "recovered": recovered}))
            return
        click.echo(f"recording to {recorder.directory}", err=True)
        for name, cut in recorder.recovered:
            click.echo(f"{name} had not been ended: sealed, {cut} torn bytes cut", err=True)

    def tell(self, standing: Standing) -> None:
        """Show how it stands."""
        if self._json:
            click.echo(json.dumps({"event": "standing", **_plain(standing)}))
        elif self._live:
            click.echo(f"\r\x1b[K{line(standing)}", nl=False, err=True)
        else:
            click.echo(line(standing), err=True)

    def end(self) -> None:
        """Leave the line that changes."""
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)


def line(standing: Standing) -> str:
    """Return how a recorder stands in one line."""
    missed = f", {many(f'{standing.missed:,}', 'frame')} missed" if standing.missed else ""
    lost = f" ({standing.sockets_lost} lost)" if standing.sockets_lost else ""
    return (
        f"{many(f'{standing.frames:,}', 'frame')}, {standing.rate:,.1f}/s, {_bytes(standing.received)} received, "
        f"{_bytes(standing.stored)} stored ({standing.codec} {standing.ratio:.1f}:1), "
        f"{many(standing.sockets, 'socket')}{lost}, {_bytes(standing.free)} free{missed}"
    )


def _plain(standing: Standing) -> dict[str, Any]:
    return {**attrs.asdict(standing), "ratio": round(standing.ratio, 3)}


def _bytes(count: int) -> str:
    for unit, words in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {words}"
    return f"{count} B"
