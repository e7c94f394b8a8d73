"""CPU of one market message from the socket to facts with their trust, against clients that only receive.

The server is a process of its own; a client's time is the CPU time of this process between its first and last message.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from trio_websocket import open_websocket_url

from agbot.model.market import Market
from agbot.venue.polymarket.session import MarketSession
from agbot.web.socket import open_socket
from benchmarks.blaster import NO, YES
from benchmarks.timing import QUICK, Effort, Row, at_most, beside

NAME = "market message of 750 bytes, socket to facts"
OURS, PEER, RECEIVED = "agbot", "trio-websocket, receiving only", "agbot, receiving only"
RECEIVING = "market message of 750 bytes, received"
GOAL = 0.75


class Meter:
    """CPU nanoseconds a message, from the first message on."""

    def __init__(self, count: int) -> None:
        self.left = count
        self._count = count
        self._began = 0
        self.ns = 0.0

    def count(self, messages: int) -> bool:
        """Count messages; returns whether those were the last."""
        if not self._began:
            self._began = time.process_time_ns()
        self.left -= messages
        if self.left > 0:
            return False
        self.ns = (time.process_time_ns() - self._began) / self._count
        return True


def rows(effort: Effort) -> list[Row]:
    """Measure the promise, and what others take beside it."""
    count, rounds = (5_000, 2) if effort is QUICK else (40_000, 5)
    best: dict[str, float] = {}
    with _blaster(count) as url:
        for _ in range(rounds):
            for name, client in CLIENTS.items():
                gc.collect()
                meter = Meter(count + 2)
                client(url, meter)
                best[name] = min(best.get(name, float("inf")), meter.ns)
    others = (name for name in CLIENTS if name not in (OURS, RECEIVED))
    return [at_most(NAME, GOAL, best, OURS, PEER), *(beside(RECEIVING, best, RECEIVED, name) for name in others)]


@contextmanager
def _blaster(count: int) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.blaster", str(count)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as server:
        assert server.stdout is not None
        try:
            yield f"ws://127.0.0.1:{int(server.stdout.readline())}/"
        finally:
            server.kill()


async def _ours(url: str, meter: Meter) -> None:
    session = MarketSession([Market(id="m", yes=YES, no=NO, tick=1_000)])
    session.opened(0)
    said = 0
    async with open_socket(url) as link:
        while True:
            messages = await link.receive()
            said += len(session.received(messages, 1))
            if meter.count(len(messages)):
                break
    believed = [state.doubt for state in session.states(1)]
    assert believed == ["", ""], f"the books of the bench are not believed: {believed}"
    assert said >= 2 * (session.decoder.messages["price_change"]), "something was not handed over"


async def _only_receive(url: str, meter: Meter) -> None:
    async with open_socket(url) as link:
        while not meter.count(len(await link.receive())):
            pass


async def _trio_websocket(url: str, meter: Meter) -> None:
    async with open_websocket_url(url) as link:
        while True:
            await link.get_message()
            if meter.count(1):
                return


async def _websockets(url: str, meter: Meter) -> None:
    from websockets.asyncio.client import connect  # noqa: PLC0415 - its import is asyncio's world

    async with connect(url, compression=None, ping_interval=None, close_timeout=0.1) as link:
        while True:
            await link.recv()
            if meter.count(1):
                return


async def _picows(url: str, meter: Meter) -> None:
    import picows  # noqa: PLC0415

    class Listener(picows.WSListener):  # type: ignore[misc]
        def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
            frame.get_payload_as_bytes()
            if meter.left > 0 and meter.count(1):
                transport.disconnect()

    transport, _ = await picows.ws_connect(Listener, url)
    await transport.wait_disconnected()


def _in_trio(client: Callable[[str, Meter], Awaitable[None]]) -> Callable[[str, Meter], None]:
    return lambda url, meter: trio.run(client, url, meter)


def _in_asyncio(client: Callable[[str, Meter], Awaitable[None]]) -> Callable[[str, Meter], None]:
    return lambda url, meter: asyncio.run(client(url, meter))  # type: ignore[arg-type]


CLIENTS = {
    OURS: _in_trio(_ours),
    PEER: _in_trio(_trio_websocket),
    RECEIVED: _in_trio(_only_receive),
    "websockets, receiving only": _in_asyncio(_websockets),
    "picows, receiving only": _in_asyncio(_picows),
}
