"""Observations as they lie on the disk: up to a minute of one series in one blob, and columns of them in memory."""

from __future__ import annotations

import zlib
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from agbot.units import NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S
HOUR_NS: Final = 60 * MINUTE_NS

PLAIN: Final = 0
PACKED: Final = 1
ROW: Final = np.dtype([("ts", "<i8"), ("value", "<f8")])
ROW_BYTES: Final = ROW.itemsize

Times: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.void]
Places: TypeAlias = npt.NDArray[np.intp]
Flags: TypeAlias = npt.NDArray[np.bool_]


class Columns(NamedTuple):
    """Buckets in time order: when each began, and what was observed in it."""

    ts: Times
    observed: Times
    minimum: Values
    maximum: Values
    total: Values
    last: Values


def rows_of(form: int, body: bytes) -> Rows:
    """Return the observations of one blob."""
    if form == PLAIN:
        return np.frombuffer(body, ROW)
    columns = np.frombuffer(zlib.decompress(body), "<i8").reshape(2, -1)
    rows = np.empty(columns.shape[1], ROW)
    rows["ts"] = np.cumsum(np.cumsum(columns[0]))
    rows["value"] = np.bitwise_xor.accumulate(columns[1]).view("<f8")
    return rows


def packed(rows: Rows) -> bytes:
    """Return observations as a blob of form `PACKED`: steps of steps of time and changed bits of values, deflated."""
    columns = np.empty((2, len(rows)), "<i8")
    columns[0] = _steps(_steps(rows["ts"]))
    bits = rows["value"].view("<i8") if rows["value"].flags.c_contiguous else rows["value"].copy().view("<i8")
    columns[1] = bits
    columns[1, 1:] ^= bits[:-1]
    return zlib.compress(columns.tobytes(), 6)


def _steps(values: Times) -> Times:
    return np.diff(values, prepend=np.int64(0))


def single(rows: Rows) -> Columns:
    """Return each observation as a bucket of its own."""
    values = rows["value"]
    return Columns(rows["ts"], np.ones(len(rows), np.int64), values, values, values, values)


def joined(parts: list[Columns]) -> Columns:
    """Return columns one after the other."""
    return Columns(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def starts(*keys: Times) -> Places:
    """Return where a new group begins in columns that are sorted by these keys."""
    changed = np.ones(len(keys[0]), bool)
    if len(changed):
        changed[1:] = False
        for key in keys:
            changed[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(changed)


def grouped(columns: Columns, step_ns: int) -> Columns:
    """Return wider buckets, of `step_ns` since the epoch."""
    ts = columns.ts // step_ns * step_ns
    at = starts(ts)
    if len(at) == len(ts):
        return columns._replace(ts=ts)
    ends = np.append(at[1:], len(ts)) - 1
    return Columns(
        ts[at],
        np.add.reduceat(columns.observed, at),
        np.minimum.reduceat(columns.minimum, at),
        np.maximum.reduceat(columns.maximum, at),
        np.add.reduceat(columns.total, at),
        columns.last[ends],
    )
