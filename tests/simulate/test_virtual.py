"""The virtual time against trio itself: the same little programs, told in the same order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from agbot.simulate.virtual import Heap, Life
from agbot.venue.pace import TRIO, Pace

Program = Callable[[Pace, list[object]], Awaitable[None]]


async def sleeps(pace: Pace, said: list[object]) -> None:
    async def one(name: str, seconds: float) -> None:
        await pace.sleep(seconds)
        said.append((name, round(pace.current_time(), 3)))

    async with pace.open_nursery() as nursery:
        nursery.start_soon(one, "late", 2.0)
        nursery.start_soon(one, "soon", 1.0)
        said.append("begun")
    said.append("joined")


async def times_out(pace: Pace, said: list[object]) -> None:
    with pace.move_on_after(1.0) as scope:
        await pace.sleep(5)
        said.append("never")
    said.append((scope.cancelled_caught, pace.current_time()))
    with pace.move_on_after(1.0) as scope:
        await pace.sleep(0.5)
    said.append((scope.cancelled_caught, pace.current_time()))


async def shields(pace: Pace, said: list[object]) -> None:
    with pace.move_on_after(1.0) as outer:
        with pace.move_on_after(3.0, shield=True) as inner:
            await pace.sleep(2.0)
            said.append(("shielded", pace.current_time()))
        said.append(inner.cancelled_caught)
        await pace.sleep(0)
        said.append("never")
    said.append((outer.cancelled_caught, pace.current_time()))
    with pace.move_on_after(1.0) as outer:
        with pace.move_on_after(2.0, shield=True) as inner:
            await pace.sleep(9.0)
        said.append((inner.cancelled_caught, outer.cancelled_caught, pace.current_time()))
        await pace.sleep(0)
        said.append("never")
    said.append((outer.cancelled_caught, pace.current_time()))


async def outermost_wins(pace: Pace, said: list[object]) -> None:
    with pace.move_on_after(1.0) as outer:
        with pace.move_on_after(1.0) as inner:
            await pace.sleep(5)
        said.append("never")
    said.append((outer.cancelled_caught, inner.cancelled_caught))


async def waits_again(pace: Pace, said: list[object]) -> None:
    with pace.move_on_after(1.0):
        try:
            await pace.sleep(5)
        finally:
            said.append("cleaning")
            try:
                await pace.sleep(1)
                said.append("never")
            finally:
                said.append(pace.current_time())


async def locks(pace: Pace, said: list[object]) -> None:
    lock = pace.lock()

    async def hold(name: str, seconds: float) -> None:
        async with lock:
            said.append((name, pace.current_time()))
            await pace.sleep(seconds)

    async with pace.open_nursery() as nursery:
        nursery.start_soon(hold, "a", 1.0)
        await pace.sleep(0.1)
        with pace.move_on_after(0.2):
            await hold("given up", 9.0)
        nursery.start_soon(hold, "b", 1.0)
        await pace.sleep(0.1)
        nursery.start_soon(hold, "c", 1.0)


async def events(pace: Pace, said: list[object]) -> None:
    event = pace.event()

    async def wait() -> None:
        await event.wait()
        said.append(("heard", pace.current_time()))

    async with pace.open_nursery() as nursery:
        nursery.start_soon(wait)
        with pace.move_on_after(1.0):
            await event.wait()
        said.append(event.is_set())
        event.set()
        await event.wait()
        await pace.sleep(0.1)
        said.append(event.is_set())


async def fails(pace: Pace, said: list[object]) -> None:
    async def fail(after: float) -> None:
        await pace.sleep(after)
        raise ValueError(str(after))

    async def last() -> None:
        try:
            await pace.sleep(9)
        finally:
            said.append(("stopped", pace.current_time()))

    try:
        async with pace.open_nursery() as nursery:
            nursery.start_soon(fail, 1.0)
            nursery.start_soon(last)
            await pace.sleep(5)
            said.append("never")
    except* ValueError as group:
        said.append([str(e) for e in group.exceptions])
    said.append(pace.current_time())


async def nests(pace: Pace, said: list[object]) -> None:
    async def leaf(name: str) -> None:
        try:
            await pace.sleep(9)
        finally:
            said.append((name, pace.current_time()))

    with pace.move_on_after(2.0) as scope:
        async with pace.open_nursery() as outer:
            outer.start_soon(leaf, "outer")
            async with pace.open_nursery() as inner:
                inner.start_soon(leaf, "inner")
                await pace.sleep(1)
                inner.cancel_scope.cancel()
            said.append(("inner left", pace.current_time()))
    said.append((scope.cancelled_caught, pace.current_time()))


async def ends_itself(pace: Pace, said: list[object]) -> None:
    async with pace.open_nursery() as nursery:
        nursery.start_soon(pace.sleep, 9)
        await pace.sleep(1)
        nursery.cancel_scope.cancel()
        said.append("body goes on")
        await pace.sleep(0)
        said.append("never")
    said.append(pace.current_time())


PROGRAMS = [
    sleeps, times_out, shields, outermost_wins, waits_again, locks, events, fails, nests, ends_itself,
]  # fmt: skip


def virtually(program: Program) -> list[object]:
    said: list[object] = []
    life = Life(Heap(0))
    life.spawn(program, life, said)
    life.heap.run_until(100 * 10**9)
    assert life.failed is None
    assert not life.tasks
    return said


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_means_what_trio_means(program: Program) -> None:
    by_trio: list[object] = []
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(program, TRIO, by_trio, clock=clock)
    assert [_rounded(x) for x in virtually(program)] == [_rounded(x) for x in by_trio]
    assert by_trio


def _rounded(said: Any) -> Any:
    if isinstance(said, tuple):
        return tuple(map(_rounded, said))
    return round(said, 3) if isinstance(said, float) else said


def test_the_same_twice() -> None:
    assert all(virtually(program) == virtually(program) for program in PROGRAMS)


def test_a_killed_life_does_nothing_more() -> None:
    said: list[str] = []
    heap = Heap(0)
    life, other = Life(heap), Life(heap)

    async def ticks(pace: Life, name: str) -> None:
        try:
            while True:
                await pace.sleep(1)
                said.append(name)
        finally:
            await pace.sleep(1)
            said.append("never")

    life.spawn(ticks, life, "a")
    other.spawn(ticks, other, "b")
    heap.run_until(2 * 10**9)
    life.kill()
    heap.run_until(4 * 10**9)
    other.kill()
    assert said == ["a", "b", "a", "b", "b", "b"]
    assert not life.tasks


def test_an_error_that_nobody_takes_ends_the_life() -> None:
    async def fail() -> None:
        raise ValueError("x")

    life = Life(Heap(0))
    life.spawn(life.sleep, 5)
    life.spawn(fail)
    life.heap.run_until(10)
    assert isinstance(life.failed, ValueError)
    assert life.dead


def test_a_task_that_never_waits_is_found() -> None:
    async def spin(pace: Life) -> None:
        while True:
            await pace.sleep(0)

    life = Life(Heap(0))
    life.spawn(spin, life)
    with pytest.raises(RuntimeError, match="never waits"):
        life.heap.run_until(10)
