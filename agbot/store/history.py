"""agbot's own recording format, `.agh`: see `docs/history.md`.

One JSON array a message, a header line first, gzip or plain. Prices, sizes and ticks are integers of 10⁻⁶, times are
UTC nanoseconds, so a round trip is exact. Lines are only ever appended; a reader needs bounded memory.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final, TypeAlias, cast

import msgspec

from agbot.errors import RecordingError
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    LinkDown,
    LinkUp,
    MarketData,
    MarketListed,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store.lines import LineReader
from agbot.store.recording import Numbered, ReadLog, Recording
from agbot.store.terms import Seen, Terms, read_sidecar, settle_markets

VERSION: Final = 1

_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
_Price: TypeAlias = Annotated[int, msgspec.Meta(gt=0, le=2**62)]
_Size: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Volume: TypeAlias = Annotated[int, msgspec.Meta(gt=0, le=2**62)]
_Edge: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1)]


class _Header(msgspec.Struct):
    agbot_history: int
    markets: tuple[Market, ...]
    sealed: bool = False
    source: str = ""


class _Line(msgspec.Struct, array_like=True, gc=False):
    ts_ns: _Time


class _Market(_Line, tag="market"):
    market: Market


class _Book(_Line, tag="book"):
    token: str
    bids: tuple[tuple[_Price, _Volume], ...]
    asks: tuple[tuple[_Price, _Volume], ...]


class _Delta(_Line, tag="delta"):
    token: str
    changes: tuple[tuple[_Edge, _Price, _Size], ...]


class _Trade(_Line, tag="trade"):
    token: str
    side: Side
    price: _Price
    size: _Volume


class _Tick(_Line, tag="tick"):
    token: str
    tick: _Price


class _Resolved(_Line, tag="resolved"):
    market: str
    winner: str


class _Up(_Line, tag="up"):
    feed: str


class _Down(_Line, tag="down"):
    feed: str
    reason: str


class _Trust(_Line, tag="trust"):
    token: str
    cause: str


class _Reference(_Line, tag="reference"):
    symbol: str
    source: str
    value: _Volume


class _End(msgspec.Struct, array_like=True, tag="end"):
    messages: int


_Fact: TypeAlias = _Market | _Book | _Delta | _Trade | _Tick | _Resolved | _Up | _Down | _Trust | _Reference
_decoder: Final = msgspec.json.Decoder(_Fact | _End)
_header_decoder: Final = msgspec.json.Decoder(_Header)
_encoder: Final = msgspec.json.Encoder()


def is_history(first_line: bytes) -> bool:
    """Return whether a file that starts with `first_line` is in this format."""
    return first_line.startswith(b'{"agbot_history"')


def read_history(path: str | Path, overrides: Terms | None = None) -> Recording:
    """Open a history file; its messages are read lazily by `Recording.groups`.

    Args:
        path: the file, gzip or plain. A sidecar beside it replaces terms of its header.
        overrides: terms that replace both.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 not this format or another version, AGB-203 no whole header.
        ConfigError: AGB-204, AGB-205 a term does not fit the markets.
    """
    path = Path(path)
    lines = LineReader(path)
    header = _read_header(lines, lines.first())
    seen = [Seen.of(market) for market in header.markets]
    markets, terms = settle_markets(seen, read_sidecar(path), overrides or Terms())

    def messages(lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        return _messages(lines, log, sealed=header.sealed)

    return Recording(path, "agbot history", markets, terms, messages)


def write_history(
    path: str | Path,
    markets: Sequence[Market],
    messages: Iterable[MarketData],
    *,
    source: str = "",
    compress: bool = True,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write a whole recording and return the number of messages; `path` appears complete or not at all.

    Args:
        path: the file to write; replaced if it is there.
        markets: the markets the messages are about.
        messages: in time order.
        source: what it was made from, for people.
        compress: gzip the file.
        progress: called with the number of messages written so far, once a message.

    Raises:
        ValueError: a message goes back in time.
        RecordingError: AGB-206 the file cannot be written.
    """
    path = Path(path)
    header = _Header(agbot_history=VERSION, markets=tuple(markets), sealed=True, source=source)
    with replacing(path, compress) as out:
        out.write(_encoder.encode(header) + b"\n")
        count = 0
        for count, line in enumerate(_encoded(messages), 1):
            out.write(line)
            if progress is not None:
                progress(count)
        out.write(_encoder.encode(_End(count)) + b"\n")
    return count


def encode_message(message: MarketData) -> bytes:
    """Return one line of the format, with its newline."""
    return _encoder.encode(_to_line(message)) + b"\n"


def _encoded(messages: Iterable[MarketData]) -> Iterator[bytes]:
    newest = 0
    for message in messages:
        if message.ts_ns < newest:
            raise ValueError(f"message at {message.ts_ns} comes after one at {newest}")
        newest = message.ts_ns
        yield encode_message(message)


def _read_header(lines: LineReader, first: bytes | None) -> _Header:
    remedy = "give a file written by agbot, or convert one with: agbot import FILE"
    if first is None or not is_history(first):
        raise RecordingError("is not an agbot history file", id="AGB-202", path=lines.path, line=1, remedy=remedy)
    if lines.torn:
        raise lines.truncated("the header has no end")
    try:
        version = msgspec.json.decode(first, type=dict[str, object]).get("agbot_history")
        if version != VERSION:
            raise RecordingError(
                f"is history version {version}; this agbot reads version {VERSION}",
                id="AGB-202",
                path=lines.path,
                line=1,
                key="agbot_history",
                remedy="read it with the agbot that wrote it, or a newer one",
            )
        return _header_decoder.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise RecordingError(f"bad header: {e}", id="AGB-202", path=lines.path, line=1, remedy=remedy) from e


def _messages(lines: LineReader, log: ReadLog, *, sealed: bool) -> Iterator[Numbered]:
    """Decode every line after the header; `sealed` files must end with their end line."""
    ended = False
    for raw in lines:
        if lines.number == 1 or raw == b"":
            continue
        try:
            if raw is None:
                raise ValueError("the line is too long")
            line = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as e:
            if lines.torn:
                raise lines.truncated("the last line has no end") from e
            log.skip(lines.number, f"not a message: {e}")
            continue
        if isinstance(line, _End):
            ended = True
            if line.messages != lines.number - 2:
                log.skip(lines.number, f"the end line counts {line.messages} messages, there are {lines.number - 2}")
        else:
            yield lines.number, _to_message(line)
    if sealed and not ended:
        raise lines.truncated("the end line is missing")


def _to_message(line: _Fact) -> MarketData:  # noqa: PLR0911 - one return a kind
    match line:
        case _Book():
            return BookSnapshot(TokenId(line.token), line.bids, line.asks, line.ts_ns)
        case _Delta():
            return BookDelta(TokenId(line.token), line.changes, line.ts_ns)
        case _Trade():
            return TradePrint(TokenId(line.token), line.side, line.price, line.size, line.ts_ns)
        case _Tick():
            return TickSizeChanged(TokenId(line.token), line.tick, line.ts_ns)
        case _Resolved():
            return MarketResolved(MarketId(line.market), TokenId(line.winner), line.ts_ns)
        case _Market():
            return MarketListed(line.market, line.ts_ns)
        case _Up():
            return LinkUp(line.feed, line.ts_ns)
        case _Down():
            return LinkDown(line.feed, line.reason, line.ts_ns)
        case _Trust():
            return BookTrust(TokenId(line.token), line.cause, line.ts_ns)
        case _Reference():
            return ReferencePrice(line.symbol, line.source, line.value, line.ts_ns)


def _to_line(m: MarketData) -> _Fact:  # noqa: PLR0911 - one return a kind
    match m:
        case BookSnapshot():
            return _Book(m.ts_ns, m.token, m.bids, m.asks)
        case BookDelta():
            return _Delta(m.ts_ns, m.token, m.changes)
        case TradePrint():
            return _Trade(m.ts_ns, m.token, m.side, m.price, m.size)
        case TickSizeChanged():
            return _Tick(m.ts_ns, m.token, m.tick)
        case MarketResolved():
            return _Resolved(m.ts_ns, m.market, m.winner)
        case MarketListed():
            return _Market(m.ts_ns, m.market)
        case LinkUp():
            return _Up(m.ts_ns, m.feed)
        case LinkDown():
            return _Down(m.ts_ns, m.feed, m.reason)
        case BookTrust():
            return _Trust(m.ts_ns, m.token, m.cause)
        case ReferencePrice():
            return _Reference(m.ts_ns, m.symbol, m.source, m.value)


@contextmanager
def replacing(path: Path, compress: bool) -> Iterator[BinaryIO]:
    """Yield a stream to a temporary neighbour of `path` that takes its place, durably, when the block succeeds."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as raw:
            if compress:
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0) as stream:
                    yield cast("BinaryIO", stream)
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        part.replace(path)
        _sync_directory(path.parent)
    except OSError as e:
        raise _unwritable(path, e) from e
    finally:
        part.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, e: OSError) -> RecordingError:
    return RecordingError(
        f"cannot be written: {e.strerror or e}",
        id="AGB-206",
        path=path,
        remedy="choose another place with -o FILE, or make room",
    )
