"""A real-time socket kept open: a session, a WebSocket, the schedule by which it comes back, and prices handed over.

Prices are conflated: of each source and symbol the engine gets the latest when it has time, so a slow engine never
makes the socket wait, and what waits is bounded. The loss of this feed doubts no book; the age of a price says it all.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol, TypeAlias

import attrs
import trio

from agbot.core.references import REFERENCES_MAX, ReferenceKey
from agbot.errors import LinkLost, VenueUnavailable, leaves
from agbot.log import get_logger
from agbot.model.events import MarketData, ReferencePrice
from agbot.venue.polymarket.watch import TopicNews, TopicState
from agbot.venue.polymarket.wire.prices import Quote
from agbot.venue.polymarket.wire.realtime import Prices
from agbot.venue.polymarket.wire.rtds import RtdsFrame
from agbot.web.socket import Socket, open_socket

HEALTHY_S: Final = 30.0
"""A socket that delivered for so long was a success; one that is accepted and closed at once is a failure."""

OpenSocket: TypeAlias = Callable[[str], AbstractAsyncContextManager[Socket]]
Said: TypeAlias = RtdsFrame | Prices

log = get_logger(__name__)


class TopicSession(Protocol):
    """What a session is to its socket: `RtdsSession` and `RealtimeSession`."""

    dead: str
    ended: str
    unasked: int

    @property
    def name(self) -> str: ...
    @property
    def tick_s(self) -> float: ...
    def take_texts(self) -> list[bytes | str]: ...
    def reopen_s(self, code: int, attempt: int, random_unit: float, /) -> float: ...
    def opened(self, now_ns: int) -> None: ...
    def lost(self) -> None: ...
    def received(self, raw: Iterable[bytes], now_ns: int) -> Sequence[Said]: ...
    def tick(self, now_ns: int) -> list[TopicNews]: ...
    def states(self, now_ns: int) -> Iterator[TopicState]: ...


@attrs.frozen(kw_only=True)
class SocketState:
    """One socket at a moment."""

    source: str
    connects: int
    losses: int
    last_loss: str
    ended: str
    unasked: int


class ReferenceFeed:
    """The topics of one real-time socket; a feed that comes back by itself and never raises a loss.

    Args:
        session: what is subscribed.
        url: the socket.
        now_ns: the wall clock.
    """

    def __init__(
        self,
        session: TopicSession,
        url: str,
        now_ns: Callable[[], int],
        *,
        open_: OpenSocket = open_socket,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        self._session = session
        self._url = url
        self._now_ns = now_ns
        self._open = open_
        self._random_unit = random_unit
        self._waiting: dict[ReferenceKey, ReferencePrice] = {}
        self._more = trio.Event()
        self._poked = trio.Event()
        self._connects = self._losses = 0
        self._last_loss = ""
        self._delivered = False

    @property
    def name(self) -> str:
        """Return ``"rtds"`` or ``"realtime"``."""
        return self._session.name

    async def batches(self) -> AsyncIterator[Sequence[MarketData]]:
        """Yield the latest reference prices, without end, while `run` runs."""
        while True:
            await self._more.wait()
            self._more = trio.Event()
            batch, self._waiting = tuple(self._waiting.values()), {}
            yield batch

    def states(self) -> list[TopicState]:
        """Return how each topic is doing."""
        return list(self._session.states(self._now_ns()))

    def links(self) -> list[SocketState]:
        """Return how the socket is doing."""
        return [
            SocketState(
                source=self.name,
                connects=self._connects,
                losses=self._losses,
                last_loss=self._last_loss,
                ended=self._session.ended,
                unasked=self._session.unasked,
            )
        ]

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the socket open until cancelled, or until a person must act: then it is said, and this returns."""
        task_status.started()
        attempt = 0
        while not self._session.ended:
            began, self._delivered = trio.current_time(), False
            code = await self._until_lost()
            if self._delivered and trio.current_time() - began >= HEALTHY_S:
                attempt = 0
            wait_s = self._session.reopen_s(code, attempt, self._random_unit())
            if not self._session.ended:
                log.warning("reference.socket_lost", feed=self.name, reason=self._last_loss, again_s=round(wait_s, 1))
                await trio.sleep(wait_s)
            attempt += 1
        remedy = "check the API key: agbot doctor; the run goes on without these prices"
        log.critical("reference.ended", id="AGB-492", feed=self.name, reason=self._session.ended, remedy=remedy)

    async def _until_lost(self) -> int:
        """Run one socket to its end; returns its close code, 0 without one."""
        failures: list[BaseException] = []
        try:
            async with self._open(self._url) as socket:
                self._connects += 1
                self._session.opened(self._now_ns())
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, socket)
                    nursery.start_soon(self._beat, socket)
        except* VenueUnavailable as group:
            failures = list(leaves(group))
        finally:
            self._session.lost()
        self._losses += 1
        self._last_loss = "; ".join(dict.fromkeys(str(failure) for failure in failures))
        return max((failure.code for failure in failures if isinstance(failure, LinkLost)), default=0)

    async def _read(self, socket: Socket) -> None:
        while True:
            messages = await socket.receive()
            said = self._session.received(messages, self._now_ns())
            if said:
                self._delivered = True
                self._keep(quote for one in said for quote in _quotes(one))
            if self._session.dead or self._session.tick_s < 1.0:
                self._poked.set()

    async def _beat(self, socket: Socket) -> None:
        while True:
            for text in self._session.take_texts():
                await socket.send(text)
            if self._session.dead:
                raise LinkLost(self._session.dead)
            with trio.move_on_after(self._session.tick_s):
                await self._poked.wait()
            self._poked = trio.Event()
            for news in self._session.tick(self._now_ns()):
                _tell(self.name, news)

    def _keep(self, quotes: Iterable[Quote]) -> None:
        """Keep the newest price of each source and symbol; a repeat or history tells nothing new."""
        for quote in quotes:
            key = (quote.source, quote.symbol)
            known = self._waiting.get(key)
            full = known is None and len(self._waiting) >= REFERENCES_MAX
            if quote.carried or full or (known and known.ts_ns > quote.ts_ns):
                continue
            self._waiting[key] = ReferencePrice(quote.symbol, quote.source, quote.value, quote.ts_ns)
            self._more.set()


def _quotes(said: Said) -> Iterable[Quote]:
    if isinstance(said, Prices):
        return said.quotes
    return (item for item in said.items if isinstance(item, Quote))


def _tell(feed: str, news: TopicNews) -> None:
    if news.doubt:
        remedy: dict[str, Any] = {"remedy": news.remedy} if news.remedy else {}
        log.warning("reference.topic_doubted", id="AGB-493", feed=feed, topic=news.topic, reason=news.doubt, **remedy)
    else:
        log.info("reference.topic_delivers", feed=feed, topic=news.topic)
