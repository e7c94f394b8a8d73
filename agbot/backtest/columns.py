"""A recording as columns: one row of 24 bytes a level, print or tick change, for loops that run over millions of them.

A message is one row, or a row and the `MORE` rows after it (further changes of one delta, levels of one snapshot).
Messages that do not fit a row (links, trust, references, terms, tokens nobody listed, prices beyond 32 bits) are kept
whole in `others`, and their row says which. What comes out of `groups` is what went in, message by message.
"""

from __future__ import annotations

import enum
import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import attrs
import msgspec
import numpy as np
import numpy.typing as npt

from agbot.errors import RecordingError
from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    Change,
    Level,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store.recording import Recording
from agbot.units import SCALE, TICKS

VERSION: Final = 1
SIZE_MAX: Final = 2**48
"""Larger sizes are no sizes: sums of them would not fit 64 bits."""
MARKETS_MAX: Final = 2**15

ROW: Final = np.dtype(
    [("ts_ns", "<i8"), ("size", "<i8"), ("price", "<i4"), ("book", "<u2"), ("kind", "u1"), ("side", "u1")]
)
"""`book` is twice the market's place, one more for its NO token; `side` BID or ASK, of a print 0 BUY or 1 SELL."""

Rows: TypeAlias = npt.NDArray[np.void]
_Row: TypeAlias = tuple[int, int, int, int, int, int]
_SIDES: Final = (Side.BUY, Side.SELL)


class Kind(enum.IntEnum):
    """What a row is. The numbers are the file's, and those of native/include/agbot/ag_replay.h."""

    OTHER = 0
    """`size` is the place in `others`."""
    CHANGE = 1
    """The first change of a delta."""
    MORE = 2
    """One more change of the delta, or level of the snapshot, before it."""
    SNAPSHOT = 3
    """A whole new book of the `MORE` rows after it; no level of its own."""
    TRADE = 4
    TICK = 5
    """`price` is the tick."""
    RESOLVED = 6
    """`book` is the winner's."""


@attrs.frozen(eq=False)
class Columns:
    """Market data as rows in time order.

    Args:
        markets: what the rows' `book` counts through.
        rows: of dtype `ROW`; times never go back.
        others: messages that fit no row.
    """

    markets: tuple[Market, ...]
    rows: Rows
    others: tuple[MarketData, ...] = ()

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """Return a recording's messages.

        Raises:
            RecordingError: the file ends too early.
        """
        return cls.of_groups(recording.markets, recording.groups())

    @classmethod
    def of_groups(cls, markets: Sequence[Market], groups: Iterable[tuple[int, Sequence[MarketData]]]) -> Self:
        """Return the messages of (timestamp ns, messages) groups in time order.

        Raises:
            ValueError: more than `MARKETS_MAX` markets, or a group goes back in time.
        """
        if len(markets) > MARKETS_MAX:
            raise ValueError(f"{len(markets)} markets, at most {MARKETS_MAX} fit")
        writer = _Writer(markets)
        for ts_ns, messages in groups:
            for message in messages:
                writer.add(ts_ns, message)
        rows = np.array(writer.rows, dtype=ROW)
        if np.any(np.diff(rows["ts_ns"]) < 0):
            raise ValueError("a group goes back in time")
        return cls(tuple(markets), rows, tuple(writer.others))

    @cached_property
    def bounds(self) -> npt.NDArray[np.int64]:
        """Return where groups begin, and behind the last of them, where it ends."""
        changes = np.flatnonzero(np.diff(self.rows["ts_ns"])) + 1
        return np.concatenate(([0], changes, [len(self.rows)])) if len(self.rows) else np.zeros(1, dtype=np.int64)

    @cached_property
    def flags(self) -> npt.NDArray[np.uint8]:
        """Return for each group whether a row of it is neither level nor print (1), and whether one is a print (2)."""
        kind = self.rows["kind"]
        slow = (kind == Kind.OTHER) | (kind == Kind.TICK) | (kind == Kind.RESOLVED)
        flags = slow.astype(np.uint8) | ((kind == Kind.TRADE).astype(np.uint8) << 1)
        return np.bitwise_or.reduceat(flags, self.bounds[:-1]) if len(self.rows) else flags

    @property
    def messages_held(self) -> int:
        """Return how many messages they hold."""
        return int(np.count_nonzero(self.rows["kind"] != Kind.MORE))

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of markets, rows and other messages, whatever file they are in."""
        said = hashlib.sha256(b"agbot columns 1\0")
        for part in (_encode(self.markets), self.rows.tobytes(), _encode(self.others)):
            said.update(len(part).to_bytes(8, "big") + part)
        return said.hexdigest()

    @cached_property
    def plain(self) -> bool:
        """Return whether every book message is in the rows, with prices and sizes that a grid of ticks can hold."""
        price, size, kind = self.rows["price"], self.rows["size"], self.rows["kind"]
        level = (kind == Kind.CHANGE) | (kind == Kind.MORE)
        sized = (size >= 0) & (size <= SIZE_MAX)
        priced = (price > 0) & (price < SCALE) & (price % TICKS[-1] == 0)
        bad = (level & ~(sized & priced)) | ((kind == Kind.TRADE) & ~sized)
        return not (np.any(bad) or any(isinstance(message, _IN_ROWS) for message in self.others))

    def groups(self) -> Iterator[tuple[int, list[MarketData]]]:
        """Yield (timestamp ns, messages), one group a timestamp, for the loops that take messages."""
        for low, high in pairwise(self.bounds.tolist()):
            yield int(self.rows["ts_ns"][low]), self.messages(low, high)

    def messages(self, low: int, high: int) -> list[MarketData]:
        """Return the messages of the rows from `low` to before `high`; both are ends of messages."""
        rows: list[_Row] = self.rows[low:high].tolist()
        found, at = [], 0
        while at < len(rows):
            end = at + 1
            while end < len(rows) and rows[end][4] == Kind.MORE:
                end += 1
            found.append(self._message(rows[at:end]))
            at = end
        return found

    def _message(self, rows: Sequence[_Row]) -> MarketData:
        ts_ns, size, price, book, kind, side = rows[0]
        if kind == Kind.OTHER:
            return self.others[size]
        market = self.markets[book // 2]
        token = market.no if book % 2 else market.yes
        match kind:
            case Kind.CHANGE:
                return BookDelta(token, tuple((row[5], row[2], row[1]) for row in rows), ts_ns)
            case Kind.SNAPSHOT:
                return BookSnapshot(token, _levels(rows, BID), _levels(rows, ASK), ts_ns)
            case Kind.TRADE:
                return TradePrint(token, _SIDES[side], price, size, ts_ns)
            case Kind.TICK:
                return TickSizeChanged(token, price, ts_ns)
            case _:
                return MarketResolved(market.id, token, ts_ns)

    def save(self, path: str | Path) -> None:
        """Write an .npz file that appears complete or not at all.

        Raises:
            RecordingError: AGB-562 the file cannot be written.
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        texts = {name: np.frombuffer(_encode(of), dtype=np.uint8) for name, of in self._texts().items()}
        try:
            with part.open("wb") as out:
                np.savez_compressed(out, allow_pickle=False, rows=self.rows, **texts)
            os.replace(part, path)
        except OSError as e:
            part.unlink(missing_ok=True)
            raise RecordingError(f"cannot be written: {e.strerror}", id="AGB-562", path=path) from e

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RecordingError: AGB-561 it cannot be read, is no such file, or is not what was written.
        """
        path = Path(path)
        try:
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                version, digest = msgspec.json.decode(file["about"].tobytes(), type=tuple[int, str])
                markets = msgspec.json.decode(file["markets"].tobytes(), type=tuple[Market, ...])
                others = msgspec.json.decode(file["others"].tobytes(), type=tuple[MarketData, ...])
                found = cls(markets, file["rows"], others)
        except OSError as e:
            raise _unreadable(path, e.strerror or str(e)) from e
        except (KeyError, ValueError, EOFError, zipfile.BadZipFile, msgspec.MsgspecError) as e:
            raise _unreadable(path, f"it holds no columns: {e}") from e
        if version != VERSION:
            raise _unreadable(path, f"version {version}, this agbot reads {VERSION}")
        if fault := found._fault() or ("" if found.digest == digest else "what it holds is not what was written"):
            raise _unreadable(path, fault)
        return found

    def _texts(self) -> dict[str, Any]:
        return {"about": (VERSION, self.digest), "markets": self.markets, "others": self.others}

    def _fault(self) -> str:
        """Return what makes rows impossible, empty when they can be read."""
        rows, kind = self.rows, self.rows["kind"] if self.rows.dtype == ROW else None
        if kind is None or rows.ndim != 1:
            return f"its rows are {rows.dtype} in {rows.ndim} dimensions"
        more, named = kind == Kind.MORE, (kind != Kind.OTHER)
        headed = np.isin(kind[:-1], (Kind.CHANGE, Kind.MORE, Kind.SNAPSHOT)) & (np.diff(rows["ts_ns"]) == 0)
        headed &= rows["book"][1:] == rows["book"][:-1]
        other = rows["size"][~named]
        bad = np.any(kind > Kind.RESOLVED) or np.any(np.diff(rows["ts_ns"]) < 0) or np.any(rows["side"] > ASK)
        bad = (
            bad or np.any(rows["book"][named] >= 2 * len(self.markets)) or np.any(more[1:] & ~headed) or more[:1].any()
        )
        bad = bad or np.any((other < 0) | (other >= len(self.others)))
        return "its rows are no messages" if bad else ""


class _Writer:
    """Turns messages into rows."""

    def __init__(self, markets: Sequence[Market]) -> None:
        self.rows: list[_Row] = []
        self.others: list[MarketData] = []
        self._books = {t: 2 * i + j for i, m in enumerate(markets) for j, t in enumerate((m.yes, m.no))}
        self._yes = {market.id: 2 * i for i, market in enumerate(markets)}

    def add(self, ts_ns: int, message: MarketData) -> None:
        """Add one message."""
        rows = self._rows(message) if message.ts_ns == ts_ns else ()
        if not rows or not all(map(_fits, rows)):
            rows = [(0, len(self.others), 0, 0, Kind.OTHER, 0)]
            self.others.append(message)
        self.rows += [(ts_ns, *row[1:]) for row in rows]

    def _rows(self, message: MarketData) -> Sequence[_Row]:
        if isinstance(message, MarketResolved):
            book = self._books.get(message.winner, -1)
            ours = book >= 0 and self._yes.get(message.market) == book // 2 * 2
            return [(0, 0, 0, book, Kind.RESOLVED, 0)] if ours else ()
        if not isinstance(message, _IN_ROWS) or (book := self._books.get(message.token, -1)) < 0:
            return ()
        match message:
            case TradePrint():
                return [(0, message.size, message.price, book, Kind.TRADE, _SIDES.index(message.side))]
            case TickSizeChanged():
                return [(0, 0, message.tick, book, Kind.TICK, 0)]
            case BookDelta():
                kinds = [Kind.CHANGE, *[Kind.MORE] * len(message.changes)]
                return [_change(book, change, kind) for change, kind in zip(message.changes, kinds, strict=False)]
            case BookSnapshot():
                levels = [(BID, *level) for level in message.bids] + [(ASK, *level) for level in message.asks]
                return [(0, 0, 0, book, Kind.SNAPSHOT, 0), *[_change(book, level, Kind.MORE) for level in levels]]


_IN_ROWS: Final = (BookSnapshot, BookDelta, TradePrint, TickSizeChanged)


def _change(book: int, change: Change, kind: Kind) -> _Row:
    side, price, size = change
    return (0, size, price, book, kind, side)


def _fits(row: _Row) -> bool:
    _, size, price, _, _, side = row
    return -(2**63) <= size < 2**63 and -(2**31) <= price < 2**31 and side in (BID, ASK)


def _levels(rows: Sequence[_Row], side: int) -> tuple[Level, ...]:
    return tuple((row[2], row[1]) for row in rows[1:] if row[5] == side)


def _encode(what: object) -> bytes:
    return msgspec.json.encode(what)


def _unreadable(path: Path, reason: str) -> RecordingError:
    remedy = "write it again from the recording it was made of"
    return RecordingError(f"cannot be read as columns: {reason}", id="AGB-561", path=path, remedy=remedy)
