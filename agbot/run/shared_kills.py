"""Carries out what the shared kill switch closes: everything off, the venue asked, the others told what came of it."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TypeAlias

import attrs
import trio

from agbot.model.ids import ClientOrderId
from agbot.run.killing import Killer
from agbot.shared.watch import Shared


@attrs.frozen
class _Closing:
    scope: str
    name: str
    reason: str
    by: str
    at_ns: int


_Pending: TypeAlias = "dict[_Closing, Set[ClientOrderId]]"


class SharedKills:
    """A service. The core hears of the switch at once; what rests at the venue is seen to here.

    Args:
        tell: lets the core know that the gate has changed.
    """

    def __init__(self, shared: Shared, killer: Killer, tell: Callable[[], None]) -> None:
        self._shared = shared
        self._killer = killer
        self._tell = tell
        self._known: set[_Closing] = set()
        self._pending: _Pending = {}
        self._news = trio.Event()
        shared.on_change = self.note

    def note(self) -> None:
        """Take in that the switch has changed: what rests now is what a receipt counts."""
        closings = self._closings()
        for closing in sorted(closings - self._known, key=lambda each: each.at_ns):
            self._pending[closing] = self._killer.live(closing.scope, closing.name)
        self._known = closings
        self._news.set()
        self._tell()

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take off what each close concerns, until cancelled."""
        self.note()
        task_status.started()
        while True:
            await self._news.wait()
            self._news = trio.Event()
            for closing, known in list(self._pending.items()):
                del self._pending[closing]
                did = await self._killer.swept(closing.reason, closing.by, closing.scope, closing.name, known=known)
                self._shared.carried_out(closing.at_ns, did["orders_cancelled"], did["orders_left"])

    def _closings(self) -> set[_Closing]:
        state = self._shared.state()
        found = {_Closing("", "", state.reason, state.by, state.at_ns)} if state.on else set()
        return found | {_Closing(s.scope, s.name, s.reason, s.by, s.at_ns) for s in state.scopes}
