"""What programs push that are no bots is kept and read again; what a bot pushes is not kept twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import trio

from agbot.monitor import keeper as module
from agbot.monitor.app import serve
from agbot.monitor.history import of_state_dir
from agbot.monitor.hub import Hub
from agbot.monitor.keeper import PUSHED, Keeper
from agbot.store.rows import Series
from agbot.telemetry.websocket import open_websocket
from agbot.units import NS_PER_S

Make = Callable[..., str]
AT_NS = 1_700_000_000 * NS_PER_S


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now_ns=AT_NS)


@pytest.fixture
def kept(tmp_path: Path, clock: SimpleNamespace) -> Keeper:
    return Keeper(tmp_path, now_ns=lambda: clock.now_ns)


def read(state_dir: Path, name: str, points: int = 100) -> Sequence[Series]:
    return of_state_dir(state_dir)(name, AT_NS, AT_NS + 100 * NS_PER_S, points)


async def test_gauges_are_kept_by_the_second_and_observations_singly(
    tmp_path: Path, kept: Keeper, clock: SimpleNamespace, metric: Make
) -> None:
    feed = Hub(keep=kept.take).feed()
    for second, value in enumerate((1.0, 2.0, 3.0)):
        clock.now_ns = AT_NS + second * NS_PER_S + 5
        feed.take("\n".join([metric("x.height", -1, room="b"), metric("x.height", value, room="b")]))
        feed.take("\n".join(metric("x.took_ms", value * n, "histogram") for n in (1, 2, 3)))
        await kept.write()
    await kept.write()
    (height,) = read(tmp_path, "x.height")
    assert height.labels == (("room", "b"),)
    assert [(p.ts_ns, p.last) for p in height.points] == [(AT_NS + n * NS_PER_S, n + 1.0) for n in range(3)]
    (took,) = read(tmp_path, "x.took_ms")
    assert [(p.observed, p.minimum, p.maximum) for p in took.points] == [(3, 1, 3), (3, 2, 6), (3, 3, 9)]
    assert (tmp_path / PUSHED).stat().st_mode & 0o777 == 0o700


async def test_what_a_bot_pushes_is_its_own_to_keep(tmp_path: Path, kept: Keeper, metric: Make, event: Make) -> None:
    feed = Hub(keep=kept.take).feed()
    feed.take("\n".join([event("run", run_id="r"), metric("x", 1)]))
    await kept.write()
    assert not (tmp_path / PUSHED).exists()


async def test_a_disk_that_takes_nothing_loses_nothing(
    tmp_path: Path, kept: Keeper, clock: SimpleNamespace, metric: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 4)
    feed = Hub(keep=kept.take).feed()
    (tmp_path / PUSHED).write_text("in the way")
    for second in range(3):
        clock.now_ns = AT_NS + second * NS_PER_S
        feed.take("\n".join([metric("x", second), metric("y", second)]))
        await kept.write()
    assert kept.left_out == 2
    (tmp_path / PUSHED).unlink()
    await kept.write()
    assert [[p.last for p in s.points] for name in "xy" for s in read(tmp_path, name)] == [[0, 1], [0, 1]]


async def test_a_monitor_that_ends_has_kept_what_came_last(tmp_path: Path, metric: Make) -> None:
    async with trio.open_nursery() as nursery, httpx.AsyncClient(trust_env=False) as client:
        port = await nursery.start(partial(serve, "127.0.0.1", 0, keeper=Keeper(tmp_path)))
        async with open_websocket(f"ws://127.0.0.1:{port}/metrics") as ws:
            await ws.send_message(metric("x.height", 2.5))
            with trio.fail_after(30):
                while "2.5" not in (await client.get(f"http://127.0.0.1:{port}/prometheus")).text:
                    await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    (height,) = of_state_dir(tmp_path)("x.height", 0, 2**62, 10**6)
    assert height.points[-1].last == 2.5
