"""Time as events: a timer every second, and an eye on the latch file and the venue's heartbeat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from agbot.latch import LatchState
from agbot.model.events import HeartbeatLost, KillSwitchSet, Timer
from agbot.run.inbox import Inbox

TICK_S: Final = 1.0
BY: Final = "latch file"
OURS: Final = "agbot"
"""Who closes the switch when a limit of the core was passed."""


class Clock:
    """Sends a Timer each second and tells the core when somebody else moved the latch.

    Args:
        latch: returns the latch as it is on disk.
        silent_ns: for how long the venue has heard no heartbeat, 0 while that is in order.
        each: called every second.
    """

    def __init__(
        self,
        inbox: Inbox,
        latch: Callable[[], LatchState],
        now_ns: Callable[[], int],
        each: Callable[[], None],
        silent_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self._inbox = inbox
        self._latch = latch
        self._now_ns = now_ns
        self._each = each
        self._silent_ns = silent_ns
        self._seen: dict[tuple[str, str], str] = {}

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.look()
            if silent_ns := self._silent_ns():
                self._inbox.send_urgent(HeartbeatLost(silent_ns, self._now_ns()))
            self._inbox.send_urgent(Timer("second", self._now_ns()))
            self._each()
            await trio.sleep(TICK_S)

    def look(self) -> None:
        """Report a change of the latch, once per change."""
        closed = closed_by(state := self._latch())
        for (scope, name), reason in closed.items():
            if self._seen.get((scope, name)) != reason:
                self._inbox.send_urgent(
                    KillSwitchSet(True, reason, _who(state, scope, name), self._now_ns(), scope, name)
                )
        for scope, name in sorted(self._seen.keys() - closed.keys()):
            self._inbox.send_urgent(KillSwitchSet(False, "", BY, self._now_ns(), scope, name))
        self._seen = closed


def closed_by(state: LatchState) -> dict[tuple[str, str], str]:
    """Return why things are closed, by (scope, name); the account's is ("", "")."""
    account = {("", ""): state.reason or "on"} if state.on else {}
    return account | {(s.scope, s.name): s.reason for s in state.scopes}


def _who(state: LatchState, scope: str, name: str) -> str:
    """Return the person who closed it. The bot is not named: a rerun takes what is by it for its own core's doing."""
    closed = state.scoped(scope, name) if scope else state
    return BY if closed is None or closed.by in ("", OURS) else closed.by
