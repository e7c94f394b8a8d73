"""The nursery tree under every way to end: order of shutdown, what is cancelled, and the exit."""

from __future__ import annotations

import contextlib
import os
import signal

import attrs
import pytest
import trio

from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.errors import NotFlatError, VenueUnavailable, leaves
from agbot.model.events import HaltRequested, LinkDown, LinkUp, Timer
from agbot.run import bot as tree
from agbot.run.inbox import Inbox


class World:
    """Doubles for every part; `story` is what happened, in order."""

    def __init__(self, *, hang_on_cancel_all=False, fail=None, feed=None, stuck=False):
        self.story: list[str] = []
        self.hang = hang_on_cancel_all
        self.fail = fail or {}
        self.feed = feed
        self.stuck = stuck
        self.inbox = Inbox()
        self.stop = tree.Stop()
        self.engine = Engine(EngineSettings(run_id="r", capital=10**9), Gate([]), [])
        self.flat = tree.Flat(self.engine)
        self.halting = trio.Event()
        self.events: list[object] = []

    def service(self, name, body=None):
        async def run(task_status=trio.TASK_STATUS_IGNORED):
            self.story.append(f"{name} up")
            task_status.started()
            try:
                if name in self.fail:
                    await trio.sleep(self.fail[name])
                    raise RuntimeError(name)
                await (body or trio.sleep_forever)()
            finally:
                self.story.append(f"{name} down")

        return run

    async def engine_body(self):
        while True:
            batch = await self.inbox.receive()
            self.events += batch
            if any(isinstance(e, HaltRequested) for e in batch):
                self.story.append("halt")
                self.halting.set()
            step = self.engine.step(1, batch)
            if not self.stuck:
                self.flat.observe(batch, step)

    async def cancel_all(self):
        self.story.append("cancel-all")
        if self.hang:
            await trio.sleep_forever()
        return []

    def parts(self, **changes):
        parts = tree.Parts(
            store=self.service("store"),
            beside=[self.service("monitor")],
            push=self.service("push"),
            end_push=lambda: self.story.append("push asked"),
            on_end=lambda reason: self.story.append(f"end: {reason}"),
            engine=self.service("engine", self.engine_body),
            venue_link=self.service("venue"),
            venue=self,
            gateway=self.service("gateway"),
            control=self.service("control"),
            clock=self.service("clock"),
            feeds=[self.feed] if self.feed else [],
            on_market=lambda batch: None,
            inbox=self.inbox,
            stop=self.stop,
            flat=self.flat,
            now_ns=lambda: 1,
        )
        return attrs.evolve(parts, **changes)

    def after(self, *names):
        return [line for line in self.story if line in names or line.endswith(" down")]


class Feed:
    name = "feed"

    def __init__(self, *endings):
        self.endings = list(endings)
        self.opened = 0

    async def batches(self):
        self.opened += 1
        yield [Timer("x", 1)]
        await trio.sleep(1)
        ending = self.endings.pop(0) if self.endings else None
        if ending is not None:
            raise ending
        await trio.sleep_forever()


INSIDE_OUT = ["gateway down", "cancel-all", "venue down", "engine down"]


def in_order(story, expected):
    rest = iter(story)
    return all(line in rest for line in expected)


async def test_an_orderly_stop(autojump_clock):
    world = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(tree.bot, world.parts())
        await trio.sleep(2)
        world.stop.ask("enough")
    assert in_order(
        world.story, ["control down", "halt", *INSIDE_OUT, "push asked", "push down", "monitor down", "store down"]
    )
    assert in_order(world.story, ["clock down", "halt"])


async def test_sigterm_is_an_orderly_stop(autojump_clock):
    world = World()

    async def kill():
        await trio.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kill)
        assert await tree.bot(world.parts()) == "SIGTERM"
    assert in_order(world.story, ["halt", *INSIDE_OUT, "store down"])


async def test_a_second_sigint_skips_the_drain_but_not_the_backstop(autojump_clock):
    world = World(stuck=True)

    async def kill_twice():
        await trio.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)
        await world.halting.wait()
        os.kill(os.getpid(), signal.SIGINT)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(kill_twice)
        began = trio.current_time()
        assert await tree.bot(world.parts()) == "SIGINT"
    assert in_order(world.story, ["halt", *INSIDE_OUT, "store down"])
    assert trio.current_time() - began < 1 + tree.DRAIN_S


async def test_the_drain_has_a_deadline(autojump_clock):
    world = World(stuck=True)
    world.stop.ask("enough")
    began = trio.current_time()
    await tree.bot(world.parts())
    assert tree.DRAIN_S <= trio.current_time() - began < tree.DRAIN_S + tree.PUSH_S + 1
    assert in_order(world.story, ["halt", *INSIDE_OUT])


async def test_the_duration_ends_a_run(autojump_clock):
    world = World()
    assert await tree.bot(world.parts(duration_s=5)) == "--duration 5 s is over"


@pytest.mark.parametrize("name", ["engine", "gateway", "venue", "clock", "control", "push", "monitor", "store"])
async def test_whatever_breaks_everything_is_cancelled_and_the_cause_comes_out(name, autojump_clock):
    world = World(fail={name: 1})
    with pytest.raises(BaseExceptionGroup) as caught:
        await tree.bot(world.parts())
    assert [str(e) for e in leaves(caught.value)] == [name]
    assert "cancel-all" in world.story
    assert "halt" not in world.story
    if name != "store":
        assert world.story[-1] == "store down"
    downs = [line for line in world.story if line.endswith(" down")]
    assert {"gateway down", "venue down", "engine down", "control down", "store down"} <= set(downs)


async def test_the_backstop_needs_no_engine(autojump_clock):
    world = World(fail={"engine": 1})
    with contextlib.suppress(BaseExceptionGroup):
        await tree.bot(world.parts())
    assert in_order(world.story, ["engine down", "gateway down", "cancel-all"]) or in_order(
        world.story, ["gateway down", "cancel-all"]
    )


async def test_a_venue_that_hangs_on_cancel_all_does_not_hold_the_rest(autojump_clock):
    world = World(hang_on_cancel_all=True)
    world.stop.ask("enough")
    began = trio.current_time()
    with pytest.raises(NotFlatError, match="orders may still rest"):
        await tree.bot(world.parts())
    assert trio.current_time() - began < tree.BACKSTOP_S + tree.DRAIN_S + tree.PUSH_S + 1
    assert in_order(world.story, ["cancel-all", "venue down", "engine down", "end: enough", "store down"])


@pytest.mark.parametrize("name", ["gateway", "venue", "engine", "store", "clock"])
async def test_an_error_hides_no_doubt_about_orders(name, autojump_clock):
    world = World(hang_on_cancel_all=True, fail={name: 1})
    with pytest.raises(BaseExceptionGroup) as caught:
        await tree.bot(world.parts())
    (unseen,) = [error for error in leaves(caught.value) if isinstance(error, NotFlatError)]
    assert "no answer within" in unseen.reason
    assert len(list(leaves(caught.value))) == 2


async def test_a_lost_feed_is_opened_again(autojump_clock):
    feed = Feed(VenueUnavailable("gone"), VenueUnavailable("gone again"))
    world = World(feed=feed)
    await tree.bot(world.parts(duration_s=60))
    assert feed.opened == 3
    assert [type(e) for e in world.events if isinstance(e, LinkUp | LinkDown)] == [LinkUp, LinkDown] * 2 + [LinkUp]


async def test_an_unknown_error_of_a_feed_stops_the_bot(autojump_clock):
    world = World(feed=Feed(ZeroDivisionError("bug")))
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True, allow_unwrapped=True):
        await tree.bot(world.parts())
    assert in_order(world.story, [*INSIDE_OUT, "store down"])


async def test_an_error_of_the_venue_in_the_backstop_does_not_hide_the_cause(autojump_clock):
    world = World(fail={"engine": 1})

    async def refuse():
        world.story.append("cancel-all")
        raise VenueUnavailable("down")

    world.cancel_all = refuse
    with pytest.RaisesGroup(RuntimeError, NotFlatError, flatten_subgroups=True):
        await tree.bot(world.parts())


async def test_the_end_is_told_once_the_engine_has_stopped_and_while_it_can_still_be_pushed(autojump_clock):
    world = World()
    world.stop.ask("enough")
    await tree.bot(world.parts())
    assert world.story.count("end: enough") == 1
    assert in_order(world.story, ["engine down", "end: enough", "push asked", "push down", "store down"])


@pytest.mark.parametrize("name", ["engine", "gateway", "control", "store"])
async def test_a_run_that_breaks_does_not_claim_an_end(name, autojump_clock):
    world = World(fail={name: 1})
    with pytest.raises(BaseExceptionGroup):
        await tree.bot(world.parts())
    assert not [line for line in world.story if line.startswith("end")]


async def test_the_loss_of_a_link_is_told_behind_what_it_delivered(autojump_clock):
    class Burst:
        name = "burst"

        def __init__(self):
            self.opened = 0

        async def batches(self):
            self.opened += 1
            if self.opened > 1:
                await trio.sleep_forever()
            for n in range(500):
                yield [Timer("burst", n)]
            raise VenueUnavailable("gone")

    world = World(feed=Burst())
    await tree.bot(world.parts(duration_s=60))
    told = [e for e in world.events if isinstance(e, LinkUp | LinkDown) or getattr(e, "name", "") == "burst"]
    assert [type(e) for e in told] == [LinkUp, *[Timer] * 500, LinkDown, LinkUp]
