"""A monitor on a free port, and lines to feed it."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection

from agbot.monitor.app import serve
from agbot.monitor.hub import BACKLOG_BYTES_MAX, BACKLOG_TICKS_MAX, Hub, Reader
from agbot.web.outlet import Outlet

Frame = dict[str, Any]


class Ear:
    """A dashboard client without a socket; one that is `deaf` takes nothing."""

    def __init__(self, hub: Hub, *, plain: bool = False) -> None:
        self.deaf = False
        self.writes = 0
        self.heard = bytearray()
        self.outlet = Outlet(self._write, waiting_max=BACKLOG_TICKS_MAX, bytes_max=BACKLOG_BYTES_MAX)
        self.reader: Reader = hub.subscribe(self.outlet, plain=plain)

    def _write(self, data: bytes | memoryview) -> int:
        self.writes += 1
        if self.deaf:
            raise BlockingIOError
        self.heard += data
        return len(data)

    def take(self) -> list[Any]:
        """Return what came since the last time."""
        frames = [json.loads(payload) for payload in payloads(bytes(self.heard))]
        self.heard.clear()
        return frames


def payloads(frames: bytes) -> list[bytes]:
    """Return the text messages of a server's frames, each of which must be whole."""
    found = []
    while frames:
        assert frames[0] == 0x81, "one whole text message"
        short = frames[1]
        size = {126: 2, 127: 8}.get(short, 0)
        length = int.from_bytes(frames[2 : 2 + size], "big") if size else short
        found.append(frames[2 + size : 2 + size + length])
        assert len(found[-1]) == length
        frames = frames[2 + size + length :]
    return found


@pytest.fixture(scope="session")
def ear() -> type[Ear]:
    return Ear


@pytest.fixture
async def port(nursery: trio.Nursery) -> int:
    return await nursery.start(partial(serve, "127.0.0.1", 0))


@pytest.fixture
def metric() -> Callable[..., str]:
    def make(name: str, value: float, kind: str = "gauge", at: int = 1, **labels: str) -> str:
        return json.dumps({"timestamp": at, "metric_type": kind, "metric_name": name, "value": value, "labels": labels})

    return make


@pytest.fixture
def event() -> Callable[..., str]:
    def make(event_type: str, seq: int = 0, **fields: Any) -> str:
        return json.dumps({"timestamp": 1, "event_type": event_type, "run_id": "r", "seq": seq, "event": fields})

    return make


@pytest.fixture
def frames_until() -> Callable[[WebSocketConnection, Callable[[Frame], bool]], Awaitable[list[Frame]]]:
    async def read(ws: WebSocketConnection, wanted: Callable[[Frame], bool]) -> list[Frame]:
        got: list[Frame] = []
        with trio.fail_after(30):
            while not got or not wanted(got[-1]):
                got.append(json.loads(await ws.get_message()))
        return got

    return read
