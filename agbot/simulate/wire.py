"""The wires between a simulated bot and its venue: requests that arrive however their sender fares, and one socket."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import attrs

from agbot.errors import LinkLost
from agbot.exchange.api import Ask as Asked
from agbot.simulate.venue import SimOutlet, SimVenue
from agbot.simulate.virtual import Life
from agbot.venue.care import Care
from agbot.venue.polymarket.compose import VENUE
from agbot.venue.polymarket.errors import Phase, lost
from agbot.venue.polymarket.limits import Limiter
from agbot.venue.polymarket.transport import HELD, Ask, Reply, Sign, Transport
from agbot.web.http import Break, Response

TIMEOUT_S: Final = 30.0


@attrs.define
class Weather:
    """How the network is: seconds one way, and the part of requests whose connection fails before they are sent.

    Attributes:
        dice: of the world.
        slow: multiplies every delay.
    """

    dice: random.Random
    one_way_s: float = 0.02
    slow: float = 1.0
    unreachable: float = 0.0

    def delay_s(self) -> float:
        """Return how long the next message takes one way."""
        return self.slow * self.one_way_s * (0.5 + self.dice.random())


class SimTransport(Transport):
    """Carries requests to a venue of the same world. What was sent arrives, also when its sender gave up or died."""

    def __init__(self, life: Life, venue: SimVenue, weather: Weather, now_s: Callable[[], float]) -> None:
        care = Care(VENUE, life.current_time, weather.dice.random, held=HELD)
        limiter = Limiter(now_ns=lambda: int(now_s() * 1e9))
        super().__init__(None, limiter, now_s=now_s, care=care)  # type: ignore[arg-type] # no HTTP
        self._life = life
        self._venue = venue
        self._weather = weather

    async def _turn(self, ask: Ask) -> None:
        """Wait for nothing: the limiter waits with trio."""

    async def _carry(self, ask: Ask, sign: Sign | None) -> Reply:
        if self._life.dead:  # its coroutines unwind, which a process that is killed does not
            raise lost(ask.operation, Phase.NOT_SENT, "killed") from None
        if self._weather.dice.random() < self._weather.unreachable:
            await self._life.sleep(self._weather.delay_s())
            raise lost(ask.operation, Phase.NOT_SENT, "the network is down") from None
        query = urlencode(dict(ask.params), doseq=True)
        headers = {name.lower(): value for name, value in (sign(ask) if sign else {}).items()}
        asked = Asked(method=ask.method, path=ask.path, query_text=query, headers=headers, body=ask.body)
        told: list[Response | Break] = []
        back = self._life.event()
        self._venue.heap.after(self._weather.delay_s(), lambda: self._arrived(asked, told, back.set))
        with self._life.move_on_after(TIMEOUT_S) as scope:
            await back.wait()
        if scope.cancelled_caught or isinstance(told[0], Break):
            raise lost(ask.operation, Phase.MAYBE_SENT, "no reply") from None
        answer = told[0]
        return Reply(answer.status, dict(answer.headers), answer.body)

    def _arrived(self, asked: Asked, told: list[Response | Break], tell: Callable[[], None]) -> None:
        said, late_s = self._venue.answer(asked)

        def returned() -> None:
            told.append(said)
            tell()

        self._venue.heap.after(late_s + self._weather.delay_s(), returned)


class SimLine:
    """The client's end of a user connection; see `agbot.venue.polymarket.user.Line`."""

    def __init__(self, life: Life, venue: SimVenue, weather: Weather) -> None:
        self._life = life
        self._venue = venue
        self._weather = weather
        self._frames: list[bytes] = []
        self._news: Any = life.event()
        self._lost = False
        self.outlet = SimOutlet(venue, len(venue.outlets.open), self._arrive, self._lose, weather.delay_s)
        self._take, self._leave = venue.users.joined(self.outlet)

    def open(self) -> None:
        """Let the venue know it."""
        self._venue.outlets.open[self.outlet] = None  # type: ignore[index]
        self._venue.sockets.opened("user", self.outlet)

    def close(self) -> None:
        """End it, from either side."""
        if self._venue.outlets.open.pop(self.outlet, self) is not self:  # type: ignore[call-overload]
            self.outlet.open = False
            self._leave()

    async def send(self, text: str | bytes) -> None:
        """Send one text message. LinkLost when the connection has ended."""
        if self._lost or self._life.dead:
            raise LinkLost("the connection ended")
        said = text.decode() if isinstance(text, bytes) else text
        self._venue.heap.after(self._weather.delay_s(), lambda: self._take(said) if self.outlet.open else None)
        await self._life.sleep(0)

    async def receive(self) -> list[bytes]:
        """Return what has come. LinkLost when the connection has ended."""
        while not self._frames:
            if self._lost:
                raise LinkLost("the connection ended")
            self._news = self._life.event()
            await self._news.wait()
        frames, self._frames = self._frames, []
        return frames

    def _arrive(self, frame: bytes) -> None:
        if not self._life.dead:
            self._frames.append(frame)
            self._news.set()

    def _lose(self) -> None:
        self._lost = True
        self.close()
        self._news.set()


class SimNet:
    """What a life connects through; its death ends every connection."""

    def __init__(self, life: Life, venue: SimVenue, weather: Weather) -> None:
        self._life = life
        self._venue = venue
        self._weather = weather
        self._lines: list[SimLine] = []

    @asynccontextmanager
    async def connect(self, _url: str) -> AsyncIterator[SimLine]:
        """Open a user connection while the body runs. LinkLost when the venue is not reached."""
        await self._life.sleep(2 * self._weather.delay_s())
        if self._weather.dice.random() < self._weather.unreachable:
            raise LinkLost("the network is down")
        line = SimLine(self._life, self._venue, self._weather)
        self._lines.append(line)
        line.open()
        try:
            yield line
        finally:
            line.close()

    def cut(self) -> None:
        """End every connection at once."""
        for line in self._lines:
            line.close()
        self._lines.clear()
