"""One bot per state directory, one writer per wallet: OS locks that die with their process."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from agbot.control import LOCK_NAME, state_dir
from agbot.errors import ConfigError
from agbot.run.fence import HOLDER_MAX, Fence, Holder, holder_in, name
from agbot.shared.watch import Shared

READ_ONLY: Final = "look on beside it with agbot run CONFIG --mode live --read-only"


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold a state directory's lock. ConfigError AGB-121, naming the holder, when another bot has it."""
    with _locked(directory / LOCK_NAME) as (fd, found):
        if fd is None:
            raise ConfigError(
                f"another bot ({found or 'pid unknown'}) runs on {directory}",
                id="AGB-121",
                remedy=f"agbot stop, or give this one its own --state-dir; with real money: {READ_ONLY}",
            )
        name(fd, _we())
        yield


@contextmanager
def exclusive_wallet(wallet: str, directory: Path | None = None, shared: Shared | None = None) -> Iterator[Fence]:
    """Hold a wallet's lock under a new, higher token; where bots share a Redis, its lease there too.

    What is kept of a wallet lies where no --state-dir changes it: what counts is whose money it is.

    Args:
        directory: the state directory of who takes it, to be told to others.
        shared: renews the lease from its next look on, and lets go of it.

    Raises:
        ConfigError: AGB-149, naming the holder, when another process trades with it; AGB-151, its counter of tokens
            cannot be trusted; AGB-156, Redis does not answer.
    """
    place = wallet_dir(wallet)
    with _locked(place / LOCK_NAME) as (fd, found):
        if fd is None:
            raise ConfigError(
                f"another process ({found or 'pid unknown'}) trades with the wallet {wallet}",
                id="AGB-149",
                remedy=f"stop it: agbot stop{_which(found)}; or {READ_ONLY}; orders of your own: agbot buy --send",
            )
        we = _we(directory)
        if shared is None:
            yield Fence.taken(place, fd, we, found)
        else:
            yield Fence.taken(place, fd, we, found, shared.leased(wallet, f"{we}, host {socket.gethostname()}").take)


def wallet_dir(wallet: str) -> Path:
    """Return where what concerns a wallet is kept, whatever the profile; made when it is missing."""
    return state_dir(f"wallet-{wallet.lower()}")


def wallet_holder(wallet: str) -> Holder | None:
    """Return who trades with a wallet now, None when nobody does; nothing is locked."""
    with _locked(wallet_dir(wallet) / LOCK_NAME) as (fd, found):
        return found if fd is None else None


@contextmanager
def held(file: Path) -> Iterator[str]:
    """Give an empty text while the lock on `file`, made when missing, is ours; else the pid that has it."""
    with _locked(file) as (fd, found):
        if fd is not None:
            name(fd, _we())
        yield "" if fd is not None else str(found.pid) if found else "unknown"


@contextmanager
def _locked(file: Path) -> Iterator[tuple[int | None, Holder | None]]:
    """Give the descriptor while the lock on `file` is ours, else None; and whom its file named before."""
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            ours: int | None = fd
        except BlockingIOError:
            ours = None
        yield ours, holder_in(os.pread(fd, HOLDER_MAX, 0).decode("ascii", "replace"))
    finally:
        os.close(fd)


def _we(directory: Path | None = None) -> Holder:
    return Holder(pid=os.getpid(), since_ns=time.time_ns(), state_dir=str(directory.absolute()) if directory else "")


def _which(found: Holder | None) -> str:
    return f" --state-dir {found.state_dir}" if found and found.state_dir else ""
