"""One market socket kept open: a session, a WebSocket, and the schedule by which it comes back."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeAlias

import attrs
import trio

from agbot.core.backoff import Backoff
from agbot.errors import (
    HandshakeRefused,
    LinkLost,
    VenueForbidden,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.log import get_logger
from agbot.model.events import MarketData
from agbot.model.ids import TokenId
from agbot.venue.polymarket.session import MarketSession
from agbot.venue.polymarket.trust import CheckedBook
from agbot.web.socket import Socket, open_socket

FORBIDDEN: Final = (401, 403)
READ_FAILED: Final = (VenueUnavailable, VenueThrottled, VenueRefused, VenueNotFound, VenueProtocolError)
"""A question beside the stream that had no answer this time; what a person must mend is let out."""

CHECK_FAILED: Final = (*READ_FAILED, trio.TooSlowError)
LAST_WORDS_S: Final = 0.2

CheckBook: TypeAlias = Callable[[TokenId], Awaitable[CheckedBook]]
OpenSocket: TypeAlias = Callable[[str], AbstractAsyncContextManager[Socket]]

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class LinkTerms:
    """When a lost socket comes back.

    Args:
        backoff: the schedule; it starts anew only after `healthy_s` seconds of a socket that delivered. One that is
            accepted and closed at once is a failure like any other.
        tick_s: the second hand of the session.
        check_s: the longest wait for one answer over REST.
    """

    backoff: Backoff = attrs.field(factory=Backoff)
    healthy_s: float = 30.0
    tick_s: float = 1.0
    check_s: float = 10.0


@attrs.frozen(kw_only=True)
class LinkState:
    """One socket at a moment. `flowing` means that data came since it was opened."""

    tokens: int
    flowing: bool
    connects: int
    losses: int
    last_loss: str
    messages: int
    malformed: int
    early: int
    checks: int
    checks_failed: int


class MarketLink:
    """Runs one session over one socket after the other.

    Args:
        session: what is subscribed; changed from outside, then `poke`.
        url: the market socket.
        deliver: takes batches in order; waits while nobody takes them.
        flow: told when data begins and ceases to flow, with the reason; returns what else to deliver.
        alone: whether no other link of the feed is flowing, so that a refusal means the way is closed.
    """

    def __init__(
        self,
        session: MarketSession,
        url: str,
        *,
        deliver: Callable[[Sequence[MarketData]], Awaitable[None]],
        flow: Callable[[bool, str], list[MarketData]],
        alone: Callable[[], bool],
        now_ns: Callable[[], int],
        check_book: CheckBook | None = None,
        terms: LinkTerms | None = None,
        open_: OpenSocket = open_socket,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        self.session = session
        self.flowing = False
        self._url = url
        self._deliver = deliver
        self._flow = flow
        self._alone = alone
        self._now_ns = now_ns
        self._check_book = check_book
        self._terms = terms or LinkTerms()
        self._open = open_
        self._random_unit = random_unit
        self._poked = trio.Event()
        self._waiting: list[Sequence[MarketData]] = []
        self._connects = self._losses = self._checks = self._checks_failed = 0
        self._last_loss = ""

    def poke(self) -> None:
        """Do at once what the session has to say."""
        self._poked.set()

    def state(self) -> LinkState:
        """Return how it is doing."""
        decoder = self.session.decoder
        return LinkState(
            tokens=len(self.session.tokens),
            flowing=self.flowing,
            connects=self._connects,
            losses=self._losses,
            last_loss=self._last_loss,
            messages=decoder.messages.total(),
            malformed=decoder.malformed,
            early=self.session.early,
            checks=self._checks,
            checks_failed=self._checks_failed,
        )

    async def run(self) -> None:
        """Keep the socket open until cancelled.

        Raises:
            VenueForbidden: the venue refuses sockets, and no other one is open.
        """
        attempt = 0
        while True:
            while not self.session.tokens:
                await self._poked.wait()
                self._poked = trio.Event()
            began = trio.current_time()
            why = await self._until_lost()
            if self.flowing and trio.current_time() - began >= self._terms.healthy_s:
                attempt = 0
            await self._lost(why)
            await trio.sleep(self._terms.backoff.delay_s(attempt, self._random_unit()))
            attempt += 1

    async def _until_lost(self) -> str:
        failures: list[BaseException] = []
        try:
            async with self._open(self._url) as socket:
                self._connects += 1
                self.session.opened(self._now_ns())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, socket)
                    nursery.start_soon(self._beat, socket)
                    if self._check_book is not None:
                        nursery.start_soon(self._check, self._check_book)
        except* VenueUnavailable as group:
            failures = list(_leaves(group))
        for failure in failures:
            if isinstance(failure, HandshakeRefused) and failure.status in FORBIDDEN and self._alone():
                raise VenueForbidden(failure.reason, remedy="agbot doctor") from failure
        return "; ".join(dict.fromkeys(str(failure) for failure in failures))

    async def _lost(self, why: str) -> None:
        self._losses += 1
        self._last_loss = why
        log.warning("feed.socket_lost", reason=why, tokens=len(self.session.tokens))
        left, self._waiting = self._waiting, []  # handed over to nobody when the socket was lost
        for batch in left:
            await self._hand_over(batch)
        events = self.session.lost(self._now_ns())
        if self.flowing:
            self.flowing = False
            events += self._flow(False, why)
        await self._hand_over(events)

    async def _read(self, socket: Socket) -> None:
        while True:
            messages = await socket.receive()
            events = self.session.received(messages, self._now_ns())
            if events and not self.flowing:
                self.flowing = True
                events = self._flow(True, "") + events
            await self._hand_over(events)

    async def _beat(self, socket: Socket) -> None:
        while True:
            for text in self.session.take_texts():
                await self._send(socket, text)
            if self.session.dead:
                raise LinkLost(self.session.dead)
            with trio.move_on_after(self._terms.tick_s):
                await self._poked.wait()
            self._poked = trio.Event()
            await self._hand_over(self.session.tick(self._now_ns(), stalled=bool(self._waiting)))

    async def _send(self, socket: Socket, text: str | bytes) -> None:
        try:
            await socket.send(text)
        except LinkLost:
            await trio.sleep(LAST_WORDS_S)  # the reader may know better why, from a close frame
            raise

    async def _check(self, check_book: CheckBook) -> None:
        while True:
            await trio.sleep(self._terms.tick_s)
            for token in self.session.take_checks():
                self._checks += 1
                try:
                    with trio.fail_after(self._terms.check_s):
                        found = await check_book(token)
                except CHECK_FAILED as e:
                    self._checks_failed += 1
                    log.debug("feed.check_failed", token=token, reason=str(e))
                else:
                    await self._hand_over(self.session.checked(token, found, self._now_ns()))

    async def _hand_over(self, events: Sequence[MarketData]) -> None:
        if events:
            self._waiting.append(events)
            await self._deliver(events)
            self._waiting.remove(events)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the plain errors inside (nested) groups."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
