"""What can be asked of this machine alone: configuration, disk, the state directory and its lock, the kill switch."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final, Protocol

import trio

from agbot.control import socket_path
from agbot.doctor.report import Check, Finding, fail, ok, skip, warn
from agbot.errors import ConfigError
from agbot.latch import LATCH_NAME, Latch, sync_file
from agbot.run.fence import HOLDER_MAX, holder_in
from agbot.store.journal import DISK_FREE_MIN

DISK_FREE_GOOD: Final = 1024 * 2**20
FSYNC_SLOW_S: Final = 0.02
FSYNC_FAIL_S: Final = 0.5
FSYNC_TIMES: Final = 7


class Machine(Protocol):
    """What these checks look at."""

    @property
    def state_dir(self) -> Path: ...

    @property
    def faults(self) -> tuple[ConfigError, ...]: ...


async def configuration(world: Machine) -> Finding:
    """D01: what `agbot check` says."""
    if not world.faults:
        return ok("the configuration and its policies can be read")
    first, count = world.faults[0], len(world.faults)
    if count == 1:
        return fail(f"{first.where()}{first.reason}", first.remedy)
    return fail(
        f"{first.where()}{first.reason}, and {count - 1} more",
        f"{first.remedy}; all faults: agbot check",
        *map(str, world.faults),
    )


async def disk(world: Machine) -> Finding:
    """D02: room for the journal."""
    free = shutil.disk_usage(_existing(world.state_dir)).free
    said = f"{free // 2**20} MiB free for {world.state_dir}"
    if free < DISK_FREE_MIN:
        return fail(f"{said}, a run needs {DISK_FREE_MIN // 2**20}", "make room, or choose another --state-dir")
    if free < DISK_FREE_GOOD:
        return warn(f"{said}, a busy day writes more", "make room, or choose another --state-dir")
    return ok(said)


def _existing(path: Path) -> Path:
    """Return `path`, or the nearest directory above it that is there."""
    return next((each for each in (path, *path.parents) if each.is_dir()), Path("/"))


async def fsync(world: Machine) -> Finding:
    """D03: how long a durable write takes; an order waits for one before it leaves."""
    where = _existing(world.state_dir)
    try:
        took = await trio.to_thread.run_sync(_sync_times, where, abandon_on_cancel=True)
    except OSError as e:
        return fail(f"cannot write to {where}: {e.strerror or e}", "mend its rights, or choose another --state-dir")
    return fsync_finding(took)


def fsync_finding(took_s: float) -> Finding:
    """Judge the time of one durable write."""
    said = f"a durable write takes {took_s * 1000:.1f} ms"
    if took_s >= FSYNC_FAIL_S:
        return fail(f"{said}; every order would wait for it", "put the state on a local SSD: --state-dir")
    if took_s >= FSYNC_SLOW_S:
        return warn(f"{said}; every order waits for one", "put the state on a local SSD: --state-dir")
    return ok(said)


def _sync_times(where: Path) -> float:
    """Return the median of some durable writes of a page."""
    with tempfile.TemporaryFile(dir=where, buffering=0) as file:
        return statistics.median(_sync_time(file.fileno()) for _ in range(FSYNC_TIMES))


def _sync_time(fd: int) -> float:
    start = time.perf_counter()
    os.write(fd, b"\0" * 4096)
    sync_file(fd)
    return time.perf_counter() - start


async def lock(world: Machine) -> Finding:
    """D04: who has the state directory, and what a killed bot left there."""
    path = world.state_dir / "lock"
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return ok("no bot ever ran with this state directory")
    except OSError as e:
        return fail(f"{path} cannot be opened: {e.strerror or e}", f"mend its rights: chmod 600 {path}")
    try:
        found = holder_in(os.read(fd, HOLDER_MAX).decode("ascii", "replace"))
        pid = str(found.pid) if found else ""
        return _holder(world.state_dir, pid) if _held(fd) else _left_behind(world.state_dir, pid)
    finally:
        os.close(fd)


def _held(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _holder(state_dir: Path, pid: str) -> Finding:
    if pid == str(os.getpid()):
        return ok("this process holds the state directory")
    return warn(
        f"a bot (pid {pid or 'unknown'}) runs on {state_dir}", f"agbot stop --state-dir {state_dir}, to start another"
    )


def _left_behind(state_dir: Path, pid: str) -> Finding:
    with contextlib.suppress(ConfigError):
        socket = socket_path(state_dir)
        if socket.exists():
            said = f"the last bot (pid {pid or 'unknown'}) was killed: {socket} is left and nobody listens"
            return warn(said, "nothing to do: the next agbot run cleans up; look at its open orders: agbot orders")
    return ok("no bot runs on this state directory")


async def latch(world: Machine) -> Finding:
    """D05: whether the kill switch lets orders through."""
    if not world.state_dir.is_dir():
        return skip("the state directory does not exist yet: agbot run makes it")
    state = Latch(world.state_dir / LATCH_NAME).read()
    if not state.on and state.scopes:
        closed = ", ".join(map(str, state.scopes))
        return warn(f"the kill switch is on for {closed}", f"agbot killswitch status --state-dir {world.state_dir}")
    if not state.on:
        return ok("the kill switch is off")
    said = f"the kill switch is on: {state.reason} (by {state.by})"
    return warn(said, f"agbot killswitch off --state-dir {world.state_dir} --by NAME --reason TEXT")


CHECKS: Final[tuple[Check[Machine], ...]] = (
    Check("D01", "configuration", configuration),
    Check("D02", "room on the disk", disk),
    Check("D03", "durable writes", fsync),
    Check("D04", "state directory", lock),
    Check("D05", "kill switch", latch),
)
