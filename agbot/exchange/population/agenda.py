"""Who acts when: a heap of actors by time, each in it once."""

from __future__ import annotations

import heapq
from typing import Final

from agbot.exchange.population.floor import Actor

NEVER: Final = 2**62
"""A time that does not come."""


class Agenda:
    """The next act of every actor. Those due at one instant act in the order they were put in."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Actor]] = []
        self._due: dict[Actor, tuple[int, int]] = {}
        self._count = 0

    def put(self, actor: Actor, at_ns: int) -> None:
        """Let an actor act at a time, and not when it was to act before."""
        self._count += 1
        self._due[actor] = (at_ns, self._count)
        heapq.heappush(self._heap, (at_ns, self._count, actor))
        if len(self._heap) > 64 + 4 * len(self._due):
            self._heap = [(*due, a) for a, due in self._due.items()]
            heapq.heapify(self._heap)

    def hasten(self, actor: Actor, at_ns: int) -> None:
        """Let an actor act at a time if it was to act later."""
        if actor in self._due and self._due[actor][0] > at_ns:
            self.put(actor, at_ns)

    def drop(self, actor: Actor) -> None:
        """Forget an actor."""
        self._due.pop(actor, None)

    def pop(self, now_ns: int) -> Actor | None:
        """Take out the next actor that is due, None when none is."""
        while self._heap and self._heap[0][0] <= now_ns:
            at_ns, number, actor = heapq.heappop(self._heap)
            if self._due.get(actor) == (at_ns, number):
                del self._due[actor]
                return actor
        return None

    def next_ns(self) -> int:
        """Return when the next act is due, `NEVER` when there is none."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][:2]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER

    def shift(self, by_ns: int) -> None:
        """Move every act: the clock was set."""
        self._due = {actor: (at + by_ns, number) for actor, (at, number) in self._due.items()}
        self._heap = [(*due, actor) for actor, due in self._due.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        """Return how many actors have an act to come."""
        return len(self._due)
