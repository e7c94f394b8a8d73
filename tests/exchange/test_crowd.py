"""Many connections at once, most of them idle and of another process: nobody is held up, one too many is told so."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from agbot.web.descriptors import SPARE, connections_max
from agbot.web.server import Bounds
from tests.exchange.junk import Target, exchange, small

CROWD = Path(__file__).with_name("crowd.py")
CONNECTION_KIB_MAX = 16
"""What one idle connection may take of the server's memory; 8 are usual."""
NOISE_KIB = 8 * 1024
"""What the process may take besides: arenas that are not given back, tests that came before."""


class Crowd:
    """Idle sockets in another process."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process

    async def count(self) -> dict[str, int]:
        """Return how many are open, refused with a 503, closed without a word."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        await self.process.stdin.send_all(b"\n")
        line = b""
        with trio.fail_after(60):
            while not line.endswith(b"\n"):
                line += await self.process.stdout.receive_some()
        return dict(json.loads(line))


@asynccontextmanager
async def crowd(target: Target, size: int) -> AsyncIterator[Crowd]:
    """Let `size` sockets of another process connect while the body runs."""
    command = [sys.executable, str(CROWD), str(target.port), str(size)]
    process = await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Crowd(process)
        assert process.stdin is not None
        await process.stdin.aclose()
        await process.wait()
    finally:
        process.kill()


async def hold(target: Target, bound: int, size: int) -> None:
    """Let a crowd come that is larger than the bound; it is refused politely, and leaves no trace."""
    assert await target.is_well()
    before = target.memory_kib
    async with target.websocket() as ws:
        async with crowd(target, size) as idle:
            counted = await idle.count()
            while counted["open"] > bound - 1:
                await trio.sleep(0.05)
                counted = await idle.count()
            assert counted == {"open": bound - 1, "refused": size - bound + 1, "closed": 0}
            assert target.memory_kib - before < bound * CONNECTION_KIB_MAX + NOISE_KIB
            await ws.send_message(target.first)
            assert await ws.get_message()
            assert await target.asked(b"[]") == (503, b'{"error":"too many connections"}')
            assert await idle.count() == counted, "nobody was put out for another"
        with trio.fail_after(30):
            while (await target.asked(b"[]"))[0] == 503:
                await trio.sleep(0.05)
        await ws.send_message(target.first)
        assert await ws.get_message()
    assert await target.is_well()


async def test_a_crowd_beyond_the_bound_is_refused_politely() -> None:
    async with small(Bounds(connections=200, idle_s=3600)) as (server, target):
        await hold(target, bound=200, size=500)
        with trio.fail_after(30):
            while server.connections:
                await trio.sleep(0.01)


async def test_the_exchange_refuses_beyond_what_the_system_lets_it_hold() -> None:
    with exchange(open_files=SPARE + 200) as target:
        await hold(target, bound=200, size=500)


@pytest.fixture
def open_files() -> Iterator[None]:
    """Put the bound on open files back."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.slow
@pytest.mark.usefixtures("open_files")
async def test_the_exchange_holds_as_many_idle_sockets_as_the_system_lets_it() -> None:
    bound = connections_max()
    with exchange() as target:
        await hold(target, bound=bound, size=bound + 100)


async def test_a_silent_socket_is_closed_after_its_time() -> None:
    async with small(Bounds(idle_s=0.5)) as (_, target), crowd(target, 20) as idle:
        counted = await idle.count()
        while counted["open"]:
            await trio.sleep(0.05)
            counted = await idle.count()
        assert counted == {"open": 0, "refused": 0, "closed": 20}


async def test_a_trickle_from_many_holds_up_nobody() -> None:
    whole = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    async with small(Bounds(request_s=1, connections=150)) as (server, target), trio.open_nursery() as nursery:
        late: list[bytes] = []

        async def trickle() -> None:
            async with await trio.open_tcp_stream("127.0.0.1", target.port) as stream:
                sent = 0
                while server.connections and sent < 8:
                    await stream.send_all(whole[sent : sent + 1])
                    sent += 1
                    await trio.sleep(0.1)
                late.append(await stream.receive_some())

        for _ in range(100):
            nursery.start_soon(trickle)
        with trio.fail_after(30):
            while server.connections < 100:
                await trio.sleep(0.01)
        began = time.monotonic()
        assert await target.is_well()
        assert time.monotonic() - began < 1, "a request and a socket between a hundred trickles"
        with trio.fail_after(30):
            while len(late) < 100:
                await trio.sleep(0.01)
        assert {words[:13] for words in late} == {b"HTTP/1.1 408 "}
