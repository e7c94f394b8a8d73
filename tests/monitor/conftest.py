"""A monitor on a free port, and lines to feed it."""

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection

from agbot.monitor.app import serve

Frame = dict[str, Any]


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
