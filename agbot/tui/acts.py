"""What the terminal can do to the bot, and how it hears an order's story. Requests block; they are called from threads.

Only the bot whose run is on the screen is asked, never another that listens in the same state directory by now.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from agbot.control import KillReceipt, kill, request, socket_path
from agbot.errors import AgbotError, ConfigError, NotRunningError

ASK_S: Final = 1.0
NOT_FOUND: Final = 4


class Acts:
    """Requests to one bot.

    Args:
        state_dir: of the bot; None when it is on another machine.
        by: who asks, for the record.
        shown: returns the run on the screen, empty while there is none.
    """

    def __init__(self, state_dir: Path | None, by: str, shown: Callable[[], str]) -> None:
        self._state_dir = state_dir
        self._by = by
        self._shown = shown

    def kill(self, reason: str) -> KillReceipt:
        """Close the account's kill switch. Raises AgbotError when nothing was achieved."""
        directory = self._the_bots()
        return kill(directory, reason=reason, by=self._by, at_ns=time.time_ns())

    def stop(self, strategy: str, reason: str) -> KillReceipt:
        """Close a strategy's kill switch: its orders are cancelled, it is asked no more. Raises AgbotError."""
        directory = self._the_bots()
        return kill(directory, reason=reason, by=self._by, at_ns=time.time_ns(), scope="strategy", name=strategy)

    def start(self, strategy: str, reason: str) -> dict[str, Any]:
        """Open a strategy's kill switch: it is asked again. Raises AgbotError."""
        more = {"scope": "strategy", "name": strategy, "reason": reason, "by": self._by}
        return self._ask({"op": "killswitch", "on": False, **more})

    def cancel(self, order_id: str) -> str:
        """Cancel one order and return its state after that. Raises AgbotError."""
        return str(self._ask({"op": "cancel", "order_id": order_id}).get("status", ""))

    async def story(self, order_id: str) -> str:
        """Return what `agbot explain` tells of an order: of the run on the screen, else of all runs.

        The journal of a day takes minutes; to cancel this ends the process that reads it.

        Raises:
            NotRunningError: AGB-523, its journal is on another machine.
            AgbotError: AGB-930, it is not told; the text says why.
        """
        directory = self._here("its journal is there: agbot explain ORDER")
        shown = self._shown()
        code, told, why = await _explain(directory, order_id, *(("--run", shown) if shown else ()))
        if code == NOT_FOUND and shown:
            code, told, why = await _explain(directory, order_id)
        if code:
            raise AgbotError(
                f"agbot explain ended with {code}: {why.strip() or 'it said nothing'}",
                id="AGB-930",
                remedy=f"agbot explain {order_id} --state-dir {directory}",
            )
        return told

    def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        return request(socket_path(self._the_bots()), message)

    def _the_bots(self) -> Path:
        """Return the state directory; refuse another bot than the one on the screen, but not one that is silent."""
        directory, shown = self._here("press the key in a terminal there"), self._shown()
        if not shown:
            return directory
        try:
            listening = str(request(socket_path(directory), {"op": "status"}, ASK_S).get("run_id", ""))
        except AgbotError:
            return directory
        if listening not in ("", shown):
            raise ConfigError(
                f"the screen shows run {shown}, but the bot in {directory} is run {listening}",
                id="AGB-528",
                remedy="agbot tui --state-dir DIR of the run you watch",
            )
        return directory

    def _here(self, remedy: str) -> Path:
        if self._state_dir is None:
            raise NotRunningError("this terminal watches a bot on another machine", id="AGB-523", remedy=remedy)
        return self._state_dir


async def _explain(directory: Path, order_id: str, *more: str) -> tuple[int, str, str]:
    """Return the exit code of `agbot explain` and what it wrote; a process of its own, the bot is not held up."""
    argv = [sys.executable, "-m", "agbot", "explain", "--state-dir", str(directory), *more, "--", order_id]
    process = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        told, why = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, told.decode(errors="replace"), why.decode(errors="replace")
