"""The audit log: one JSON line for every event of an order, each with the SHA-256 of the line before it.

Theory of operation. A line's `prev` is the hash of the bytes of the line before, without its newline, also over a
rotation, so nothing can be changed, left out or put in between without a break. Cutting lines off at the very end
breaks nothing: the journal, which has the same events, is what to compare the end with. A process that is killed while
it writes leaves a line without its end; the next one closes it with a line that names it, and goes on from the last
whole line. Lines are handed to the system at once and survive the process; the journal, not this, is what trading waits
for.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from agbot.errors import NotFoundError, StoreError

AUDIT_NAME: Final = "audit.jsonl"
LOCK_NAME: Final = "audit.lock"
LOCK_WAIT_S: Final = 2.0
"""A process that was stopped while it wrote, or whose disk hangs, holds no kill switch up for longer."""
LOCK_AGAIN_S: Final = 0.01
GENESIS: Final = "0" * 64
BYTES_MAX: Final = 10_000_000
FILES_KEPT: Final = 50
"""Rotated files; the oldest go first, and what begins after them says so."""

_ROTATED: Final = re.compile(r"audit-(\d{6})\.jsonl")
_encode: Final = msgspec.json.Encoder().encode


class _Link(msgspec.Struct):
    """What every line has; the rest is the event's."""

    seq: int
    prev: str
    kind: str


_decode: Final = msgspec.json.Decoder(_Link).decode


class AuditLog:
    """Appends to the audit log of a state directory (mode 0600). Synchronous; processes take turns by a lock.

    Args:
        directory: where `audit.jsonl` and the rotated files are.
        bytes_max: the size at which a file is rotated.
    """

    def __init__(self, directory: Path, *, bytes_max: int = BYTES_MAX, files_kept: int = FILES_KEPT) -> None:
        self.path = directory / AUDIT_NAME
        self._bytes_max = bytes_max
        self._files_kept = files_kept
        self._fd = -1
        self._end = 0
        self._seq = 0
        self._prev = GENESIS

    def append(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows, each with a `kind`, as the next lines: all of them, or none when this raises OSError."""
        with self._alone():
            self._catch_up()
            if self._end >= self._bytes_max:
                self._rotate()
            if self._fd < 0:
                self._open()
            seq, prev, lines = self._seq, self._prev, []
            for row in rows:
                seq += 1
                line = _encode({"seq": seq, "prev": prev, **row})
                prev = hash_of(line)
                lines.append(line + b"\n")
            self._write(b"".join(lines))
            self._seq, self._prev = seq, prev

    def close(self) -> None:
        """Bring the file to the disk and close it."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from writing meanwhile; whoever dies lets go. OSError when one holds it for long."""
        fd = os.open(self.path.with_name(LOCK_NAME), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd, LOCK_WAIT_S)
            yield
        finally:
            os.close(fd)

    def _catch_up(self) -> None:
        """Begin anew where another process has written since, or has rotated the file away."""
        if self._fd < 0:
            return
        mine = os.fstat(self._fd)
        there = self.path.stat() if self.path.exists() else None
        if there is None or (there.st_ino, there.st_size) != (mine.st_ino, self._end):
            self.close()
            self._end = 0

    def _open(self) -> None:
        rotated = _rotated(self.path.parent)
        _, self._seq, self._prev = _last_line(rotated[-1].read_bytes()) if rotated else (0, 0, GENESIS)
        data = self.path.read_bytes() if self.path.exists() else b""
        whole, seq, prev = _last_line(data)
        if whole:
            self._seq, self._prev = seq, prev
        self._fd = os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._end = len(data)
        os.fchmod(self._fd, 0o600)
        if torn := data[whole:]:
            self._close_torn(torn)

    def _close_torn(self, torn: bytes) -> None:
        """End what a killed process left: a line that lacks its newline only gets one, any other is named."""
        link, text = _link(torn), torn.removesuffix(b"\n")
        if link is not None and (link.seq, link.prev) == (self._seq + 1, self._prev):
            self._write(b"\n")
            self._seq, self._prev = link.seq, hash_of(torn)
            return
        named = {"kind": "torn", "bytes": len(text), "sha256": hash_of(text)}
        line = _encode({"seq": self._seq + 1, "prev": self._prev, **named})
        self._write((b"" if torn.endswith(b"\n") else b"\n") + line + b"\n")
        self._seq, self._prev = self._seq + 1, hash_of(line)

    def _write(self, data: bytes) -> None:
        """Write all of `data`; a disk that takes a part of it is made to forget that part."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end)
            os.close(self._fd)
            self._fd = -1
            raise
        self._end += len(data)

    def _rotate(self) -> None:
        self.close()
        self._end = 0
        rotated = _rotated(self.path.parent)
        number = int(_number(rotated[-1])) + 1 if rotated else 1
        self.path.rename(self.path.with_name(f"audit-{number:06}.jsonl"))
        for old in rotated[: max(0, len(rotated) + 1 - self._files_kept)]:
            old.unlink(missing_ok=True)


def _lock(fd: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            if time.monotonic() >= deadline:
                raise OSError(e.errno, f"another process has held {LOCK_NAME} for {wait_s:g} s") from None
            time.sleep(LOCK_AGAIN_S)
        else:
            return


@attrs.frozen(kw_only=True)
class AuditVerdict:
    """What a verification found.

    `broken` is the first line that does not follow, empty when all do; `torn` is what killed processes left, each with
    its place. `first_seq` above 1 says that older files were rotated away, or that one file was looked at alone.
    """

    files: int
    lines: int
    first_seq: int
    last_seq: int
    broken: str
    torn: tuple[str, ...]


def verify(paths: Sequence[Path]) -> AuditVerdict:
    """Check the chain over files, oldest first. NotFoundError when there is none, StoreError for one not readable."""
    if not paths:
        raise NotFoundError(
            "there is no audit log yet", id="AGB-621", remedy="agbot run writes one; name its --profile"
        )
    check = _Check()
    for path in paths:
        try:
            with path.open("rb") as file:
                check.file(path, file)
        except FileNotFoundError as e:
            raise NotFoundError(f"no audit log at {path}", id="AGB-621", remedy="name a file that is there") from e
        except OSError as e:
            raise StoreError(f"{path} cannot be read: {e.strerror}", id="AGB-623", remedy="check its owner") from e
        if check.broken:
            break
    return check.verdict(len(paths))


def files_of(directory: Path) -> list[Path]:
    """Return the audit files of a state directory, oldest first."""
    current = directory / AUDIT_NAME
    return [*_rotated(directory), *([current] if current.exists() else [])]


def hash_of(line: bytes) -> str:
    """Return what the next line must name."""
    return hashlib.sha256(line).hexdigest()


class _Check:
    """One pass over the lines. A torn line is held until the next one names it, or until the log ends."""

    def __init__(self) -> None:
        self.broken = ""
        self._torn: list[str] = []
        self._lines = self._first = self._seq = 0
        self._prev = ""
        self._open: tuple[str, bytes] | None = None
        self._cut = False

    def file(self, path: Path, lines: Iterable[bytes]) -> None:
        for number, raw in enumerate(lines, 1):
            self._line(f"{path.name}:{number}", raw)
            if self.broken:
                return

    def verdict(self, files: int) -> AuditVerdict:
        if self._open and not self._cut:
            self.broken = self.broken or _no_line(self._open[0])
        elif self._open:  # a process was killed here, and none has written since
            self._torn.append(self._open[0])
        return AuditVerdict(
            files=files,
            lines=self._lines,
            first_seq=self._first,
            last_seq=self._seq,
            broken=self.broken,
            torn=tuple(self._torn),
        )

    def _line(self, at: str, raw: bytes) -> None:
        line, self._cut = raw.removesuffix(b"\n"), not raw.endswith(b"\n")
        link = _link(line)
        if link is None or self._cut:
            self._open = (self._open[0], self._open[1] + b"\n" + line) if self._open else (at, line)
            return
        self.broken = self._wrong(at, line, link)
        if not self.broken:
            self._lines += 1
            self._first = self._first or link.seq
            self._seq, self._prev, self._open = link.seq, hash_of(line), None

    def _wrong(self, at: str, line: bytes, link: _Link) -> str:
        if self._open and not self._names(line, link):
            return _no_line(self._open[0])
        if self._open:
            self._torn.append(self._open[0])
        if not self._seq:  # where a log begins, or where its oldest file that is left does
            return f"{at} begins a log and names a line before it" if link.seq == 1 and link.prev != GENESIS else ""
        if link.seq != self._seq + 1:
            return f"{at} has number {link.seq}, and {self._seq + 1} is next"
        return "" if link.prev == self._prev else f"{at} does not follow the line before it: one of the two was changed"

    def _names(self, line: bytes, link: _Link) -> bool:
        """Return whether a line says that the one before it was cut off."""
        assert self._open is not None
        return link.kind == "torn" and msgspec.json.decode(line).get("sha256") == hash_of(self._open[1])


def _rotated(directory: Path) -> list[Path]:
    return sorted(path for path in directory.glob("audit-*.jsonl") if _ROTATED.fullmatch(path.name))


def _no_line(at: str) -> str:
    return f"{at} is no line of an audit log"


def _number(path: Path) -> str:
    found = _ROTATED.fullmatch(path.name)
    return found[1] if found else "0"


def _link(line: bytes) -> _Link | None:
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _last_line(data: bytes) -> tuple[int, int, str]:
    """Return where the last whole line ends, its number, and its hash; (0, 0, GENESIS) when there is none."""
    end = data.rfind(b"\n")
    while end >= 0:
        start = data.rfind(b"\n", 0, end) + 1
        if (link := _link(data[start:end])) is not None:
            return end + 1, link.seq, hash_of(data[start:end])
        end = start - 1
    return 0, 0, GENESIS
