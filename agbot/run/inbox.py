"""The engine's inbox: batches of facts, bounded; control does not queue behind market data."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import trio

from agbot.model.events import Event

BATCHES_MAX: Final = 1024
EVENTS_MAX: Final = 100_000
URGENT_MAX: Final = 4096
EVENTS_PER_DRAIN: Final = 256


class Inbox:
    """Many senders, one receiver. A full inbox makes feeds wait (and so TCP); urgent facts never wait."""

    def __init__(self) -> None:
        self._batches: deque[Sequence[Event]] = deque()
        self._urgent: deque[Event] = deque()
        self._events = 0
        self._filled = trio.Event()
        self._room = trio.Event()
        self.peak = 0

    def __len__(self) -> int:
        return len(self._batches) + len(self._urgent)

    async def send(self, batch: Sequence[Event]) -> None:
        """Queue market data, waiting while the inbox is full."""
        while len(self._batches) >= BATCHES_MAX or self._events >= EVENTS_MAX:
            await self._room.wait()
        self.append(batch)

    def append(self, batch: Sequence[Event]) -> None:
        """Queue a batch without waiting, also when the inbox is full: for the few that mark a link's loss."""
        self._batches.append(batch)
        self._events += len(batch)
        self.peak = max(self.peak, len(self._batches))
        self._filled.set()

    def send_urgent(self, *events: Event) -> None:
        """Queue facts about our orders, timers and operators: ahead of market data, never waiting."""
        assert len(self._urgent) + len(events) <= URGENT_MAX, "the engine is stuck: urgent facts pile up"
        self._urgent.extend(events)
        self._filled.set()

    async def receive(self) -> list[Event]:
        """Wait until there is something and return it: all urgent facts, then whole batches up to the drain bound."""
        await self._filled.wait()
        drained: list[Event] = list(self._urgent)
        self._urgent.clear()
        while self._batches and len(drained) < EVENTS_PER_DRAIN:
            batch = self._batches.popleft()
            self._events -= len(batch)
            drained.extend(batch)
        room, self._room = self._room, trio.Event()  # shared by all that wait: each of them looks again
        room.set()
        if not self._batches:
            self._filled = trio.Event()
        return drained
