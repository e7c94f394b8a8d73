"""The bot's side of the wire, against a real monitor that comes and goes."""

import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
import trio
from trio_websocket import WebSocketConnection

from agbot.monitor.app import serve
from agbot.telemetry import push as push_module
from agbot.telemetry.push import push
from agbot.telemetry.registry import Registry
from agbot.telemetry.websocket import open_websocket
from agbot.units import NS_PER_S

RUN = {"run_id": "r1", "mode": "DEMO", "version": "0", "protocol": 1, "pid": 1, "capital_usd": "1", "started_ms": 1}
Frame = dict[str, Any]


@pytest.fixture
def registry() -> Registry:
    return Registry(lambda: NS_PER_S, run_id="r1")


@pytest.fixture
def start_push(nursery: trio.Nursery, registry: Registry) -> Callable[[int], Awaitable[None]]:
    async def start(port: int) -> None:
        url = f"ws://127.0.0.1:{port}/metrics"
        await nursery.start(partial(push, registry, url, run_event=RUN, reconnect_delay_s=0.05, interval_s=0.02))

    return start


@asynccontextmanager
async def monitor(port: int = 0) -> AsyncIterator[int]:
    async with trio.open_nursery() as nursery:
        yield await nursery.start(partial(serve, "127.0.0.1", port))
        nursery.cancel_scope.cancel()


async def frames_until(ws: WebSocketConnection, wanted: Callable[[dict[str, float], Frame], bool]) -> dict[str, float]:
    """Read until `wanted` of the newest values and the frame; return the values."""
    values: dict[str, float] = {}
    with trio.fail_after(30):
        while True:
            frame = json.loads(await ws.get_message())
            values |= {entry[0]: entry[3] for entry in frame["metrics"]}
            if wanted(values, frame):
                return values


def lists(frame: Frame, event_type: str) -> list[Any]:
    lines = frame.get("events", []) + frame.get(f"{event_type}s", [])
    return [line["event"] for line in lines if line["event_type"] == event_type]


async def test_what_is_recorded_arrives(registry: Registry, start_push: Callable[[int], Awaitable[None]]) -> None:
    async with monitor() as port, open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
        registry.counter("c").add(3)
        await start_push(port)
        await frames_until(ws, lambda values, frame: values.get("c") == 3)
        registry.event("fill", n=1)
        await frames_until(ws, lambda values, frame: lists(frame, "fill") == [{"n": 1}])


async def test_a_killed_monitor_comes_back_with_everything_that_waited(
    registry: Registry, start_push: Callable[[int], Awaitable[None]]
) -> None:
    async with monitor() as port:
        await start_push(port)
        async with open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
            registry.counter("c").add(2)
            registry.gauge("unchanged").set(7)
            registry.event("market", market_id="m", slug="one")
            registry.event("fill", n=0)
            await frames_until(ws, lambda values, frame: values.get("c") == 2)
    for n in range(1, 300):  # nobody listens
        registry.counter("c").add()
        registry.histogram("h").observe(n)
        registry.event("fill", n=n)
    with trio.fail_after(30):
        async with monitor(port), open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
            known: list[Any] = []
            markets: dict[str, Any] = {}

            def complete(values: dict[str, float], frame: Frame) -> bool:
                if frame["kind"] == "snapshot":
                    known.clear()
                known.extend(fill["n"] for fill in lists(frame, "fill"))
                markets.update(frame.get("markets", {}))
                return values.get("c") == 301 and bool(known) and known[-1] == 299

            values = await frames_until(ws, complete)
            assert values["unchanged"] == 7
            assert values["h"]["count"] == 299  # type: ignore[index]
            assert values["agbot.events"] == 300
            assert known[-200:] == list(range(100, 300))
            assert markets or registry.dropped("event") == 0
    assert registry.dropped("metric") == registry.dropped("event") == 0


async def test_a_lost_connection_to_a_living_monitor_doubles_nothing(registry: Registry) -> None:
    async with monitor() as port, open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
        url = f"ws://127.0.0.1:{port}/metrics"
        seen: list[int] = []
        for n in range(3):
            registry.event("fill", n=n)
            registry.counter("c").add()
            async with trio.open_nursery() as session:
                await session.start(partial(push, registry, url, run_event=RUN, interval_s=0.02))

                def arrived(values: dict[str, float], frame: Frame, n: int = n) -> bool:
                    if frame["kind"] == "snapshot":
                        seen.clear()
                    seen.extend(fill["n"] for fill in lists(frame, "fill"))
                    return values.get("c") == n + 1 and n in seen

                await frames_until(ws, arrived)
                session.cancel_scope.cancel()
        assert seen == [0, 1, 2]


async def test_close_sends_the_rest_and_returns(registry: Registry) -> None:
    async with monitor() as port, open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                url = f"ws://127.0.0.1:{port}/metrics"
                await nursery.start(partial(push, registry, url, run_event=RUN, interval_s=60))
                registry.event("run", run_id="r1", ended=True, exit_code=0, reason="done")
                registry.counter("last").add()
                registry.close()
        await frames_until(ws, lambda values, frame: values.get("last") == 1 and not frame["connected"])


async def test_close_does_not_wait_for_an_absent_monitor(registry: Registry, nursery: trio.Nursery) -> None:
    with socket_nobody_accepts() as port, trio.fail_after(push_module.LAST_FLUSH_S + 2):
        async with trio.open_nursery() as pushing:
            url = f"ws://127.0.0.1:{port}/metrics"
            await pushing.start(partial(push, registry, url, run_event=RUN))
            registry.close()
    registry.close()
    with trio.fail_after(push_module.LAST_FLUSH_S + 2):
        await push(registry, "ws://127.0.0.1:1/metrics", run_event=RUN)


@contextmanager
def socket_nobody_accepts() -> Iterator[int]:
    """A listener whose connections open (in the backlog) and then hear nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 403 Forbidden\r\n\r\n",
        b"\x00" * 99,
    ],
)
async def test_whatever_answers_there_never_raises_into_the_bot(registry: Registry, reply: bytes) -> None:
    calls = trio.Event()
    seen = 0

    async def answer(stream: trio.SocketStream) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            calls.set()
        await stream.receive_some()
        await stream.send_all(reply)
        await stream.aclose()

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        url = f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/metrics"
        await nursery.start(partial(push, registry, url, run_event=RUN, reconnect_delay_s=0.01))
        registry.event("fill", n=1)
        with trio.fail_after(30):
            await calls.wait()
        nursery.cancel_scope.cancel()
    assert any(b'"fill"' in line for line in registry.drain(1 << 20).lines), "nothing was lost"


async def test_a_url_that_is_none_is_the_callers_mistake(registry: Registry) -> None:
    with pytest.RaisesGroup(ValueError, flatten_subgroups=True, allow_unwrapped=True):
        await push(registry, "http://127.0.0.1/metrics", run_event=RUN)


async def test_ten_thousand_a_second_lose_nothing(
    registry: Registry, start_push: Callable[[int], Awaitable[None]]
) -> None:
    async with monitor() as port, open_websocket(f"ws://127.0.0.1:{port}/dashboard") as ws:
        await start_push(port)
        await frames_until(ws, lambda values, frame: frame["connected"])
        observe = registry.histogram("h").observe
        for _ in range(100):
            for n in range(100):
                observe(n)
            await trio.lowlevel.checkpoint()  # the engine's loop yields; push drains when half of the buffer is full
        counts: list[int] = []

        def all_there(values: dict[str, float], frame: Frame) -> bool:
            if "h" in values:
                counts.append(values.pop("h")["count"])  # type: ignore[index]
            return sum(counts) + registry.dropped("metric") >= 10_000

        await frames_until(ws, all_there)
    assert sum(counts) == 10_000 - registry.dropped("metric")
    assert registry.dropped("metric") == 0
