"""The stub's WebSockets: each keeps what it was sent, answers as the venue does, and says what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from agbot.testing.venue_stub.exchange import Json, StubExchange
from agbot.testing.venue_stub.keys import Keyring
from agbot.testing.venue_stub.markets import StubBook
from agbot.web.server import Abandoned, Request

QUEUE_MAX: Final = 10_000
GOODBYE_S: Final = 0.2
Frame: TypeAlias = Any
"""Sent as it is when text or bytes, else as JSON."""


class StubSocket:
    """One connection. `received` holds every text so far, `pings` counts PINGs among them; `request` its handshake."""

    def __init__(self, ws: WebSocketConnection, request: Request) -> None:
        self._ws = ws
        self.request = request
        self.received: list[str] = []
        self.pings = 0
        self.tokens: set[str] = set()
        """What it has subscribed to."""
        self.authed = False
        self.closed = trio.Event()
        self.dropped = False
        self._in, self._out = trio.open_memory_channel[str](QUEUE_MAX)

    async def receive(self) -> Any:
        """Return the next message that is no PING, decoded when it is JSON."""
        text = await self._out.receive()
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text

    async def send(self, frame: Frame) -> None:
        """Send one frame; nothing happens on a closed connection."""
        try:
            await self._ws.send_message(
                frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode()
            )
        except ConnectionClosed:
            return

    async def ping(self) -> None:
        """Send a protocol ping and wait for its pong."""
        await self._ws.ping()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code; a peer that does not answer is not waited for."""
        with trio.move_on_after(GOODBYE_S):
            await self._ws.aclose(code, reason)

    def drop(self) -> None:
        """Break the connection without a close frame."""
        self.dropped = True
        self.closed.set()

    async def listen(self, answers: Answers) -> None:
        """Take messages until either side ends."""
        try:
            while True:
                text = str(await self._ws.get_message())
                self.received.append(text)
                is_ping = text.upper() == "PING"
                self.pings += is_ping
                if not is_ping:
                    await self._in.send(text)
                for frame in answers(self, text):
                    await self.send(frame)
        except ConnectionClosed:
            self.closed.set()


Answers: TypeAlias = Callable[[StubSocket, str], Iterable[Frame]]


class StubSockets:
    """All connections on one path.

    Attributes:
        open: those that are connected; `all` has every one since the start.
        answers: what to send back for a text; a test may replace it, such as by ``no_answers``.
        refuse: while it is set, connections are closed right after the handshake.
    """

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.refuse = False
        self.open: list[StubSocket] = []
        self.all: list[StubSocket] = []
        self._in, self._out = trio.open_memory_channel[StubSocket](QUEUE_MAX)

    async def next(self) -> StubSocket:
        """Return the next connection that nobody has asked for, waiting for it."""
        return await self._out.receive()

    async def send(self, frame: Frame) -> None:
        """Send a frame on every open connection."""
        for socket in list(self.open):
            await socket.send(frame)

    def drop(self) -> None:
        """Break every open connection."""
        for socket in self.open:
            socket.drop()

    async def talk(self, ws: WebSocketConnection, request: Request) -> None:
        """Serve one connection: a route of the web server."""
        if self.refuse:
            return
        socket = StubSocket(ws, request)
        self.all.append(socket)
        self.open.append(socket)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(socket.listen, self._answers)
                await self._in.send(socket)
                await socket.closed.wait()
                nursery.cancel_scope.cancel()
        finally:
            self.open.remove(socket)
        if socket.dropped:
            raise Abandoned

    def _answers(self, socket: StubSocket, text: str) -> Iterable[Frame]:
        return self.answers(socket, text)  # looked up each time: a test may have replaced it


def no_answers(socket: StubSocket, text: str) -> Iterable[Frame]:  # noqa: ARG001 - looks at neither
    """Say nothing, not even PONG."""
    return ()


class MarketAnswers:
    """PONG, and a `book` for each token of a subscription."""

    def __init__(self, exchange: StubExchange) -> None:
        self.exchange = exchange

    def __call__(self, socket: StubSocket, text: str) -> Iterable[Frame]:
        """Answer one text."""
        asked = _json(text)
        if asked is None:
            return ["PONG"] if text == "PING" else []
        tokens = list(asked.get("assets_ids", ()))
        if asked.get("operation") == "unsubscribe":
            socket.tokens.difference_update(tokens)
            return []
        socket.tokens.update(tokens)
        return [book for book in map(self.book, tokens) if book]

    def book(self, token: str) -> Json | None:
        """Return the `book` event of a token, None when no market has it."""
        market = self.exchange.market_of(token)
        if market is None:
            return None
        book = self.exchange.books.get(token, StubBook())
        return {"event_type": "book"} | book.json(market, token, int(self.exchange.now_s() * 1000))


class UserAnswers:
    """PONG; the first frame must carry a known key, else the socket is closed."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def __call__(self, socket: StubSocket, text: str) -> Iterable[Frame]:
        """Answer one text."""
        asked = _json(text)
        if asked is None:
            return ["PONG"] if text == "PING" else []
        socket.authed = socket.authed or _known(self.keyring, asked.get("auth"))
        if not socket.authed:
            socket.drop()
        return []


class RealtimeAnswers:
    """``authed``, ``subscribed`` for each item, ``pong``; errors as the venue words them."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    def __call__(self, socket: StubSocket, text: str) -> Iterable[Frame]:
        """Answer one text."""
        asked = _json(text) or {}
        rid = {"rid": asked["rid"]} if "rid" in asked else {}
        match asked.get("op"):
            case "ping":
                return [{"op": "pong"} | rid]
            case "auth":
                socket.authed = _known(self.keyring, asked.get("auth"))
                return [{"op": "authed"} | rid if socket.authed else {"op": "error", "code": "auth_invalid"} | rid]
            case "subscribe" | "unsubscribe" if not socket.authed:
                return [{"op": "error", "code": "auth_required"} | rid]
            case "subscribe" | "unsubscribe" as op:
                return [{"op": f"{op}d", "channel": item["channel"]} | rid for item in asked["subscriptions"]]
        return [{"op": "error", "code": "bad_op"} | rid]


def _known(keyring: Keyring, auth: Any) -> bool:
    key = keyring.keys.get(auth.get("apiKey", "")) if isinstance(auth, dict) else None
    return key is not None and (auth.get("secret"), auth.get("passphrase")) == (key.secret, key.passphrase)


def _json(text: str) -> Json | None:
    try:
        told = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return told if isinstance(told, dict) else None
