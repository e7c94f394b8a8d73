"""Hours in which only what is critical is told. A pure function of the time."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Final

import attrs

from agbot.units import NS_PER_S

MINUTE_NS: Final = 60 * NS_PER_S
DAY_MINUTES: Final = 24 * 60
LONGEST_MINUTES: Final = 2 * DAY_MINUTES
"""A quiet night ends within a day, and a change of the clocks is shorter than another."""


@attrs.frozen(kw_only=True)
class QuietHours:
    """From `begin` to before `end`, minutes after midnight on the wall clock of `zone`; over midnight if `end` is less.

    Where the clocks change, what they show decides: an hour that is shown twice is quiet twice.
    """

    begin: int
    end: int
    zone: tzinfo
    name: str

    def holds(self, at_ns: int) -> bool:
        """Return whether it is quiet at a time (UTC ns)."""
        local = datetime.fromtimestamp(at_ns // NS_PER_S, UTC).astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    def until_ns(self, at_ns: int) -> int:
        """Return when it is no longer quiet: `at_ns` itself unless it is, else the first full minute (UTC ns)."""
        if not self.holds(at_ns):
            return at_ns
        minute = at_ns // MINUTE_NS + 1
        return next(
            (m * MINUTE_NS for m in range(minute, minute + LONGEST_MINUTES) if not self.holds(m * MINUTE_NS)),
            (minute + LONGEST_MINUTES) * MINUTE_NS,
        )

    def __str__(self) -> str:
        return f"{clock(self.begin)}–{clock(self.end)} {self.name}"


def clock(minutes: int) -> str:
    """Return minutes after midnight as a clock shows them."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
