"""Time as events: a timer every second, and an eye on the latch file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from agbot.model.events import KillSwitchSet, Timer
from agbot.run.inbox import Inbox

TICK_S: Final = 1.0


class Clock:
    """Sends a Timer each second and tells the core when somebody else moved the latch."""

    def __init__(
        self, inbox: Inbox, closed: Callable[[], str], now_ns: Callable[[], int], each: Callable[[], None]
    ) -> None:
        self._inbox = inbox
        self._closed = closed
        self._now_ns = now_ns
        self._each = each
        self._seen = ""

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.look()
            self._inbox.send_urgent(Timer("second", self._now_ns()))
            self._each()
            await trio.sleep(TICK_S)

    def look(self) -> None:
        """Report a change of the latch, once per change."""
        reason = self._closed()
        if reason != self._seen:
            self._seen = reason
            self._inbox.send_urgent(KillSwitchSet(bool(reason), reason, "latch file", self._now_ns()))
