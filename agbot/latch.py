"""The kill switch as a file: a latch that survives restarts and is read before every send.

It stands for the account, and beside that for markets, strategies or venues that are closed on their own.

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
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from agbot.errors import NotFoundError, StoreError

LATCH_NAME: Final = "latch"
HISTORY_NAME: Final = "latch.log"
TEXT_MAX: Final = 1000
"""Characters kept of a reason or a name."""
SCOPED_TEXT_MAX: Final = 200
"""The same of what is closed on its own."""
SCOPES: Final = ("market", "strategy", "venue")
SCOPES_MAX: Final = 64
READ_MAX: Final = 524_288
LOCK_S: Final = 1.0
"""A writer holds the file for milliseconds; one that is stopped in between holds nobody up for longer than this."""

_Key = tuple[int, int, int, int]


@attrs.frozen(kw_only=True)
class Scoped:
    """A market, strategy or venue that is closed on its own: `scope` is one of `SCOPES`."""

    scope: str
    name: str
    reason: str
    by: str
    at_ns: int

    def __str__(self) -> str:
        return f"{self.scope} {self.name}"


@attrs.frozen(kw_only=True)
class LatchState:
    """Whether the kill switch is on, and who said so. `at_ns` is UTC nanoseconds, 0 when nobody ever did.

    `scopes` are closed whether it is on or off.
    """

    on: bool
    reason: str
    by: str
    at_ns: int
    scopes: tuple[Scoped, ...] = ()

    @property
    def newest_ns(self) -> int:
        """Return when it was last moved, as far as what is closed tells."""
        return max([self.at_ns, *(s.at_ns for s in self.scopes)])

    def scoped(self, scope: str, name: str) -> Scoped | None:
        """Return what is closed of this name, None when nothing is."""
        return next((s for s in self.scopes if (s.scope, s.name) == (scope, name)), None)


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
        with self._alone(needed=False):
            state = moved(self.read(), on=True, reason=reason, by=by, at_ns=at_ns)
            self._replace(state)
        with contextlib.suppress(OSError):
            self._record(state)
        return state

    def open(self, by: str, reason: str, at_ns: int) -> LatchState:
        """Turn the kill switch off, durably, and return what was written. It goes on record first, or not at all.

        Raises:
            StoreError: AGB-511, as for `close`, and when the history could not be written.
        """
        with self._alone():
            state = moved(self.read(), on=False, reason=reason, by=by, at_ns=at_ns)
            try:
                self._record(state)
            except OSError as e:
                raise self.unwritten(e) from e
            self._replace(state)
        return state

    def close_scope(self, scope: str, name: str, *, reason: str, by: str, at_ns: int) -> LatchState:
        """Close one market, strategy or venue, durably; one that is closed keeps its first reason.

        Raises:
            StoreError: AGB-511, as for `close`; AGB-513, too many are closed on their own.
        """
        with self._alone():
            before = self.read()
            state = moved(before, on=True, reason=reason, by=by, at_ns=at_ns, scope=scope, name=name)
            if state is before:
                return state
            self._replace(state)
        with contextlib.suppress(OSError):
            self._record(state.scopes[-1], on=True)
        return state

    def open_scope(self, scope: str, name: str, *, reason: str, by: str, at_ns: int) -> LatchState:
        """Open one market, strategy or venue again, durably; on record first, or not at all.

        Raises:
            NotFoundError: AGB-512, it is not closed on its own. StoreError: AGB-511, as for `open`.
        """
        with self._alone():
            before = self.read()
            state = moved(before, on=False, reason=reason, by=by, at_ns=at_ns, scope=scope, name=name)
            (closed,) = (s for s in before.scopes if s not in state.scopes)
            try:
                self._record(attrs.evolve(closed, reason=reason[:TEXT_MAX], by=by[:TEXT_MAX], at_ns=at_ns), on=False)
            except OSError as e:
                raise self.unwritten(e) from e
            self._replace(state)
        return state

    def note(self, told: Mapping[str, object]) -> None:
        """Put what a person did beside moving the switch on its record. StoreError AGB-511: it could not be written."""
        try:
            self._append(dict(told))
        except OSError as e:
            raise self.unwritten(e) from e

    @contextlib.contextmanager
    def _alone(self, *, needed: bool = True) -> Iterator[None]:
        """Keep other writers away, who would write back what they read before; a close does without if it must."""
        try:
            fd = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        except OSError as e:
            raise self.unwritten(e) from e
        try:
            if not _locked(fd) and needed:
                raise self.unwritten(OSError("another process is writing it"))
            yield
        finally:
            os.close(fd)

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
            return decode_state(os.read(fd, READ_MAX + 1)), _key(os.fstat(fd))
        except OSError as e:
            return _closed(f"latch unreadable: {e.strerror}"), None
        finally:
            os.close(fd)

    def _replace(self, state: LatchState) -> None:
        try:
            replace_file(self.path, encode_state(state))
        except OSError as e:
            raise self.unwritten(e) from e

    def _record(self, moved: LatchState | Scoped, **more: bool) -> None:
        told = {name: value for name, value in attrs.asdict(moved).items() if name != "scopes"}
        self._append({**more, **told})

    def _append(self, told: dict[str, Any]) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        _write_all(os.open(self.path.parent / HISTORY_NAME, flags, 0o600), _line(told))

    def unwritten(self, error: OSError) -> StoreError:
        """Return the error of a state directory that takes nothing."""
        return StoreError(
            f"the kill switch's latch {self.path} cannot be written: {error.strerror or error}",
            id="AGB-511",
            remedy="free space or mend the directory's rights and repeat; `agbot stop` cancels everything meanwhile",
        )


def _closed(reason: str) -> LatchState:
    return LatchState(on=True, reason=reason, by="agbot", at_ns=0)


def moved(
    state: LatchState, *, on: bool, reason: str, by: str, at_ns: int, scope: str = "", name: str = ""
) -> LatchState:
    """Return the state with the account, or one market, strategy or venue, closed or opened.

    What is closed on its own keeps its first reason; the account's closing takes over from what was before.

    Raises:
        NotFoundError: AGB-512, it is not closed on its own. StoreError: AGB-513, too many are.
    """
    if not scope:
        return attrs.evolve(state, on=on, reason=reason[:TEXT_MAX], by=by[:TEXT_MAX], at_ns=at_ns)
    name = name[:SCOPED_TEXT_MAX]
    closed = state.scoped(scope, name)
    if not on:
        if closed is None:
            raise NotFoundError(
                f"no kill switch is on for {scope} {name!r}", id="AGB-512", remedy="agbot killswitch status"
            )
        return attrs.evolve(state, scopes=tuple(s for s in state.scopes if s is not closed))
    if closed is not None:
        return state
    if len(state.scopes) >= SCOPES_MAX:
        raise StoreError(
            f"{SCOPES_MAX} markets, strategies and venues are closed on their own already",
            id="AGB-513",
            remedy="close the account: agbot killswitch on --reason TEXT",
        )
    entry = Scoped(scope=scope, name=name, reason=reason[:SCOPED_TEXT_MAX], by=by[:SCOPED_TEXT_MAX], at_ns=at_ns)
    return attrs.evolve(state, scopes=(*state.scopes, entry))


def encode_state(state: LatchState) -> bytes:
    """Return a state as it is kept: one line of JSON."""
    fields = attrs.asdict(state)
    return _line(fields if state.scopes else {name: fields[name] for name in fields if name != "scopes"})


def _line(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode("ascii") + b"\n"


def _locked(fd: int) -> bool:
    """Return whether the lock on `fd` was got within `LOCK_S`."""
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by another, or a file system without locks
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        else:
            return True


def decode_state(raw: bytes, where: str = "latch file") -> LatchState:
    """Return the state in `raw`; anything but one whole line with every field of its type is on."""
    try:
        found = json.loads(raw) if raw.endswith(b"\n") and len(raw) <= READ_MAX else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return _closed(f"{where} is torn or not ours")
    on, reason, by, at_ns = (found.get(name) for name in ("on", "reason", "by", "at_ns"))
    scopes = _scopes(found.get("scopes", []))
    if scopes is None:
        return _closed(f"{where} names something closed on its own that cannot be read")
    if isinstance(on, bool) and isinstance(reason, str) and isinstance(by, str) and type(at_ns) is int:
        return LatchState(on=on, reason=reason, by=by, at_ns=at_ns, scopes=scopes)
    return _closed(f"{where} lacks a field or has one of a wrong type")


def _scopes(found: object) -> tuple[Scoped, ...] | None:
    """Return what is closed on its own, None when one entry is not what it should be."""
    kinds = {"scope": str, "name": str, "reason": str, "by": str, "at_ns": int}
    if not isinstance(found, list):
        return None
    for entry in found:
        if not isinstance(entry, dict) or {name: type(value) for name, value in entry.items()} != kinds:
            return None
    return tuple(Scoped(**entry) for entry in found)


def _key(stat: os.stat_result) -> _Key:
    # ctime too: it notices a change of rights, which leaves the other three alone.
    return stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_ctime_ns


def _write_all(fd: int, content: bytes) -> None:
    """Write, sync and close `fd`, whatever happens."""
    with open(fd, "wb", buffering=0) as file:
        if file.write(content) != len(content):
            raise OSError("short write")
        sync_file(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Put `content` at `path` (mode 0600), durably and whole: a reader sees the old file or the new one.

    Raises:
        OSError: the file is what it was, or a power loss may undo the change.
    """
    fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        _write_all(fd, content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(path.parent)


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
