"""The kill switch as a file: a latch that survives restarts and is read before every send.

Silence is never success: a file that is there but cannot be read as a whole and valid state means *on*, and so does a
missing state directory. Only a state directory without a latch file (nobody ever closed it) means *off*.

The file is replaced, never rewritten: a reader sees the old state or the new one, also after kill -9 or power loss.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from pathlib import Path
from typing import Final

import attrs

from agbot.errors import StoreError

LATCH_NAME: Final = "latch"
HISTORY_NAME: Final = "latch.log"
TEXT_MAX: Final = 1000
"""Characters kept of a reason or a name."""
READ_MAX: Final = 65_536

_Key = tuple[int, int, int, int]


@attrs.frozen(kw_only=True)
class LatchState:
    """Whether the kill switch is on, and who said so. `at_ns` is UTC nanoseconds, 0 when nobody ever did."""

    on: bool
    reason: str
    by: str
    at_ns: int


NEVER_SET: Final = LatchState(on=False, reason="", by="", at_ns=0)


class Latch:
    """The latch at `path` (`<state directory>/latch`). Any number of processes may hold one.

    Args:
        path: the file; its directory is the state directory and is not created here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._key: _Key | None = None
        self._state = _closed("not read yet")

    def read(self) -> LatchState:
        """Return the state now in the file. Never raises: what cannot be read is on."""
        return self._load()[0]

    def gate(self) -> LatchState:
        """Return the same as `read`, for one `stat` when nothing changed; call it before every send."""
        try:
            key = _key(os.stat(self.path))
        except OSError:
            key = None
        if key is None or key != self._key:
            self._state, self._key = self._load()
        return self._state

    def close(self, reason: str, by: str, at_ns: int) -> LatchState:
        """Turn the kill switch on, durably, and return what was written.

        A close is never held up by its record: when the history cannot be written, the gate is closed all the same.

        Raises:
            StoreError: AGB-511, the file could not be replaced and the state is what it was, or it was replaced but a
                power loss may undo it.
        """
        state = _state(True, reason, by, at_ns)
        self._replace(state)
        with contextlib.suppress(OSError):
            self._record(state)
        return state

    def open(self, by: str, reason: str, at_ns: int) -> LatchState:
        """Turn the kill switch off, durably, and return what was written. It goes on record first, or not at all.

        Raises:
            StoreError: AGB-511, as for `close`, and when the history could not be written.
        """
        state = _state(False, reason, by, at_ns)
        try:
            self._record(state)
        except OSError as e:
            raise self._unwritten(e) from e
        self._replace(state)
        return state

    def _load(self) -> tuple[LatchState, _Key | None]:
        try:
            # Non-blocking, so that not even a FIFO in its place can stall a sender.
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            known = os.path.isdir(self.path.parent) and not os.path.islink(self.path)
            return (NEVER_SET if known else _closed(f"no state directory {self.path.parent}")), None
        except OSError as e:
            return _closed(f"latch unreadable: {e.strerror}"), None
        try:
            # The key is taken from what is read, so a replacement in between is noticed by the next `gate`.
            return _parse(os.read(fd, READ_MAX + 1)), _key(os.fstat(fd))
        except OSError as e:
            return _closed(f"latch unreadable: {e.strerror}"), None
        finally:
            os.close(fd)

    def _replace(self, state: LatchState) -> None:
        try:
            fd, temporary = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=self.path.parent)
            try:
                _write_all(fd, _encode(state))
                os.replace(temporary, self.path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
            _sync_directory(self.path.parent)
        except OSError as e:
            raise self._unwritten(e) from e

    def _record(self, state: LatchState) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        _write_all(os.open(self.path.parent / HISTORY_NAME, flags, 0o600), _encode(state))

    def _unwritten(self, error: OSError) -> StoreError:
        return StoreError(
            f"the kill switch's latch {self.path} cannot be written: {error.strerror or error}",
            id="AGB-511",
            remedy="free space or mend the directory's rights and repeat; `agbot stop` cancels everything meanwhile",
        )


def _closed(reason: str) -> LatchState:
    return LatchState(on=True, reason=reason, by="agbot", at_ns=0)


def _state(on: bool, reason: str, by: str, at_ns: int) -> LatchState:
    return LatchState(on=on, reason=reason[:TEXT_MAX], by=by[:TEXT_MAX], at_ns=at_ns)


def _encode(state: LatchState) -> bytes:
    return json.dumps(attrs.asdict(state)).encode("ascii") + b"\n"


def _parse(raw: bytes) -> LatchState:
    """Return the state in `raw`; anything but one whole line with every field of its type is on."""
    try:
        found = json.loads(raw) if raw.endswith(b"\n") and len(raw) <= READ_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return _closed("latch file is torn or not ours")
    on, reason, by, at_ns = (found.get(name) for name in ("on", "reason", "by", "at_ns"))
    if isinstance(on, bool) and isinstance(reason, str) and isinstance(by, str) and type(at_ns) is int:
        return LatchState(on=on, reason=reason, by=by, at_ns=at_ns)
    return _closed("latch file lacks a field or has one of a wrong type")


def _key(stat: os.stat_result) -> _Key:
    # ctime too: it notices a change of rights, which leaves the other three alone.
    return stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_ctime_ns


def _write_all(fd: int, content: bytes) -> None:
    """Write, sync and close `fd`, whatever happens."""
    with open(fd, "wb", buffering=0) as file:
        if file.write(content) != len(content):
            raise OSError("short write")
        sync_file(file.fileno())


def sync_file(fd: int) -> None:
    """Return once `fd` is on the medium itself: macOS needs F_FULLFSYNC for that, elsewhere fsync does it."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        with contextlib.suppress(OSError):  # not every file system knows it
            fcntl.fcntl(fd, full)
            return
    os.fsync(fd)


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        sync_file(fd)
    finally:
        os.close(fd)
