"""The telemetry protocol, version 1: the lines a bot pushes and the frames a page or a terminal gets.

`docs/protocol.md` is the contract; this module is its only spelling in Python. It imports msgspec and nothing else of
weight, so that the terminal and the command line can use it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

PROTOCOL: Final = 1
APP: Final = "agbot-monitor"
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8080
INGEST_PATH: Final = "/metrics"
DASHBOARD_PATH: Final = "/dashboard"

TICK_MS: Final = 100
"""A page gets one frame in this time, also when nothing changed."""
SERIES_WINDOW_MS: Final = 60_000
"""What a snapshot holds of each charted gauge."""
LINE_BYTES_MAX: Final = 16 * 1024
"""A longer line is malformed."""
FRAME_BYTES_MAX: Final = 1 << 20
"""The bot sends no longer frame, the monitor takes none."""
SNAPSHOT_BYTES_MAX: Final = 1 << 24
"""What a reader of the dashboard must be ready to take in one frame."""

BUCKET_MIN: Final = -40
BUCKET_MAX: Final = 80
"""Of a histogram: from 2^-10 to 2^20, a factor of 1.19 each."""

ORDERS_KEPT: Final = 200
FILLS_KEPT: Final = 200
DECISIONS_KEPT: Final = 100
LOGS_KEPT: Final = 100
MARKETS_KEPT: Final = 1000

CLOSE_GOING_AWAY: Final = 1001
CLOSE_TRY_LATER: Final = 1013

MetricType: TypeAlias = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = dict[str, str]
Event: TypeAlias = dict[str, Any]
MetricEntry: TypeAlias = tuple[str, Labels, MetricType, Any, int]
"""(name, labels, type, value, timestamp); a histogram's value is a `HistogramValue`."""


class MetricLine(msgspec.Struct, frozen=True, gc=False):
    """One observation. A counter's value is cumulative since the run began. `timestamp` is UTC ms."""

    timestamp: int
    metric_type: MetricType
    metric_name: str
    value: float
    labels: Labels = {}


class EventLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fact for people. `seq` rises by one in a run, so that a line sent again after a reconnect counts once."""

    timestamp: int
    event_type: str
    event: Event
    run_id: str = ""
    seq: int = 0


class HistogramValue(msgspec.Struct, frozen=True, gc=False):
    """The observations of one tick (in a snapshot: of the whole run).

    `buckets` holds (k, how many) for values of [2^(k/4), 2^((k+1)/4)), k rising; values below 2^(BUCKET_MIN/4), zero
    and negative ones included, are in bucket `BUCKET_MIN`, all from 2^(BUCKET_MAX/4) in `BUCKET_MAX`.
    """

    count: int
    sum: float
    min: float
    max: float
    last: float
    buckets: tuple[tuple[int, int], ...] = ()


class Snapshot(msgspec.Struct, frozen=True, tag_field="kind", tag="snapshot"):
    """The first frame on `/dashboard`, and again when another run takes the stage: replaces all that was known."""

    tick: int
    at: int
    run: Event | None
    connected: bool
    metrics: list[MetricEntry]
    series: dict[str, list[tuple[int, float]]]
    markets: dict[str, Event]
    orders: list[EventLine]
    fills: list[EventLine]
    decisions: list[EventLine]
    logs: list[EventLine]
    kill_switch: EventLine | None = None
    v: int = PROTOCOL


class Delta(msgspec.Struct, frozen=True, tag_field="kind", tag="delta"):
    """What changed in one tick; `tick` is one more than in the frame before."""

    tick: int
    at: int
    connected: bool
    metrics: list[MetricEntry]
    events: list[EventLine]
    v: int = PROTOCOL


class PlainFrame(msgspec.Struct, frozen=True, gc=False):
    """One metric as `/dashboard?v=0` gives it."""

    timestamp: int
    metric_name: str
    value: float
    labels: Labels


class Health(msgspec.Struct, frozen=True):
    """The answer of `/healthz`: `runs` counts connected bots, `malformed` dropped lines, `readers` pages.

    `history` says whether `/history` has a store to ask; `live` counts those of the bots that trade real money.
    """

    app: str
    version: str
    protocol: int
    runs: int
    malformed: int = 0
    readers: int = 0
    history: bool = False
    live: int = 0


class MalformedLineError(ValueError):
    """A line on `/metrics` is not what the protocol says; drop it and go on."""


_Timestamp: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=2**53)]


class _AnyLine(msgspec.Struct):
    timestamp: _Timestamp
    metric_type: MetricType | msgspec.UnsetType = msgspec.UNSET
    metric_name: str = ""
    value: float | msgspec.UnsetType = msgspec.UNSET
    labels: Labels = {}
    event_type: str = ""
    event: Event | msgspec.UnsetType = msgspec.UNSET
    run_id: str = ""
    seq: int = 0


_encoder = msgspec.json.Encoder()
_line_decoder = msgspec.json.Decoder(_AnyLine)
_frame_decoder: msgspec.json.Decoder[Snapshot | Delta] = msgspec.json.Decoder(Snapshot | Delta)


def encode(message: msgspec.Struct) -> bytes:
    """Return the JSON of a line or a frame, without a newline."""
    return _encoder.encode(message)


def decode_line(line: bytes | str) -> MetricLine | EventLine:
    """Return the line, checked.

    Raises:
        MalformedLineError: too long, not JSON, a field of the wrong type, or neither metric nor event.
    """
    if len(line) > LINE_BYTES_MAX:
        raise MalformedLineError(f"longer than {LINE_BYTES_MAX} bytes")
    try:
        got = _line_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise MalformedLineError(str(e)) from None
    if got.metric_name and got.metric_type is not msgspec.UNSET and got.value is not msgspec.UNSET:
        return MetricLine(int(got.timestamp), got.metric_type, got.metric_name, got.value, got.labels)
    if got.event_type and got.event is not msgspec.UNSET:
        return EventLine(int(got.timestamp), got.event_type, got.event, got.run_id, got.seq)
    raise MalformedLineError("neither a metric (metric_type, metric_name, value) nor an event (event_type, event)")


def decode_frame(frame: bytes | str) -> Snapshot | Delta:
    """Return a dashboard frame.

    Raises:
        MalformedLineError: it is none.
    """
    try:
        return _frame_decoder.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise MalformedLineError(str(e)) from None


def series_key(name: str, labels: Mapping[str, str]) -> str:
    """Return ``name|{labels}``, the labels as compact JSON in sorted order: one key a name and label set."""
    ordered = labels if len(labels) < 2 else dict(sorted(labels.items()))
    return f"{name}|{_encoder.encode(ordered).decode()}"


def bucket(value: float) -> int:
    """Return the bucket of a histogram's observation."""
    if value <= 0:
        return BUCKET_MIN
    return max(BUCKET_MIN, min(BUCKET_MAX, math.floor(4 * math.log2(value))))
