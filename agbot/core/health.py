"""How a venue is, as the core plans with it: worse is believed at once, better after a while. Pure."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.model.events import Health

STEADY_S: Final = 2.0
"""A venue must have been better for so long before it is told."""
_RANK: Final = {Health.HEALTHY: 0, Health.DEGRADED: 1, Health.DOWN: 2}


@attrs.frozen
class Condition:
    """A state and why; the reason is empty when all is well."""

    health: Health = Health.HEALTHY
    reason: str = ""


WELL: Final = Condition()


class Steadied:
    """Makes of every look at a venue the condition to be told: one that comes and goes is told as the worse one.

    Attributes:
        told: what was told last.
    """

    def __init__(self) -> None:
        self.told = WELL
        self._better_since_s: float | None = None
        self._worst_since = WELL

    def look(self, now_s: float, seen: Condition) -> bool:
        """Take a look in; returns whether `told` changed. `now_s` never goes back."""
        if _RANK[seen.health] >= _RANK[self.told.health]:
            self._better_since_s = None
            changed = seen.health is not self.told.health
            self.told = seen if changed else self.told
            return changed
        if self._better_since_s is None:
            self._better_since_s, self._worst_since = now_s, seen
        elif _RANK[seen.health] >= _RANK[self._worst_since.health]:
            self._worst_since = seen
        if now_s - self._better_since_s < STEADY_S:
            return False
        self.told, self._better_since_s = self._worst_since, None
        return True
