"""One bot per state directory: an OS lock that dies with its process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agbot.errors import ConfigError


@contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Hold the directory's lock. ConfigError AGB-121, naming the holder, when another bot has it."""
    fd = os.open(state_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as e:
            holder = os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            raise ConfigError(
                f"another bot (pid {holder}) runs on {state_dir}",
                id="AGB-121",
                remedy="agbot stop, or give this one its own --state-dir",
            ) from e
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
