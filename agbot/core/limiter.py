"""How much may be asked of somebody who counts: a token bucket and a sliding window, exact and without a clock.

Integers throughout: a bucket holds billionths of a token, so each nanosecond adds `rate` (tokens a second) of them.
"""

from __future__ import annotations

from typing import Final

from agbot.units import NS_PER_S

SLOTS: Final = 20
"""Parts a window is counted in. The oldest counts whole until it has left, so the limit is never exceeded."""


class TokenBucket:
    """Refills at `rate` tokens a second up to `burst`; starts full. Time never runs backwards in it."""

    def __init__(self, *, rate: int, burst: int) -> None:
        if rate <= 0 or burst <= 0:
            raise ValueError(f"rate ({rate}) and burst ({burst}) are above zero")
        self.rate = rate
        self.burst = burst
        self._level = burst * NS_PER_S
        self._at_ns: int | None = None
        self._paused_until_ns = 0

    def wait_ns(self, now_ns: int, cost: int = 1) -> int:
        """Return how long to wait until `cost` tokens are there, 0 when they are.

        A cost above the burst waits for a full bucket; taking it then leaves a debt.
        """
        self._refill(now_ns)
        missing = min(cost, self.burst) * NS_PER_S - self._level
        return max(-(-missing // self.rate), self._paused_until_ns - now_ns, 0)

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Take `cost` tokens, into debt if they are not there."""
        self._refill(now_ns)
        self._level -= cost * NS_PER_S

    def lower(self, now_ns: int, tokens: int) -> None:
        """Believe the other side that at most `tokens` (maybe below zero) are left."""
        self._refill(now_ns)
        self._level = min(self._level, tokens * NS_PER_S)

    def pause(self, until_ns: int) -> None:
        """Give nothing before `until_ns`."""
        self._paused_until_ns = max(self._paused_until_ns, until_ns)

    def resize(self, now_ns: int, *, rate: int, burst: int) -> None:
        """Change rate and burst; what is in the bucket stays, up to the new burst."""
        self._refill(now_ns)
        self.rate, self.burst = rate, burst
        self._level = min(self._level, burst * NS_PER_S)

    def used(self, now_ns: int) -> float:
        """Return which part of the burst is used: 0 full, 1 empty, more in debt."""
        self._refill(now_ns)
        return 1 - self._level / (self.burst * NS_PER_S)

    def _refill(self, now_ns: int) -> None:
        if self._at_ns is None or now_ns > self._at_ns:
            elapsed = 0 if self._at_ns is None else now_ns - self._at_ns
            self._level = min(self._level + elapsed * self.rate, self.burst * NS_PER_S)
            self._at_ns = now_ns


class SlidingWindow:
    """At most `limit` in any `span_ns`. Counts in `SLOTS` parts of the span: a little strict, never too generous."""

    def __init__(self, limit: int, span_ns: int) -> None:
        if limit <= 0 or span_ns < SLOTS:
            raise ValueError(f"limit ({limit}) is above zero and span_ns ({span_ns}) at least {SLOTS}")
        self.limit = limit
        self.span_ns = span_ns
        self._slot_ns = -(-span_ns // SLOTS)
        self._counts: dict[int, int] = {}
        self._newest = 0
        self._paused_until_ns = 0

    def wait_ns(self, now_ns: int, cost: int = 1, *, keep: int = 0) -> int:
        """Return how long to wait until `cost` more fit, 0 when they do.

        `keep` of the limit are left to others. A cost above what is left waits for an empty window.
        """
        slot = self._turn(now_ns)
        excess = self.count(now_ns) + cost - max(self.limit - keep, cost)
        pause_ns = max(self._paused_until_ns - now_ns, 0)
        if excess <= 0:
            return pause_ns
        for old in sorted(self._counts):
            excess -= self._counts[old]
            slot = old
            if excess <= 0:
                break
        return max((slot + SLOTS + 1) * self._slot_ns - now_ns, pause_ns)

    def take(self, now_ns: int, cost: int = 1) -> None:
        """Count `cost`."""
        slot = self._turn(now_ns)
        self._counts[slot] = self._counts.get(slot, 0) + cost

    def pause(self, until_ns: int) -> None:
        """Let nothing through before `until_ns`."""
        self._paused_until_ns = max(self._paused_until_ns, until_ns)

    def count(self, now_ns: int) -> int:
        """Return what is counted at the moment."""
        self._turn(now_ns)
        return sum(self._counts.values())

    def used(self, now_ns: int) -> float:
        """Return which part of the limit is used."""
        return self.count(now_ns) / self.limit

    def _turn(self, now_ns: int) -> int:
        self._newest = max(self._newest, now_ns // self._slot_ns)
        oldest = self._newest - SLOTS
        if self._counts and min(self._counts) < oldest:
            self._counts = {slot: count for slot, count in self._counts.items() if slot >= oldest}
        return self._newest
