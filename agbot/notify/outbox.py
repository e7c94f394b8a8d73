"""What waits for one channel, and what may go now. No I/O, no clock: time is an argument.

Theory of operation. A notice waits in `_waiting`, or, while it is quiet and it is not critical, in `_held` until the
morning's digest. `take` gives one message at a time and pays a token for it. While there are tokens for all that waits
each goes by itself; with the last one everything goes folded into one message. The last token of a bucket is kept for
what is critical, so that a burst of fills never makes a kill switch wait.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import attrs

from agbot.core.limiter import TokenBucket
from agbot.notify.notice import Message, Notice, Severity
from agbot.notify.quiet import QuietHours

WAITING_MAX: Final = 500
"""Notices that wait, held ones not counted; beyond, the oldest of the least severity goes and is counted."""
TOKENS: Final = 60
"""A message costs so many of the bucket's tokens, since the bucket counts whole tokens a second and a rate a minute."""
SENT_KEPT: Final = 1000
REPORT: Final = "report"


@attrs.frozen(kw_only=True)
class Rules:
    """When a channel may be used.

    Args:
        least: notices below it are not for this channel.
        per_minute: messages, on average; `burst` at once.
        repeat_ns: duplicates of what was sent wait so long and are told together; critical ones do not wait.
        quiet: None is never.
        report: the daily report is for this channel although it is below `least`.
    """

    least: Severity = Severity.WARNING
    per_minute: int = 20
    burst: int = 5
    repeat_ns: int = 60 * 10**9
    quiet: QuietHours | None = None
    report: bool = False


class Outbox:
    """See the module."""

    def __init__(self, rules: Rules, *, waiting_max: int = WAITING_MAX) -> None:
        self._rules = rules
        self._waiting_max = waiting_max
        self._bucket = TokenBucket(rate=rules.per_minute, burst=rules.burst * TOKENS)
        self._waiting: list[Notice] = []
        self._held: list[Notice] = []
        self._quiet_until_ns = 0
        self._sent_ns: dict[str, int] = {}
        self._dropped = 0
        self.dropped = 0
        """Notices that were dropped, in all."""

    @property
    def waiting(self) -> int:
        """Return how many notices wait, those held back by quiet hours not counted."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """Return how many notices wait for the end of the quiet hours."""
        return len(self._held)

    def put(self, notice: Notice, now_ns: int) -> None:
        """Take a notice in; one below the channel's severity is not kept."""
        if notice.severity >= self._rules.least or (self._rules.report and notice.kind == REPORT):
            self._add(self._held if self._to_hold(notice, now_ns) else self._waiting, notice)

    def take(self, now_ns: int) -> Message | None:
        """Return what may be sent now and forget it, None when that is nothing."""
        self._hold_back(now_ns)
        ready = [notice for notice in self._waiting if self._not_before_ns(notice) <= now_ns]
        critical = any(notice.severity is Severity.CRITICAL for notice in ready)
        room = self._room(now_ns, critical=critical)
        digest = self._held and not critical and not self._quiet(now_ns)
        if room <= 0 or not (ready or digest):
            return None
        self._bucket.take(now_ns, TOKENS)
        if digest:
            return self._digest()
        return self._gone([max(ready, key=lambda n: n.severity)] if room >= len(ready) else ready, now_ns)

    def due_ns(self, now_ns: int) -> int | None:
        """Return when `take` is worth asking again, None when nothing waits."""
        self._hold_back(now_ns)
        times = [max(self._quiet_until_ns, self._room_ns(now_ns, critical=False))] if self._held else []
        for notice in self._waiting:
            room_ns = self._room_ns(now_ns, critical=notice.severity is Severity.CRITICAL)
            times.append(max(self._not_before_ns(notice), room_ns))
        return max(min(times), now_ns) if times else None

    def again(self, message: Message) -> None:
        """Put back what could not be sent; it is the oldest that waits."""
        place = self._held if message.title else self._waiting
        place[:0] = message.notices
        self._dropped += message.dropped
        self._bound(place)

    def last(self, now_ns: int) -> Message | None:
        """Return everything that may be told now as one message, whatever the rate: the bot ends."""
        self._hold_back(now_ns)
        waiting = [*self._waiting] if self._quiet(now_ns) else [*self._held, *self._waiting]
        return self._gone(waiting, now_ns) if waiting else None

    # -- inside ----------------------------------------------------------------------------------------------------

    def _gone(self, notices: list[Notice], now_ns: int) -> Message:
        gone = set(map(id, notices))
        self._waiting = [notice for notice in self._waiting if id(notice) not in gone]
        for notice in notices:
            self._sent_ns.pop(notice.key, None)
            self._sent_ns[notice.key] = now_ns
        while len(self._sent_ns) > SENT_KEPT:
            del self._sent_ns[next(iter(self._sent_ns))]
        return Message(notices=notices, dropped=self._owned_up())

    def _digest(self) -> Message:
        held, self._held = self._held, []
        kinds = Counter[str]()
        for notice in held:
            kinds[notice.kind] += notice.count
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        title = f"while it was quiet ({self._rules.quiet}): {told}"
        return Message(notices=held, title=title, dropped=self._owned_up())

    def _owned_up(self) -> int:
        dropped, self._dropped = self._dropped, 0
        return dropped

    def _add(self, place: list[Notice], notice: Notice) -> None:
        for index, known in enumerate(place):
            if known.key == notice.key:
                place[index] = attrs.evolve(known, count=known.count + notice.count)
                return
        place.append(notice)
        self._bound(place)

    def _bound(self, place: list[Notice]) -> None:
        while len(place) > self._waiting_max:
            least = min(notice.severity for notice in place)
            oldest = next(index for index, notice in enumerate(place) if notice.severity is least)
            lost = place.pop(oldest).count
            self._dropped += lost
            self.dropped += lost

    def _not_before_ns(self, notice: Notice) -> int:
        sent_ns = self._sent_ns.get(notice.key)
        if sent_ns is None or notice.severity is Severity.CRITICAL:
            return 0
        return sent_ns + self._rules.repeat_ns

    def _room(self, now_ns: int, *, critical: bool) -> int:
        """Return for how many messages there are tokens now."""
        room = self._rules.burst
        while room and self._bucket.wait_ns(now_ns, room * TOKENS):
            room -= 1
        return room if critical else room - self._spare

    def _room_ns(self, now_ns: int, *, critical: bool) -> int:
        """Return when there are tokens for a message."""
        return now_ns + self._bucket.wait_ns(now_ns, TOKENS * (1 if critical else 1 + self._spare))

    @property
    def _spare(self) -> int:
        return 1 if self._rules.burst > 1 else 0

    def _quiet(self, now_ns: int) -> bool:
        if self._rules.quiet is None:
            return False
        if now_ns >= self._quiet_until_ns:
            self._quiet_until_ns = self._rules.quiet.until_ns(now_ns)
        return now_ns < self._quiet_until_ns

    def _to_hold(self, notice: Notice, now_ns: int) -> bool:
        return notice.severity < Severity.CRITICAL and self._quiet(now_ns)

    def _hold_back(self, now_ns: int) -> None:
        """Let what waited when it became quiet wait on for the digest."""
        if self._waiting and self._quiet(now_ns):
            waiting, self._waiting = self._waiting, []
            for notice in waiting:
                self._add(self._held if self._to_hold(notice, now_ns) else self._waiting, notice)
