"""The service beside a core: sends, tries again, gives up, ends in time, and dies without anybody noticing."""

from __future__ import annotations

import pytest
import trio

from agbot.model.events import KillSwitchSet, LinkDown
from agbot.notify.channel import NotSent, Refused, Sender
from agbot.notify.notice import Notice, Severity
from agbot.notify.outbox import Outbox, Rules
from agbot.notify.posts import Webhook
from agbot.notify.service import ATTEMPTS_MAX, LAST_S, REFUSALS_MAX, Line, Notifier
from agbot.notify.settings import NotifySettings
from agbot.run.notices import publish_channels
from agbot.secrets import Secret
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S
from tests.run.conftest import Core


class Double:
    """A channel that does what the test says: raise the next error, or hang."""

    def __init__(self, *errors, hangs=False):
        self.errors, self.hangs, self.sent, self.tried = list(errors), hangs, [], []

    async def send(self, message):
        self.tried.append(trio.current_time())
        if self.hangs:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        if self.errors and (error := self.errors.pop(0)):
            raise error
        self.sent.append(message)
        return "taken"


class Bench:
    def __init__(self, *channels):
        rules = Rules(least=Severity.INFO, per_minute=60, burst=20)
        self.core = Core()
        self.lines = [Line(name=f"c{n}", channel=c, outbox=Outbox(rules)) for n, c in enumerate(channels)]
        clock = lambda: int(trio.current_time() * NS_PER_S)  # noqa: E731
        self.notifier = Notifier(NotifySettings(), self.core.engine, self.lines, now_ns=clock, dice=lambda: 0.0)
        self.core.observers.append(self.notifier.observe)
        self.core.open()

    def kill(self, on=True):
        self.core.step(KillSwitchSet(on, "a test", "ann", 1))


@pytest.fixture
async def posted(posts, nursery):
    """Return a running notifier over a real loopback server, and what was posted."""
    channel = Webhook(Secret(f"http://127.0.0.1:{posts.port}/hook"), Sender(run_id="r1", mode="PAPER"))
    bench = Bench(channel)
    await nursery.start(bench.notifier.run)
    return bench, posts


async def test_a_kill_switch_is_posted(posted):
    bench, posts = posted
    bench.kill()
    with trio.fail_after(10):
        await posts.until(1)
    assert posts.got[0][1]["text"] == "CRITICAL: kill switch ON: a test (by ann)"


async def test_a_server_that_is_busy_is_asked_again(posted, said_by):
    bench, posts = posted
    posts.answers = [said_by(503), said_by(429, retry_after=0), said_by(204)]
    bench.kill()
    with trio.fail_after(30):
        await posts.until(3)
    assert {body["text"] for _, body in posts.got} == {"CRITICAL: kill switch ON: a test (by ann)"}


async def test_pauses_grow_and_a_wish_of_the_server_counts(nursery, autojump_clock):
    channel = Double(NotSent("busy"), NotSent("busy"), NotSent("slow down", retry_after_s=90.0))
    bench = Bench(channel)
    await nursery.start(bench.notifier.run)
    bench.kill()
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(200)
    pauses = [b - a for a, b in zip(channel.tried, channel.tried[1:], strict=False)]
    assert pauses == pytest.approx([0.5, 1.0, 90.0], abs=0.01)
    assert len(channel.sent) == 1


async def test_it_is_given_up_in_the_end_and_the_next_one_goes(nursery, autojump_clock):
    channel = Double(*[NotSent("gone")] * ATTEMPTS_MAX)
    bench = Bench(channel)
    await nursery.start(bench.notifier.run)
    bench.kill()
    await trio.sleep(3600)
    assert (len(channel.tried), channel.sent, bench.lines[0].failed) == (ATTEMPTS_MAX, [], 1)
    bench.kill(on=False)
    await trio.sleep(3600)
    assert len(channel.sent) == 1


async def test_a_channel_that_is_refused_again_and_again_is_left_alone(nursery, autojump_clock):
    refused, well = Double(*[Refused("404")] * 9), Double()
    bench = Bench(refused, well)
    await nursery.start(bench.notifier.run)
    for number in range(9):
        bench.kill(on=number % 2 == 0)
        await trio.sleep(120)
    assert (len(refused.tried), len(well.sent)) == (REFUSALS_MAX, 9)


async def test_how_channels_fare_is_published(nursery, autojump_clock):
    bench = Bench(Double(), Double(*[Refused("no such chat")] * (REFUSALS_MAX + 1)))
    await nursery.start(bench.notifier.run)
    for n in range(REFUSALS_MAX):
        bench.kill(on=n % 2 == 0)
        await trio.sleep(60)
    registry = Registry(lambda: 1)
    publish_channels(registry, bench.notifier)
    told = {(row.name, dict(row.labels).get("channel")): row.value for row in registry.sample(NS_PER_S)}
    assert {told[f"notify.{name}", "c0"] for name in ("failed", "dropped", "waiting", "ended")} == {0}
    assert told["notify.sent", "c0"] >= 3
    assert (told["notify.sent", "c1"], told["notify.failed", "c1"], told["notify.ended", "c1"]) == (0, REFUSALS_MAX, 1)


async def test_a_channel_that_hangs_holds_up_neither_the_core_nor_the_others(nursery, autojump_clock):
    hung, well = Double(hangs=True), Double()
    bench = Bench(hung, well)
    await nursery.start(bench.notifier.run)
    for number in range(50):
        bench.kill(on=number % 2 == 0)
        await trio.sleep(1)
    await trio.sleep(120)  # duplicates wait for a minute
    assert len(hung.tried) == 1
    assert sum(message.count for message in well.sent) == 50


async def test_the_end_takes_what_is_queued_and_three_seconds_at_most(autojump_clock):
    hung, well = Double(hangs=True), Double()
    bench = Bench(hung, well)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.notifier.run)
        bench.kill()
        bench.core.step(LinkDown("books", "cut", 1))
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began == pytest.approx(LAST_S, abs=0.1)
    assert [message.count for message in well.sent] == [2]


async def test_what_was_on_its_way_at_the_end_goes_again(autojump_clock):
    channel = Double(hangs=True)
    bench = Bench(channel)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.notifier.run)
        bench.kill()
        await trio.sleep(1)
        channel.hangs = False
        nursery.cancel_scope.cancel()
    assert (len(channel.tried), len(channel.sent)) == (2, 1)


async def test_a_bug_ends_the_service_and_nothing_else(autojump_clock):
    channel = Double(ZeroDivisionError("a bug"))
    bench = Bench(channel)
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.notifier.run)
        bench.kill()
        await trio.sleep(10)
        bench.kill(on=False)
        step = bench.core.step(LinkDown("books", "cut", 1))
    assert step.touched
    assert nursery.cancel_scope.cancel_called is False


def test_a_notice_is_put_where_it_belongs():
    line = Line(name="x", channel=Double(), outbox=Outbox(Rules(least=Severity.CRITICAL)))
    line.put(Notice(severity=Severity.INFO, kind="fill", key="k", text="t", at_ns=1), 1)
    assert line.outbox.waiting == 0
