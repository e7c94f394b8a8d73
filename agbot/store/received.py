"""What a recorder kept as a `Recording`: frames decoded as the feeds decode them, doubts where a socket was lost.

A message takes effect at the venue's time of it, yet never before its socket was open nor after we had it: a book that
comes with a subscription bears the time of its last change, which may be hours ago.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs
import msgspec

from agbot.errors import RecordingError
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    MarketData,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.store.lines import LineReader
from agbot.store.recorder import segments_in
from agbot.store.recording import Numbered, ReadLog, Recording
from agbot.store.segment import CLOSED, FRAME, MISSED, OPENED, RESOLVED, Connection, Head, Record, Segment
from agbot.store.terms import Seen, Terms, read_sidecar, settle_markets
from agbot.venue.polymarket.wire import FrameDecoder
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.realtime import Prices, RealtimeDecoder
from agbot.venue.polymarket.wire.rtds import RtdsDecoder

MARKET, RTDS, REALTIME = "market", "rtds", "realtime"
"""What the sockets of a recorder are called."""
FORMAT: Final = "agbot frames"

_OF_A_TOKEN: Final = (BookDelta, BookSnapshot, TradePrint, TickSizeChanged)
_E = TypeVar("_E", bound=MarketData)


def read_received(path: Path, overrides: Terms | None = None) -> Recording:
    """Open a recorder's folder, or one of its segments.

    Args:
        path: a sidecar beside it replaces terms of its markets.
        overrides: terms that replace both.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 no segment in it, AGB-923 none with a whole head.
        ConfigError: AGB-204, AGB-205 a term does not fit the markets.
    """
    paths = segments_in(path) if path.is_dir() else [path]
    heads = _heads(paths)
    if not heads:
        remedy = "name a folder that agbot record wrote, or a recording's file"
        raise RecordingError("there is no segment of a recorder in it", id="AGB-202", path=path, remedy=remedy)
    listed: dict[MarketId, Market] = {market.id: market for head in heads for market in head.markets}
    seen = [Seen.of(market) for market in listed.values()]
    markets, terms = settle_markets(seen, read_sidecar(path), overrides or Terms())
    reading = _Reading(paths)
    return Recording(path, FORMAT, markets, terms, reading.messages, reading=reading)


def _heads(paths: Sequence[Path]) -> list[Head]:
    """Return the heads that can be read; the error of the last one when none can."""
    heads: list[Head] = []
    fault: RecordingError | None = None
    for path in paths:
        try:
            segment = Segment(path)
        except RecordingError as e:
            fault = e
            continue
        heads.append(segment.head)
        segment.close()
    if not heads and fault is not None:
        raise fault
    return heads


class _Reading:
    """One reading after the other of some segments. `fraction` is of their bytes."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.fraction = 0.0
        self._paths = paths

    def messages(self, _lines: LineReader, log: ReadLog) -> Iterator[Numbered]:
        """Yield messages in the order they came; a message's number is its frame's in the whole recording."""
        story = _Story(log)
        for done, path in enumerate(self._paths):
            try:
                segment = Segment(path)
            except RecordingError as e:
                log.skip(story.number, str(e))
                continue
            try:
                yield from self._segment(story, segment, done)
            finally:
                segment.close()
        self.fraction = 1.0

    def _segment(self, story: _Story, segment: Segment, done: int) -> Iterator[Numbered]:
        yield from story.begin(segment.head)
        damage = list(segment.damage)
        for block in segment.blocks:
            self.fraction = (done + block.offset / max(segment.size, 1)) / len(self._paths)
            while damage and damage[0][0] < block.offset:
                at, reason = damage.pop(0)
                yield from story.damaged(f"{segment.path.name}: at {at} {reason}")
            try:
                records = segment.records(block)
            except ValueError as e:
                yield from story.damaged(f"{segment.path.name}: block at {block.offset}: {e}")
                continue
            for record in records:
                yield from story.record(record)


@attrs.define
class _Link:
    socket: str
    opened_ns: int
    tokens: dict[TokenId, None] = attrs.field(factory=dict)


class _Story:
    """What follows from record after record. `number` counts frames."""

    def __init__(self, log: ReadLog) -> None:
        self.number = 0
        self._log = log
        self._run = ""
        self._now_ns = 0
        self._links: dict[int, _Link] = {}
        self._doubted: set[TokenId] = set()
        self._ended: set[MarketId] = set()
        self._newest: dict[tuple[str, str], int] = {}
        self._market = FrameDecoder()
        self._rtds = RtdsDecoder()
        self._realtime = RealtimeDecoder()
        log.noted = self._market.unknown

    def begin(self, head: Head) -> Iterator[Numbered]:
        """Begin a segment: another run's sockets are gone."""
        if head.run != self._run:
            yield from self._doubt(*self._links)
            self._links, self._run = {}, head.run
        for connection in head.open:
            self._links.setdefault(connection.number, _Link(connection.socket, connection.opened_ns))

    def damaged(self, why: str) -> Iterator[Numbered]:
        """Set a block aside: what it held is not known, so no book is."""
        self._log.skip(self.number, why)
        yield from self._doubt(*self._links)

    def record(self, record: Record) -> Iterator[Numbered]:
        """Take in one record."""
        self._now_ns = record.ts_ns
        if record.kind == FRAME:
            self.number += 1
            yield from self._frame(record)
        elif record.kind == OPENED:
            opened = msgspec.json.decode(record.payload, type=Connection)
            self._links[opened.number] = _Link(opened.socket, opened.opened_ns)
        elif record.kind in (CLOSED, MISSED):
            yield from self._doubt(record.connection)
            if record.kind == CLOSED:
                self._links.pop(record.connection, None)
        elif record.kind == RESOLVED:
            yield from self._resolved(msgspec.json.decode(record.payload, type=MarketResolved))

    def _doubt(self, *connections: int) -> Iterator[Numbered]:
        for link in (self._links[number] for number in connections if number in self._links):
            for token in link.tokens:
                if token not in self._doubted:
                    self._doubted.add(token)
                    yield self.number, BookTrust(token, Doubt.GAP, self._now_ns)

    def _frame(self, record: Record) -> Iterator[Numbered]:
        link = self._links.get(record.connection)
        if link is None:
            self._log.skip(self.number, f"a frame of connection {record.connection}, which nobody opened")
        elif link.socket == MARKET:
            yield from self._of_markets(link, record)
        else:
            newest = {(quote.source, quote.symbol): quote for quote in self._quotes(link, record.payload)}
            for quote in newest.values():  # of the history that comes with a subscription only the last is news
                yield from self._price(link, quote)

    def _of_markets(self, link: _Link, record: Record) -> Iterator[Numbered]:
        decoded = self._market.decode(record.payload)
        for fault in decoded.faults:
            self._log.skip(self.number, fault)
        for event in decoded.events:
            if isinstance(event, MarketResolved):
                yield from self._resolved(event)
                continue
            timed = self._timed(link, event)
            yield self.number, timed
            if isinstance(timed, _OF_A_TOKEN):
                link.tokens[timed.token] = None
            if isinstance(timed, BookSnapshot) and timed.token in self._doubted:
                self._doubted.discard(timed.token)
                yield self.number, BookTrust(timed.token, "", timed.ts_ns)

    def _resolved(self, event: MarketResolved) -> Iterator[Numbered]:
        if event.market not in self._ended:
            self._ended.add(event.market)
            yield self.number, msgspec.structs.replace(event, ts_ns=min(event.ts_ns, self._now_ns))

    def _quotes(self, link: _Link, payload: bytes) -> list[Quote]:
        if link.socket == RTDS:
            frame = self._rtds.decode(payload)
            faults, quotes = frame.faults, [item for item in frame.items if isinstance(item, Quote)]
        else:
            said = self._realtime.decode(payload)
            faults = said.faults
            quotes = [quote for one in said.messages if isinstance(one, Prices) for quote in one.quotes]
        for fault in faults:
            self._log.skip(self.number, fault)
        return quotes

    def _price(self, link: _Link, quote: Quote) -> Iterator[Numbered]:
        """Yield a price unless it repeats, or is older than the one before: as the feeds hand them over."""
        key = (quote.source, quote.symbol)
        if quote.carried or quote.ts_ns < self._newest.get(key, 0):
            return
        self._newest[key] = quote.ts_ns
        yield self.number, self._timed(link, ReferencePrice(quote.symbol, quote.source, quote.value, quote.ts_ns))

    def _timed(self, link: _Link, event: _E) -> _E:
        ts_ns = min(max(event.ts_ns, link.opened_ns), self._now_ns)
        return event if ts_ns == event.ts_ns else msgspec.structs.replace(event, ts_ns=ts_ns)
