"""A small HTTP/1.1 and WebSocket server on h11 and trio-websocket: one port, each connection on its own.

Whatever a client sends (junk, resets, bytes behind an upgrade), only its own connection ends.
"""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final, TypeAlias

import attrs
import h11
import structlog
import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from agbot.web.lost import LOST

HANDSHAKE_S: Final = 5.0
CLOSE_S: Final = 1.0
"""A WebSocket's peer has this long to answer our close."""
GOODBYE_S: Final = 0.1
"""The same when we are stopping: nobody is left to hear the answer, the frame only has to leave."""
GOING_AWAY: Final = 1001
RECEIVE_BYTES: Final = 64 * 1024

_PHRASES: Final = {status.value: status.phrase.encode() for status in HTTPStatus}
_log = structlog.get_logger("agbot.web")

Place: TypeAlias = tuple[str, int]
"""An address and a port."""


@attrs.frozen(kw_only=True)
class Bounds:
    """What one client, and all together, may take of a server."""

    head_bytes: int = 16 * 1024
    body_bytes: int = 64 * 1024
    connections: int = 256
    """More are closed at once, unanswered."""
    idle_s: float = 15.0
    """A request must be complete this long after the answer before it."""
    send_s: float = 10.0
    """A client must take an answer in this time."""
    socket_buffer_bytes: int = 256 * 1024
    """What the kernel may hold for a reader of a WebSocket that does not read."""


@attrs.frozen
class Request:
    """A complete request. Header names are lower case; of repeated headers the last one counts."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def upgrades(self) -> bool:
        """Whether the client wants a WebSocket."""
        return self.headers.get("upgrade", "").lower() == "websocket"


@attrs.frozen
class Response:
    """An answer. `closes` ends the connection after it."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Sequence[tuple[str, str]] = ()
    closes: bool = False


@attrs.frozen
class Break:
    """No answer: `sent` leaves as it is (nothing, or the beginning of one), then the connection ends."""

    sent: bytes = b""
    reset: bool = False


class Abandoned(Exception):  # noqa: N818 - an ending, not an error
    """Raised by what talks on a WebSocket to end its connection without a close frame."""


@attrs.frozen
class SocketRoute:
    """A WebSocket path: what talks on it and the longest message it takes."""

    talk: Callable[[WebSocketConnection, Request], Awaitable[None]]
    message_bytes_max: int


Answer: TypeAlias = Callable[[Request], Response | Break | Awaitable[Response | Break]]
Refuse: TypeAlias = Callable[[Request, Place], Response | None]


def admit_all(request: Request, local: Place) -> Response | None:  # noqa: ARG001 - a rule that looks at neither
    """Refuse nobody."""
    return None


class Server:
    """Serves `answer` and `sockets` on listeners.

    Args:
        answer: gives the response to any request that is no WebSocket, at once or later.
        sockets: WebSocket routes by path.
        refuse: looks at each request first, with the address it came in on; its response, if any, is the answer.
        bounds: what clients may take.
    """

    def __init__(
        self,
        answer: Answer,
        sockets: Mapping[str, SocketRoute],
        *,
        refuse: Refuse = admit_all,
        bounds: Bounds = Bounds(),
    ) -> None:
        self.answer = answer
        self.sockets = sockets
        self.refuse = refuse
        self.bounds = bounds
        self.faults = 0
        """Connections that ended by a bug of ours."""
        self._connections = 0

    async def run(
        self, listeners: Sequence[trio.SocketListener], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; every WebSocket is then closed with 1001, within `GOODBYE_S`."""
        async with trio.open_nursery() as connections:
            await connections.start(
                partial(trio.serve_listeners, self._connection, list(listeners), handler_nursery=connections)
            )
            task_status.started()

    async def _connection(self, stream: trio.SocketStream) -> None:
        self._connections += 1
        try:
            if self._connections <= self.bounds.connections:
                await _Connection(self, stream).converse()
        except* LOST:
            pass  # the client went away or broke the protocol
        except* Exception as bug:  # noqa: BLE001 - one connection's bug must not end the others
            self.faults += 1
            _log.error("connection ended by a bug", exc_info=bug)
        finally:
            self._connections -= 1
            await trio.aclose_forcefully(stream)


class _Replayed(trio.abc.Stream):
    """The stream as it was before the upgrade request was read: trio-websocket parses that itself."""

    def __init__(self, stream: trio.SocketStream, head: bytes) -> None:
        self._stream = stream
        self._head = head

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return bytes(await self._stream.receive_some(max_bytes))

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Connection:
    def __init__(self, server: Server, stream: trio.SocketStream) -> None:
        self.server = server
        self.stream = stream
        self.bounds = server.bounds
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=self.bounds.head_bytes)
        self.raw = b""

    async def converse(self) -> None:
        while True:
            try:
                with trio.fail_after(self.bounds.idle_s):
                    request = await self._request()
            except h11.RemoteProtocolError as e:
                await self._send(Response(e.error_status_hint, b"bad request\n", closes=True), "GET")
                return
            if request is None:
                return
            refusal = self._refusal(request)
            if refusal is None and request.upgrades:
                await self._upgrade(request)
                return
            await self._send(refusal or await self._answer(request), request.method)
            if self.http.our_state is not h11.DONE or self.http.their_state is not h11.DONE:
                return
            self.raw = self.http.trailing_data[0]
            self.http.start_next_cycle()

    async def _request(self) -> Request | None:
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self.bounds.body_bytes:
                    raise h11.RemoteProtocolError("body too long", error_status_hint=413)
            elif isinstance(event, h11.EndOfMessage):
                return None if request is None else _request(request, bytes(body))
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def _answer(self, request: Request) -> Response | Break:
        answer = self.server.answer(request)
        return answer if isinstance(answer, Response | Break) else await answer

    async def _event(self) -> object:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            received = await self.stream.receive_some(self.bounds.head_bytes)
            self.raw += received
            self.http.receive_data(received)
        return event

    def _refusal(self, request: Request) -> Response | None:
        refusal = self.server.refuse(request, self.stream.socket.getsockname()[:2])
        if refusal is not None:
            return refusal
        if request.upgrades and request.path not in self.server.sockets:
            return Response(404, b"no such socket\n", closes=True)
        if not request.upgrades and request.path in self.server.sockets:
            return Response(426, b"this is a WebSocket\n", headers=[("Upgrade", "websocket")], closes=True)
        return None

    async def _send(self, response: Response | Break, method: str) -> None:
        if self.http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        out = response.sent if isinstance(response, Break) else self._written(response, method)
        with trio.fail_after(self.bounds.send_s):
            await self.stream.send_all(out)
        if isinstance(response, Break) and response.reset:
            self.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _written(self, response: Response, method: str) -> bytes:
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            ("Cache-Control", "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            *response.headers,
        ]
        if response.closes:
            headers.append(("Connection", "close"))
        phrase = _PHRASES.get(response.status, b"")
        out = self.http.send(h11.Response(status_code=response.status, reason=phrase, headers=headers)) or b""
        if method != "HEAD":
            out += self.http.send(h11.Data(data=response.body)) or b""
        return out + (self.http.send(h11.EndOfMessage()) or b"")

    async def _upgrade(self, request: Request) -> None:
        route = self.server.sockets[request.path]
        self.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, self.bounds.socket_buffer_bytes)
        async with trio.open_nursery() as nursery:
            with trio.fail_after(HANDSHAKE_S):
                proposal = await wrap_server_stream(
                    nursery,
                    _Replayed(self.stream, self.raw),
                    max_message_size=route.message_bytes_max,
                    receive_buffer_size=RECEIVE_BYTES,
                )
                ws = await proposal.accept()
            with suppress(Abandoned):
                await _talk(route, ws, request)
            nursery.cancel_scope.cancel()


async def _talk(route: SocketRoute, ws: WebSocketConnection, request: Request) -> None:
    code = GOING_AWAY
    try:
        await route.talk(ws, request)
        code = 1000
    except Abandoned:
        code = 0
        raise
    finally:
        if code:
            with trio.move_on_after(CLOSE_S if code == 1000 else GOODBYE_S, shield=True):
                await ws.aclose(code)


def _request(event: h11.Request, body: bytes) -> Request:
    path, _, query = event.target.decode("latin-1").partition("?")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    return Request(event.method.decode("latin-1"), path, query, headers, body)
