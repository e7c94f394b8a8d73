"""Writing metrics: observations in blobs of up to a minute, and roll-ups of minutes and hours that are always right.

Theory of operation. A batch is sorted by series and time. What comes after the newest stored observation of its series
is appended, to the newest blob while that is short and of the same minute, else as a blob of its own. What does not is
late, or told again: the blobs of its minute are read, and only what is new in them is merged in. Roll-ups then take in
exactly the observations that are new, in the transaction that stores these, so they are never behind.

A blob, not a row, for an observation: SQLite takes 2 to 3 µs for a row with a key of two columns, and 25 bytes for
what packs into 3.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from agbot.store.embedded.chunks import (
    HOUR_NS,
    MINUTE_NS,
    PACKED,
    PLAIN,
    ROW,
    ROW_BYTES,
    Flags,
    Places,
    Rows,
    Times,
    Values,
    packed,
    rows_of,
    starts,
)
from agbot.store.embedded.schema import reported, writing
from agbot.store.rows import Labels, MetricRow

BODY_MAX: Final = 256 * ROW_BYTES
"""A blob that has grown to this is left as it is."""
PACK_MAX: Final = 20_000
"""Blobs that wait to be packed; what is beyond stays plain until a vacuum."""

_PUT: Final = "insert or replace into chunk values (?, ?, ?, ?)"
_ROLL: Final = """insert into {} values (?, ?, ?, ?, ?, ?, ?, ?) on conflict do update set
    observed = observed + excluded.observed, minimum = min(minimum, excluded.minimum),
    maximum = max(maximum, excluded.maximum), total = total + excluded.total,
    last = iif(excluded.last_ns > last_ns, excluded.last, last), last_ns = max(last_ns, excluded.last_ns)"""


class _Tail(NamedTuple):
    """The newest blob of a series."""

    ts: int
    last_ns: int
    body: bytes


_NOTHING: Final = _Tail(-1, -1, b"")


class MetricWriter:
    """The only writer of a metrics file. Not for two threads at once."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path
        self._ids: dict[tuple[str, Labels], int] = {}
        self._tails: dict[int, _Tail] = {}
        self._closed: list[tuple[int, int]] = []
        with reported(path):
            self._load()

    def insert(self, rows: Sequence[MetricRow]) -> None:
        """Store observations in one transaction. ValueError for a value that is not finite, StoreError AGB-901.

        One older than what `prune` left is not stored: its roll-ups could not be kept right.
        """
        if not rows:
            return
        try:
            with reported(self._path), writing(self._db):
                self._insert(rows)
        except BaseException:
            self._load()  # what was remembered of this batch is not there
            raise

    def pack(self, most: int = 500) -> int:
        """Deflate blobs that nothing is appended to any more; returns how many. They read as before."""
        batch, self._closed = self._closed[:most], self._closed[most:]
        if not batch:
            return 0
        with reported(self._path), writing(self._db):
            self._pack(batch)
        return len(batch)

    def pack_all(self) -> int:
        """Deflate every blob that is plain and is not the newest of its series; returns how many."""
        with reported(self._path):
            found = self._db.execute("select series, ts from chunk where form = 0").fetchall()
            newest = dict(self._db.execute("select series, max(ts) from chunk group by series"))
            self._closed = [(series, ts) for series, ts in found if newest[series] != ts]
        total = 0
        while done := self.pack():
            total += done
        return total

    def prune(self, *, chunks_ns: int, minutes_ns: int, hours_ns: int) -> int:
        """Forget observations and roll-ups before these times, in whole hours; returns how many rows went."""
        with reported(self._path), writing(self._db):
            gone = 0
            for table, before in (("chunk", chunks_ns), ("minute", minutes_ns), ("hour", hours_ns)):
                edge = before // HOUR_NS * HOUR_NS
                gone += self._db.execute(f"delete from {table} where ts < ?", (edge,)).rowcount  # noqa: S608
                self._db.execute(
                    "insert into horizon values (?, ?) on conflict do update set ts = max(ts, excluded.ts)",
                    (table, edge),
                )
            self._db.execute("delete from series where id not in (select series from hour)")
        with reported(self._path):
            self._load()
            self._db.execute("pragma incremental_vacuum(10000)").fetchall()
        return gone

    def _load(self) -> None:
        series = self._db.execute("select id, name, labels from series")
        self._ids = {(name, labels_in(labels)): id_ for id_, name, labels in series}
        horizon = self._db.execute("select max(ts) from horizon where kind = 'chunk'").fetchone()
        self._horizon: int = horizon[0] or 0
        self._tails = {}
        self._closed = []

    def _insert(self, rows: Sequence[MetricRow]) -> None:
        ids, found = self._sorted(rows)
        if not len(ids):
            return
        minutes = found["ts"] // MINUTE_NS
        at = starts(ids, minutes)
        fresh = self._append(ids, found, at)
        if fresh is not None:
            ids, found = ids[fresh], found[fresh]
        for table, step in (("minute", MINUTE_NS), ("hour", HOUR_NS)):
            self._roll(table, ids, found["ts"] // step * step, found)

    def _sorted(self, rows: Sequence[MetricRow]) -> tuple[Times, Rows]:
        """Return (series, observations) by series and time, each instant once: as it was told first."""
        times, names, labels, values = zip(*rows, strict=True)
        ids = list(map(self._ids.get, zip(names, labels, strict=True)))
        if None in ids:
            ids = [self._id(name, label) for name, label in zip(names, labels, strict=True)]
        series, ts = np.array(ids, np.int64), np.array(times, np.int64)
        found = np.array(values, np.float64)
        if not np.isfinite(found).all():
            raise ValueError("a metric's value must be finite")
        order = np.lexsort((ts, series))
        series, ts = series[order], ts[order]
        observations = np.empty(len(rows), ROW)
        observations["ts"], observations["value"] = ts, found[order]
        first = starts(series, ts)
        if len(first) < len(rows):
            series, observations = series[first], observations[first]
        if observations["ts"].min() < self._horizon:
            kept = observations["ts"] >= self._horizon
            series, observations = series[kept], observations[kept]
        return series, observations

    def _id(self, name: str, labels: Labels) -> int:
        key = (name, labels)
        found = self._ids.get(key)
        if found is None:
            row = (name, labels_text(labels))
            self._db.execute("insert or ignore into series (name, labels) values (?, ?)", row)
            (found,) = self._db.execute("select id from series where name = ? and labels = ?", row).fetchone()
            self._ids[key] = found
        assert found is not None
        return found

    def _append(self, ids: Times, found: Rows, at: Places) -> Flags | None:
        """Store blobs; returns which observations are new, None for all of them."""
        body, bounds = found.tobytes(), [*at.tolist(), len(ids)]
        series, firsts = ids[at].tolist(), found["ts"][at].tolist()
        lasts = found["ts"][np.append(at[1:], len(ids)) - 1].tolist()
        put: dict[tuple[int, int], bytes] = {}
        late = []
        for i, (low, high) in enumerate(pairwise(bounds)):
            id_, first = series[i], firsts[i]
            tail = self._tails.get(id_) or self._tail(id_)
            if first <= tail.last_ns:
                late.append(i)
                continue
            ts, more = first, body[low * ROW_BYTES : high * ROW_BYTES]
            if first // MINUTE_NS == tail.ts // MINUTE_NS and len(tail.body) < BODY_MAX:
                ts, more = tail.ts, tail.body + more
            elif tail.body and len(self._closed) < PACK_MAX:
                self._closed.append((id_, tail.ts))
            self._tails[id_] = _Tail(ts, lasts[i], more)
            put[id_, ts] = more
        self._db.executemany(_PUT, [(id_, ts, PLAIN, more) for (id_, ts), more in put.items()])
        return self._late(found, [(series[i], bounds[i], bounds[i + 1]) for i in late]) if late else None

    def _late(self, found: Rows, groups: list[tuple[int, int, int]]) -> Flags:
        """Merge what is not newer than its series; returns which observations are new."""
        fresh = np.ones(len(found), bool)
        for id_, low, high in groups:
            fresh[low:high] = self._merge(id_, found[low:high])
        return fresh

    def _merge(self, id_: int, told: Rows) -> Flags:
        minute = int(told["ts"][0]) // MINUTE_NS * MINUTE_NS
        within = (id_, minute, minute + MINUTE_NS)
        blobs = self._db.execute("select form, body from chunk where series = ? and ts >= ? and ts < ?", within)
        parts = [rows_of(form, body) for form, body in blobs]
        there = np.concatenate(parts) if parts else np.empty(0, ROW)
        fresh = ~np.isin(told["ts"], there["ts"])
        if fresh.any():
            merged = np.concatenate((there, told[fresh]))
            merged = merged[np.argsort(merged["ts"], kind="stable")]
            self._db.execute("delete from chunk where series = ? and ts >= ? and ts < ?", within)
            self._db.execute(_PUT, (id_, int(merged["ts"][0]), PLAIN, merged.tobytes()))
            self._tails.pop(id_, None)
        return fresh

    def _tail(self, id_: int) -> _Tail:
        """Return (and remember) the newest blob of a series."""
        newest = "select ts, form, body from chunk where series = ? order by ts desc limit 1"
        row = self._db.execute(newest, (id_,)).fetchone()
        tail = _NOTHING
        if row is not None:
            rows = rows_of(row[1], row[2])
            tail = _Tail(row[0], int(rows["ts"][-1]), rows.tobytes())
        self._tails[id_] = tail
        return tail

    def _roll(self, table: str, ids: Times, buckets: Times, found: Rows) -> None:
        at = starts(ids, buckets)
        if not len(at):
            return
        last = np.append(at[1:], len(ids)) - 1
        values: Values = np.ascontiguousarray(found["value"])
        columns = (
            ids[at],
            buckets[at],
            last - at + 1,
            np.minimum.reduceat(values, at),
            np.maximum.reduceat(values, at),
            np.add.reduceat(values, at),
            values[last],
            found["ts"][last],
        )
        self._db.executemany(_ROLL.format(table), zip(*(c.tolist() for c in columns), strict=True))

    def _pack(self, keys: Sequence[tuple[int, int]]) -> None:
        rows = []
        for key in keys:
            found = self._db.execute("select body from chunk where series = ? and ts = ? and form = 0", key).fetchone()
            if found is not None:
                rows.append((PACKED, packed(rows_of(PLAIN, found[0])), *key))
        self._db.executemany("update chunk set form = ?, body = ? where series = ? and ts = ?", rows)


def labels_text(labels: Labels) -> str:
    """Return labels as they are stored: JSON, sorted by name."""
    return json.dumps(dict(sorted(labels)), ensure_ascii=False, separators=(",", ":"))


def labels_in(text: str) -> Labels:
    """Return stored labels."""
    return tuple(json.loads(text).items())
