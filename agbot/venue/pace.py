"""What the order path waits with: trio, or the virtual time of a simulation, which runs the same code.

Everything that may send an order or a cancel waits through a `Pace` and never through trio itself, so a seed can decide
what happens between any two of its steps.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Protocol

import trio


class Event(Protocol):
    """Something that happens once."""

    def set(self) -> None:
        """Let it happen; whoever waits goes on."""

    def is_set(self) -> bool:
        """Return whether it has happened."""
        ...

    async def wait(self) -> None:
        """Return once it has happened."""


class Scope(Protocol):
    """A part of a task that can be given up."""

    @property
    def cancelled_caught(self) -> bool:
        """Return whether it was given up."""
        ...

    def cancel(self) -> None:
        """Give it up at its next wait."""


class Nursery(Protocol):
    """Tasks that end before their block does."""

    @property
    def cancel_scope(self) -> Scope:
        """Return the scope of all its tasks."""
        ...

    def start_soon(self, task: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """Let `task(*arguments)` run in it."""


class Pace(Protocol):
    """Time and waiting, by trio's names and with trio's meanings."""

    def current_time(self) -> float:
        """Return seconds of a clock that only goes forward."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after so long."""

    def event(self) -> Event:
        """Return an event that has not happened."""
        ...

    def lock(self) -> AbstractAsyncContextManager[Any]:
        """Return a lock: first come, first served."""
        ...

    def move_on_after(self, seconds: float, *, shield: bool = False) -> AbstractContextManager[Scope]:
        """Return a scope that is given up after so long; with `shield`, by nothing else."""
        ...

    def open_nursery(self) -> AbstractAsyncContextManager[Nursery]:
        """Return a nursery."""
        ...


class _Trio:
    current_time = staticmethod(trio.current_time)
    sleep = staticmethod(trio.sleep)
    event = trio.Event
    lock = trio.Lock
    move_on_after = staticmethod(trio.move_on_after)
    open_nursery = staticmethod(trio.open_nursery)


TRIO: Pace = _Trio()
