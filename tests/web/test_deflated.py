"""Frames made once for all clients, deflated for those that take it: what the clients' own protocol makes of them."""

from __future__ import annotations

import os

import pytest
import trio
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from agbot.web.http import PushRoute, Request
from agbot.web.outlet import SHORT, Outlet, text_frame
from agbot.web.server import Response, Server

OFFERS = {
    "none": None,
    "as Chromium does": [ClientPerMessageDeflateFactory(client_max_window_bits=True)],
    "without memory": [ClientPerMessageDeflateFactory(True, True)],
    "a small window": [ClientPerMessageDeflateFactory(server_max_window_bits=9)],
}
PAYLOADS = [b"x" * length for length in (0, SHORT - 1, SHORT, 70_000, 3 << 20)] + [os.urandom(70_000).hex().encode()]


@pytest.mark.parametrize(("offer", "deflates"), list(zip(OFFERS, [False, True, True, False], strict=True)), ids=OFFERS)
async def test_every_client_reads_what_was_said(nursery, offer, deflates):
    outlets = []

    async def talk(outlet: Outlet, _: Request) -> None:
        outlets.append(outlet)
        for payload in PAYLOADS:
            outlet.offer(text_frame(payload, deflated=outlet.deflates))

    received, raw = await _heard(await _serving(nursery, talk), OFFERS[offer])
    assert received == PAYLOADS
    assert outlets[0].deflates is deflates
    assert raw < 100_000 * 3 if deflates else raw > 3 << 20


async def test_a_message_that_deflates_to_more_than_is_read_ends_the_client_only(nursery):
    over = trio.Event()

    async def talk(outlet: Outlet, _: Request) -> None:
        await outlet.over.wait()
        over.set()

    stream, client = await _opened(await _serving(nursery, talk), OFFERS["as Chromium does"])
    async with stream:
        while client.state is not State.OPEN:
            client.receive_data(bytes(await stream.receive_some()))
        client.send_text(b" " * (1 << 20))
        await stream.send_all(b"".join(client.data_to_send()))
        with trio.fail_after(10):
            await over.wait()


async def _serving(nursery, talk) -> int:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    route = PushRoute(talk=talk, waiting_max=20, bytes_max=8 << 20)
    await nursery.start(Server(lambda _: Response(404), {"/": route}).run, listeners)
    return listeners[0].socket.getsockname()[1]


async def _opened(port, extensions):
    client = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/"), extensions=extensions, max_size=None)
    client.send_request(client.connect())
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(b"".join(client.data_to_send()))
    return stream, client


async def _heard(port, extensions) -> tuple[list[bytes], int]:
    """Return all messages up to the close, and how many bytes they were on the wire."""
    stream, client = await _opened(port, extensions)
    heard, raw = [], 0
    async with stream:
        with trio.fail_after(30):
            async for data in stream:
                raw += len(data)
                client.receive_data(bytes(data))
                heard += client.events_received()
                if answer := b"".join(client.data_to_send()):
                    await stream.send_all(answer)
    assert client.parser_exc is None
    return [bytes(e.data) for e in heard if isinstance(e, Frame) and e.opcode is Opcode.TEXT], raw
