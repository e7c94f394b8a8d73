"""A WebSocket client for many messages: one read, one list of messages; no channel, no task, no await per message.

Theory of operation: `websockets` parses frames without I/O, trio moves the bytes. A read takes up to `RECEIVE_BYTES`;
all messages that it completes are handed over together. Whatever goes wrong (refused, reset, junk, silence while
connecting, a message beyond the bound) is one of three losses in `agbot.errors`, and the TCP socket is always closed.
Extensions are not offered: unpacking costs more than the bytes it saves. Text is handed over as bytes, its UTF-8
unchecked: who reads the JSON checks it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, TypeAlias

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI, PayloadTooBig
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI, parse_uri

from agbot.errors import HandshakeRefused, LinkLost, MessageTooLarge

RECEIVE_BYTES: Final = 64 * 1024
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
CONNECT_S: Final = 10.0
"""For name, TCP, TLS and the upgrade together."""
SEND_S: Final = 5.0
CLOSE_S: Final = 1.0
"""How long the other side has to answer our close."""
BODY_BYTES_KEPT: Final = 1024
"""How much of a refusal's page is kept."""

# The protocol's own logger would show credentials in frames to whoever turns on debugging.
_silent: Final = logging.Logger("agbot.web.socket", logging.CRITICAL + 1)

Connect: TypeAlias = Callable[[WebSocketURI], Awaitable[trio.abc.Stream]]
Heard: TypeAlias = Callable[[list[bytes]], None]
"""Is shown every message before it is handed over, one call a read; it does not wait and does not raise."""


class Socket:
    """An open WebSocket. One task receives; any task may send or close."""

    def __init__(
        self,
        protocol: ClientProtocol,
        stream: trio.abc.Stream,
        *,
        place: str,
        send_s: float,
        heard: Heard | None = None,
    ) -> None:
        self._protocol = protocol
        self._heard = heard
        self._stream = stream
        self._place = place
        self._send_s = send_s
        self._sending = trio.Lock()
        self._broken = False
        self._parts: bytearray | None = None
        self._ready: list[bytes] = []
        self._absorb()  # messages may have come with the answer to the upgrade

    async def receive(self) -> list[bytes]:
        """Return every message that the next reads complete, at least one.

        Raises:
            LinkLost: closed by either side or broken; messages before that were returned earlier.
            MessageTooLarge: a message beyond the bound.
        """
        while not self._ready:
            await self._read()
        ready, self._ready = self._ready, []
        if self._heard is not None:
            self._heard(ready)
        return ready

    async def send(self, text: str | bytes) -> None:
        """Send one text message.

        Raises:
            LinkLost: closed, broken, or the other side does not take it in time.
        """
        if self._broken or self._protocol.state is not State.OPEN:
            raise self._lost()
        self._protocol.send_text(text.encode() if isinstance(text, str) else text)
        await self._flush()

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, wait `CLOSE_S` seconds for the answer, close."""
        with trio.move_on_after(CLOSE_S):
            try:
                if not self._broken and self._protocol.state is State.OPEN:
                    self._protocol.send_close(code, reason)
                    await self._flush()
                while True:  # until the answer to our close has come, or the end of the stream
                    await self._read()
                    self._ready.clear()
            except LinkLost:
                pass
        await trio.aclose_forcefully(self._stream)

    async def _read(self) -> None:
        protocol = self._protocol
        if protocol.close_rcvd is not None or protocol.parser_exc is not None:
            raise self._lost()
        try:
            received = await self._stream.receive_some(RECEIVE_BYTES)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as e:
            raise self._break(e) from e
        if received:
            protocol.receive_data(bytes(received))
        else:
            protocol.receive_eof()
        self._absorb()
        if protocol.writes:
            await self._answer()
        if not self._ready and (protocol.parser_exc is not None or protocol.close_rcvd is not None):
            raise self._lost()

    def _absorb(self) -> None:
        for event in self._protocol.events_received():
            if type(event) is Frame:
                self._take(event)

    def _take(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._ready.append(bytes(frame.data))
            else:
                self._parts = bytearray(frame.data)
        elif opcode is Opcode.CONT and self._parts is not None:
            self._parts += frame.data
            if frame.fin:
                self._ready.append(bytes(self._parts))
                self._parts = None

    async def _answer(self) -> None:
        """Send pongs and the answer to a close; what was received before is told first if that fails."""
        try:
            await self._flush()
        except LinkLost:
            if not self._ready and self._protocol.close_rcvd is None:
                raise

    async def _flush(self) -> None:
        async with self._sending:
            out = b"".join(self._protocol.data_to_send())
            if not out:
                return
            whole = False
            try:
                with trio.fail_after(self._send_s):
                    await self._stream.send_all(out)
                whole = True
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as e:
                raise self._break(e) from e
            finally:
                self._broken = self._broken or not whole  # half a frame may be out, also when cancelled

    def _break(self, cause: Exception) -> LinkLost:
        self._broken = True
        if isinstance(cause, trio.TooSlowError):
            return LinkLost(f"{self._place} took nothing for {self._send_s:g} s")
        return LinkLost(f"{self._place}: the connection broke ({_why(cause)})")

    def _lost(self) -> LinkLost:
        protocol = self._protocol
        if isinstance(protocol.parser_exc, PayloadTooBig):
            return MessageTooLarge(f"{self._place} sent a message of more than {protocol.max_size} bytes", code=1009)
        if protocol.close_rcvd is not None:
            close = protocol.close_rcvd
            return LinkLost(f"{self._place} closed the socket: {close}", code=int(close.code))
        if protocol.parser_exc is not None:
            return LinkLost(f"{self._place}: {protocol.parser_exc}")
        return LinkLost(f"{self._place}: the socket is closed")


@asynccontextmanager
async def open_socket(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    connect_s: float = CONNECT_S,
    send_s: float = SEND_S,
    connect: Connect | None = None,
    heard: Heard | None = None,
) -> AsyncIterator[Socket]:
    """Connect to a ``ws:`` or ``wss:`` URL; the TCP socket is closed however the body ends.

    Args:
        url: where to.
        headers: sent with the upgrade request.
        message_bytes_max: the longest message, fragments together.
        connect_s: until the socket is open, everything included.
        send_s: for the other side to take what is sent.
        connect: opens the stream; trio's TCP or TLS by default.
        heard: is shown every message as it came.

    Raises:
        ValueError: not a WebSocket URL.
        LinkLost: not reached, no answer in time, or an answer that is not HTTP.
        HandshakeRefused: an HTTP answer other than an upgrade. Redirects are not followed.
    """
    uri = _parse(url)
    protocol = ClientProtocol(uri, max_size=message_bytes_max, logger=_silent)
    place = f"{uri.host}:{uri.port}"
    stream: trio.abc.Stream | None = None
    try:
        try:
            with trio.fail_after(connect_s):
                stream = await (connect or _connect)(uri)
                await _upgrade(protocol, stream, headers or {}, place)
                socket = Socket(protocol, stream, place=place, send_s=send_s, heard=heard)

        except trio.TooSlowError as e:
            raise LinkLost(f"{place}: not open after {connect_s:g} s") from e
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError) as e:
            raise LinkLost(f"{place}: cannot connect ({_why(e)})") from e
        yield socket
        await socket.aclose()
    finally:
        if stream is not None:
            await trio.aclose_forcefully(stream)


async def _upgrade(protocol: ClientProtocol, stream: trio.abc.Stream, headers: Mapping[str, str], place: str) -> None:
    request = protocol.connect()
    for name, value in headers.items():
        request.headers[name] = value
    protocol.send_request(request)
    await stream.send_all(b"".join(protocol.data_to_send()))
    while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
        received = await stream.receive_some(RECEIVE_BYTES)
        if received:
            protocol.receive_data(bytes(received))
        else:
            protocol.receive_eof()
    if protocol.handshake_exc is not None:
        raise _refused(place, protocol.handshake_exc) from protocol.handshake_exc


def _parse(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as e:
        raise ValueError(f"not a WebSocket URL: {url!r}") from e


async def _connect(uri: WebSocketURI) -> trio.abc.Stream:
    if not uri.secure:
        return await trio.open_tcp_stream(uri.host, uri.port)
    stream = await trio.open_ssl_over_tcp_stream(uri.host, uri.port, https_compatible=True)
    try:
        await stream.do_handshake()
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


def _refused(place: str, cause: Exception) -> LinkLost | HandshakeRefused:
    if not isinstance(cause, InvalidStatus):
        return LinkLost(f"{place} answered, but not as a WebSocket server ({_why(cause)})")
    response = cause.response
    target = response.headers.get("Location")
    onward = f", points to {target[:200]!r}" if target else ""
    return HandshakeRefused(
        f"{place} answered HTTP {response.status_code} {response.reason_phrase}{onward}",
        status=response.status_code,
        body=bytes(response.body or b"")[:BODY_BYTES_KEPT],
    )


def _why(error: BaseException) -> str:
    """Return the deepest cause in words: the first error of a group, the errno text, else the class."""
    while error.__cause__ is not None:
        error = error.__cause__
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
