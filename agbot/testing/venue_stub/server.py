"""The venue on loopback: one port for every host of `Hosts`, scripted where a test says so, honest elsewhere."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import Final

import trio

from agbot.testing.venue_stub.clob import Clob
from agbot.testing.venue_stub.exchange import Json, StubExchange
from agbot.testing.venue_stub.markets import Rungs, StubBook, StubMarket
from agbot.testing.venue_stub.public import DATA, GAMMA, GEOBLOCK, PublicSites
from agbot.testing.venue_stub.script import Held, Received, Reply, Rule, Said, Script
from agbot.testing.venue_stub.sockets import MarketAnswers, RealtimeAnswers, StubSockets, UserAnswers, no_answers
from agbot.venue.polymarket.hosts import Hosts
from agbot.web.server import Bounds, Break, Request, Response, Server, SocketRoute

MESSAGE_BYTES_MAX: Final = 1024 * 1024
BODY_BYTES_MAX: Final = 4 * 1024 * 1024
USER_EVENTS_MAX: Final = 10_000


class VenueStub:
    """What a test holds. See `agbot.testing.venue_stub` for how to use it.

    Attributes:
        hosts: every address pointing here.
        requests: everything asked, in order of arrival.
        exchange: money, orders, trades; `clob`: keys, heartbeats, modes; `sites`: positions, geoblock.
    """

    def __init__(self, port: int, *, mount: str = "", now_s: Callable[[], float] = time.time) -> None:
        self.port = port
        self.mount = mount
        self.exchange = StubExchange(now_s)
        self.clob = Clob(self.exchange)
        self.sites = PublicSites(self.exchange)
        self.market_sockets = StubSockets(MarketAnswers(self.exchange))
        self.user_sockets = StubSockets(UserAnswers(self.clob.keyring))
        self.rtds_sockets = StubSockets(no_answers)
        self.realtime_sockets = StubSockets(RealtimeAnswers(self.clob.keyring))
        self.requests: list[Received] = []
        self._rules: list[Rule] = []
        self._arrival = trio.Event()
        self.user_events, self._user_events = trio.open_memory_channel[Json](USER_EVENTS_MAX)
        self.exchange.listeners.append(self.user_events.send_nowait)
        self.add_market(StubMarket())

    @property
    def hosts(self) -> Hosts:
        """Every address of the venue, pointing here."""
        http, ws = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}"
        return Hosts(
            clob=http + self.mount,
            market_socket=f"{ws}/ws/market",
            user_socket=f"{ws}/ws/user",
            rtds=f"{ws}/ws/rtds",
            realtime=f"{ws}/ws/realtime",
            gamma=http + GAMMA,
            data=http + DATA,
            geoblock=http + GEOBLOCK,
        )

    # ------------------------------------------------------------ what the venue holds

    def add_market(self, market: StubMarket) -> StubMarket:
        """List a market, or change it."""
        self.exchange.markets[market.condition] = market
        return market

    def set_book(self, token: str, bids: Rungs = (), asks: Rungs = ()) -> None:
        """Set others' liquidity in a token; its sibling shows the mirror."""
        book = StubBook(bids, asks)
        self.exchange.books[token] = book
        market = self.exchange.market_of(token)
        for other in market.tokens if market else ():
            if other != token:
                self.exchange.books[other] = book.mirrored()

    # ------------------------------------------------------------ scripts

    def reply(self, method: str, path: str, said: Reply | Break | Script, times: int | None = None) -> None:
        """Say this on a route, `times` times (None: for ever). Rules of a route are used in the order they came.

        A script gets the request and may return None for the default answer. `path` may hold ``*``.
        """
        script: Script = said if callable(said) else lambda _: said
        self._rules.append(Rule(method, path, script, times))

    def lose_reply(self, method: str, path: str, times: int | None = 1) -> None:
        """Act on the request, then end the connection without a word."""
        self.reply(method, path, lambda received: self._acted(received, Break()), times)

    def truncate_reply(self, method: str, path: str, times: int | None = 1) -> None:
        """Act on the request, then send half an answer."""
        half = Break(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"succ')
        self.reply(method, path, lambda received: self._acted(received, half), times)

    def reset(self, method: str, path: str, times: int | None = 1) -> None:
        """Reset the connection without acting on the request."""
        self.reply(method, path, Break(reset=True), times)

    def hold(self, method: str, path: str, times: int | None = 1) -> Held:
        """Act on the request, and answer when the returned `Held` is released."""
        held = Held()

        async def late(received: Received) -> Said:
            reply = self.default(received)
            held.arrived.set()
            await held.released.wait()
            return reply

        self.reply(method, path, late, times)
        return held

    def _acted(self, received: Received, said: Break) -> Break:
        self.default(received)
        return said

    # ------------------------------------------------------------ what it was asked

    def asked(self, method: str, path: str) -> list[Received]:
        """Return the requests of a route so far."""
        return [r for r in self.requests if (r.method, r.path) == (method, path)]

    async def wait_for(self, method: str, path: str, count: int = 1) -> Received:
        """Wait until a route was asked `count` times since the start; return that request."""
        while len(self.asked(method, path)) < count:
            await self._arrival.wait()
        return self.asked(method, path)[count - 1]

    # ------------------------------------------------------------ serving

    def default(self, received: Received) -> Reply:
        """Return what the honest venue says, acting on it."""
        return self.sites.answer(received) or self.clob.answer(received)

    async def answer(self, request: Request) -> Response | Break:
        """Answer a request by its script, else by default: the web server's answer."""
        received = Received.of(request, self.mount)
        self.requests.append(received)
        self._arrival.set()
        self._arrival = trio.Event()
        said = await self._said(received)
        return said if isinstance(said, Break) else said.response()

    async def _said(self, received: Received) -> Reply | Break:
        rule = next((rule for rule in self._rules if rule.takes(received)), None)
        said: Said | Awaitable[Said] = rule.script(received) if rule else None
        if isawaitable(said):
            said = await said
        return self.default(received) if said is None else said

    async def tell_users(self) -> None:
        """Pass the exchange's user events on to every user socket that is signed in, until cancelled."""
        async for event in self._user_events:
            for socket in [socket for socket in self.user_sockets.open if socket.authed]:
                await socket.send(event)

    def routes(self) -> dict[str, SocketRoute]:
        """Return the WebSocket routes."""
        paths = {
            "/ws/market": self.market_sockets,
            "/ws/user": self.user_sockets,
            "/ws/rtds": self.rtds_sockets,
            "/ws/realtime": self.realtime_sockets,
        }
        return {path: SocketRoute(sockets.talk, MESSAGE_BYTES_MAX) for path, sockets in paths.items()}


@asynccontextmanager
async def venue_stub(*, mount: str = "", now_s: Callable[[], float] = time.time) -> AsyncIterator[VenueStub]:
    """Serve a venue on a free port of loopback while the body runs.

    Args:
        mount: path prefix of the CLOB, such as ``"/clob"``; signatures never cover it.
        now_s: the venue's clock.

    Raises:
        AssertionError: at the end, when the stub itself had a bug.
    """
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    stub = VenueStub(listeners[0].socket.getsockname()[1], mount=mount, now_s=now_s)
    server = Server(stub.answer, stub.routes(), bounds=Bounds(body_bytes=BODY_BYTES_MAX))
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run, listeners)
        nursery.start_soon(stub.tell_users)
        yield stub
        nursery.cancel_scope.cancel()
    assert server.faults == 0, "the stub had a bug: the log says which"
