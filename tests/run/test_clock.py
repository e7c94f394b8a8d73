"""Timers every second, and each change of the latch told once."""

from __future__ import annotations

import pytest
import trio

from agbot.latch import LatchState, Scoped
from agbot.model.events import HeartbeatLost, KillSwitchSet, Timer
from agbot.run.clock import TICK_S, Clock
from agbot.run.inbox import Inbox


class Bench:
    def __init__(self):
        self.inbox = Inbox()
        self.latch, self.by = "", "me"
        self.scopes = ()
        self.silent_ns = 0
        self.ticks = 0
        now_ns = lambda: int(trio.current_time())  # noqa: E731
        self.clock = Clock(self.inbox, self.state, now_ns, self.tick, lambda: self.silent_ns)

    def state(self):
        return LatchState(on=bool(self.latch), reason=self.latch, by=self.by, at_ns=1, scopes=self.scopes)

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
    assert told == KillSwitchSet(True, "left by an earlier run", "me", told.ts_ns)
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


async def test_scopes_are_told_one_by_one_and_beside_the_account(autojump_clock):
    bench = Bench()
    bench.scopes = (Scoped(scope="market", name="m1", reason="odd", by="me", at_ns=1),)
    bench.clock.look()
    bench.latch, bench.by = "fire", "ann"
    bench.clock.look()
    bench.scopes = ()
    bench.clock.look()
    bench.clock.look()
    told = [(e.on, e.reason, e.by, e.scope, e.name) for e in await bench.inbox.receive()]
    assert told == [
        (True, "odd", "me", "market", "m1"),
        (True, "fire", "ann", "", ""),
        (False, "", "latch file", "market", "m1"),
    ]


@pytest.mark.parametrize("by", ["agbot", ""])
async def test_what_no_person_closed_is_by_the_latch(by, autojump_clock):
    bench = Bench()
    bench.latch, bench.by = "drawdown", by
    bench.clock.look()
    assert [e.by for e in await bench.inbox.receive()] == ["latch file"]


async def test_a_heartbeat_that_the_venue_does_not_hear_is_told_each_second(autojump_clock, nursery):
    bench = Bench()
    bench.silent_ns = 11
    nursery.start_soon(bench.clock.run)
    assert [type(e) for e in await bench.inbox.receive()] == [HeartbeatLost, Timer]
    bench.silent_ns = 0
    assert [type(e) for e in await bench.inbox.receive()] == [Timer]
