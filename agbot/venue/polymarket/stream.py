"""Polymarket's market data as one feed: tokens spread over sockets, batches merged in one bounded hand-over.

Theory of operation: at most `tokens_per_socket` tokens share a socket, both outcomes of a market the same one. Each
socket comes back by itself; its loss doubts its own tokens only, and a `LinkDown` is told when the last socket that
delivered is gone. So the feed itself never ends: it raises only what a person must mend.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias

import trio

from agbot.model.events import LinkDown, LinkUp, MarketData, MarketListed, MarketResolved
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.link import READ_FAILED, CheckBook, LinkState, LinkTerms, MarketLink, OpenSocket
from agbot.venue.polymarket.session import MarketSession, SessionTerms
from agbot.venue.polymarket.subscription import TokenState
from agbot.web.socket import open_socket

TOKENS_PER_SOCKET: Final = 200
"""Beyond 500 the venue sends no first books."""
BATCHES_MAX: Final = 256
"""Batches that wait for the engine; then the sockets are not read, and so TCP holds the venue back."""
POLL_S: Final = 60.0

Resolution: TypeAlias = Callable[[MarketId], Awaitable[TokenId | None]]
"""Returns the winner of a market, None while there is none."""


class PolymarketFeed:
    """The public market channel for any number of markets; a `agbot.venue.ports.LinkedFeed`.

    Args:
        hosts: where the market socket is.
        markets: what to subscribe first; `subscribe` and `unsubscribe` change it while it runs.
        now_ns: the wall clock.
        check_book: asks for a token's book over REST; without it books are compared with the stream only.
        resolution: asked once a minute about markets past their `end_ns`, for ``market_resolved`` may never come.
    """

    def __init__(
        self,
        hosts: Hosts,
        markets: Iterable[Market],
        now_ns: Callable[[], int],
        *,
        check_book: CheckBook | None = None,
        resolution: Resolution | None = None,
        tokens_per_socket: int = TOKENS_PER_SOCKET,
        session_terms: SessionTerms | None = None,
        link_terms: LinkTerms | None = None,
        open_: OpenSocket = open_socket,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        if tokens_per_socket < 2:
            raise ValueError(f"both tokens of a market share a socket; {tokens_per_socket} is less than 2")
        self._hosts = hosts
        self._now_ns = now_ns
        self._check_book = check_book
        self._resolution = resolution
        self._per_socket = tokens_per_socket
        self._session_terms = session_terms
        self._link_terms = link_terms
        self._open = open_
        self._random_unit = random_unit
        self._markets: dict[MarketId, tuple[Market, MarketLink]] = {}
        self._links: list[MarketLink] = []
        self._more = trio.Event()
        self._in, self._out = trio.open_memory_channel[Sequence[MarketData]](BATCHES_MAX)
        self._place(markets)

    @property
    def name(self) -> str:
        """Return ``"polymarket"``."""
        return "polymarket"

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep every socket open until cancelled; `batches` yields only while this runs.

        Raises:
            ExceptionGroup: of VenueForbidden when the venue refuses sockets and none is open.
        """
        started = 0
        async with trio.open_nursery() as nursery:
            if self._resolution is not None:
                nursery.start_soon(self._ask_for_ends, self._resolution)
            task_status.started()
            while True:
                for link in self._links[started:]:
                    nursery.start_soon(link.run)
                started = len(self._links)
                await self._more.wait()
                self._more = trio.Event()

    def batches(self) -> AsyncIterator[Sequence[MarketData]]:
        """Yield what the sockets say, one batch a read, without end. One consumer."""
        return self._out

    async def subscribe(self, markets: Sequence[Market]) -> None:
        """Add markets; each is listed before its first book."""
        await self._in.send([MarketListed(market, self._now_ns()) for market in markets])
        self._place(markets)

    async def unsubscribe(self, markets: Iterable[Market]) -> None:
        """Take markets off; their books are doubted from here on."""
        gone = [self._markets.pop(market.id) for market in markets if market.id in self._markets]
        for market, link in gone:
            events = link.session.unsubscribe([market], self._now_ns())
            link.poke()
            await self._in.send(events)

    def states(self) -> list[TokenState]:
        """Return how each token's feed is doing."""
        now_ns = self._now_ns()
        return [state for link in self._links for state in link.session.states(now_ns)]

    def links(self) -> list[LinkState]:
        """Return how each socket is doing."""
        return [link.state() for link in self._links]

    # -- sockets ---------------------------------------------------------------------------------------------------

    def _place(self, markets: Iterable[Market]) -> None:
        for market in markets:
            if market.id in self._markets:
                continue
            link = next((link for link in self._links if self._room(link) >= 2), None) or self._new_link()
            link.session.subscribe([market], self._now_ns())
            link.poke()
            self._markets[market.id] = (market, link)

    def _room(self, link: MarketLink) -> int:
        return self._per_socket - len(link.session.tokens)

    def _new_link(self) -> MarketLink:
        link = MarketLink(
            MarketSession(terms=self._session_terms),
            self._hosts.market_socket,
            deliver=self._in.send,
            flow=self._flow,
            alone=lambda: not any(link.flowing for link in self._links),
            now_ns=self._now_ns,
            check_book=self._check_book,
            terms=self._link_terms,
            open_=self._open,
            random_unit=self._random_unit,
        )
        self._links.append(link)
        self._more.set()
        return link

    def _flow(self, begins: bool, why: str) -> list[MarketData]:
        """Return that the feed is up with its first flowing socket, and down with its last."""
        flowing = sum(link.flowing for link in self._links)
        if begins and flowing == 1:
            return [LinkUp(self.name, self._now_ns())]
        if not begins and flowing == 0:
            return [LinkDown(self.name, why, self._now_ns())]
        return []

    # -- ends ------------------------------------------------------------------------------------------------------

    async def _ask_for_ends(self, resolution: Resolution) -> None:
        while True:
            await trio.sleep(POLL_S)
            for market, link in tuple(self._markets.values()):
                if not 0 < market.end_ns <= self._now_ns() or link.session.has_ended(market.id):
                    continue
                try:
                    winner = await resolution(market.id)
                except READ_FAILED:
                    continue  # asked again in a minute
                if winner is not None:
                    await self._in.send(link.session.resolved(MarketResolved(market.id, winner, self._now_ns())))
