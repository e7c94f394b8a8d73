"""Where a resting order stands behind the size that was there first. Replaceable: a rule is three pure functions."""

from __future__ import annotations

from typing import Protocol

import attrs


class QueueRule(Protocol):
    """How the size ahead of a resting order moves. `ahead` never grows and never falls below zero."""

    def joined(self, visible: int) -> int:
        """Return the size ahead of an order that arrives at a level showing `visible`."""
        ...

    def level_moved(self, ahead: int, old: int, new: int) -> int:
        """Return the size ahead after the level went from `old` to `new`."""
        ...

    def traded(self, ahead: int, size: int) -> int:
        """Return the size ahead after `size` traded at the level; what is left of `size` then reaches the order."""
        ...


@attrs.frozen
class BackOfQueue:
    """Cancellations are taken to be behind us, size added later queues behind us: the cautious reading of a level.

    A trade print is expected before the level update that it causes. When the update comes first the queue moves
    twice, once for each.
    """

    def joined(self, visible: int) -> int:
        """Return all that is visible."""
        return visible

    def level_moved(self, ahead: int, old: int, new: int) -> int:  # noqa: ARG002 - the rule's shape
        """Return no more than the level still shows."""
        return min(ahead, new)

    def traded(self, ahead: int, size: int) -> int:
        """Return what the trade left of the queue."""
        return max(0, ahead - size)


@attrs.frozen
class ProportionalQueue(BackOfQueue):
    """Cancellations are spread evenly over the level, ahead of us and behind us: the hopeful reading."""

    def level_moved(self, ahead: int, old: int, new: int) -> int:
        """Return our share of the shrunken level, rounded up."""
        if new >= old:
            return min(ahead, new)
        return min(-(-ahead * new // old), new)
