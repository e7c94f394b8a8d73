"""A circuit breaker: stop asking somebody who keeps failing, and find out by single tries when that is over. Pure.

CLOSED ── fails in a row, or too large a part of the last ones ──► OPEN ── the pause is over, one goes ──► TRIAL
   ▲ any success                                                    ▲                                       │
   └────────────────────────────────────────────────────────────────┴──────────── the trial failed ◄────────┘
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import attrs

from agbot.core.backoff import Backoff

IN_A_ROW: Final = 5
LAST: Final = 20
OF_LAST: Final = 12
"""So many failures of the last `LAST` open it too: an answer now and then is no health."""


class Position(enum.StrEnum):
    """What a breaker does with the next request."""

    CLOSED = "closed"
    OPEN = "open"
    TRIAL = "trial"


@attrs.frozen
class Ticket:
    """A request that went. What comes of it counts only while the breaker is where it was then."""

    opened: int
    trial: bool


class Breaker:
    """See the module. Times are seconds of a clock that never goes back.

    Args:
        pause: from opening to the first trial, and from each trial that failed to the next.
    """

    def __init__(self, pause: Backoff) -> None:
        self.position = Position.CLOSED
        self.failures = 0
        """In a row."""
        self._pause = pause
        self._last: deque[bool] = deque(maxlen=LAST)
        self._opened = 0
        self._trials = 0
        self._until_s = 0.0

    def admits(self, now_s: float) -> bool:
        """Return whether a request may go now."""
        return self.position is Position.CLOSED or (self.position is Position.OPEN and now_s >= self._until_s)

    def wait_s(self, now_s: float) -> float:
        """Return seconds until the next trial may go, 0 unless it is open."""
        return max(0.0, self._until_s - now_s) if self.position is Position.OPEN else 0.0

    def sent(self, now_s: float) -> Ticket:
        """Note that a request goes; a person who does not ask `admits` first makes no trial."""
        trial = self.position is Position.OPEN and self.admits(now_s)
        if trial:
            self.position = Position.TRIAL
        return Ticket(self._opened, trial)

    def succeeded(self) -> None:
        """Note an answer: whoever answers is well, whenever he was asked."""
        self.failures = 0
        self._last.append(False)
        if self.position is not Position.CLOSED:
            self.position, self._trials = Position.CLOSED, 0
            self._opened += 1
            self._last.clear()

    def failed(self, now_s: float, ticket: Ticket, random_unit: float) -> bool:
        """Note a failure; returns whether it opened the breaker. `random_unit` in [0, 1) is the caller's dice."""
        if ticket.opened != self._opened:
            return False
        if self.position is Position.CLOSED:
            self.failures += 1
            self._last.append(True)
            if self.failures < IN_A_ROW and sum(self._last) < OF_LAST:
                return False
            self._open(now_s, random_unit)
            return True
        if ticket.trial:
            self.failures += 1
            self._open(now_s, random_unit)
        return False

    def withdrawn(self, ticket: Ticket) -> None:
        """Note that nobody waits for this request any more, and that it says nothing: a trial may go again."""
        if ticket.trial and ticket.opened == self._opened and self.position is Position.TRIAL:
            self.position = Position.OPEN

    def _open(self, now_s: float, random_unit: float) -> None:
        self.position = Position.OPEN
        self._until_s = now_s + self._pause.delay_s(self._trials, random_unit)
        self._trials += 1
