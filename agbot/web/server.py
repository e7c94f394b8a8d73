"""A small HTTP/1.1 and WebSocket server on h11 and trio-websocket: one port, each connection on its own.

Whatever a client sends (junk, resets, bytes behind an upgrade), only its own connection ends; what it may take is
bounded, and one connection too many is told so.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final, TypeAlias

import h11
import structlog
import trio
from trio_websocket import WebSocketConnection, wrap_server_stream

from agbot.web.http import (
    Abandoned,
    Answer,
    Bounds,
    Break,
    Place,
    PushRoute,
    Refuse,
    Request,
    Response,
    Route,
    SocketRoute,
    Sockets,
    Torn,
    admit_all,
)
from agbot.web.lost import LOST
from agbot.web.push import push

__all__ = ["Abandoned", "Bounds", "Break", "Place", "Refuse", "Request", "Response", "Server", "SocketRoute"]

Listener: TypeAlias = trio.abc.Listener[trio.SocketStream]

HANDSHAKE_S: Final = 5.0
CLOSE_S: Final = 1.0
"""A WebSocket's peer has this long to answer our close."""
GOODBYE_S: Final = 0.1
"""The same when we are stopping: nobody is left to hear the answer, the frame only has to leave."""
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011
RECEIVE_BYTES: Final = 64 * 1024
LINGER_S: Final = 1.0
"""A client whose request we do not read to its end has this long to take our answer and close."""
LINGERING_MAX: Final = 100
"""Connections too many that are waited for like that; more are closed as soon as they are answered."""
ACCEPT_PAUSE_S: Final = 0.1
"""Until the next try after the system gave no connection: it is out of descriptors or memory, or the client is gone."""

_BROKEN_LISTENER: Final = {errno.EBADF, errno.EINVAL, errno.ENOTSOCK}
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
_BARE: Final = {204, 304}
"""Answers that have no body, whatever they say of its length."""
_ALWAYS: Final = ("Cache-Control: no-cache", "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer")
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 32\r\n"
    b'Retry-After: 1\r\nConnection: close\r\n\r\n{"error":"too many connections"}'
)
_log = structlog.get_logger("agbot.web")


class Server:
    """Serves `answer` and `sockets` on listeners.

    Args:
        answer: gives the response to any request that is no WebSocket, at once or later.
        sockets: WebSocket routes.
        refuse: looks at each request first, with the address it came in on; its response, if any, is the answer.
        bounds: what clients may take.
    """

    def __init__(
        self,
        answer: Answer,
        sockets: Sockets,
        *,
        refuse: Refuse = admit_all,
        bounds: Bounds | None = None,
    ) -> None:
        self.answer = answer
        self.sockets = sockets
        self.refuse = refuse
        self.bounds = bounds or Bounds()
        self.faults = 0
        """Connections that ended by a bug of ours."""
        self.connections = 0
        """Open now."""
        self.refused = 0
        """Connections that were one too many."""
        self._refusing = 0

    async def run(
        self, listeners: Sequence[Listener], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled; every WebSocket is then closed with 1001, within `GOODBYE_S`."""
        async with trio.open_nursery() as connections:
            for listener in listeners:
                connections.start_soon(self._accept, listener, connections)
            task_status.started()

    def route(self, request: Request) -> Route | None:
        """Return the WebSocket route of a request, if it has one."""
        return self.sockets(request) if callable(self.sockets) else self.sockets.get(request.path)

    async def _accept(self, listener: Listener, connections: trio.Nursery) -> None:
        """Start a task for every client. That the system gives none for a while ends nothing."""
        told = False
        async with listener:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as e:
                    if e.errno in _BROKEN_LISTENER:
                        raise
                    if not told:
                        _log.warning("no new connections for now", reason=str(e), open=self.connections)
                    told = True
                    await trio.sleep(ACCEPT_PAUSE_S)
                else:
                    told = False
                    connections.start_soon(self._connection, stream)

    async def _connection(self, stream: trio.SocketStream) -> None:
        try:
            await self._serve(stream)
        except* LOST:
            pass  # the client went away or broke the protocol
        except* Exception as bug:  # noqa: BLE001 - one connection's bug must not end the others
            self.faults += 1
            _log.error("connection ended by a bug", exc_info=bug)
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve(self, stream: trio.SocketStream) -> None:
        if self.connections >= self.bounds.connections:
            await self._refuse(stream)
            return
        self.connections += 1
        try:
            await _Connection(self, stream).converse()
        finally:
            self.connections -= 1

    async def _refuse(self, stream: trio.SocketStream) -> None:
        self.refused += 1
        self._refusing += 1
        try:
            with trio.move_on_after(LINGER_S):
                await stream.send_all(_FULL)
                if self._refusing <= LINGERING_MAX:
                    await _linger(stream)
        finally:
            self._refusing -= 1


class _Replayed(trio.abc.Stream):
    """The stream as it was before the upgrade request was read: trio-websocket parses that itself.

    When it refuses the handshake it closes the stream, and would wait on: `handshake` is cancelled then.
    """

    def __init__(self, stream: trio.SocketStream, head: bytes, handshake: trio.CancelScope) -> None:
        self._stream = stream
        self._head = head
        self._handshake = handshake

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
        self._handshake.cancel()
        await self._stream.aclose()


class _Connection:
    def __init__(self, server: Server, stream: trio.SocketStream) -> None:
        self.server = server
        self.stream = stream
        self.bounds = server.bounds
        self.peer = str(stream.socket.getpeername()[0])
        self.http = self._reader()
        self.raw = b""
        """The head of the request as it came, perhaps with more behind it."""

    def _reader(self) -> h11.Connection:
        """Return what reads one request. Answers are written without it, in a fifth of the time."""
        return h11.Connection(h11.SERVER, max_incomplete_event_size=self.bounds.head_bytes)

    async def converse(self) -> None:
        while True:
            try:
                request = await self._next()
            except h11.RemoteProtocolError as e:
                await self._send(_no(e.error_status_hint), "GET")
                with trio.move_on_after(LINGER_S):
                    await _linger(self.stream)
                return
            if request is None:
                return
            refusal = self._refusal(request)
            if refusal is None and request.upgrades:
                await self._upgrade(request)
                return
            if not await self._send(refusal or await self._answer(request), request.method):
                return
            self.raw = self.http.trailing_data[0]
            self.http = self._reader()
            if self.raw:
                self.http.receive_data(self.raw)

    async def _next(self) -> Request | None:
        """Wait for a request and return it when it is complete, None when there is none any more."""
        if not self.raw:
            with trio.move_on_after(self.bounds.idle_s):
                await self._receive()
            if not self.raw:
                return None
        with trio.move_on_after(self.bounds.request_s):
            return await self._request()
        raise h11.RemoteProtocolError("not complete in time", error_status_hint=408)

    async def _request(self) -> Request | None:
        request: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                request = event
                await self._expect(request)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self.bounds.body_bytes:
                    raise _too_long(413)
            elif isinstance(event, h11.EndOfMessage):
                return None if request is None else _request(request, bytes(body), self.peer)
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def _expect(self, request: h11.Request) -> None:
        """Look at a head: what cannot be served is refused before its body is read."""
        if request.http_version not in {b"1.0", b"1.1"}:
            raise h11.RemoteProtocolError("another HTTP", error_status_hint=505)
        if len(self.raw) > self.bounds.head_bytes and _head_bytes(request) > self.bounds.head_bytes:
            raise _too_long(431)
        if any(name == b"content-length" and int(value) > self.bounds.body_bytes for name, value in request.headers):
            raise _too_long(413)
        if self.http.they_are_waiting_for_100_continue:
            await self._send_all(self.http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")

    async def _answer(self, request: Request) -> Response | Break:
        answer = self.server.answer(request)
        return answer if isinstance(answer, Response | Break) else await answer

    async def _event(self) -> object:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            await self._receive()
        return event

    async def _receive(self) -> None:
        received = await self.stream.receive_some(self.bounds.head_bytes)
        if self.http.their_state is h11.IDLE:
            self.raw += received
        self.http.receive_data(received)

    def _refusal(self, request: Request) -> Response | None:
        refusal = self.server.refuse(request, self.stream.socket.getsockname()[:2])
        if refusal is not None:
            return refusal
        found = self.server.route(request) is not None
        if request.upgrades and not found:
            return Response(404, b"no such socket\n", closes=True)
        if found and not request.upgrades:
            return Response(426, b"this is a WebSocket\n", headers=[("Upgrade", "websocket")], closes=True)
        return None

    async def _send(self, response: Response | Break, method: str) -> bool:
        """Send an answer; return whether another request may follow."""
        if isinstance(response, Break):
            await self._send_all(response.sent)
            if response.reset:
                self._tear()
            return False
        stays = not response.closes and self.http.their_state is h11.DONE
        await self._send_all(_written(response, method, stays=stays))
        return stays

    async def _send_all(self, out: bytes) -> None:
        with trio.fail_after(self.bounds.send_s):
            await self.stream.send_all(out)

    def _tear(self) -> None:
        """Make the coming close a TCP reset."""
        self.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def _upgrade(self, request: Request) -> None:
        route = self.server.route(request)
        assert route is not None, "the refusal looked for it"
        self.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, self.bounds.socket_buffer_bytes)
        if isinstance(route, PushRoute):
            await push(self.stream, self.raw, route, request)
            return
        async with trio.open_nursery() as nursery:
            with trio.fail_after(HANDSHAKE_S) as handshake:
                proposal = await wrap_server_stream(
                    nursery,
                    _Replayed(self.stream, self.raw, handshake),
                    max_message_size=route.message_bytes_max,
                    receive_buffer_size=RECEIVE_BYTES,
                )
                ws = await proposal.accept()
            try:
                await _talk(route, ws, request)
            except Torn:
                self._tear()
            except Abandoned:
                pass
            nursery.cancel_scope.cancel()


async def _talk(route: SocketRoute, ws: WebSocketConnection, request: Request) -> None:
    code = GOING_AWAY
    try:
        await route.talk(ws, request)
        code = 1000
    except Abandoned:
        code = 0
        raise
    except Exception:
        code = INTERNAL_ERROR
        raise
    finally:
        if code:
            with trio.move_on_after(CLOSE_S if code == 1000 else GOODBYE_S, shield=True):
                await ws.aclose(code)


def _written(response: Response, method: str, *, stays: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, '')}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        *_ALWAYS,
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    if not stays:
        lines.append("Connection: close")
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1:
        raise ValueError("a header with a line break would become two")
    bare = method == "HEAD" or response.status in _BARE
    return head.encode("latin-1") + b"\r\n\r\n" + (b"" if bare else response.body)


def _request(event: h11.Request, body: bytes, peer: str) -> Request:
    path, _, query = event.target.decode("latin-1").partition("?")
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
    request = Request(event.method.decode("latin-1"), path, query, headers, body, peer)
    if request.upgrades and not all(value.isascii() for _, value in event.headers):
        raise h11.RemoteProtocolError("the WebSocket's own parser knows ASCII only")
    return request


def _head_bytes(request: h11.Request) -> int:
    """Return how long a head was, but for spaces around its values."""
    line = len(request.method) + len(request.target) + len(b"  HTTP/1.1\r\n\r\n")
    return line + sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)


def _too_long(status: int) -> h11.RemoteProtocolError:
    return h11.RemoteProtocolError("too long", error_status_hint=status)


def _no(status: int) -> Response:
    return Response(status, b'{"error":"%s"}' % _PHRASES[status].lower().encode(), "application/json", closes=True)


async def _linger(stream: trio.SocketStream) -> None:
    """Wait until the client has closed, too: to close with bytes unread would reset the connection under our answer."""
    await stream.send_eof()
    while await stream.receive_some(RECEIVE_BYTES):
        pass
