"""One bot per state directory, one writer per wallet: OS locks that die with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agbot.control import LOCK_NAME, state_dir
from agbot.errors import ConfigError


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold a state directory's lock. ConfigError AGB-121, naming the holder, when another bot has it."""
    with held(directory / LOCK_NAME) as holder:
        if holder:
            raise ConfigError(
                f"another bot (pid {holder}) runs on {directory}",
                id="AGB-121",
                remedy="agbot stop, or give this one its own --state-dir",
            )
        yield


@contextmanager
def exclusive_wallet(wallet: str) -> Iterator[Path]:
    """Hold a wallet's lock and give its directory, which no --state-dir changes: what counts is whose money it is.

    Raises:
        ConfigError: AGB-149, naming the holder, when another process trades with it.
    """
    directory = wallet_dir(wallet)
    with held(directory / LOCK_NAME) as holder:
        if holder:
            raise ConfigError(
                f"another process (pid {holder}) trades with the wallet {wallet}",
                id="AGB-149",
                remedy="agbot stop; orders of your own go through the bot that runs: agbot buy --send",
            )
        yield directory


def wallet_dir(wallet: str) -> Path:
    """Return where what concerns a wallet is kept, whatever the profile; made when it is missing."""
    return state_dir(f"wallet-{wallet.lower()}")


@contextmanager
def held(file: Path) -> Iterator[str]:
    """Give an empty text while the lock on `file`, made when missing, is ours; else who has it."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield os.read(fd, 32).decode("ascii", "replace").strip() or "unknown"
            return
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield ""
    finally:
        os.close(fd)
