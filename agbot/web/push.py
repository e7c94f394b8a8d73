"""A WebSocket on which only the server has something to tell: the handshake, the outlet's socket, and the close."""

from __future__ import annotations

import logging
import os
import zlib
from typing import Final

import trio
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate, ServerPerMessageDeflateFactory
from websockets.http11 import Request as Upgrade
from websockets.protocol import State
from websockets.server import ServerProtocol

from agbot.web.http import PushRoute, Request
from agbot.web.outlet import Outlet, Write

RECEIVE_BYTES: Final = 4096
HANDSHAKE_S: Final = 5.0
GOING_AWAY: Final = 1001
INTERNAL_ERROR: Final = 1011
CLOSE_S: Final = 1.0
"""A client may still take the frame on its way, and answer our close, for this long."""
GOODBYE_S: Final = 0.1
"""The same when we are stopping: nobody is left to hear the answer, the frame only has to leave."""

# A message that asks nothing of the one before is the same bytes for every client.
_deflate: Final = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
# The protocol's own logger would show a request's headers to whoever turns on debugging.
_silent: Final = logging.Logger("agbot.web.push", logging.CRITICAL + 1)


async def push(stream: trio.SocketStream, head: bytes, route: PushRoute, request: Request) -> None:
    """Answer the upgrade request whose head is `head`, let the route talk, close.

    Returns when the client has closed or was dropped, or when the route has nothing more to say. Cancelled, it closes
    with 1001, and with 1011 when the route raises.
    """
    protocol = ServerProtocol(extensions=[_deflate], max_size=route.message_bytes_max, logger=_silent)
    if not await _shake_hands(stream, protocol, head):
        return
    session = _Session(stream, protocol, route)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.drain)
        nursery.start_soon(session.listen)
        await session.talk(route, request)
        nursery.cancel_scope.cancel()


async def _shake_hands(stream: trio.SocketStream, protocol: ServerProtocol, head: bytes) -> bool:
    protocol.receive_data(head)
    asked = next(iter(protocol.events_received()), None)
    if not isinstance(asked, Upgrade):
        return False
    answer = protocol.accept(asked)
    protocol.send_response(answer)
    with trio.fail_after(HANDSHAKE_S):
        await stream.send_all(b"".join(protocol.data_to_send()))
    return answer.status_code == 101


def _whole_window(agreed: Extension) -> bool:
    """Return whether a client takes what is deflated for everybody; one that has little memory gets it as it is."""
    return isinstance(agreed, PerMessageDeflate) and agreed.local_max_window_bits == zlib.MAX_WBITS


class _Session:
    def __init__(self, stream: trio.SocketStream, protocol: ServerProtocol, route: PushRoute) -> None:
        self.stream = stream
        self.protocol = protocol
        bounds = {"waiting_max": route.waiting_max, "bytes_max": route.bytes_max}
        self.outlet = Outlet(self._writer(), **bounds, deflates=any(map(_whole_window, protocol.extensions)))
        self.closed = trio.Event()
        """The client has closed, or is gone."""

    def _writer(self) -> Write:
        # The descriptor is asked for each time: after a close it is -1, never somebody else's.
        socket, write = self.stream.socket, os.write
        return lambda data: write(socket.fileno(), data)

    async def talk(self, route: PushRoute, request: Request) -> None:
        """Let the route talk until it returns, then close."""
        self.outlet.code = GOING_AWAY
        try:
            await route.talk(self.outlet, request)
            self.outlet.leave(1000)
        except Exception:
            self.outlet.leave(INTERNAL_ERROR)
            raise
        finally:
            self._say_goodbye()
            stopping = self.outlet.code in {GOING_AWAY, INTERNAL_ERROR}
            with trio.move_on_after(GOODBYE_S if stopping else CLOSE_S, shield=True):
                await self.closed.wait()

    def _say_goodbye(self) -> None:
        self.outlet.leave(self.outlet.code)
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(self.outlet.code, self.outlet.reason)
            self.outlet.last(b"".join(self.protocol.data_to_send()))

    async def drain(self) -> None:
        """Write what an offer left over, whenever the socket takes more."""
        while True:
            await self.outlet.stuck.wait()
            self.outlet.stuck = trio.Event()
            await trio.lowlevel.wait_writable(self.stream.socket)
            self.outlet.flush()

    async def listen(self) -> None:
        """Answer pings and the close. A client has nothing to tell: its messages are read and left."""
        protocol = self.protocol
        while not self.closed.is_set():
            try:
                received = await self.stream.receive_some(RECEIVE_BYTES)
            except trio.BrokenResourceError:
                received = b""
            if received:
                protocol.receive_data(bytes(received))
            else:
                protocol.receive_eof()
            protocol.events_received()
            if out := b"".join(protocol.data_to_send()):
                self.outlet.last(out)
            if not received or protocol.close_rcvd is not None or protocol.parser_exc is not None:
                self.outlet.leave(1000)
                self.closed.set()
