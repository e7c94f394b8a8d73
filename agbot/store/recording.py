"""A recording: recorded market data, one group of messages a timestamp, whatever the file format."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

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
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.store.lines import LineReader

REORDER_WINDOW: Final = 1024
"""Messages may be this many places out of time order and are still sorted in; later ones are set aside."""
GROUP_LIMIT: Final = 100_000
"""Most messages in one group; a longer timestamp is given out in pieces."""
SKIPS_KEPT: Final = 20
"""Set-aside lines that are remembered with their reason; all are counted."""


class Skipped(NamedTuple):
    """A line that was set aside, and why."""

    line: int
    reason: str


class Term(NamedTuple):
    """One term of a market and where it came from: recording, sidecar, flag, default, or stand-in for an unknown id."""

    market: str
    key: str
    value: str
    origin: str


class ReadLog:
    """What reading a recording met.

    Attributes:
        counts: messages given out, by kind.
        rows: level rows read (CSV recordings only).
        skipped: the first `SKIPS_KEPT` lines set aside.
        skipped_count: all of them.
        noted: messages of a kind that holds no market data, by name.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self.rows = 0
        self.skipped: list[Skipped] = []
        self.skipped_count = 0

    def skip(self, line: int, reason: str) -> None:
        """Count a line that was set aside."""
        self.skipped_count += 1
        if len(self.skipped) < SKIPS_KEPT:
            self.skipped.append(Skipped(line, reason))


Numbered: TypeAlias = tuple[int, MarketData]
"""A message with the number of the line it ended on."""
Source: TypeAlias = Callable[[LineReader, ReadLog], Iterator[Numbered]]
"""Reads a file's messages in file order; calls `ReadLog.skip` for what it cannot read."""


class Reading(Protocol):
    """How much of a recording was read, 0–1."""

    @property
    def fraction(self) -> float: ...


class Recording:
    """Recorded market data that can be read as often as wanted, lazily, from the top each time.

    Attributes:
        format: what the file is, for people.
        markets: the markets it is about, with the terms in `terms`.
        log: counts of the current or last reading.
    """

    def __init__(
        self,
        path: Path,
        file_format: str,
        markets: tuple[Market, ...],
        terms: tuple[Term, ...],
        source: Source,
        *,
        reading: Reading | None = None,
    ) -> None:
        self.path = path
        self.format = file_format
        self.markets = markets
        self.terms = terms
        self.log = ReadLog()
        self._lines = LineReader(path)
        self._reading: Reading = reading or self._lines
        self._source = source
        self._fault: RecordingError | None = None

    @property
    def fraction(self) -> float:
        """Return how much of the file was read, 0–1."""
        return self._reading.fraction

    @property
    def skipped(self) -> list[Skipped]:
        """Return the first lines of the last reading that were set aside; `log.skipped_count` counts all."""
        return self.log.skipped

    def groups(self) -> Iterator[tuple[int, list[MarketData]]]:
        """Yield ``(ts_ns, messages)`` in time order, one group a timestamp.

        Raises:
            RecordingError: AGB-203 the file ends too early; everything that could be read was given out before.
        """
        self.log, self._fault = ReadLog(), None
        group: list[MarketData] = []
        for message in self._known(self._ordered()):
            if group and (message.ts_ns != group[0].ts_ns or len(group) >= GROUP_LIMIT):
                yield group[0].ts_ns, group
                group = []
            group.append(message)
            self.log.counts[KINDS[type(message)]] += 1
        if group:
            yield group[0].ts_ns, group
        if self._fault is not None:
            raise self._fault

    def messages(self) -> Iterator[MarketData]:
        """Yield the messages of `groups` one by one."""
        for _, group in self.groups():
            yield from group

    def _ordered(self) -> Iterator[Numbered]:
        """Sort by time, stably, within a bounded window."""
        waiting: list[tuple[int, int, int, MarketData]] = []
        newest = 0
        try:
            for place, (line, message) in enumerate(self._source(self._lines, self.log)):
                if message.ts_ns < newest:
                    self.log.skip(line, f"over {REORDER_WINDOW} messages late: time {message.ts_ns} after {newest}")
                    continue
                heapq.heappush(waiting, (message.ts_ns, place, line, message))
                if len(waiting) > REORDER_WINDOW:
                    newest, _, at, first = heapq.heappop(waiting)
                    yield at, first
        except RecordingError as e:
            self._fault = e
        while waiting:
            _, _, at, first = heapq.heappop(waiting)
            yield at, first

    def _known(self, messages: Iterator[Numbered]) -> Iterator[MarketData]:
        """Set aside messages about markets that are not listed: nobody could say what they mean."""
        tokens: set[TokenId] = {token for market in self.markets for token in (market.yes, market.no)}
        markets = {market.id for market in self.markets}
        for line, message in messages:
            if isinstance(message, MarketListed):
                tokens.update((message.market.yes, message.market.no))
                markets.add(message.market.id)
            elif isinstance(message, _TOKEN_MESSAGES) and message.token not in tokens:
                self.log.skip(line, f"token {message.token} belongs to no listed market")
                continue
            elif isinstance(message, MarketResolved) and message.market not in markets:
                self.log.skip(line, f"market {message.market} is not listed")
                continue
            yield message


_TOKEN_MESSAGES: Final = (BookSnapshot, BookDelta, TradePrint, TickSizeChanged, BookTrust)

KINDS: Final[dict[type[MarketData], str]] = {
    MarketListed: "market",
    BookSnapshot: "book",
    BookDelta: "delta",
    TradePrint: "trade",
    TickSizeChanged: "tick",
    MarketResolved: "resolved",
    LinkUp: "up",
    LinkDown: "down",
    BookTrust: "trust",
    ReferencePrice: "reference",
}
"""The word for each kind of message, in the history format and in counts."""
