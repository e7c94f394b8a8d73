"""A segment: received frames as they came, in packed blocks with checksums and an index; see `docs/record.md`.

Theory of operation: blocks are only appended, each synced before the next one. A segment that was ended in order has an
index of its blocks at its end; without one the blocks are found by walking from one to the next, and over damage by
their mark. So a segment that was cut off anywhere gives every block that was whole.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from agbot.errors import RecordingError
from agbot.model.market import Market
from agbot.store.lines import unreadable
from agbot.store.packing import PLAIN, Packer, unpack

VERSION: Final = 1
MAGIC: Final = b"AGBFRM1\n"
SUFFIX: Final = ".agf"
BLOCK_MAX: Final = 128 * 2**20
"""Bytes of a block, unpacked; a larger number in a header is damage."""

FRAME, OPENED, CLOSED, MISSED, RESOLVED = range(5)
"""What a record is: a frame, a socket that opened or closed, frames that were not kept, a market's end."""

_HEAD, _FRAMES, _INDEX = 1, 2, 3
_MARK: Final = b"\x1eAGB"
_BLOCK: Final = struct.Struct("<4sBBxxIIIqq")
_CRC: Final = struct.Struct("<I")
_RECORD: Final = struct.Struct("<qIBI")
_ENTRY: Final = struct.Struct("<QqqI")
_TRAILER: Final = struct.Struct("<4sQ")
_TRAILER_MARK: Final = b"AGBE"
_OVERHEAD: Final = _BLOCK.size + _CRC.size


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A socket that was open: its number in the run, what it is (market, rtds, realtime), where to, since when."""

    number: int
    socket: str
    url: str
    opened_ns: int


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What a segment says of itself. `run` tells recorders apart; `open` are the sockets open at its beginning."""

    agbot_frames: int = VERSION
    run: str
    number: int
    started_ns: int
    version: str = ""
    markets: tuple[Market, ...] = ()
    open: tuple[Connection, ...] = ()


class Record(NamedTuple):
    """One thing that came: when (UTC nanoseconds, our clock), over which connection, what it is, and its bytes."""

    ts_ns: int
    connection: int
    kind: int
    payload: bytes


class Block(NamedTuple):
    """Where a block of records is, the earliest and latest time in it, and how many records it has."""

    offset: int
    first_ns: int
    last_ns: int
    records: int


class _Raw(NamedTuple):
    kind: int
    codec: int
    size: int
    block: Block
    body: int
    end: int


record_head: Final = _RECORD.pack
"""Returns what stands before a payload: of its time, connection, kind and length."""


def encode_record(record: Record) -> bytes:
    """Return a record as it stands in a block."""
    return record_head(record.ts_ns, record.connection, record.kind, len(record.payload)) + record.payload


class SegmentWriter:
    """Writes one segment (mode 0600).

    Args:
        path: a file that does not exist yet.
        head: its first block, on disk when this returns.

    Raises:
        OSError: the disk's word; nothing half written stays behind it.
    """

    def __init__(self, path: Path, head: Head, packer: Packer) -> None:
        self.path = path
        self.head = head
        self.size = 0
        self.blocks: list[Block] = []
        self._packer = packer
        self._raw = 0
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._append(MAGIC + _packed(_HEAD, PLAIN, msgspec.json.encode(head), None, Block(0, 0, 0, 0)))
            sync_directory(path.parent)
        except OSError:
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise

    def write(self, content: bytes | bytearray, first_ns: int, last_ns: int, records: int) -> int:
        """Append a block of encoded records and sync it; returns the bytes it takes on disk."""
        block = Block(self.size, first_ns, last_ns, records)
        packed = _packed(_FRAMES, self._packer.codec, content, self._packer, block)
        self._append(packed)
        self.blocks.append(block)
        self._raw += len(content)
        return len(packed)

    def loose(self, block_bytes: int) -> bool:
        """Return whether its blocks are, on average, less than half as large as they may be."""
        return len(self.blocks) > 1 and 2 * self._raw < len(self.blocks) * block_bytes

    def seal(self) -> None:
        """Write the index and close the file."""
        try:
            self._append(_indexed(self.blocks, self.size))
        finally:
            self.close()

    def close(self) -> None:
        """Close the file as it is: the next start seals it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, content: bytes) -> None:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            os.lseek(self._file, self.size, os.SEEK_SET)
            raise
        self.size += len(content)


class Segment:
    """A segment that is read.

    Attributes:
        sealed: whether it has its index.
        blocks: its blocks of records, in the order they were written.
        end: where the last whole block ends; what stands behind it is torn or the index.
        damage: (offset, sentence) of what is not a whole block between whole ones; found when it has no index.

    Raises:
        RecordingError: AGB-201 unreadable, AGB-202 no segment or of another version, AGB-923 its head is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damage: list[tuple[int, str]] = []
        try:
            with path.open("rb") as file:
                self.size = os.fstat(file.fileno()).st_size
                self._bytes: mmap.mmap | bytes = (
                    mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else b""
                )
        except OSError as e:
            raise unreadable(path, e) from e
        self.head = self._read_head()
        self.end = self._first
        indexed = self._from_index()
        self.sealed = indexed is not None
        self.blocks: Sequence[Block] = tuple(self.walk(self.damage)) if indexed is None else indexed

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()

    def between(self, start_ns: int, end_ns: int) -> Iterator[Block]:
        """Yield the blocks that can hold something of [start, end), by the index alone."""
        return (block for block in self.blocks if block.last_ns >= start_ns and block.first_ns < end_ns)

    def records(self, block: Block) -> list[Record]:
        """Return the records of a block. ValueError says what is wrong with it."""
        content = self.content(block)
        found, at = [], 0
        while at < len(content):
            if at + _RECORD.size > len(content):
                raise ValueError("its last record is cut")
            ts_ns, connection, kind, length = _RECORD.unpack_from(content, at)
            at += _RECORD.size + length
            if at > len(content):
                raise ValueError("its last record is cut")
            found.append(Record(ts_ns, connection, kind, content[at - length : at]))
        if len(found) != block.records:
            raise ValueError(f"{len(found)} records where {block.records} were written")
        return found

    def content(self, block: Block) -> bytes:
        """Return a block's encoded records. ValueError says what is wrong with it."""
        raw = self._block_at(block.offset)
        if raw is None or raw.kind != _FRAMES:
            raise ValueError("checksum mismatch")
        return unpack(raw.codec, self._bytes[raw.body : raw.end], raw.size)

    def _read_head(self) -> Head:
        remedy = "name a file or a folder that agbot record wrote"
        if self._bytes[: len(MAGIC)] != MAGIC:
            raise RecordingError("is no segment of a recorder", id="AGB-202", path=self.path, remedy=remedy)
        raw = self._block_at(len(MAGIC))
        if raw is None or raw.kind != _HEAD:
            remedy = "the run was killed as this file began, or the disk lost it: move it out of the folder"
            raise RecordingError("its head is damaged", id="AGB-923", path=self.path, remedy=remedy)
        self._first = raw.end
        try:
            head = msgspec.json.decode(self._bytes[raw.body : raw.end], type=Head)
        except msgspec.DecodeError as e:
            raise RecordingError(f"bad head: {e}", id="AGB-202", path=self.path, remedy=remedy) from e
        if head.agbot_frames != VERSION:
            reason = f"is version {head.agbot_frames} of a recorder's format; this agbot reads version {VERSION}"
            remedy = "read it with the agbot that wrote it, or a newer one"
            raise RecordingError(reason, id="AGB-202", path=self.path, remedy=remedy)
        return head

    def _from_index(self) -> tuple[Block, ...] | None:
        at = self.size - _TRAILER.size - _CRC.size
        if at < self._first:
            return None
        trailer = self._bytes[at : at + _TRAILER.size]
        mark, offset = _TRAILER.unpack(trailer)
        if mark != _TRAILER_MARK or _CRC.unpack_from(self._bytes, at + _TRAILER.size)[0] != zlib.crc32(trailer):
            return None
        raw = self._block_at(offset)
        if raw is None or raw.kind != _INDEX or raw.size % _ENTRY.size:
            return None
        self.end = offset
        return tuple(Block(*entry) for entry in _ENTRY.iter_unpack(self._bytes[raw.body : raw.end]))

    def walk(self, damage: list[tuple[int, str]] | None = None) -> Iterator[Block]:
        """Yield the blocks of records that are found without an index; what is none between them goes to `damage`."""
        at = self._first
        while at < self.size:
            raw = self._block_at(at)
            if raw is not None:
                at = raw.end
                if raw.kind == _FRAMES:
                    self.end = self.end if self.sealed else at
                    yield raw.block
                continue
            begin, at = at, self._next_whole(at + 1)
            if at < self.size and damage is not None:
                damage.append((begin, f"{at - begin} bytes are not a whole block"))

    def _next_whole(self, at: int) -> int:
        """Return where the next whole block of records begins, the size of the file when there is none."""
        while (at := self._bytes.find(_MARK, at)) >= 0:
            raw = self._block_at(at)
            if raw is not None and raw.kind == _FRAMES:
                return at
            at += 1
        return self.size

    def _block_at(self, at: int) -> _Raw | None:
        """Return the block that begins there, None when it is not whole."""
        if at < 0 or at + _OVERHEAD > self.size:
            return None
        mark, kind, codec, stored, size, records, first_ns, last_ns = _BLOCK.unpack_from(self._bytes, at)
        body, end = at + _OVERHEAD, at + _OVERHEAD + stored
        if mark != _MARK or end > self.size or size > BLOCK_MAX:
            return None
        crc = zlib.crc32(self._bytes[body:end], zlib.crc32(self._bytes[at : at + _BLOCK.size]))
        if _CRC.unpack_from(self._bytes, at + _BLOCK.size)[0] != crc:
            return None
        return _Raw(kind, codec, size, Block(at, first_ns, last_ns, records), body, end)


def recover(path: Path) -> int | None:
    """Seal a segment that was cut off: cut what is torn, write the index; returns the bytes cut, None if it was whole.

    Raises:
        RecordingError: as `Segment` raises. OSError: it cannot be written.
    """
    segment = Segment(path)
    segment.close()
    if segment.sealed:
        return None
    with path.open("r+b") as file:
        file.truncate(segment.end)
        file.seek(segment.end)
        file.write(_indexed(segment.blocks, segment.end))
        file.flush()
        os.fsync(file.fileno())
    return segment.size - segment.end


def repack(path: Path, packer: Packer, block_bytes: int) -> None:
    """Write a sealed segment's many small blocks as few large ones; the file is replaced when all of it is on disk.

    A damaged block is left as it is: then nothing is done. OSError: it cannot be written; the old file stands.
    """
    segment = Segment(path)
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        merged = SegmentWriter(part, segment.head, packer)
        try:
            for content, first_ns, last_ns, records in _merged(segment, block_bytes):
                merged.write(content, first_ns, last_ns, records)
            merged.seal()
        finally:
            merged.close()
        part.replace(path)
        sync_directory(path.parent)
    except ValueError:
        return
    finally:
        part.unlink(missing_ok=True)
        segment.close()


def _merged(segment: Segment, block_bytes: int) -> Iterator[tuple[bytearray, int, int, int]]:
    content, first_ns, last_ns, records = bytearray(), 0, 0, 0
    for block in segment.blocks:
        more = segment.content(block)
        first_ns = min(first_ns, block.first_ns) if content else block.first_ns
        last_ns = max(last_ns, block.last_ns) if content else block.last_ns
        content += more
        records += block.records
        if len(content) >= block_bytes:
            yield content, first_ns, last_ns, records
            content, records = bytearray(), 0
    if content:
        yield content, first_ns, last_ns, records


def _packed(kind: int, codec: int, content: bytes | bytearray, packer: Packer | None, block: Block) -> bytes:
    stored = bytes(content) if packer is None else packer.pack(content)
    head = _BLOCK.pack(_MARK, kind, codec, len(stored), len(content), block.records, block.first_ns, block.last_ns)
    return head + _CRC.pack(zlib.crc32(stored, zlib.crc32(head))) + stored


def _indexed(blocks: Sequence[Block], offset: int) -> bytes:
    index = _packed(_INDEX, PLAIN, b"".join(_ENTRY.pack(*block) for block in blocks), None, Block(0, 0, 0, 0))
    trailer = _TRAILER.pack(_TRAILER_MARK, offset)
    return index + trailer + _CRC.pack(zlib.crc32(trailer))


def sync_directory(directory: Path) -> None:
    """Make what was created or renamed in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
