"""Keeps received frames in a folder of segments. `docs/record.md` has what a crash leaves and what stops it.

Theory of operation: the task that receives calls `frames`, `opened` and `closed`, which only append to a buffer. Once a
second, or when a block is full, it `take`s the buffer, and one worker thread at a time may `write` it. So nothing that
receives waits for the disk, and only what was not yet written is lost with the process.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.errors import ConfigError, RecordingError, StoreError
from agbot.log import get_logger
from agbot.model.events import MarketResolved
from agbot.model.market import Market
from agbot.store.packing import Packer
from agbot.store.segment import (
    CLOSED,
    FRAME,
    MISSED,
    OPENED,
    RESOLVED,
    SUFFIX,
    Connection,
    Head,
    Record,
    SegmentWriter,
    encode_record,
    record_head,
    recover,
    repack,
)
from agbot.units import NS_PER_S

BACKLOG_MAX: Final = 64 * 2**20
"""Bytes that wait for the disk; frames beyond are counted, and marked in the recording."""
LOCK_NAME: Final = ".lock"
_MIB: Final = 2**20

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Bounds:
    """How large and long things get.

    Args:
        segment_bytes, segment_ns: a new segment begins when one is as large on disk, or its frames span as long.
        block_bytes: unpacked, of one block.
        size_max: bytes of the whole folder, None without a bound: `FrameRecorder.full` says that it is reached.
        free_min: bytes that stay free on the disk.
    """

    segment_bytes: int = 256 * _MIB
    segment_ns: int = 3600 * NS_PER_S
    block_bytes: int = _MIB
    size_max: int | None = None
    free_min: int = 1024 * _MIB


@attrs.frozen
class Batch:
    """Encoded records that wait for the disk, and the sockets that were open before the first of them."""

    content: bytearray
    records: int
    first_ns: int
    last_ns: int
    open: tuple[Connection, ...]


@attrs.define
class Written:
    """What was kept so far: frames and their bytes as received, blocks and bytes on disk, frames that were missed."""

    frames: int = 0
    received: int = 0
    stored: int = 0
    segments: int = 0
    missed: int = 0


class DiskFullError(StoreError):
    """Recording stopped because the disk is nearly full; what was recorded is whole."""


class FrameRecorder:
    """Writer of one folder.

    Attributes:
        written: what was kept by this recorder.
        recovered: (file, bytes cut) of segments that an earlier recorder had not ended.

    Raises:
        ConfigError: AGB-920, the folder cannot be used, or another recorder uses it.
        DiskFullError: AGB-921, the disk has no room to begin with.
    """

    def __init__(
        self,
        directory: Path,
        *,
        markets: Sequence[Market],
        packer: Packer,
        now_ns: Callable[[], int],
        version: str = "",
        bounds: Bounds | None = None,
    ) -> None:
        self.directory = directory
        self.bounds = bounds or Bounds()
        self.written = Written()
        self.recovered: list[tuple[str, int]] = []
        self._markets = tuple(markets)
        self._packer = packer
        self._now_ns = now_ns
        self._version = version
        self._lock = _locked(directory)
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise
        self._run = time.strftime("%Y%m%dT%H%M%S", time.gmtime(now_ns() // NS_PER_S)) + f"-{os.getpid()}"
        self._segment: SegmentWriter | None = None
        self._before = sum(path.stat().st_size for path in segments_in(directory))
        self._buffer = bytearray()
        self._records = 0
        self._first_ns = self._last_ns = 0
        self._open: dict[int, Connection] = {}
        self._open_before: tuple[Connection, ...] = ()
        self._opened = 0
        self._missed: dict[int, int] = {}
        try:
            self._guard(0)
        except DiskFullError:
            os.close(self._lock)
            raise

    # -- what is received: of the task that receives -----------------------------------------------------------------

    def opened(self, socket: str, url: str) -> int:
        """Note that a socket opened; returns the number its frames go by."""
        self._opened += 1
        now_ns = self._now_ns()
        connection = Connection(number=self._opened, socket=socket, url=url, opened_ns=now_ns)
        self._open[connection.number] = connection
        self._add(Record(now_ns, connection.number, OPENED, msgspec.json.encode(connection)))
        return connection.number

    def closed(self, connection: int, reason: str) -> None:
        """Note that a socket closed."""
        del self._open[connection]
        self._missed.pop(connection, None)
        self._add(Record(self._now_ns(), connection, CLOSED, reason.encode()))

    def frames(self, connection: int, payloads: Sequence[bytes]) -> None:
        """Keep what one read of a socket brought; it all bears the time of now."""
        now_ns = self._now_ns()
        if len(self._buffer) > BACKLOG_MAX:
            self.written.missed += len(payloads)
            self._missed[connection] = self._missed.get(connection, 0) + len(payloads)
            return
        if connection in self._missed:
            self._add(Record(now_ns, connection, MISSED, str(self._missed.pop(connection)).encode()))
        if not self.active:
            return
        self._span(now_ns)
        buffer, received = self._buffer, 0
        for payload in payloads:
            length = len(payload)
            buffer += record_head(now_ns, connection, FRAME, length)
            buffer += payload
            received += length
        self._records += len(payloads)
        self.written.frames += len(payloads)
        self.written.received += received

    def resolved(self, event: MarketResolved) -> None:
        """Keep a market's end, which may have been told by no frame."""
        self._add(Record(self._now_ns(), 0, RESOLVED, msgspec.json.encode(event)))

    @property
    def waiting(self) -> int:
        """Return how many bytes wait to be written."""
        return len(self._buffer)

    def take(self) -> Batch | None:
        """Return what waits, once, for `write`; None when nothing does."""
        if not self._buffer:
            return None
        batch = Batch(self._buffer, self._records, self._first_ns, self._last_ns, self._open_before)
        self._buffer, self._records = bytearray(), 0
        self._open_before = tuple(self._open.values())
        return batch

    def _add(self, record: Record) -> None:
        if not self.active:
            return
        self._span(record.ts_ns)
        self._buffer += encode_record(record)
        self._records += 1

    def _span(self, now_ns: int) -> None:
        """Let the batch reach to `now_ns`; the wall clock may step back."""
        self._first_ns = min(self._first_ns, now_ns) if self._buffer else now_ns
        self._last_ns = max(self._last_ns, now_ns) if self._buffer else now_ns

    # -- the disk: of one worker thread at a time --------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Return the bytes of the whole folder, as far as this recorder knows."""
        return self._before + self.written.stored

    @property
    def active(self) -> bool:
        """Return whether it still has its folder: not after `close`, nor after the disk was found full."""
        return self._lock >= 0

    @property
    def full(self) -> bool:
        """Return whether the folder is as large as it may get."""
        return self.bounds.size_max is not None and self.size >= self.bounds.size_max

    def free(self) -> int:
        """Return the bytes that are free on the disk."""
        return shutil.disk_usage(self.directory).free

    def write(self, batch: Batch) -> None:
        """Write a batch as one block, in a new segment when it is time for one; on disk when this returns.

        Raises:
            DiskFullError: AGB-921, the disk is nearly full; the segment is sealed without the batch.
            StoreError: AGB-929, the disk failed; the segment stands up to its last whole block.
        """
        try:
            self._guard(len(batch.content))
            if self._segment is not None and self._is_long(self._segment, batch):
                self._end_segment()
            segment = self._segment or self._begin_segment(batch)
            self.written.stored += segment.write(batch.content, batch.first_ns, batch.last_ns, batch.records)
        except DiskFullError:
            self.close()
            raise
        except OSError as e:
            raise _failed(self.directory, e) from e

    def close(self) -> None:
        """Seal the segment and let go of the folder; what was not taken is written by nobody. StoreError AGB-929."""
        if self._lock < 0:
            return
        try:
            self._end_segment()
        except OSError as e:
            raise _failed(self.directory, e) from e
        finally:
            os.close(self._lock)
            self._lock = -1

    def _is_long(self, segment: SegmentWriter, batch: Batch) -> bool:
        began_ns = segment.blocks[0].first_ns if segment.blocks else batch.first_ns
        return segment.size >= self.bounds.segment_bytes or batch.last_ns - began_ns >= self.bounds.segment_ns

    def _begin_segment(self, batch: Batch) -> SegmentWriter:
        known = segments_in(self.directory)
        number = number_of(known[-1]) + 1 if known else 1
        began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(batch.first_ns // NS_PER_S))
        head = Head(
            run=self._run,
            number=number,
            started_ns=batch.first_ns,
            version=self._version,
            markets=self._markets,
            open=batch.open,
        )
        path = self.directory / f"{number:06d}-{began}{SUFFIX}"
        self._segment = SegmentWriter(path, head, self._packer)
        self.written.segments += 1
        self.written.stored += self._segment.size
        return self._segment

    def _end_segment(self) -> None:
        segment, self._segment = self._segment, None
        if segment is None:
            return
        before = segment.size
        segment.seal()
        if segment.loose(self.bounds.block_bytes) and self.free() > self.bounds.free_min + before:
            repack(segment.path, self._packer, self.bounds.block_bytes)
        self.written.stored += segment.path.stat().st_size - before

    def _guard(self, more: int) -> None:
        free, kept = self.free(), self.bounds.free_min
        if free < kept + more:
            raise DiskFullError(
                f"{free // _MIB} MiB are free on the disk of {self.directory}, {kept // _MIB} are to stay",
                id="AGB-921",
                remedy="make room or record elsewhere (--out DIR); --keep-free MIB is how much stays free",
            )

    def _recover(self) -> None:
        for path in segments_in(self.directory):
            try:
                cut = recover(path)
            except RecordingError as e:
                log.warning("record.segment_damaged", file=path.name, reason=e.reason, remedy=e.remedy)
                continue
            except OSError as e:
                raise _unusable(self.directory, e.strerror or str(e)) from e
            if cut is not None:
                self.recovered.append((path.name, cut))


def segments_in(directory: Path) -> list[Path]:
    """Return the segments of a folder, oldest first."""
    return sorted((path for path in directory.glob(f"*{SUFFIX}") if number_of(path)), key=number_of)


def number_of(path: Path) -> int:
    """Return the number a segment's name begins with, 0 when it has none."""
    head = path.name.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


def _locked(directory: Path) -> int:
    """Create the folder and lock it; returns the lock's descriptor."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as e:
        raise _unusable(directory, e.strerror or str(e)) from e
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        os.close(lock)
        raise _unusable(directory, "another recorder writes there") from e
    return lock


def _unusable(directory: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"cannot record there: {reason}", id="AGB-920", path=directory, remedy="choose another folder: --out DIR"
    )


def _failed(directory: Path, e: OSError) -> StoreError:
    return StoreError(
        f"recording to {directory} failed: {e.strerror or e}",
        id="AGB-929",
        remedy="free or replace the disk, then start again: what was written before is whole",
    )
