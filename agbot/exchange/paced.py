"""Lets the exchange live: due things happen when they are due on its clock, and everybody acts in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import trio

from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Fact, OrderTold, Traded

_SHORTEST_NAP_S: Final = 0.001
"""However much is due, everybody else in the process has a turn this often."""
_LONGEST_NAP_S: Final = 1.0


class Act(Protocol):
    """Something that happens on an exchange: a population, a replay."""

    def step(self, core: Exchange, now_ns: int) -> int:
        """Do what is due, a bounded part of it, and return when to come back."""


class Pacer:
    """Runs an exchange in time.

    A step does what is due once, not once for every moment that was missed: after a pause, or a clock that jumped, it
    goes on from now. Nobody else needs to call `Exchange.advance`.

    Attributes:
        steps: how often it looked.

    Args:
        acts: what happens on it, in this order.
    """

    def __init__(self, core: Exchange, clock: ExchangeClock, acts: Sequence[Act] = ()) -> None:
        self.steps = 0
        self._core = core
        self._clock = clock
        self._acts = list(acts)
        self._nudged = trio.Event()
        self._stepping = False
        clock.watch(self.nudge)
        core.listeners.append(self._hear)

    def nudge(self) -> None:
        """Look again: something may have become due earlier. Cheap, never waits; orders do it by themselves."""
        self._nudged.set()

    def step(self) -> int:
        """Do what is due now, and return when to come back, in exchange time."""
        now_ns = self._clock.now_ns()
        self.steps += 1
        self._stepping = True
        self._core.advance(now_ns)
        due = [act.step(self._core, now_ns) for act in self._acts]
        self._stepping = False
        settles = self._core.next_due()
        return min(due if settles is None else [*due, settles], default=now_ns + 10**18)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until cancelled; started once everybody had their first turn, so that the books are there."""
        due_ns = self.step()
        task_status.started()
        while True:
            await self._wait(due_ns)
            due_ns = self.step()

    def _hear(self, fact: Fact) -> None:
        if not self._stepping and isinstance(fact, OrderTold | Traded):
            self.nudge()

    async def _wait(self, due_ns: int) -> None:
        await trio.sleep(_SHORTEST_NAP_S)
        until = min(self._clock.to_trio_deadline(due_ns), trio.current_time() + _LONGEST_NAP_S)
        with trio.move_on_at(until):
            await self._nudged.wait()
        self._nudged = trio.Event()
