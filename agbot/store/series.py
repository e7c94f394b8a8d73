"""Prices of things outside our markets as recordings of reference prices: series in CSV, and frames of price sockets.

A series is never known before its time: a bar that has a day and no hour takes effect when that UTC day is over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from agbot.errors import RecordingError
from agbot.model.events import ReferencePrice
from agbot.store.lines import LineReader
from agbot.store.recording import Numbered, ReadLog, Recording
from agbot.units import NS_PER_MS, NS_PER_S, SCALE
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.realtime import Prices, RealtimeDecoder
from agbot.venue.polymarket.wire.rtds import RtdsDecoder

SOURCE: Final = "series"
VALUE_MAX: Final = 2**62

_TIMES: Final = ("timestamp (utc)", "timestamp", "datetime", "time", "date (utc)", "date", "observation_date")
"""Names of columns that hold the time, the most exact first."""
_CLOSES: Final = ("close", "adj close")
_EPOCHS: Final = {10: NS_PER_S, 13: NS_PER_MS, 16: 1_000, 19: 1}
"""Nanoseconds in the unit of an epoch time of so many digits."""
_DAYS: Final = ("%m/%d/%Y", "%Y%m%d")
_INSTANTS: Final = ("%m-%d-%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y%m%d %H:%M")
"""Times that are not written as ISO 8601 says."""
_BLANK: Final = ("", ".", "nan", "null", "none")
_EXCHANGE: Final = re.compile(rb'(?:(\d{19})\s+)?(\{"stream":.*)', re.DOTALL)


# ---------------------------------------------------------------- series in CSV


class _Columns(NamedTuple):
    time: int
    values: tuple[tuple[int, str], ...]
    width: int


def is_series(first_line: bytes) -> bool:
    """Return whether a file that starts with `first_line` is a CSV series: a column of times, and one of numbers."""
    return _columns(first_line, "") is not None


def read_series(path: Path) -> Recording:
    """Open a series. Of bars the close is taken, of other files every column of numbers.

    A symbol is the file's name, with a colon and the column's where there are several. Raises RecordingError AGB-201.
    """
    stem = path.name.partition(".")[0]

    def messages(lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        columns = _columns(lines.first() or b"", stem)
        assert columns is not None, "it was recognised by this line"
        for raw in lines:
            if lines.number > 1 and raw:
                yield from _row(columns, raw, lines.number, log)

    return Recording(path, "series (CSV)", (), (), messages)


def _columns(first: bytes, stem: str) -> _Columns | None:
    names = [name.strip() for name in _fields(first)]
    lower = [name.lower() for name in names]
    times = [lower.index(name) for name in _TIMES if name in lower]
    if not times or len(names) < 2 or "closetick" in lower:  # a pool's ticks are no prices
        return None
    closes = [lower.index(name) for name in _CLOSES if name in lower]
    if closes:
        return _Columns(times[0], ((closes[0], stem),), len(names))
    others = [at for at in range(len(names)) if lower[at] not in _TIMES]
    named = tuple((at, stem if len(others) == 1 else f"{stem}:{names[at]}") for at in others)
    return _Columns(times[0], named, len(names))


def _row(columns: _Columns, raw: bytes, line: int, log: ReadLog) -> Iterator[Numbered]:
    fields = [field.strip() for field in _fields(raw)]
    if len(fields) != columns.width:
        log.skip(line, f"not a row of {columns.width} fields")
        return
    try:
        ts_ns = time_of(fields[columns.time])
    except ValueError as e:
        log.skip(line, str(e))
        return
    for at, symbol in columns.values:
        if fields[at].lower() in _BLANK:
            log.noted["blank"] += 1
            continue
        try:
            yield line, ReferencePrice(symbol, SOURCE, value_of(fields[at]), ts_ns)
        except ValueError as e:
            log.skip(line, str(e))


def _fields(raw: bytes) -> list[str]:
    try:
        return next(csv.reader([raw.decode()], strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return []


def time_of(text: str) -> int:
    """Return UTC nanoseconds of an epoch time (seconds to nanoseconds by its digits), a moment, or the end of a day.

    Raises:
        ValueError: it is none of them.
    """
    unit = _EPOCHS.get(len(text)) if text.isascii() and text.isdigit() else None
    if unit is not None:
        return int(text) * unit
    at, whole_day = _moment(text)
    since = at - datetime(1970, 1, 1, tzinfo=UTC) + (timedelta(days=1) if whole_day else timedelta(0))
    if since < timedelta(days=1):
        raise ValueError(f"{text!r} is before 1970")
    return (since.days * 86_400 + since.seconds) * NS_PER_S + since.microseconds * 1_000


def _moment(text: str) -> tuple[datetime, bool]:
    """Return a moment, and whether it is the beginning of a day without an hour."""
    if text[4:5] == "-":
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC), len(text) == len("2020-01-01")
    for form in _DAYS if len(text) <= len("01/01/2020") else _INSTANTS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC), form in _DAYS
        except ValueError:
            continue
    raise ValueError(f"{text!r} is no time")


def value_of(text: str) -> int:
    """Return a value in 10⁻⁶, rounded down from its digits. ValueError when it is no positive number."""
    try:
        value = int(Decimal(text) * SCALE)
    except (InvalidOperation, ValueError, OverflowError) as e:
        raise ValueError(f"{text!r} is no number") from e
    if not 0 < value <= VALUE_MAX:
        raise ValueError(f"{text!r} is no price")
    return value


# ---------------------------------------------------------------- frames of price sockets


def is_prices(first_line: bytes) -> bool:
    """Return whether a file that starts with `first_line` has frames of RTDS, realtime v2, or a spot exchange."""
    return _reader_of(first_line) is not None


def read_prices(path: Path) -> Recording:
    """Open JSON lines of frames of one price socket; symbols and sources are the feeds' own.

    Raises:
        RecordingError: AGB-201 unreadable.
    """
    found = _reader_of(LineReader(path).first() or b"")
    if found is None:
        raise RecordingError("holds no frames of prices", id="AGB-202", path=path, remedy="docs/history.md")
    name, make = found

    def messages(lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        read, newest = make(log), dict[tuple[str, str], int]()
        for raw in lines:
            prices, faults = read(raw or b"")
            for fault in faults:
                log.skip(lines.number, fault)
            for price in prices:
                key = (price.source, price.symbol)
                if price.ts_ns >= newest.get(key, 0):
                    newest[key] = price.ts_ns
                    yield lines.number, price

    return Recording(path, f"frames of {name} (JSON lines)", (), (), messages)


_Read = Callable[[bytes], tuple[Sequence[ReferencePrice], Sequence[str]]]


def _reader_of(first: bytes) -> tuple[str, Callable[[ReadLog], _Read]] | None:
    if _EXCHANGE.fullmatch(first):
        return "a spot exchange", _Spot
    try:
        told = msgspec.json.decode(first, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if "topic" in told and "payload" in told:
        return "RTDS", _Rtds
    return ("realtime v2", _Realtime) if "channel" in told and "payload" in told else None


class _Rtds:
    def __init__(self, log: ReadLog) -> None:
        self._decoder = RtdsDecoder()
        log.noted = self._decoder.unknown

    def __call__(self, raw: bytes) -> tuple[Sequence[ReferencePrice], Sequence[str]]:
        frame = self._decoder.decode(raw)
        return _prices(item for item in frame.items if isinstance(item, Quote)), frame.faults


class _Realtime:
    def __init__(self, log: ReadLog) -> None:
        self._decoder = RealtimeDecoder()
        log.noted = self._decoder.unknown

    def __call__(self, raw: bytes) -> tuple[Sequence[ReferencePrice], Sequence[str]]:
        said = self._decoder.decode(raw)
        return _prices(q for one in said.messages if isinstance(one, Prices) for q in one.quotes), said.faults


def _prices(quotes: Iterator[Quote]) -> list[ReferencePrice]:
    return [ReferencePrice(q.symbol, q.source, q.value, q.ts_ns) for q in quotes if not q.carried]


class _Spot:
    """Trades of a spot exchange's combined stream, at the exchange's time; other streams are counted."""

    def __init__(self, log: ReadLog) -> None:
        self._log = log

    def __call__(self, raw: bytes) -> tuple[Sequence[ReferencePrice], Sequence[str]]:
        found = _EXCHANGE.fullmatch(raw)
        if found is None:
            return (), ("not a frame",)
        try:
            frame = msgspec.json.decode(found[2], type=dict[str, Any])
            told = frame["data"]
            kind = told.get("e", "other")
            if kind not in ("trade", "aggTrade"):
                self._log.noted[kind] += 1
                return (), ()
            at_ns = int(told["T"]) * NS_PER_MS
            return (ReferencePrice(str(told["s"]).lower(), f"spot {kind}", value_of(told["p"]), at_ns),), ()
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError) as e:
            return (), (f"not a frame of a spot exchange: {e}",)
