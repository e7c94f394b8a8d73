"""Timers every second, and each change of the latch told once."""

from __future__ import annotations

import trio

from agbot.model.events import KillSwitchSet, Timer
from agbot.run.clock import TICK_S, Clock
from agbot.run.inbox import Inbox


class Bench:
    def __init__(self):
        self.inbox = Inbox()
        self.latch = ""
        self.ticks = 0
        self.clock = Clock(self.inbox, lambda: self.latch, lambda: int(trio.current_time()), self.tick)

    def tick(self):
        self.ticks += 1


async def test_a_timer_every_second(autojump_clock, nursery):
    bench = Bench()
    began = trio.current_time()
    nursery.start_soon(bench.clock.run)
    times = []
    while len(times) < 4:
        (timer,) = await bench.inbox.receive()
        assert isinstance(timer, Timer)
        assert timer.name == "second"
        times.append(trio.current_time() - began)
    assert [round(t / TICK_S) for t in times] == [0, 1, 2, 3]
    assert bench.ticks == 4


async def test_each_change_of_the_latch_is_told_once(autojump_clock, nursery):
    bench = Bench()
    bench.latch = "left by an earlier run"
    bench.clock.look()
    (told,) = await bench.inbox.receive()
    assert told == KillSwitchSet(True, "left by an earlier run", "latch file", told.ts_ns)
    nursery.start_soon(bench.clock.run)
    story = []
    for reason in ("left by an earlier run", "", "", "fire", "other fire"):
        bench.latch = reason
        story += [e for e in await bench.inbox.receive() if isinstance(e, KillSwitchSet)]
    story += [e for e in await bench.inbox.receive() if isinstance(e, KillSwitchSet)]
    assert [(e.on, e.reason) for e in story] == [(False, ""), (True, "fire"), (True, "other fire")]


def test_an_open_latch_at_the_start_is_not_worth_a_word():
    bench = Bench()
    bench.clock.look()
    assert len(bench.inbox) == 0
