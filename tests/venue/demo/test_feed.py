"""The demo feed keeps time on trio's clock and never bursts."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from agbot.units import NS_PER_S
from agbot.venue.demo import DemoFeed, DemoSimulation, demo_markets
from agbot.venue.ports import Feed

START = 1_700_000_000 * NS_PER_S


def _simulation() -> DemoSimulation:
    return DemoSimulation(1, demo_markets(1), START)


async def _arrivals(feed: DemoFeed, count: int, stall_at: int = -1, stall_s: float = 0.0) -> list[tuple[float, float]]:
    """Return (arrival, stamp) in seconds from the start for the first batches."""
    origin, arrivals = trio.current_time(), []
    batches = cast("AsyncGenerator[list[object]]", feed.batches())
    async for batch in batches:
        stamps = {message.ts_ns for message in batch}
        assert len(stamps) == 1
        arrivals.append((trio.current_time() - origin, (stamps.pop() - START) / NS_PER_S))
        if len(arrivals) == stall_at:
            await trio.sleep(stall_s)
        if len(arrivals) == count:
            break
    await batches.aclose()
    return arrivals


@pytest.mark.parametrize("speed", [0.5, 1.0, 20.0])
async def test_batches_come_when_their_time_has_come(autojump_clock: MockClock, speed: float) -> None:
    for arrival, stamp in await _arrivals(DemoFeed(_simulation(), speed=speed), 300):
        assert arrival == pytest.approx(stamp / speed, abs=1e-6)


async def test_the_stream_is_the_simulations(autojump_clock: MockClock) -> None:
    expected = _simulation()
    batches = cast("AsyncGenerator[list[object]]", DemoFeed(_simulation(), speed=50).batches())
    for _ in range(100):
        assert await anext(batches) == expected.next()[1]
    await batches.aclose()


async def test_a_slow_consumer_finds_no_burst_and_the_feed_catches_up(autojump_clock: MockClock) -> None:
    arrivals = await _arrivals(DemoFeed(_simulation()), 400, stall_at=50, stall_s=5.0)
    late = [arrival - stamp for arrival, stamp in arrivals]
    assert max(late[:50]) < 1e-6
    assert 4 < late[50] < 5
    for (a, stamp_a), (b, stamp_b) in itertools.pairwise(arrivals[50:]):
        assert b - a >= (stamp_b - stamp_a) / 2 - 1e-6
    assert late[-1] == pytest.approx(0, abs=1e-6)
    assert all(y <= x + 1e-6 for x, y in itertools.pairwise(late[50:]))


async def test_it_can_be_cancelled_while_it_waits(autojump_clock: MockClock) -> None:
    feed, got = DemoFeed(_simulation()), 0
    with trio.move_on_after(3) as scope:
        async for _ in feed.batches():
            got += 1
    assert scope.cancelled_caught
    assert got > 5


def test_it_is_a_feed() -> None:
    feed: Feed = DemoFeed(_simulation())
    assert feed.name == "demo"


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be"):
        DemoFeed(_simulation(), speed=speed)
