"""The venue's own dead man's switch: without an accepted heartbeat for ten seconds it cancels every order of the key.

Once the first one was accepted there is no way back, so this runs as long as the bot does. One miss is an alarm. Ten
seconds without are worse: the orders are gone, or about to be, and what rests must be read anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from agbot.errors import ExecutionError, VenueAuthFailed
from agbot.log import get_logger
from agbot.units import NS_PER_S
from agbot.venue.pace import TRIO, Pace

PERIOD_NS: Final = 5 * NS_PER_S
EXPIRES_NS: Final = 10 * NS_PER_S
SEND_S: Final = 4.0
"""One send may take this long; the next one is due soon after."""
REFUSED_MAX: Final = 3
"""A key that is refused so often in a row is no accident: orders could not be cancelled with it either."""

log = get_logger(__name__)


@attrs.define
class Heartbeat:
    """The chain of ids and the clock, without I/O.

    Attributes:
        id: to be sent next; the venue names it.
        misses: sends in a row that were not accepted.
    """

    id: str = ""
    armed: bool = False
    misses: int = 0
    _accepted_ns: int = 0
    _due_ns: int = 0
    _lost_told: bool = False

    def due(self, now_ns: int) -> int:
        """Return nanoseconds until the next send, 0 when it is due."""
        return max(0, self._due_ns - now_ns)

    def accepted(self, sent_ns: int, next_id: str) -> bool:
        """Fold in the venue's yes; returns whether the heartbeat had been lost before.

        The deadline counts from the send: when the venue took it in between is not known.
        """
        was_lost = self._lost_told
        self.id, self.armed, self.misses, self._lost_told = next_id, True, 0, False
        self._accepted_ns, self._due_ns = sent_ns, sent_ns + PERIOD_NS
        return was_lost

    def missed(self, now_ns: int) -> None:
        """Fold in that a send was not accepted."""
        self.misses += 1
        self._due_ns = now_ns + PERIOD_NS // 5

    def overdue(self, now_ns: int) -> bool:
        """Return whether the venue has begun to cancel everything, or may have."""
        return self.armed and now_ns - self._accepted_ns >= EXPIRES_NS

    def silent_ns(self, now_ns: int) -> int:
        """Return nanoseconds since the last one that was accepted."""
        return now_ns - self._accepted_ns

    def newly_lost(self, now_ns: int) -> bool:
        """Return whether it is overdue and nobody was told yet."""
        if self._lost_told or not self.overdue(now_ns):
            return False
        self._lost_told = True
        return True


class Heart:
    """Sends heartbeats until cancelled.

    Args:
        send: sends an id and returns the next one; an id that the venue expects instead is its affair.
        back: awaited when one is accepted after that: orders must be read anew.
    """

    def __init__(
        self,
        send: Callable[[str], Awaitable[str]],
        *,
        back: Callable[[], Awaitable[None]],
        now_ns: Callable[[], int],
        pace: Pace = TRIO,
    ) -> None:
        self._pace = pace
        self.beat = Heartbeat()
        self._send = send
        self._back = back
        self._now_ns = now_ns
        self._refused = 0

    @property
    def overdue(self) -> bool:
        """Return whether every order may be gone."""
        return self.beat.overdue(self._now_ns())

    def silent_ns(self) -> int:
        """Return for how long the venue has accepted none, 0 unless that is too long."""
        return self.beat.silent_ns(self._now_ns()) if self.overdue else 0

    async def run(self) -> None:
        """Beat until cancelled. VenueAuthFailed when the key is refused `REFUSED_MAX` times in a row."""
        async with self._pace.open_nursery() as nursery:
            nursery.start_soon(self._watch)
            while True:
                await self._pace.sleep(self.beat.due(self._now_ns()) / NS_PER_S)
                if await self._once():  # beside the beating: reading may take longer than the venue waits
                    nursery.start_soon(self._resync)

    async def _once(self) -> bool:
        """Send one and note what came; returns whether the heartbeat had been lost before."""
        beat, sent_ns, reason = self.beat, self._now_ns(), f"no answer within {SEND_S:g} s"
        next_id: str | None = None
        with self._pace.move_on_after(SEND_S):
            try:
                next_id = await self._send(beat.id)
            except VenueAuthFailed as e:
                self._refused += 1
                if self._refused >= REFUSED_MAX:
                    raise
                reason = e.reason
            except ExecutionError as e:
                reason = e.reason
        if next_id is not None:
            self._refused = 0
        if next_id is None:
            beat.missed(self._now_ns())
            log.error("heartbeat.missed", misses=beat.misses, reason=reason)
            return False
        return beat.accepted(sent_ns, next_id)

    async def _resync(self) -> None:
        log.error("heartbeat.back", remedy="orders are read anew")
        try:
            await self._back()
        except ExecutionError as e:
            log.error("heartbeat.orders_not_read", error=str(e), remedy="each order is asked about on its own")

    async def _watch(self) -> None:
        while True:
            if self.beat.newly_lost(self._now_ns()):
                log.critical("heartbeat.lost", after_s=EXPIRES_NS / NS_PER_S, remedy="every order counts as gone")
            await self._pace.sleep(0.5)
