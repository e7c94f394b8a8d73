"""What a venue's answers say of its health: a breaker for each operation, how slow it is, how often it throttles.

Only operations that are named as held back wait for their breaker. Cancels and heartbeats never do: what makes us safe
is tried however ill the venue looks, and its breaker only tells.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Final

import attrs

from agbot.core.backoff import Backoff
from agbot.core.breaker import Breaker
from agbot.core.health import WELL, Condition
from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueHeld,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.log import get_logger
from agbot.model.events import Health

ILL: Final = (VenueUnavailable, VenueAmbiguous, VenueProtocolError)
"""What says that the venue is ill. A no, even a rude one, is the answer of somebody who is well."""
SILENCE_S: Final = 1.0
"""A request that nobody waits for any more after so long was not answered."""
WINDOW_S: Final = 10.0
THROTTLED_MAX: Final = 3
"""More replies of 429 than this within `WINDOW_S` are heavy throttling."""
SLOW_S: Final = 1.0
SLOW_OF: Final = 11
"""The median of so many answers to orders and cancels is looked at, none older than `SLOW_WINDOW_S`."""
SLOW_WINDOW_S: Final = 30.0
CALLS_MAX: Final = 10_000
PAUSE: Final = Backoff(first_s=1.0, longest_s=30.0)

log = get_logger(__name__)


@attrs.frozen
class Call:
    """A request that has ended: how long the answer took, and the class of the error, empty when it was none."""

    operation: str
    seconds: float
    error: str = ""


@attrs.define
class Under:
    """A request under way; who has its answer says so."""

    error: ExecutionError | None = None
    answered: bool = False

    def answer(self, error: ExecutionError | None = None) -> None:
        """Note what came."""
        self.error, self.answered = error, True


class Care:
    """See the module.

    Args:
        now_s: seconds of a clock that never goes back.
        dice: in [0, 1).
        held: operations that wait for their breaker, and the pauses of it.
        orders: the operation without which the venue is down.
        acts: operations whose slowness counts.
    """

    def __init__(
        self,
        venue: str,
        now_s: Callable[[], float],
        dice: Callable[[], float],
        *,
        held: Mapping[str, Backoff],
        orders: str = "submit",
        acts: tuple[str, ...] = ("submit", "cancel"),
    ) -> None:
        self._venue = venue
        self._now_s = now_s
        self._dice = dice
        self._held = held
        self._orders = orders
        self._acts = acts
        self._breakers: dict[str, Breaker] = {}
        self._calls: deque[Call] = deque(maxlen=CALLS_MAX)
        self._throttled: deque[float] = deque(maxlen=THROTTLED_MAX + 1)
        self._took: deque[tuple[float, float]] = deque(maxlen=SLOW_OF)
        self.throttles: defaultdict[str, int] = defaultdict(int)
        """Replies of 429, by operation, since the start."""

    def breaker(self, operation: str) -> Breaker:
        """Return the breaker of one operation."""
        if operation not in self._breakers:
            self._breakers[operation] = Breaker(self._held.get(operation, PAUSE))
        return self._breakers[operation]

    @contextmanager
    def request(self, operation: str) -> Iterator[Under]:
        """Watch over one request, from when it leaves to its answer.

        Raises:
            VenueHeld: the venue is left alone for a moment; nothing was sent.
        """
        began_s, breaker, under = self._now_s(), self.breaker(operation), Under()
        if operation in self._held and not breaker.admits(began_s):
            raise VenueHeld(self._why(operation, began_s), venue=self._venue)
        ticket = breaker.sent(began_s)
        try:
            yield under
        except ExecutionError as e:
            under.answer(e)
            raise
        finally:
            now_s = self._now_s()
            if under.answered or now_s - began_s >= SILENCE_S:
                self._calls.append(Call(operation, now_s - began_s, _class_of(under)))
            if not under.answered and now_s - began_s < SILENCE_S:
                breaker.withdrawn(ticket)
            elif not under.answered or isinstance(under.error, ILL):
                if breaker.failed(now_s, ticket, self._dice()):
                    log.error("venue.ill", operation=operation, reason=self._why(operation, now_s))
            else:
                breaker.succeeded()
                self._note(operation, now_s, now_s - began_s, under.error)

    def drain(self) -> list[Call]:
        """Return the requests that ended since the last time, the newest `CALLS_MAX` at most."""
        calls = list(self._calls)
        self._calls.clear()
        return calls

    def condition(self) -> Condition:
        """Return how the venue is now."""
        now_s = self._now_s()
        ill = [name for name, breaker in self._breakers.items() if not breaker.admits(now_s)]
        if self._orders in ill:
            return Condition(Health.DOWN, self._why(self._orders, now_s))
        if ill:
            return Condition(Health.DEGRADED, self._why(ill[0], now_s))
        if len(self._throttled) > THROTTLED_MAX and now_s - self._throttled[0] <= WINDOW_S:
            return Condition(Health.DEGRADED, f"it throttles: {len(self._throttled)} times within {WINDOW_S:g} s")
        recent = [seconds for at_s, seconds in self._took if now_s - at_s <= SLOW_WINDOW_S]
        if len(recent) == SLOW_OF and (middle := median(recent)) > SLOW_S:
            return Condition(Health.DEGRADED, f"it is slow: {middle:.1f} s for an order or cancel")
        return WELL

    def _note(self, operation: str, now_s: float, seconds: float, error: ExecutionError | None) -> None:
        if operation in self._acts:
            self._took.append((now_s, seconds))
        if isinstance(error, VenueThrottled):
            self._throttled.append(now_s)
            self.throttles[operation] += 1

    def _why(self, operation: str, now_s: float) -> str:
        breaker = self.breaker(operation)
        again = f"tried again in {breaker.wait_s(now_s):.1f} s" if breaker.wait_s(now_s) else "a trial is under way"
        return f"{operation} failed {breaker.failures} times in a row; {again}"


_WORDS: Final[Mapping[type[ExecutionError], str]] = {
    VenueUnavailable: "unavailable",
    VenueThrottled: "throttled",
    VenueRefused: "refused",
    VenueAuthFailed: "auth",
    VenueAmbiguous: "ambiguous",
    VenueDuplicate: "duplicate",
    VenueProtocolError: "protocol",
    VenueNotFound: "",
}


def _class_of(under: Under) -> str:
    """Return a word for the error; "not found" is an answer like any other."""
    if under.error is None:
        return "" if under.answered else "silence"
    return word_for(under.error)


def word_for(error: ExecutionError) -> str:
    """Return one word for an error, empty for "not found"."""
    return next((word for kind, word in _WORDS.items() if isinstance(error, kind)), "other")
