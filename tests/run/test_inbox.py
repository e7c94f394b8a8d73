"""The inbox: urgent facts first, bounded, nothing lost, nobody left asleep."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.events import Timer
from agbot.run import inbox as module
from agbot.run.inbox import EVENTS_PER_DRAIN, URGENT_MAX, Inbox


def timers(name, count):
    return [Timer(f"{name}", n) for n in range(count)]


async def test_urgent_facts_overtake_batches_and_batches_stay_whole():
    inbox = Inbox()
    await inbox.send(timers("a", 2))
    await inbox.send(timers("b", 1))
    inbox.send_urgent(Timer("u", 1), Timer("u", 2))
    assert len(inbox) == 4
    assert await inbox.receive() == [*timers("u", 3)[1:], *timers("a", 2), *timers("b", 1)]
    assert len(inbox) == 0


async def test_one_drain_is_bounded_but_never_splits_a_batch():
    inbox = Inbox()
    for _ in range(3):
        await inbox.send(timers("a", EVENTS_PER_DRAIN - 1))
    assert len(await inbox.receive()) == 2 * (EVENTS_PER_DRAIN - 1)
    assert len(await inbox.receive()) == EVENTS_PER_DRAIN - 1


async def test_receive_waits_until_there_is_something(autojump_clock):
    inbox = Inbox()
    with trio.move_on_after(1) as scope:
        await inbox.receive()
    assert scope.cancelled_caught
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.send, timers("a", 1))
        assert await inbox.receive() == timers("a", 1)


@pytest.mark.parametrize(("limit", "value"), [("BATCHES_MAX", 2), ("EVENTS_MAX", 4)])
async def test_a_full_inbox_makes_feeds_wait(limit, value, monkeypatch, autojump_clock):
    monkeypatch.setattr(module, limit, value)
    inbox = Inbox()
    for _ in range(2):
        await inbox.send(timers("a", 2))
    with trio.move_on_after(1) as scope:
        await inbox.send(timers("late", 2))
    assert scope.cancelled_caught
    assert inbox.peak == 2
    await inbox.receive()
    with trio.fail_after(30):
        await inbox.send(timers("now", 2))


async def test_every_waiting_feed_is_woken(monkeypatch, autojump_clock):
    monkeypatch.setattr(module, "BATCHES_MAX", 1)
    inbox = Inbox()
    await inbox.send(timers("first", 1))
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for n in range(5):
                nursery.start_soon(inbox.send, timers(n, 1))
            await trio.testing.wait_all_tasks_blocked()
            seen = []
            while len(seen) < 6:
                seen += await inbox.receive()
                await trio.lowlevel.checkpoint()
    assert {t.name for t in seen} == {"first", "0", "1", "2", "3", "4"}


async def test_the_end_of_a_link_is_queued_even_when_full_and_behind_its_data(monkeypatch):
    monkeypatch.setattr(module, "BATCHES_MAX", 1)
    inbox = Inbox()
    await inbox.send(timers("data", 1))
    inbox.append(timers("down", 1))
    assert [t.name for t in await inbox.receive()] == ["data", "down"]


async def test_too_many_urgent_facts_mean_a_stuck_engine():
    inbox = Inbox()
    inbox.send_urgent(*timers("u", URGENT_MAX))
    with pytest.raises(AssertionError, match="stuck"):
        inbox.send_urgent(Timer("one more", 1))


Schedule = st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=4)


@given(feeds=Schedule, urgent=st.lists(st.integers(0, 3), max_size=10), pauses=st.lists(st.booleans(), max_size=40))
def test_whatever_the_schedule_everything_arrives_once_and_in_order(feeds, urgent, pauses):
    """With a mock clock a lost wakeup is a deadlock, and a deadlock is the deadline, at once."""
    total = sum(map(sum, feeds)) + sum(urgent)
    received = []

    async def feed(inbox, name, sizes):
        sent = 0
        for size in sizes:
            await inbox.send([Timer(name, sent + n) for n in range(size)])
            sent += size
            if pauses and pauses[sent % len(pauses)]:
                await trio.lowlevel.checkpoint()

    async def hurry(inbox):
        sent = 0
        for size in urgent:
            inbox.send_urgent(*(Timer("urgent", sent + n) for n in range(size)))
            sent += size
            await trio.lowlevel.checkpoint()

    async def main():
        inbox = Inbox()
        with trio.fail_after(30):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hurry, inbox)
                for name, sizes in enumerate(feeds):
                    nursery.start_soon(feed, inbox, str(name), sizes)
                while len(received) < total:
                    received.extend(await inbox.receive())
                    assert len(inbox._batches) <= 3
                    await trio.lowlevel.checkpoint()
                nursery.cancel_scope.deadline = trio.current_time() + 1  # empty batches may still wait for room
        assert inbox.peak <= 3

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCHES_MAX", 3)
        patch.setattr(module, "EVENTS_MAX", 8)
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    for name in {t.name for t in received}:
        mine = [t.ts_ns for t in received if t.name == name]
        assert mine == list(range(len(mine)))
    assert len(received) == total
