"""A disk that outlives the lives that write on it: what was committed stays, what was not is lost with its writer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from os import SEEK_END
from tempfile import TemporaryFile
from typing import IO, Any, Final
from weakref import finalize

import attrs
import msgspec

from agbot.errors import StoreError
from agbot.latch import NEVER_SET, LatchState
from agbot.simulate.virtual import Heap, Life
from agbot.store.journal import Header, Record

FSYNC_S: Final = 0.003
JOURNALS_KEPT: Final = 3
SIZE_BYTES: Final = 4


@attrs.define
class Disk:
    """All journals, oldest first, and the kill switch's latch. `full` refuses every commit."""

    heap: Heap
    full: bool = False
    latch: LatchState = NEVER_SET
    journals: list[SimJournal] = attrs.field(factory=list)
    crash_at_commit: Callable[[], None] | None = None
    """Called in the middle of the next commit, once: the process dies between two records."""

    def records(self) -> list[Record]:
        """Return every record that was committed, by all lives, since `put_away`."""
        return [record for journal in self.journals for record in journal.committed]

    def put_away(self) -> None:
        """Take every record out of memory, and drop the journals that no start will read any more."""
        for journal in self.journals:
            journal.put_away()
        began = [journal for journal in self.journals if journal.header() is not None]
        kept = {*began[-JOURNALS_KEPT:], *(journal for journal in self.journals if journal.living)}
        self.journals = [journal for journal in self.journals if journal in kept]


class SimJournal:
    """The journal of one life: `append` queues, a commit some milliseconds later makes durable what is queued then."""

    def __init__(self, disk: Disk, life: Life) -> None:
        self.seq = 0
        self.durable_seq = 0
        self.committed: list[Record] = []
        self._older: IO[bytes] | None = None
        self.failed: StoreError | None = None
        self._disk = disk
        self._life = life
        self._queued: list[Record] = []
        self._committing = False
        self._done: Any = life.event()
        disk.journals.append(self)

    def append(self, kind: str, now_ns: int, body: bytes) -> int:
        """Queue one record and return its number."""
        self.seq += 1
        self._queued.append(Record(self.seq, kind, now_ns, body))
        if not self._committing:
            self._committing = True
            self._disk.heap.after(FSYNC_S, self._commit)
        return self.seq

    def header(self) -> Header | None:
        """Return what the life was made of, None when it was killed before its first commit."""
        first = next(self.records(), None)
        return None if first is None else msgspec.msgpack.decode(first.body, type=Header)

    def records(self) -> Iterator[Record]:
        """Yield what was committed."""
        if self._older is not None:
            self._older.seek(0)
            while size := self._older.read(SIZE_BYTES):
                yield msgspec.msgpack.decode(self._older.read(int.from_bytes(size)), type=Record)
        yield from self.committed

    def put_away(self) -> None:
        """Move what was committed into a file that ends with this journal: days of it would hide what others keep."""
        if self._older is None:
            self._older = TemporaryFile()  # noqa: SIM115 - closed with the journal
            finalize(self, self._older.close)
        self._older.seek(0, SEEK_END)
        for record in self.committed:
            body = msgspec.msgpack.encode(record)
            self._older.write(len(body).to_bytes(SIZE_BYTES) + body)
        self.committed.clear()

    @property
    def living(self) -> bool:
        """Return whether its writer lives."""
        return not self._life.dead

    async def durable(self, seq: int) -> None:
        """Return once a record is on disk. StoreError when it cannot be."""
        while self.durable_seq < seq:
            if self.failed is not None:
                raise self.failed
            await self._done.wait()

    def _commit(self) -> None:
        if self._life.dead:
            return
        self._committing = False
        crash, self._disk.crash_at_commit = self._disk.crash_at_commit, None
        if crash is not None:
            self.committed += self._queued[: len(self._queued) // 2]
            crash()
            return
        if self._disk.full:
            self.failed = StoreError("the disk is full", id="AGB-602", remedy="free disk space")
        else:
            self.committed += self._queued
            self.durable_seq = self.seq
            self._queued = []
        done, self._done = self._done, self._life.event()
        done.set()
