"""A hundred pages at ten frames a second: server CPU of one delivery beside Starlette on Hypercorn, and what one
client that never reads does to the others.

The clients shake hands as a browser does: it offers permessage-deflate, which both servers take. Ours packs a frame
once for all, Hypercorn's WebSockets pack it for each. A row of its own has clients that offer nothing: there most of
our time is the kernel's, which the peer needs as well.

Three processes on loopback. Both servers run the same hub with the same lines; the peer gets its frame encoded once,
too, and sends it with `WebSocket.send_text` to every client. A server's time is the CPU time of its process between
the first tick and the last. Delays are from a tick's begin to the moment a client has its whole frame.

    python -m benchmarks.broadcast
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import random
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import structlog
import trio

from agbot.monitor.hub import BACKLOG_BYTES_MAX, BACKLOG_TICKS_MAX, Hub
from agbot.telemetry.protocol import EventLine, MetricLine, encode
from agbot.web.http import PushRoute, Request
from agbot.web.outlet import Outlet
from agbot.web.server import Bounds, Response, Server
from benchmarks.timing import QUICK, Effort, Row, faster, not_installed

NAME = "a frame of the dashboard to one of 100 pages at 10 Hz, CPU of the server"
AS_IT_IS = ", to clients that take it only as it is"
STALLED = "p99 of the delay of 50 pages when one more never reads, beside none"
OURS, PEER = "agbot", "starlette + hypercorn"
GOAL, AS_IT_IS_GOAL = 5.0, 4.0
STALLED_GOAL = 1.10
WARM = 3
"""Ticks before the measured ones: the first has a snapshot, and what is imported for it."""
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"


def rows(effort: Effort) -> list[Row]:
    """Measure both promises."""
    ticks, rounds = (20, 1) if effort is QUICK else (50, 5)
    return [
        _beside(NAME, GOAL, ticks, rounds, DEFLATE),
        _beside(f"{NAME}{AS_IT_IS}", AS_IT_IS_GOAL, ticks, rounds),
        stalled(rounds),
    ]


def _beside(name: str, goal: float, ticks: int, rounds: int, offers: bytes = b"") -> Row:
    """Compare the CPU time of a delivery to clients that offer so much."""
    if not (importlib.util.find_spec("hypercorn") and importlib.util.find_spec("starlette")):
        return not_installed(name, f">= {goal:g} x faster than {PEER}", PEER)
    best = dict.fromkeys(SERVERS, 1e18)
    for _ in range(rounds):
        for server in SERVERS:
            report = broadcast(server, clients=100, ticks=ticks, hertz=10, offers=offers)
            best[server] = min(best[server], report["cpu_ns"])
    return faster(name, goal, best, OURS, PEER)


def stalled(rounds: int) -> Row:
    """Compare the others' p99 with and without a client that never reads; interleaved, the best of each."""
    best = {0: 1e18, 1: 1e18}
    for _ in range(rounds):
        for deaf in (0, 1):
            report = broadcast(OURS, clients=50, ticks=45, hertz=20, fat=150, deaf=deaf)
            best[deaf] = min(best[deaf], report["p99_ns"])
            assert report["dropped"] == deaf, "the one that never reads is dropped, and no other"
    ratio = round(best[1] / best[0], 3)
    goal = f"<= {STALLED_GOAL:g} x"
    return Row(STALLED, goal, ratio, ratio <= STALLED_GOAL, round(best[1], 1), "all read", round(best[0], 1))


def broadcast(
    name: str, *, clients: int, ticks: int, hertz: int, fat: int = 0, deaf: int = 0, offers: bytes = b""
) -> dict[str, Any]:
    """Run one server with `clients` that read and `deaf` that do not; `fat` more metrics a tick make frames longer."""
    arguments = [str(value) for value in (clients + deaf, ticks, hertz, fat)]
    command = [sys.executable, "-m", "benchmarks.broadcast", "--server", name, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            with contextlib.ExitStack() as stack:
                silent = [stack.enter_context(_client(port, offers, deaf=True)) for _ in range(deaf)]
                readers = [stack.enter_context(_client(port, offers)) for _ in range(clients)]
                came = _read(readers, WARM + ticks)
                told = json.loads(server.stdout.readline())
                del silent
        finally:
            server.kill()
    delays = sorted(
        at - began for times in came for at, began in list(zip(times, told["ticks_ns"], strict=True))[WARM:]
    )
    return {
        "cpu_ns": told["cpu_ns"] / (clients * ticks),
        "p99_ns": delays[int(len(delays) * 0.99)],
        "dropped": told["dropped"],
    }


@contextlib.contextmanager
def _client(port: int, offers: bytes, *, deaf: bool = False) -> Iterator[socket.socket]:
    with socket.socket() as client:
        if deaf:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(UPGRADE % (port, offers))
        while deaf is False and not client.recv(4096, socket.MSG_PEEK).endswith(b"\r\n\r\n"):
            pass
        if not deaf:
            client.recv(4096)
        yield client


def _read(readers: list[socket.socket], ticks: int) -> list[list[int]]:
    """Return for each client when each of its frames was whole, monotonic ns."""
    epoll = select.epoll()
    came: dict[int, list[int]] = {}
    waiting: dict[int, bytearray] = {}
    by = {reader.fileno(): reader for reader in readers}
    for fd, reader in by.items():
        reader.setblocking(False)
        epoll.register(fd, select.EPOLLIN)
        came[fd], waiting[fd] = [], bytearray()
    left = len(readers)
    deadline = time.monotonic() + 120
    while left:
        assert time.monotonic() < deadline, "frames are missing"
        for fd, _ in epoll.poll(1):
            waiting[fd] += by[fd].recv(1 << 20)
            now = time.monotonic_ns()
            while (length := _whole(waiting[fd])) and len(came[fd]) < ticks:
                del waiting[fd][:length]
                came[fd].append(now)
            if len(came[fd]) >= ticks:
                epoll.unregister(fd)
                left -= 1
    return list(came.values())


def _whole(received: bytearray) -> int:
    """Return the length of the first frame when it is there to its end, else 0."""
    if len(received) < 10:
        return 0
    size = {126: 2, 127: 8}.get(received[1], 0)
    length = 2 + size + (int.from_bytes(received[2 : 2 + size], "big") if size else received[1])
    return length if len(received) >= length else 0


class Stage:
    """The hub both servers tick, and what the tick costs."""

    def __init__(self, ticks: int, hertz: int, fat: int) -> None:
        self.hub = Hub()
        self._feed = self.hub.feed()
        self._dice = random.Random(1)
        self._ticks, self._hertz, self._fat = ticks, hertz, fat
        self._told = [self._lines(n) for n in range(1, WARM + ticks + 1)]
        self.began_ns: list[int] = []
        self.dropped = 0

    def _lines(self, n: int) -> bytes:
        """Return what a bot of eight markets tells in a tick; made before, as no server makes it."""
        dice = self._dice
        lines: list[MetricLine | EventLine] = [
            MetricLine(n, "gauge", name, dice.random(), {"market_id": f"0x{market:040x}"})
            for market in range(8)
            for name in ("polymarket.book.best_bid", "polymarket.book.best_ask")
        ]
        lines += [MetricLine(n, "gauge", "fat", dice.random(), {"n": f"{k:0100d}"}) for k in range(self._fat)]
        order = {"client_order_id": str(n), "side": "BUY", "price": "0.4", "size": "20", "state": "OPEN", "filled": "0"}
        lines.append(EventLine(n, "order", order, "r", n))
        return b"\n".join(map(encode, lines))

    async def play(self, tick: Any) -> None:
        """Tick at the rate; then print what it took."""
        await trio.sleep(0.2)
        due, began = trio.current_time(), 0
        for n in range(1, WARM + self._ticks + 1):
            due = max(due + 1 / self._hertz, trio.current_time())
            await trio.sleep_until(due)
            if n == WARM + 1:
                began = time.process_time_ns()
            self._feed.take(self._told[n - 1])
            self.began_ns.append(time.monotonic_ns())
            await tick(n)
        cpu = time.process_time_ns() - began
        print(json.dumps({"cpu_ns": cpu, "ticks_ns": self.began_ns, "dropped": self.dropped}), flush=True)
        await trio.sleep(60)


async def serve_ours(clients: int, stage: Stage) -> None:
    """The monitor's hub and outlets."""
    everybody = trio.Event()

    async def talk(outlet: Outlet, _: Request) -> None:
        reader = stage.hub.subscribe(outlet)
        if len(stage.hub.readers) == clients:
            everybody.set()
        await outlet.over.wait()
        stage.dropped += outlet.dropped
        stage.hub.readers.discard(reader)

    async def tick(n: int) -> None:
        stage.hub.tick(n)

    route = PushRoute(talk=talk, waiting_max=BACKLOG_TICKS_MAX, bytes_max=BACKLOG_BYTES_MAX)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=512)
    async with trio.open_nursery() as nursery:
        server = Server(lambda _: Response(404), {"/": route}, bounds=Bounds(connections=1000))
        await nursery.start(server.run, listeners)
        print(listeners[0].socket.getsockname()[1], flush=True)
        await everybody.wait()
        await stage.play(tick)


async def serve_peer(clients: int, stage: Stage) -> None:
    """Starlette's WebSocket on Hypercorn's trio worker."""
    from hypercorn.config import Config  # noqa: PLC0415
    from hypercorn.trio import serve  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.routing import WebSocketRoute  # noqa: PLC0415

    everybody, sockets, made = trio.Event(), [], bytearray()

    def collect(data: bytes | memoryview) -> int:
        made.extend(data)
        return len(data)

    async def endpoint(ws: Any) -> None:
        await ws.accept()
        sockets.append(ws)
        if len(sockets) == clients:
            everybody.set()
        await trio.sleep_forever()

    async def tick(n: int) -> None:
        made.clear()
        stage.hub.tick(n)
        text = made[2 + {126: 2, 127: 8}.get(made[1], 0) :].decode()
        async with trio.open_nursery() as nursery:
            for ws in sockets:
                nursery.start_soon(ws.send_text, text)

    stage.hub.subscribe(Outlet(collect, waiting_max=1, bytes_max=1))
    config = Config()
    config.bind, config.accesslog, config.errorlog, config.backlog = ["127.0.0.1:0"], None, None, 512
    async with trio.open_nursery() as nursery:
        (bound,) = await nursery.start(serve, Starlette(routes=[WebSocketRoute("/", endpoint)]), config)
        print(re.search(r":(\d+)$", bound).group(1), flush=True)  # type: ignore[union-attr]
        await everybody.wait()
        await stage.play(tick)


SERVERS = {OURS: serve_ours, PEER: serve_peer}


def main() -> None:
    """Measure, or be one of the servers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument(
        "--server", nargs=5, metavar=("NAME", "CLIENTS", "TICKS", "HERTZ", "FAT"), help=argparse.SUPPRESS
    )
    chosen = parser.parse_args()
    if chosen.server:
        structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
        name, (clients, ticks, hertz, fat) = chosen.server[0], map(int, chosen.server[1:])
        trio.run(partial(SERVERS[name], clients, Stage(ticks, hertz, fat)))
        return
    found = rows(QUICK if chosen.quick else Effort(rounds=3, seconds=1))
    print(json.dumps([row.as_json() for row in found], indent=1))
    sys.exit(any(row.ok is False for row in found))


if __name__ == "__main__":
    main()
