"""A feed with tasks of its own in the nursery tree: they run while it is read, and end with it or with the bot."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from agbot.errors import VenueForbidden, VenueUnavailable
from agbot.model.events import LinkDown, LinkUp, Timer
from agbot.run import bot as tree
from agbot.run.inbox import Inbox


class Linked:
    """Says itself that it is up; its task ends as told."""

    name = "linked"

    def __init__(self, *endings: Exception):
        self.endings = list(endings)
        self.runs = 0
        self.ended = 0
        self._in, self._out = trio.open_memory_channel(8)

    async def run(self, task_status=trio.TASK_STATUS_IGNORED):
        self.runs += 1
        task_status.started()
        try:
            await self._in.send([LinkUp(self.name, 1)])
            await self._in.send([Timer("x", self.runs)])
            await trio.testing.wait_all_tasks_blocked()  # what was sent is read
            if self.endings:
                raise self.endings.pop(0)
            await trio.sleep_forever()
        finally:
            self.ended += 1

    def batches(self):
        return self._out


class Bench:
    """What `_supervised` needs of the parts."""

    def __init__(self):
        self.inbox = Inbox()
        self.stop = tree.Stop()

    @staticmethod
    def now_ns():
        return 1

    @staticmethod
    def on_market(_batch):
        pass

    def events(self):
        return [event for batch in self.inbox._batches for event in batch]


async def test_its_tasks_run_while_it_is_read_and_end_with_it(autojump_clock):
    feed, bench = Linked(), Bench()
    with trio.move_on_after(10):
        await tree._supervised(feed, bench)
    assert (feed.runs, feed.ended) == (1, 1)
    assert bench.events() == [LinkUp("linked", 1), Timer("x", 1)]


async def test_a_loss_that_it_cannot_mend_opens_it_again(autojump_clock):
    feed, bench = Linked(VenueUnavailable("gone")), Bench()
    with trio.move_on_after(10):
        await tree._supervised(feed, bench)
    assert (feed.runs, feed.ended) == (2, 2)
    assert [type(e) for e in bench.events()] == [LinkUp, Timer, LinkDown, LinkUp, Timer]


async def test_what_a_person_must_mend_is_let_out(autojump_clock):
    feed, bench = Linked(VenueForbidden("closed")), Bench()
    with pytest.RaisesGroup(VenueForbidden, flatten_subgroups=True):
        await tree._supervised(feed, bench)
    assert feed.ended == 1
