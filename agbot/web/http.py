"""What a server and its owner say to each other: requests, responses, WebSocket routes, and the bounds of clients."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
from trio_websocket import WebSocketConnection

from agbot.web.outlet import Outlet

Place: TypeAlias = tuple[str, int]
"""An address and a port."""


@attrs.frozen(kw_only=True)
class Bounds:
    """What one client, and all together, may take of a server."""

    head_bytes: int = 16 * 1024
    """A longer request line with its headers is answered 431."""
    body_bytes: int = 64 * 1024
    """A longer body is answered 413."""
    connections: int = 256
    """More are answered 503 and closed, whatever they want."""
    idle_s: float = 15.0
    """A connection without a request is closed this long after it came, or after the answer before."""
    request_s: float = 15.0
    """A request that has begun must be complete in this time, else the answer is 408."""
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
    peer: str = ""
    """The client's address."""

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


class Torn(Abandoned):
    """Raised likewise to end it by a TCP reset: what was sent last may never arrive."""


@attrs.frozen
class SocketRoute:
    """A WebSocket path: what talks on it and the longest message it takes."""

    talk: Callable[[WebSocketConnection, Request], Awaitable[None]]
    message_bytes_max: int


@attrs.frozen(kw_only=True)
class PushRoute:
    """A WebSocket path on which only the server has something to tell: what talks on it, until its outlet is over."""

    talk: Callable[[Outlet, Request], Awaitable[None]]
    message_bytes_max: int = 4096
    """A longer message of the client is refused with 1009."""
    waiting_max: int
    """Offers that may wait for a client; one more and it is dropped with 1013."""
    bytes_max: int
    """Bytes that may wait for a client, likewise."""


Route: TypeAlias = SocketRoute | PushRoute
Answer: TypeAlias = Callable[[Request], Response | Break | Awaitable[Response | Break]]
Sockets: TypeAlias = Mapping[str, Route] | Callable[[Request], Route | None]
"""WebSocket routes by path, or what finds the route of a request."""
Refuse: TypeAlias = Callable[[Request, Place], Response | None]


def admit_all(request: Request, local: Place) -> Response | None:  # noqa: ARG001 - a rule that looks at neither
    """Refuse nobody."""
    return None
