"""One exchange per state file: two would save over each other, and money that one of them moved would be gone."""

from __future__ import annotations

import glob
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import trio

from agbot import control
from agbot.errors import ConfigError
from agbot.exchange.snapshot import UNDONE
from agbot.run.lock import held

PATIENCE_S: Final = 10.0
"""How long an exchange that is leaving may still save its state."""
_AGAIN_S: Final = 0.05


@asynccontextmanager
async def claimed(state: Path | None, admin: Path | None) -> AsyncIterator[None]:
    """Hold the lock of a state file, ``.NAME.lock`` beside it, while the body runs; the admin socket must be free.

    The lock dies with its process. One that is leaving is waited for: it saves last of all. What one that was killed
    had half written goes.

    Raises:
        ConfigError: AGB-866, another exchange has the file or listens on the socket; AGB-863, no file can be there.
    """
    with ExitStack() as kept:
        if state is not None:
            await _lock(kept, state)
        if admin is not None and control.listens(admin):
            remedy = "stop that exchange, or give this one its own --admin"
            raise ConfigError(f"another exchange listens on {admin}", id="AGB-866", key="--admin", remedy=remedy)
        yield


async def _lock(kept: ExitStack, state: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while holder := _tried(kept, state):
        if time.monotonic() > deadline:
            raise ConfigError(
                f"another exchange (pid {holder}) keeps its state in {state}",
                id="AGB-866",
                key="--state",
                remedy="stop that exchange, or give this one its own --state",
            )
        await trio.sleep(_AGAIN_S)
    for undone in state.parent.glob(f".{glob.escape(state.name)}.*{UNDONE}"):
        undone.unlink(missing_ok=True)


def _tried(kept: ExitStack, state: Path) -> str:
    """Return who has the lock; empty when `kept` holds it now."""
    with ExitStack() as tried:
        try:
            holder = tried.enter_context(held(state.with_name(f".{state.name}.lock")))
        except OSError as e:
            reason = f"the snapshot cannot be written: {e.strerror or e}"
            raise ConfigError(reason, id="AGB-863", path=state, remedy="free space, or name another place") from e
        if not holder:
            kept.push(tried.pop_all())
        return holder
