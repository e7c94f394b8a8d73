"""A wallet's fencing token: who took the wallet last, by a number that only rises.

Theory of operation. A lock says who writes now and dies with its process; it does not notice that its file was removed,
or that a disk that two machines share gave it twice. So whoever takes a wallet's lock raises a counter beside it,
durably, and looks before each order whether the counter is still the one it wrote. The lower number is out: it sends
nothing more. A counter that cannot be read, or that went back, means closed; nobody guesses the next number.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from agbot.control import LOCK_NAME
from agbot.errors import ConfigError
from agbot.latch import sync_file

COUNTER_NAME: Final = "fence"
HOLDER_MAX: Final = 4096

_Key = tuple[int, int, int, int]


class Holder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who has a lock: its file keeps this, also after the holder's death. `since_ns` is UTC nanoseconds."""

    pid: int
    since_ns: int = 0
    state_dir: str = ""
    run_id: str = ""
    token: int = 0

    def __str__(self) -> str:
        parts = [f"pid {self.pid}"]
        if self.since_ns:
            parts.append(f"since {datetime.fromtimestamp(self.since_ns // 10**9, UTC):%Y-%m-%d %H:%M:%S} UTC")
        parts += [f"run {self.run_id}"] if self.run_id else []
        parts += [f"state directory {self.state_dir}"] if self.state_dir else []
        return ", ".join(parts)


def holder_in(text: str) -> Holder | None:
    """Return who a lock file names; None when it names nobody. An older agbot wrote the pid alone."""
    try:
        return Holder(pid=int(text)) if text.strip().isdigit() else msgspec.json.decode(text, type=Holder)
    except msgspec.DecodeError:
        return None


def _next(last: int) -> int:
    return last + 1


class Fence:
    """A wallet that is ours: its directory, our token, and whether both are still so.

    Args:
        lock: the descriptor that holds the lock; not closed here.
        holder: what the lock's file says of us.
    """

    def __init__(self, directory: Path, lock: int, holder: Holder, before: Holder | None = None) -> None:
        self.directory = directory
        self.holder = holder
        self.before = before
        """Who had the wallet last, None when nobody did."""
        self._lock = lock
        self._seen: _Key | None = None
        self._lost = ""

    @classmethod
    def taken(
        cls, directory: Path, lock: int, holder: Holder, before: Holder | None, number: Callable[[int], int] = _next
    ) -> Fence:
        """Raise the counter, durably, and return the fence; the caller holds the lock.

        Args:
            number: gives a number above the one it is given: the next one, or one that other machines know of too.

        Raises:
            ConfigError: AGB-151, the counter is unreadable, torn or lower than the last holder's token.
            ConfigError: AGB-153, it cannot be written.
        """
        last = before.token if before else 0
        token = number(read_token(directory, last))
        try:
            _write(directory / COUNTER_NAME, token)
        except OSError as e:
            raise _not_written(directory / COUNTER_NAME, e) from e
        fence = cls(directory, lock, msgspec.structs.replace(holder, token=token), before)
        fence.tell()
        return fence

    @property
    def token(self) -> int:
        """Return our number."""
        return self.holder.token

    def tell(self, run_id: str = "", state_dir: str = "") -> None:
        """Write who we are into the lock's file. ConfigError AGB-153: it takes nothing."""
        known = self.holder
        self.holder = msgspec.structs.replace(
            known, run_id=run_id or known.run_id, state_dir=state_dir or known.state_dir
        )
        try:
            name(self._lock, self.holder)
        except OSError as e:
            raise _not_written(self.directory / LOCK_NAME, e) from e

    def lost(self) -> str:
        """Return why nothing may be sent any more, empty while the wallet is ours; two `stat` if nothing changed."""
        if not self._lost:
            self._lost = self._look()
        return self._lost

    def _look(self) -> str:
        counter, lock = self.directory / COUNTER_NAME, self.directory / LOCK_NAME
        try:
            key = _key(os.stat(counter))
            if key != self._seen:
                found = read_token(self.directory, self.token)
                if found != self.token:
                    return f"the wallet was taken with token {found}, ours is {self.token}: {_named(lock)}"
                self._seen = key
            if not os.path.samestat(os.stat(lock), os.fstat(self._lock)):
                return f"the wallet's lock is another file now: {_named(lock)}"
        except OSError as e:
            return f"the wallet's lock or counter is gone: {e.strerror or e}"
        except ConfigError as e:
            return e.reason
        return ""


def read_token(directory: Path, last: int = 0) -> int:
    """Return the highest token ever given, 0 when none was.

    Args:
        last: a token that was certainly given.

    Raises:
        ConfigError: AGB-151, it cannot be read, is no number, or is lower than `last`.
    """
    path = directory / COUNTER_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        text = b"" if last else b"0\n"
    except OSError as e:
        raise _closed(path, last, e.strerror or str(e)) from e
    if not (text.endswith(b"\n") and text[:-1].isdigit() and len(text) <= 20):
        raise _closed(path, last, "it is missing" if not path.exists() else "it is torn, or not a number")
    if int(text) < last:
        raise _closed(path, last, f"it went back to {int(text)} from {last}")
    return int(text)


def name(lock: int, holder: Holder) -> None:
    """Write a holder into the file of a lock that is held."""
    text = msgspec.json.encode(holder) + b"\n"
    os.pwrite(lock, text, 0)
    os.ftruncate(lock, len(text))


def _named(lock: Path) -> str:
    try:
        found = holder_in(lock.read_text("ascii", "replace"))
    except OSError as e:
        return f"its file is gone: {e.strerror or e}"
    return f"held by {found}" if found else "held by somebody unknown"


def _write(path: Path, token: int) -> None:
    temporary = path.with_suffix(".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(b"%d\n" % token)
        file.flush()
        sync_file(file.fileno())
    os.replace(temporary, path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        sync_file(directory)
    finally:
        os.close(directory)


def _key(stat: os.stat_result) -> _Key:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size, stat.st_ctime_ns


def _not_written(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"who trades with this wallet cannot be written down: {error.strerror or error}",
        id="AGB-153",
        path=path,
        remedy="make room on that disk, or mend its rights; nothing was started",
    )


def _closed(path: Path, last: int, why: str) -> ConfigError:
    over = f"at least {last}" if last else "at least the highest that `agbot replay --list` knows of"
    return ConfigError(
        f"the wallet's counter of writers cannot be trusted: {why}",
        id="AGB-151",
        path=path,
        remedy=f"when no other machine or process trades with this wallet: echo N > {shlex.quote(str(path))}, N {over}",
    )
