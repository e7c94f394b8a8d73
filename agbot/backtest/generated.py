"""A made-up history by a seed: for benches, tests, and strategies that want more markets than anybody recorded.

Every market's middle walks up and down a band of ticks, one tick at a time; bids and asks stand on `DEPTH` levels at
either side of it, so that no book is ever crossed or locked. A middle that moves does so because the best level was
eaten: the print comes first, of exactly what stood there. Other levels change their size; what is taken from a best
level is told by a print half of the time. All of it is integers of a hash of (seed, market, event): the same on every
platform and with every version.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from agbot.backtest.columns import ROW, Columns, Kind, Rows
from agbot.model.events import ASK, BID
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import NS_PER_S, SCALE

DEPTH: Final = 5
"""Levels on either side."""
START_NS: Final = 1_704_067_200 * NS_PER_S
"""2024-01-01 00:00 UTC"""
NS_PER_DAY: Final = 86_400 * NS_PER_S
MOVES: Final = 8
"""One event in so many moves the middle."""
SNAPSHOT_EVERY: Final = 1_440
"""Events between two snapshots."""
_SLOTS: Final = 2 * DEPTH + 1
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)

Ints = npt.NDArray[np.int64]


def generated(
    seed: int,
    *,
    markets: int = 5,
    days: int = 365,
    per_day: int = 1_440,
    tick: int = 10_000,
    mirrored: bool = True,
    start_ns: int = START_NS,
) -> Columns:
    """Return a history of `markets` markets over `days`, each with about `per_day` changes a day, resolved at the end.

    Args:
        tick: of every market, 10⁻⁶ usd; finer than 0.1 usd.
        mirrored: whether the NO book is told too, as the mirror of YES it is; twice the rows.

    Raises:
        ValueError: nothing would be in it, or the ticks leave no room for the levels.
    """
    if min(markets, days, per_day) < 1 or SCALE // tick < 4 * DEPTH:
        raise ValueError("a history has a market, a day, a change, and ticks for its levels")
    listed = tuple(_market(i, tick) for i in range(markets))
    end_ns = start_ns + days * NS_PER_DAY
    parts = [_of_market(_Draws(seed, i), i, days * per_day, tick, (start_ns, end_ns)) for i in range(markets)]
    rows = np.concatenate([_both_tokens(part) if mirrored else part for part in parts])
    return Columns(listed, rows[np.argsort(rows["ts_ns"], kind="stable")])


class _Draws:
    """Streams of hashes (splitmix64): `draw(n)` is another stream each time it is asked."""

    def __init__(self, seed: int, market: int) -> None:
        self._state = np.uint64(_mixed(np.array([seed % 2**64], np.uint64))[0]) ^ np.uint64(market << 32)

    def draw(self, count: int, below: int) -> Ints:
        """Return `count` integers from 0 to before `below`."""
        self._state = _mixed(np.array([self._state], np.uint64))[0]
        numbers = _mixed(self._state + np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN)
        return ((numbers >> np.uint64(33)) % np.uint64(below)).astype(np.int64)


def _mixed(of: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    mixed = (of ^ (of >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _market(i: int, tick: int) -> Market:
    name = f"generated-{i}"
    return Market(id=MarketId(name), yes=TokenId(f"{name}-yes"), no=TokenId(f"{name}-no"), tick=tick, slug=name)


def _of_market(draws: _Draws, market: int, events: int, tick: int, span_ns: tuple[int, int]) -> Rows:
    """Return one market's YES rows in order of time."""
    start_ns, end_ns = span_ns
    every = (end_ns - start_ns) // (events + 1)
    at = np.arange(events, dtype=np.int64)
    times = start_ns + at * every + draws.draw(events, every)
    snapshot = at % SNAPSHOT_EVERY == 0
    step = np.where(draws.draw(events, MOVES) == 0, 2 * draws.draw(events, 2) - 1, 0)
    step[snapshot] = 0
    low, high = 2 * DEPTH, SCALE // tick - 2 * DEPTH
    middle = _walk(low + int(draws.draw(1, high - low + 1)[0]), step, low, high)
    table = _Table(events)
    _snapshots(table, draws, snapshot, middle)
    _moves(table, draws, np.flatnonzero(np.diff(middle, prepend=middle[0])), middle)
    still = (np.diff(middle, prepend=middle[0]) == 0) & ~snapshot
    _changes(table, draws, np.flatnonzero(still), middle)
    rows = table.rows(times, tick, 2 * market)
    end = np.zeros(1, dtype=ROW)
    end["ts_ns"], end["kind"] = end_ns, Kind.RESOLVED
    won = int(draws.draw(1, SCALE // tick)[0]) < int(middle[-1])
    end["book"] = 2 * market + (0 if won else 1)
    return np.concatenate([rows, end])


def _walk(begin: int, steps: Ints, low: int, high: int) -> Ints:
    """Return where a walk stands after each step, turned back at `low` and `high`."""
    width = high - low
    turned = (begin - low + np.cumsum(steps)) % (2 * width)
    return low + width - np.abs(turned - width)


class _Table:
    """What every event says, in slots: a print first, then levels. A size of −1 says nothing."""

    def __init__(self, events: int) -> None:
        shape = (events, _SLOTS)
        self.kind = np.zeros(shape, dtype=np.uint8)
        self.side = np.zeros(shape, dtype=np.uint8)
        self.place = np.zeros(shape, dtype=np.int64)
        self.size = np.full(shape, -1, dtype=np.int64)

    def put(self, events: Ints, slot: int, kind: Kind, level: tuple[Any, Any, Any]) -> None:
        """Let events say (side, place in ticks, size) in a slot."""
        self.kind[events, slot] = kind
        self.side[events, slot], self.place[events, slot], self.size[events, slot] = level

    def rows(self, times: Ints, tick: int, book: int) -> Rows:
        """Return the rows, with the sizes of the prints: what the level that follows has lost."""
        lost = self._before()[:, 1] - self.size[:, 1]
        prints = self.kind[:, 0] == Kind.TRADE
        self.size[:, 0] = np.where(prints, np.where(lost > 0, lost, -1), self.size[:, 0])
        said = self.size >= 0
        rows = np.zeros(int(said.sum()), dtype=ROW)
        rows["ts_ns"] = np.repeat(times, said.sum(axis=1))
        rows["size"], rows["price"] = self.size[said], self.place[said] * tick
        rows["kind"], rows["side"], rows["book"] = self.kind[said], self.side[said], book
        return rows

    def _before(self) -> Ints:
        """Return what each level showed before it was told."""
        level = ((self.kind == Kind.CHANGE) | (self.kind == Kind.MORE)) & (self.size >= 0)
        key = (self.place * 2 + self.side)[level]
        order = np.argsort(key, kind="stable")
        before = np.zeros(len(key), dtype=np.int64)
        same = key[order][1:] == key[order][:-1]
        before[order[1:]] = np.where(same, self.size[level][order[:-1]], 0)
        found = np.zeros(self.size.shape, dtype=np.int64)
        found[level] = before
        return found


def _sizes(draws: _Draws, count: int) -> Ints:
    return (5 + draws.draw(count, 496)) * SCALE


def _snapshots(table: _Table, draws: _Draws, snapshot: npt.NDArray[np.bool_], middle: Ints) -> None:
    events = np.flatnonzero(snapshot)
    table.put(events, 0, Kind.SNAPSHOT, (0, 0, 0))
    for i in range(DEPTH):
        table.put(events, 1 + i, Kind.MORE, (BID, middle[events] - 1 - i, _sizes(draws, len(events))))
        table.put(events, 1 + DEPTH + i, Kind.MORE, (ASK, middle[events] + 1 + i, _sizes(draws, len(events))))


def _moves(table: _Table, draws: _Draws, events: Ints, middle: Ints) -> None:
    """Eat a best level, stand in its place's place, and keep `DEPTH` levels on both sides."""
    now, was = middle[events], middle[events - 1]
    up = now > was
    eaten, filled = np.where(up, ASK, BID), np.where(up, BID, ASK)
    step = now - was
    table.put(events, 0, Kind.TRADE, (np.where(up, 0, 1), now, 0))
    table.put(events, 1, Kind.CHANGE, (eaten, now, 0))
    table.put(events, 2, Kind.MORE, (filled, was, _sizes(draws, len(events))))
    table.put(events, 3, Kind.MORE, (filled, was - DEPTH * step, 0))
    table.put(events, 4, Kind.MORE, (eaten, now + DEPTH * step, _sizes(draws, len(events))))


def _changes(table: _Table, draws: _Draws, events: Ints, middle: Ints) -> None:
    """Give one level another size, the best one every other time."""
    count = len(events)
    side = draws.draw(count, 2)
    away = 1 + np.where(draws.draw(count, 2) == 0, 0, draws.draw(count, DEPTH))
    place = middle[events] + np.where(side == BID, -away, away)
    table.put(events, 1, Kind.CHANGE, (side, place, _sizes(draws, count)))
    told = (away == 1) & (draws.draw(count, 2) == 0)
    traded = events[told]
    table.put(traded, 0, Kind.TRADE, (1 - side[told], place[told], 0))


def _both_tokens(rows: Rows) -> Rows:
    """Add the NO book's rows behind the YES rows of every group but the last, which is the resolution."""
    told = rows[rows["kind"] != Kind.RESOLVED]
    level = (told["kind"] != Kind.TRADE) & (told["kind"] != Kind.RESOLVED)
    no = told[level].copy()
    sized = no["kind"] != Kind.SNAPSHOT
    no["book"] += 1
    no["price"] = np.where(sized, SCALE - no["price"], 0)
    no["side"] = np.where(sized, 1 - no["side"], 0)
    both = np.concatenate([told, no])
    return np.concatenate([both[np.argsort(both["ts_ns"], kind="stable")], rows[-1:]])
