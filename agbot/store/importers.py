"""Other people's recordings as `Recording`: CSV level rows and JSON-lines market-channel frames of Polymarket.

`open_recording` recognises a file by its content; `docs/history.md` describes what it accepts.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from agbot.errors import RecordingError
from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import TokenId
from agbot.model.order import Side
from agbot.store.history import is_history, read_history
from agbot.store.lines import LineReader
from agbot.store.received import read_received
from agbot.store.recording import Numbered, ReadLog, Recording, Source
from agbot.store.segment import MAGIC
from agbot.store.series import is_prices, is_series, read_prices, read_series
from agbot.store.tables import PARQUET_MAGIC, is_parquet, is_table, read_table
from agbot.store.terms import Seen, Terms, read_sidecar, settle_markets
from agbot.venue.polymarket.wire import FrameDecoder, exact_ms, exact_price, exact_units

_NEEDED: Final = ("asset_id", "event_type", "price", "side", "size", "hash", "timestamp")
_SIDES: Final = {"bid": BID, "buy": BID, "ask": ASK, "sell": ASK}
_FRAME: Final = re.compile(rb"(?:(\d{19})\s+)?([\[{].*)", re.DOTALL)
_FRAMES: Final = "Polymarket market-channel frames (JSON lines)"
_RARE: Final = 100
"""A third token of a market is damage when less than one in so many rows is about it."""
_MESSAGE_LIMIT: Final = 100_000
"""Level rows of one CSV message; a longer run of equal keys is not one message."""


def open_recording(path: str | Path, overrides: Terms | None = None) -> Recording:
    """Open a recording of any known format, recognised by its content, gzip or plain.

    Args:
        path: the file, or a recorder's folder. A sidecar `FILE.market.json` beside it gives terms that are not in it.
        overrides: terms that replace those of recording and sidecar.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 no known format, AGB-203 no whole first line.
        ConfigError: AGB-204, AGB-205 the sidecar or an override is wrong, or the tokens do not make markets.
    """
    path = Path(path)
    if path.is_dir():
        return read_received(path, overrides)
    first = PARQUET_MAGIC if is_parquet(path) else LineReader(path).first()
    known = (read for knows, read in _KNOWN if first is not None and knows(first))
    if (read := next(known, None)) is None:
        raise _unknown_format(path, "is no recording that agbot knows")
    return read(path, overrides)


class _Rows:
    """One row a level; adjacent rows with equal asset, event type, hash and time are one message."""

    def markets(self, lines: LineReader) -> list[Seen]:
        """Return the markets whose rows occur, by market id or slug."""
        columns = _columns(lines)
        census = _Census()
        for raw in _readable(lines):
            fields = _fields(raw)
            if lines.number > 1 and fields is not None and len(fields) == columns.width and fields[columns.asset]:
                slug, id_ = columns.named(fields)
                census.count(fields[columns.asset], id_ or slug, slug)
        return census.markets()

    def __call__(self, lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        """Yield messages in file order."""
        columns = _columns(lines)
        message: _Message | None = None
        for raw in lines:
            if lines.number == 1 or raw == b"":
                continue
            try:
                key, row = columns.read(raw)
            except ValueError as e:
                if lines.torn:  # the message it belongs to is not whole either, so it is not given out
                    raise lines.truncated("the last row has no end") from e
                log.skip(lines.number, str(e))
                continue
            log.rows += 1
            if message is not None and (message.key != key or len(message.rows) >= _MESSAGE_LIMIT):
                yield from message.facts()
                message = None
            if message is None:
                message = _Message(key, [])
            message.rows.append((lines.number, *row))
        if message is not None:
            yield from message.facts()


class _Key(NamedTuple):
    asset: str
    kind: str
    hash: str
    timestamp: str


class _Message(NamedTuple):
    """The rows of one message: (line, BID or ASK, price, size)."""

    key: _Key
    rows: list[tuple[int, int, int, int]]

    def facts(self) -> Iterator[Numbered]:
        token, ts_ns, line = TokenId(self.key.asset), exact_ms(self.key.timestamp), self.rows[-1][0]
        if self.key.kind == "book":
            yield line, BookSnapshot(token, self._levels(BID), self._levels(ASK), ts_ns)
        elif self.key.kind == "price_change":
            yield line, BookDelta(token, tuple(row[1:] for row in self.rows), ts_ns)
        else:
            for at, side, price, size in self.rows:
                yield at, TradePrint(token, Side.BUY if side == BID else Side.SELL, price, size, ts_ns)

    def _levels(self, side: int) -> tuple[tuple[int, int], ...]:
        return tuple((price, size) for _, edge, price, size in self.rows if edge == side and size)


class _Columns(NamedTuple):
    """Where the columns are."""

    width: int
    asset: int
    kind: int
    price: int
    side: int
    size: int
    hash: int
    timestamp: int
    slug: int | None
    market: int | None

    def named(self, fields: Sequence[str]) -> tuple[str, str]:
        """Return the slug and the market id of a row, each empty when there is none."""
        slug = fields[self.slug] if self.slug is not None else ""
        return slug, fields[self.market] if self.market is not None else ""

    def read(self, raw: bytes | None) -> tuple[_Key, tuple[int, int, int]]:
        """Return the message a row belongs to, and its level; ValueError says what is wrong with it."""
        fields = _fields(raw)
        if fields is None or len(fields) != self.width:
            raise ValueError(f"not a row of {self.width} fields")
        key = _Key(fields[self.asset], fields[self.kind], fields[self.hash], fields[self.timestamp])
        if key.kind not in ("book", "price_change", "last_trade_price"):
            raise ValueError(f"unknown event type {key.kind!r}")
        if not key.asset:
            raise ValueError("no asset_id")
        exact_ms(key.timestamp)
        side = _SIDES.get(fields[self.side].lower())
        if side is None:
            raise ValueError(f"side {fields[self.side]!r} is none of bid, ask, BUY, SELL")
        size = exact_units(fields[self.size])
        if size == 0 and key.kind == "last_trade_price":
            raise ValueError("a trade of size 0")
        return key, (side, exact_price(fields[self.price]), size)


class _Census:
    """Which tokens occur in which markets, and how often: a damaged id must not invent a token or a market."""

    def __init__(self) -> None:
        self._tokens: dict[str, Counter[str]] = {}
        self._slugs: dict[str, str] = {}

    def count(self, token: str, market: str, slug: str = "") -> None:
        """Count one message or row about `token`."""
        self._tokens.setdefault(token, Counter())[market] += 1
        self._slugs.setdefault(market, slug)

    def markets(self) -> list[Seen]:
        """Return each market with its tokens in order of appearance."""
        members: dict[str, list[str]] = {}
        for token, markets in self._tokens.items():
            members.setdefault(markets.most_common(1)[0][0], []).append(token)
        return [
            Seen(id=market, slug=self._slugs[market], tokens=self._pair(tokens), stand_in=not market.startswith("0x"))
            for market, tokens in members.items()
        ]

    def _pair(self, tokens: list[str]) -> tuple[str, ...]:
        """Drop tokens beyond the two most frequent, if they are so rare that they must be damage."""
        ranked = sorted(tokens, key=lambda token: -self._tokens[token].total())
        total = sum(self._tokens[token].total() for token in tokens)
        damaged = {token for token in ranked[2:] if self._tokens[token].total() * _RARE <= total}
        return tuple(token for token in tokens if token not in damaged)


class _Frames:
    """One market-channel frame a line, optionally after the local receive time in nanoseconds, which is not used."""

    def markets(self, lines: LineReader) -> list[Seen]:
        """Return the markets the frames name, each with its tokens."""
        decoder = FrameDecoder()
        census = _Census()
        for raw in _readable(lines):
            frame = _FRAME.fullmatch(raw or b"")
            for event in decoder.decode(frame[2]).events if frame else ():
                if isinstance(event, BookSnapshot | BookDelta | TradePrint | TickSizeChanged):
                    census.count(event.token, decoder.market(event.token) or "")
        return census.markets()

    def __call__(self, lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        """Yield messages in file order."""
        decoder = FrameDecoder()
        log.noted = decoder.unknown
        for raw in lines:
            if raw in (b"", b"PONG"):
                continue
            frame = _FRAME.fullmatch(raw or b"")
            events, faults = decoder.decode(frame[2]) if frame else ([], ["not a frame"])
            if faults and lines.torn:
                raise lines.truncated("the last frame has no end")
            for fault in faults:
                log.skip(lines.number, fault)
            for event in events:
                yield lines.number, event


def _has_level_rows(first: bytes) -> bool:
    return {b"asset_id", b"event_type"} <= set(first.replace(b'"', b"").split(b","))


def _is_segment(first: bytes) -> bool:
    return first == MAGIC.rstrip()


_KNOWN: Final[tuple[tuple[Callable[[bytes], object], Callable[[Path, Terms | None], Recording]], ...]] = (
    (is_history, read_history),
    (_is_segment, read_received),
    (is_table, read_table),
    (_has_level_rows, lambda path, terms: _open(path, "Polymarket level rows (CSV)", _Rows(), terms)),
    (is_prices, lambda path, _terms: read_prices(path)),
    (_FRAME.fullmatch, lambda path, terms: _open(path, _FRAMES, _Frames(), terms)),
    (is_series, lambda path, _terms: read_series(path)),
)
"""What tells each format by its first line, and opens it; the first that knows it does."""


def _readable(lines: LineReader) -> Iterator[bytes | None]:
    """Yield what can be read: a scan for markets leaves it to the reading of messages to report a cut file."""
    try:
        yield from lines
    except RecordingError as e:
        if e.id != "AGB-203":
            raise


def _open(path: Path, name: str, rows: _Rows | _Frames, overrides: Terms | None) -> Recording:
    seen = rows.markets(LineReader(path))
    if not seen:
        raise _unknown_format(path, "holds no message that could be read")
    markets, terms = settle_markets(seen, read_sidecar(path), overrides or Terms())
    source: Source = rows
    return Recording(path, name, markets, terms, source)


def _columns(lines: LineReader) -> _Columns:
    names = _fields(lines.first()) or []
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise _unknown_format(lines.path, f"has no column {', '.join(missing)}")
    at = {name: names.index(name) for name in names}
    return _Columns(
        width=len(names),
        asset=at["asset_id"],
        kind=at["event_type"],
        price=at["price"],
        side=at["side"],
        size=at["size"],
        hash=at["hash"],
        timestamp=at["timestamp"],
        slug=at.get("market_slug"),
        market=at.get("market_id"),
    )


def _fields(raw: bytes | None) -> list[str] | None:
    """Return the fields of a CSV line, None when it is none."""
    if raw is None:
        return None
    try:
        text = raw.decode()
        return next(csv.reader([text], strict=True), []) if '"' in text else text.split(",")
    except (UnicodeDecodeError, csv.Error):
        return None


def _unknown_format(path: Path, reason: str) -> RecordingError:
    return RecordingError(
        reason,
        id="AGB-202",
        path=path,
        line=1,
        remedy="docs/history.md lists the formats: .agh, folders of agbot record, level rows, frames, tables, series",
    )
