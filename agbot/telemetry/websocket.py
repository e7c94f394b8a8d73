"""A WebSocket client connection that always closes its socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream

from agbot.telemetry.protocol import SNAPSHOT_BYTES_MAX

CONNECT_TIMEOUT_S: Final = 2.0
DISCONNECT_TIMEOUT_S: Final = 1.0
RECEIVE_BYTES: Final = 64 * 1024


@asynccontextmanager
async def open_websocket(
    url: str, *, extra_headers: Sequence[tuple[bytes, bytes]] = (), max_message_size: int = SNAPSHOT_BYTES_MAX
) -> AsyncIterator[WebSocketConnection]:
    """Connect to a ``ws:`` or ``wss:`` URL within `CONNECT_TIMEOUT_S`, close within `DISCONNECT_TIMEOUT_S`.

    Raises:
        ExceptionGroup: of `agbot.web.lost.LOST`, from connecting or from the body.

    trio-websocket's own client leaves the socket to the garbage collector when the server closes first.
    """
    place = urlsplit(url)
    if place.scheme not in {"ws", "wss"} or not place.hostname:
        raise ValueError(f"not a WebSocket URL: {url!r}")
    port = place.port or (443 if place.scheme == "wss" else 80)
    resource = (place.path or "/") + (f"?{place.query}" if place.query else "")
    async with trio.open_nursery() as nursery:
        with trio.fail_after(CONNECT_TIMEOUT_S):
            stream = await _connect(place.hostname, port, secure=place.scheme == "wss")
        try:
            with trio.fail_after(CONNECT_TIMEOUT_S):
                ws = await wrap_client_stream(
                    nursery,
                    stream,
                    place.netloc.rpartition("@")[2],
                    resource,
                    extra_headers=list(extra_headers),
                    max_message_size=max_message_size,
                    receive_buffer_size=RECEIVE_BYTES,
                )
            yield ws
            with trio.fail_after(DISCONNECT_TIMEOUT_S):
                await ws.aclose()
        finally:
            await trio.aclose_forcefully(stream)
        nursery.cancel_scope.cancel()


async def _connect(host: str, port: int, *, secure: bool) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    if secure:
        return await trio.open_ssl_over_tcp_stream(host, port, https_compatible=True)
    return await trio.open_tcp_stream(host, port)
