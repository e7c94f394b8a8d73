"""Whatever bytes come down the wire, the server goes on serving the others, and its memory stays bounded.

Everything is thrown at a small server with short deadlines, and at `agbot exchange` as it is.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
import trio
from trio_websocket import ConnectionClosed

from agbot.web.server import Bounds
from tests.exchange.junk import Target, exchange, reset, small

GROWTH_KIB_MAX = 16 * 1024
"""What a storm of junk may leave behind in the process."""
MEGABYTE = 1024 * 1024
ORDER = (
    b"POST /order HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 39\r\n"
    b'User-Agent: py_clob_client_v2\r\n\r\n{"order":{"salt":123,"side":"BUY"},"a":1'
)


@pytest.fixture(scope="module")
def box() -> Iterator[Target]:
    """An exchange for the whole file."""
    with exchange() as target:
        yield target


@pytest.fixture(params=["small", "exchange"])
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """A server that forgives nobody for long, or the exchange."""
    if request.param == "exchange":
        yield request.getfixturevalue("box")
        return
    async with small(Bounds(idle_s=1, request_s=0.5)) as (_, target):
        yield target


# ---------------------------------------------------------------- bytes


async def test_random_bytes(target: Target) -> None:
    dice = random.Random(1)
    for _ in range(100):
        await target.cut(dice.randbytes(dice.randrange(1, 2000)))
        await target.said(dice.randbytes(dice.randrange(1, 2000)), eof=True)
    assert await target.is_well()


@pytest.mark.parametrize("kind", ["order", "upgrade"])
async def test_half_requests(target: Target, kind: str) -> None:
    whole = ORDER if kind == "order" else target.handshake
    async with trio.open_nursery() as nursery:
        for end in range(len(whole)):
            nursery.start_soon(target.cut, whole[:end])
    for end in range(1, len(whole), 7):
        assert b" 200 " not in await target.said(whole[:end], eof=True)
    assert await target.is_well()


async def test_requests_with_one_byte_changed(target: Target) -> None:
    dice = random.Random(2)
    for whole in (ORDER, target.handshake):
        for _ in range(100):
            changed = bytearray(whole)
            changed[dice.randrange(len(whole))] = dice.randrange(256)
            await target.said(bytes(changed), eof=True)
    assert await target.is_well()


async def test_who_has_been_refused_takes_no_place_any_more() -> None:
    async with small(Bounds(connections=3)) as (server, target):
        for _ in range(20):
            assert b" 426 " in await target.said(target.handshake.replace(b"Version: 13", b"Version: 99"))
        assert await target.is_well()
        assert server.refused == 0


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 16 * 1024 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 3000 + b"\r\n", 431),
        (b"GET /" + b"a" * 16 * 1024 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (b"A" * 20_000, 431),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /caf\xc3 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA\xff: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: \xff\xc3\r\nConnection: close\r\n\r\n", 200),
        (b"GET /?a=%ff&b=%c3%28&%fe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"400\r\n" + b"a" * 1024 + b"\r\n") * 1025,
            413,
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
async def test_what_breaks_the_protocol_is_told_so(target: Target, sent: bytes, status: int) -> None:
    got = await target.said(sent)
    assert got.startswith(b"HTTP/1.1 %d " % status), got[:200]
    assert await target.is_well()


@pytest.mark.parametrize(
    ("right", "wrong", "status"),
    [
        (b"Connection: Up", b"Connection: \xc4Up", 400),
        (b"GET /", b"GET /elsewhere/", 404),
        (b"Upgrade: websocket\r\n", b"", 426),
        (b"Version: 13", b"Version: 99", 426),
        (b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Kay: ", 400),
    ],
)
async def test_upgrades_that_are_none_are_told_so(target: Target, right: bytes, wrong: bytes, status: int) -> None:
    got = await target.said(target.handshake.replace(right, wrong))
    assert got.startswith(b"HTTP/1.1 %d " % status), got[:200]
    assert await target.is_well()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b"[" * 30_000 + b"]" * 30_000,
        b'"\xff\xfe"',
        b'{"\xc3":1}',
        b'"\\ud800"',
        b"9" * 60_000,
        b"1e999999",
        b"NaN",
        b"{}{}",
        b"\x00",
        b'{"a":1',
    ],
)
async def test_json_that_is_none_is_refused(target: Target, body: bytes) -> None:
    status, said = await target.asked(body)
    assert (status, said[:10]) == (400, b'{"error":"')
    assert await target.is_well()


# ---------------------------------------------------------------- sockets


@pytest.mark.parametrize(
    "behind",
    [
        b"x",
        b"\x81",
        b"\x81\x05hello",
        b"\x81\x85aaaah",
        b"\x81\x81aaaa\xff",
        b"\xf1\x80aaaa",
        b"\x83\x80aaaa",
        b"\x80\x80aaaa",
        b"\x89\xfe\x00\x7e" + b"aaaa" + b"p" * 126,
        b"\x88\x81aaaa\x00",
        b"\x88\x82aaaa\x62\x62",
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffaaaa" + b"b" * 1000,
        b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01aaaa" + b"b" * (MEGABYTE + 1),
        b"\x02\x80aaaa" + b"\x00\x80aaaa" * 1000,
    ],
)
async def test_junk_in_a_socket(target: Target, behind: bytes) -> None:
    await target.cut(target.handshake + behind)
    async with target.upgraded() as stream:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(behind)
            await stream.send_eof()
            async for _ in stream:
                pass
    assert await target.is_well()


async def test_random_frames(target: Target) -> None:
    dice = random.Random(3)
    for _ in range(100):
        await target.cut(target.handshake + dice.randbytes(dice.randrange(1, 200)))
    for _ in range(30):
        await target.said(target.handshake + dice.randbytes(dice.randrange(1, 200)), eof=True)
    assert await target.is_well()


async def test_a_reset_in_the_middle_of_a_frame(target: Target) -> None:
    frame = b"\x81\xfe\x01\x00aaaa" + b"m" * 256
    for end in range(1, len(frame), 5):
        async with target.upgraded() as stream:
            await stream.send_all(frame[:end])
            reset(stream)
    assert await target.is_well()


async def _asked(ws, text):
    await ws.send_message(text)
    return await ws.get_message()


async def test_a_message_beyond_the_bound(target: Target) -> None:
    async with target.websocket() as ws:
        with pytest.raises(ConnectionClosed), trio.fail_after(30):
            await _asked(ws, "x" * (2 * MEGABYTE + 1))
        assert ws.closed is not None
        assert ws.closed.code == 1009
    assert await target.is_well()


async def test_a_peer_that_floods_and_never_reads(target: Target) -> None:
    ping = b"\x89\xfdaaaa" + b"p" * 125
    before = target.memory_kib
    async with target.upgraded() as stream:
        with trio.move_on_after(1):
            while True:
                await stream.send_all(ping * 500)
        assert await target.is_well()
        assert target.memory_kib - before < GROWTH_KIB_MAX


async def test_memory_does_not_grow_with_junk(target: Target) -> None:
    dice = random.Random(4)

    async def rounds(count: int) -> int:
        for _ in range(count):
            await target.cut(target.handshake + dice.randbytes(100))
            await target.cut(ORDER[: dice.randrange(len(ORDER))] + dice.randbytes(10_000))
            await target.asked(b"[" * 60_000)
        return target.memory_kib

    before = await rounds(50)
    assert await rounds(300) - before < GROWTH_KIB_MAX
    assert await target.is_well()
