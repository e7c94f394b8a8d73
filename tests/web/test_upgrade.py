"""From a URL to an open WebSocket, or to a loss that says what was in the way: name, TCP, TLS, another answer."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from agbot.errors import HandshakeRefused, LinkLost, VenueUnavailable
from agbot.testing.peer import Peer, Switchboard, listening
from agbot.web.socket import open_socket

CERTIFICATE = Path(__file__).with_name("localhost.pem")
UPGRADE = b"HTTP/1.1 101 Switching Protocols\r\n"
URL = "ws://venue.test/ws/market"


async def refused(answer: bytes) -> Exception:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.raw(answer)

    async with listening(script) as url:
        with pytest.raises(VenueUnavailable) as caught:
            async with open_socket(url):
                pytest.fail("opened")
    return caught.value


async def test_a_page_instead_of_a_socket():
    loss = await refused(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 15\r\n\r\n<html>blocked</")
    assert isinstance(loss, HandshakeRefused)
    assert (loss.status, loss.body, loss.id) == (403, b"<html>blocked</", "AGB-412")


async def test_a_redirect_is_not_followed_but_named():
    loss = await refused(b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.test/\r\nContent-Length: 0\r\n\r\n")
    assert isinstance(loss, HandshakeRefused)
    assert loss.status == 302
    assert "elsewhere.test" in str(loss)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.test ESMTP\r\n",
        b"",
        UPGRADE + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm90IG91cnM=\r\n\r\n",
        UPGRADE + b"\r\n",
        b"x" * 20_000,
    ],
    ids=["smtp", "nothing", "another key", "no upgrade", "endless line"],
)
async def test_no_websocket_server(answer):
    loss = await refused(answer)
    assert isinstance(loss, LinkLost)
    assert "not as a WebSocket server" in str(loss)


async def test_nobody_listens():
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    with pytest.raises(LinkLost, match=r"cannot connect .*refused"):
        async with open_socket(f"ws://127.0.0.1:{port}/"):
            pytest.fail("opened")


async def test_no_tls_there():
    async def script(peer: Peer) -> None:
        await peer.raw(b"HTTP/1.1 400 plain HTTP\r\n\r\n")

    async with listening(script) as url:
        with pytest.raises(LinkLost, match="cannot connect") as caught:
            async with open_socket(url.replace("ws:", "wss:")):
                pytest.fail("opened")
    assert isinstance(caught.value.__cause__, trio.BrokenResourceError)
    assert isinstance(caught.value.__cause__.__cause__, ssl.SSLError)


@asynccontextmanager
async def tls_server(host: str):
    """Listen with the certificate of tests/web/localhost.pem; yields the URL under `host`."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)

    async def script(peer: Peer) -> None:
        over_tls = Peer(trio.SSLStream(peer.stream, context, server_side=True, https_compatible=True))
        await over_tls.accept()
        await over_tls.send("x" * 100_000, "two")
        await over_tls.receive()

    async with listening(script) as url:
        yield url.replace("ws://127.0.0.1", f"wss://{host}")


async def test_messages_over_tls(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    got = []
    async with tls_server("localhost") as url, open_socket(url) as socket:
        while len(got) < 2:
            got += await socket.receive()
    assert got == [b"x" * 100_000, b"two"]


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.1", True)])
async def test_a_certificate_that_is_not_believed(monkeypatch, host, trusted):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with tls_server(host) as url:
        with pytest.raises(LinkLost, match=r"cannot connect .*certificate verify failed"):
            async with open_socket(url):
                pytest.fail("opened")


async def test_silence_instead_of_an_answer(autojump_clock):
    board = Switchboard()
    began = trio.current_time()
    with pytest.raises(LinkLost, match="not open after 10 s"):
        async with open_socket(URL, connect=board.connect):
            pytest.fail("opened")
    assert trio.current_time() - began == 10
    peer = board.calls.receive_nowait()
    await peer.request()
    assert await peer.stream.receive_some(1) == b""


@pytest.mark.parametrize("url", ["http://venue.test/", "ws://", "ws://venue.test:port/", "ws://venue.test/#a", ""])
async def test_not_a_url(url):
    with pytest.raises(ValueError, match="not a WebSocket URL"):
        async with open_socket(url):
            pytest.fail("opened")
