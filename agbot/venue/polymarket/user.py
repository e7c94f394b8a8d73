"""The user stream: our own orders and trades as the venue tells them.

Theory of operation. The socket replays nothing, so every connect is a barrier: what arrives is held while open orders
and trades are fetched, then passed on in order. Life is judged by PONGs, nothing else; a link without one for
`PONG_S` seconds is lost. Trading needs ears: `listening` is false from the loss until the barrier has been passed.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol, TypeAlias

from agbot.core.backoff import Backoff
from agbot.errors import ExecutionError, LinkLost, VenueUnavailable, leaves
from agbot.log import get_logger
from agbot.units import NS_PER_S
from agbot.venue.pace import TRIO, Pace
from agbot.venue.polymarket.auth import ApiCredentials, shown_key, to_json
from agbot.venue.polymarket.wire.user import UserDecoder, UserEvent
from agbot.web.socket import open_socket

PING_S: Final = 10.0
PONG_S: Final = 30.0
HELD_MAX: Final = 10_000
"""Events that wait while orders and trades are fetched; one more is a link to begin anew."""
HEALTHY_S: Final = 30.0
"""A link that held this long is tried again at once when it is lost."""
AGAIN: Final = Backoff(first_s=0.25, longest_s=30.0)

log = get_logger(__name__)


class Line(Protocol):
    """An open connection; see `agbot.web.socket.Socket`."""

    async def send(self, text: str | bytes) -> None:
        """Send one text message."""

    async def receive(self) -> list[bytes]:
        """Return at least one message. LinkLost when there will be none."""
        ...


Connect: TypeAlias = Callable[[str], AbstractAsyncContextManager[Line]]


class UserSession:
    """One connection, without I/O: what to send and when, and what was said."""

    def __init__(self, api: ApiCredentials, now_ns: int) -> None:
        self._api = api
        self._decoder = UserDecoder()
        self._held: list[UserEvent] | None = []
        self._ping_ns = now_ns + int(PING_S * NS_PER_S)
        self._pong_ns = now_ns
        self.faults: list[str] = []

    def first_frame(self) -> bytes:
        """Return the subscription to all our markets, with the key."""
        return to_json({"type": "user", "auth": {"apiKey": self._api.key, **shown_key(self._api)}})

    def received(self, now_ns: int, raw: bytes) -> list[UserEvent]:
        """Return what one message says, nothing while it is held.

        Raises:
            VenueUnavailable: too much is held.
        """
        if raw == b"PONG":
            self._pong_ns = now_ns
            return []
        frame = self._decoder.decode(raw)
        self.faults += frame.faults
        if self._held is None:
            return frame.events
        self._held += frame.events
        if len(self._held) > HELD_MAX:
            raise VenueUnavailable(f"more than {HELD_MAX} messages came while our orders were fetched")
        return []

    def release(self) -> list[UserEvent]:
        """Return what was held; from now on nothing is."""
        held, self._held = self._held or [], None
        return held

    def ping(self, now_ns: int) -> bool:
        """Return whether PING is due, and note it as sent.

        Raises:
            LinkLost: no PONG for `PONG_S` seconds.
        """
        if now_ns - self._pong_ns >= PONG_S * NS_PER_S:
            raise LinkLost(f"the user stream gave no PONG for {PONG_S:g} s")
        if now_ns < self._ping_ns:
            return False
        self._ping_ns = now_ns + int(PING_S * NS_PER_S)
        return True


class UserStream:
    """Keeps one user connection open, for as long as it runs.

    Args:
        hear: takes each event, in order.
        barrier: fetches orders and trades and passes them on; runs after every connect, before any event.
        link: told (up, reason) when the stream is heard again, and when it is lost.
    """

    def __init__(
        self,
        url: str,
        api: ApiCredentials,
        *,
        hear: Callable[[UserEvent], None],
        barrier: Callable[[], Awaitable[None]],
        link: Callable[[bool, str], None],
        now_ns: Callable[[], int],
        dice: Callable[[], float] = random.random,
        connect: Connect = open_socket,
        pace: Pace = TRIO,
    ) -> None:
        self._url = url
        self._api = api
        self._hear = hear
        self._barrier = barrier
        self._link = link
        self._now_ns = now_ns
        self._dice = dice
        self._connect = connect
        self._pace = pace
        self.connects = 0

    async def run(self) -> None:
        """Connect and listen until cancelled; every loss is told, and tried again by the schedule."""
        attempt = 0
        while True:
            began = self._pace.current_time()
            reason = "it ended"
            try:
                await self._connection()
            except* ExecutionError as group:
                reason = "; ".join(e.reason for e in leaves(group) if isinstance(e, ExecutionError))
            self._link(False, reason)
            log.warning("user_stream.lost", reason=reason, attempt=attempt)
            attempt = 0 if self._pace.current_time() - began >= HEALTHY_S else attempt + 1
            await self._pace.sleep(AGAIN.delay_s(attempt, self._dice()))

    async def _connection(self) -> None:
        self.connects += 1
        async with self._connect(self._url) as socket:
            session = UserSession(self._api, self._now_ns())
            await socket.send(session.first_frame())
            async with self._pace.open_nursery() as nursery:
                nursery.start_soon(self._keep_alive, session, socket)
                nursery.start_soon(self._listen, session, socket)
                await self._barrier()
                self._tell(session.release())
                self._link(True, "")

    async def _keep_alive(self, session: UserSession, socket: Line) -> None:
        while True:
            if session.ping(self._now_ns()):
                await socket.send(b"PING")
            await self._pace.sleep(1.0)

    async def _listen(self, session: UserSession, socket: Line) -> None:
        while True:
            for raw in await socket.receive():
                self._tell(session.received(self._now_ns(), raw))
            if session.faults:
                log.error("user_stream.not_understood", faults=session.faults[:5], count=len(session.faults))
                session.faults.clear()

    def _tell(self, events: list[UserEvent]) -> None:
        for event in events:
            self._hear(event)
