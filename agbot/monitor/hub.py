"""Lines in from bots, one encoded frame a tick out to every reader; a slow reader is dropped, never waited for."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import structlog

from agbot import __version__
from agbot.monitor.state import Changes, RunState
from agbot.telemetry.protocol import (
    APP,
    PROTOCOL,
    Delta,
    EventLine,
    Health,
    HistogramValue,
    MalformedLineError,
    MetricEntry,
    MetricLine,
    PlainFrame,
    decode_line,
    encode,
)
from agbot.web.outlet import Outlet, text_frame

RUNS_MAX: Final = 8
"""Runs remembered; the oldest that has no bot goes first."""
BACKLOG_TICKS_MAX: Final = 20
"""Ticks (2 s) a reader may be behind."""
BACKLOG_BYTES_MAX: Final = 4 << 20
"""Bytes a reader may be behind, the frame on its way not counted."""
COMPLAIN_EVERY: Final = 1000
"""Of a connection's malformed lines the first is logged, then one in so many."""

_log = structlog.get_logger("agbot.monitor")


class Reader:
    """One dashboard connection, and what it has been told."""

    def __init__(self, outlet: Outlet, *, plain: bool) -> None:
        self.outlet = outlet
        self.plain = plain
        self.fresh = True
        """Its next frame is a snapshot."""


class Feed:
    """One bot's connection. Lines go to the run its run line named; a sender without one has a nameless run."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._run: RunState | None = None
        self._bad = 0

    def take(self, frame: str | bytes) -> None:
        """Apply every line of a frame; malformed ones are logged, counted and left out."""
        text = frame.encode() if isinstance(frame, str) else frame
        for line in text.split(b"\n"):  # not splitlines: U+2028 may stand inside a JSON string
            if line and not line.isspace():
                self._take_line(line)

    def close(self) -> None:
        """The connection is gone; what it said stays."""
        if self._run is not None:
            self._run.bots -= 1
            self._hub.left = self._run  # a run may come and go between two ticks
            self._run = None

    def _take_line(self, text: bytes) -> None:
        try:
            line = decode_line(text)
        except MalformedLineError as e:
            self._complain(str(e), text)
            return
        if isinstance(line, EventLine):
            if line.event_type == "run":
                self._bind(str(line.event.get("run_id", "")))
            self._bound().take_event(line)
        elif not (run := self._bound()).take_metric(line):
            self._complain("its type contradicts an earlier line, or there are too many series", text)
        elif not run.run_id and self._hub.keep is not None:
            self._hub.keep(line)

    def _bound(self) -> RunState:
        return self._run if self._run is not None else self._bind("")

    def _bind(self, run_id: str) -> RunState:
        if self._run is None or self._run.run_id != run_id:
            self.close()
            self._run = self._hub.run(run_id)
            self._run.bots += 1
        return self._run

    def _complain(self, why: str, text: bytes) -> None:
        self._hub.malformed += 1
        if self._bad % COMPLAIN_EVERY == 0:
            _log.warning(
                "malformed line dropped", why=why, line=text[:200].decode(errors="replace"), so_far=self._bad + 1
            )
        self._bad += 1


class Hub:
    """All runs and all readers. `tick` is called every `TICK_MS`; everything else only records."""

    def __init__(self, app: str = APP, keep: Callable[[MetricLine], None] | None = None) -> None:
        self.app = app
        """What `/healthz` says it is: a bot pushes to nothing but a monitor."""
        self.keep = keep
        """Takes the metrics of programs that are no bots, which sent no run line."""
        self.malformed = 0
        self.readers: set[Reader] = set()
        self.left = RunState("")
        """The run whose bot left last."""
        self._runs: dict[str, RunState] = {}
        self._shown = self.left
        self._tick = 0

    @property
    def bots(self) -> int:
        """Connections that have sent at least one good line."""
        return sum(run.bots for run in self._runs.values())

    @property
    def shown(self) -> RunState:
        """The run on stage: the youngest that has a bot, real money before all else; else the last one that had."""
        return self._shown

    def health(self, *, history: bool = False) -> Health:
        """Return the answer of `/healthz`; `history`: whether there is a store."""
        live = sum(run.bots for run in self._runs.values() if run.live)
        return Health(self.app, __version__, PROTOCOL, self.bots, self.malformed, len(self.readers), history, live)

    def feed(self) -> Feed:
        """Return the ear for a new bot connection."""
        return Feed(self)

    def subscribe(self, outlet: Outlet, *, plain: bool = False) -> Reader:
        """Add a reader; its first frame comes with the next tick."""
        reader = Reader(outlet, plain=plain)
        self.readers.add(reader)
        return reader

    def run(self, run_id: str) -> RunState:
        """Return the run of this id, a new one when it is not known."""
        if run_id not in self._runs:
            idle = next((key for key, run in self._runs.items() if not run.bots), None)
            if len(self._runs) >= RUNS_MAX and idle is not None:
                del self._runs[idle]
            self._runs[run_id] = RunState(run_id)
        return self._runs[run_id]

    def adopt(self, run: RunState) -> None:
        """Know a run as it was told elsewhere, in the place of one of its id."""
        self._runs.pop(run.run_id, None)
        self.run(run.run_id)
        self._runs[run.run_id] = run

    def tick(self, at_ms: int) -> None:
        """End a tick: encode what changed once, give it to every reader, drop those too far behind."""
        self._tick += 1
        before, self._shown = self._shown, self._first()
        changes = Changes([], [], overflow=False)
        for run in self._runs.values():
            changed = run.turn(at_ms)
            if run is self._shown:
                changes = changed
        anew = self._shown is not before or changes.overflow
        frames = _Frames(self._shown, changes, self._tick, at_ms)
        for reader in list(self.readers):
            offered = frames.for_reader(reader, whole=reader.fresh or anew)
            reader.fresh = False
            if offered and not reader.outlet.offer(offered):
                self.readers.discard(reader)
                if reader.outlet.dropped:
                    _log.warning("slow reader dropped", readers=len(self.readers))

    def _first(self) -> RunState:
        there = [run for run in reversed(self._runs.values()) if run.bots]
        return next((run for run in there if run.live), there[0] if there else self.left)


class _Frames:
    """The frames of one tick, each encoded at most once."""

    def __init__(self, run: RunState, changes: Changes, tick: int, at_ms: int) -> None:
        self._run = run
        self._changes = changes
        self._tick = tick
        self._at_ms = at_ms
        self._made: dict[tuple[bool, bool, bool], bytes] = {}

    def for_reader(self, reader: Reader, *, whole: bool) -> bytes:
        """Return the tick for one kind of reader, as it goes on the wire."""
        kind = plain, deflated, _ = reader.plain, reader.outlet.deflates, whole
        if kind not in self._made:
            if plain:
                self._made[kind] = self._plain(whole=whole)
            else:
                self._made[kind] = text_frame(self._frame(whole=whole), deflated=deflated)
        return self._made[kind]

    def _frame(self, *, whole: bool) -> bytes:
        if whole:
            return encode(self._run.snapshot(self._tick, self._at_ms))
        changes = self._changes
        return encode(Delta(self._tick, self._at_ms, self._run.bots > 0, changes.metrics, changes.events))

    def _plain(self, *, whole: bool) -> bytes:
        entries = [m.entry() for m in self._run.metrics.values()] if whole else self._changes.metrics
        return b"".join(text_frame(encode(_plain_frame(entry))) for entry in entries)


def _plain_frame(entry: MetricEntry) -> PlainFrame:
    name, labels, _, value, timestamp = entry
    plain = value.last if isinstance(value, HistogramValue) else value
    assert math.isfinite(plain)
    return PlainFrame(timestamp, name, plain, labels)
