"""The market data of a backtest: markets, groups of messages in time order, and a hash that names both."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import attrs
import msgspec

from agbot.backtest.columns import Columns
from agbot.backtest.generated import generated
from agbot.backtest.spec import DAY_NS, Generated, Sources
from agbot.core.ticks import TickWatch
from agbot.model.events import BookSnapshot, MarketData, MarketResolved
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.store.importers import open_recording
from agbot.store.recorder import segments_in
from agbot.store.recording import Recording
from agbot.units import NS_PER_S, SCALE
from agbot.venue.demo.markets import demo_markets
from agbot.venue.demo.simulation import DemoSimulation
from agbot.words import many

START_NS: Final = 1_735_689_600 * NS_PER_S
"""When a generated history begins: 2025-01-01T00:00:00Z."""
_CHUNK: Final = 1 << 20

Group: TypeAlias = tuple[int, Sequence[MarketData]]


class Source(Protocol):
    """What a backtest reads."""

    @property
    def markets(self) -> Sequence[Market]: ...

    def groups(self) -> Iterable[Group]:
        """Return ``(ts_ns, messages)`` in time order, from the top at each call."""
        ...


@attrs.frozen
class Opened:
    """A source with its name for people, and the hash of all it will say.

    `recordings` tell how far reading has come.
    """

    source: Source
    name: str
    hash: str
    recordings: tuple[Recording, ...] = ()

    @property
    def fraction(self) -> float:
        """Return how much was read, 0–1; 0 where nobody knows."""
        read = [recording.fraction for recording in self.recordings]
        return sum(read) / len(read) if read else 0.0


class Merged:
    """Several sources as one, merged by time; ticks that nobody announced are."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.markets = tuple({market.id: market for source in sources for market in source.markets}.values())

    def groups(self) -> Iterator[Group]:
        """Yield the groups of all of them, in time order."""
        ticks = TickWatch(self.markets)
        for ts_ns, group in heapq.merge(*(source.groups() for source in self._sources), key=itemgetter(0)):
            yield ts_ns, list(ticks.announce(group))


class Demo:
    """The demo's markets for a while; at the end each resolves, as likely as its last middle says."""

    def __init__(self, made: Generated) -> None:
        self._made = made
        self.markets: Sequence[Market] = demo_markets(made.seed)[: made.markets]

    def groups(self) -> Iterator[Group]:
        """Yield instants until the span is over, then the resolutions."""
        end_ns = START_NS + self._made.span_ns
        middles: dict[TokenId, int] = {}
        for ts_ns, messages in DemoSimulation(self._made.seed, self.markets, START_NS):
            if ts_ns >= end_ns:
                break
            middles.update(_middle(m) for m in messages if isinstance(m, BookSnapshot))
            yield ts_ns, messages
        yield end_ns, self._outcomes(end_ns, middles)

    def _outcomes(self, end_ns: int, middles: dict[TokenId, int]) -> list[MarketData]:
        dice = random.Random(f"outcomes {self._made.seed}")  # noqa: S311 - a simulation, not a secret
        events: dict[str, list[Market]] = {}
        for market in self.markets:
            events.setdefault(market.event_id or market.id, []).append(market)
        told: list[MarketData] = []
        for members in events.values():
            chances = [middles[m.yes] for m in members]
            nobody = max(0, SCALE - sum(chances))
            won = dice.choices([*members, None], weights=[*chances, nobody])[0]
            told += [MarketResolved(m.id, m.yes if m is won else m.no, end_ns) for m in members]
        return told


def open_data(data: Sources) -> Opened:
    """Return the source that `data` names. RecordingError or ConfigError: what the readers of its files raise."""
    if data.generated:
        return _made(data.generated)
    if data.columns:
        columns = Columns.load(data.columns)
        return Opened(columns, data.columns.name, columns.digest)
    recordings = tuple(open_recording(path, data.terms) for path in data.recordings)
    source = Merged(recordings)
    told = msgspec.msgpack.encode([source.markets, [_file_hash(path) for path in data.recordings]])
    return Opened(source, ", ".join(path.name for path in data.recordings), _hash(told), recordings)


def _made(wanted: Generated) -> Opened:
    if wanted.per_day is None:
        told = f"Generated(seed={wanted.seed}, span_ns={wanted.span_ns}, markets={wanted.markets})"
        return Opened(Demo(wanted), "generated", _hash(told.encode()))
    days = wanted.span_ns // DAY_NS
    made = generated(wanted.seed, markets=wanted.markets, days=days, per_day=wanted.per_day)
    return Opened(made, f"generated, {many(days, 'day')}", made.digest)


def _middle(book: BookSnapshot) -> tuple[TokenId, int]:
    return book.token, (max(book.bids)[0] + min(book.asks)[0]) // 2


def _file_hash(path: Path) -> str:
    """Return the hash of a file, or of all segments in a recorder's folder."""
    if path.is_dir():
        return _hash("".join(map(_file_hash, segments_in(path))).encode())
    stat = path.stat()
    return _hash_of(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash_of(path: Path, _size: int, _mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _hash(told: bytes) -> str:
    return hashlib.sha256(told).hexdigest()
