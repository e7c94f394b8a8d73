"""When the same bytes of an order are posted again: a table by what the last try came to. The venue takes an id once.

Nothing here decides what became of an order; and what is in no row (a no, a bad key, a breaker that is open) is final.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from agbot.core.backoff import Backoff
from agbot.errors import ExecutionError, VenueAmbiguous, VenueProtocolError, VenueThrottled, VenueUnavailable

WITHIN_S: Final = 2.5
"""From the first try to the last one: who waits for an order gives up after three seconds."""


@attrs.frozen
class Again:
    """How often in all, the first try counted, and the pauses between."""

    most: int
    pause: Backoff


_IN_DOUBT: Final = Again(3, Backoff(first_s=0.2, longest_s=0.8))
POSTS: Final[Mapping[type[ExecutionError], Again]] = {
    VenueAmbiguous: _IN_DOUBT,  # after a look for the order, which has not found it
    VenueProtocolError: _IN_DOUBT,
    VenueUnavailable: Again(3, Backoff(first_s=0.1, longest_s=0.4)),  # nothing was sent, or nothing accepted
    VenueThrottled: Again(2, Backoff(first_s=0.1, longest_s=0.4)),  # and not before the venue says
}
ASK_AGAIN: Final = Backoff(first_s=1.0, longest_s=60.0)
"""Reads that settle an open question are put again until it is answered."""


def pause_s(error: ExecutionError, tries: int, passed_s: float, random_unit: float) -> float | None:
    """Return seconds until the next try, None when there is none.

    Args:
        tries: how many have been made.
        passed_s: since the first one.
        random_unit: the caller's dice, in [0, 1).
    """
    again = POSTS.get(type(error))
    if again is None or tries >= again.most:
        return None
    pause = again.pause.delay_s(tries - 1, random_unit)
    named = error.retry_after_s if isinstance(error, VenueThrottled | VenueUnavailable) else None
    pause = max(pause, named or 0.0)
    return pause if passed_s + pause <= WITHIN_S else None
