"""The journal's shell: commits in groups, wakes who waits, lets failures out, and ends in time."""

from __future__ import annotations

import threading

import pytest
import trio

from agbot.errors import StoreError
from agbot.run.store import COMMIT_EVERY_S, LAST_COMMIT_S, JournalShell
from agbot.run.supervise import background
from agbot.store.journal import BATCH, Journal, JournalReader


class Paper:
    """A journal without a disk; `fail` and `block` act on the next commits."""

    def __init__(self):
        self.seq = self.durable_seq = 0
        self.commits = []
        self.fail = None
        self.block = None
        self.closed = False

    @property
    def backlog(self):
        return self.seq - self.durable_seq

    def append(self):
        self.seq += 1
        return self.seq

    def commit(self):
        if self.block:
            self.block.wait(30)
        if self.fail:
            raise self.fail
        self.commits.append(self.backlog)
        self.durable_seq = self.seq

    def close(self):
        if self.backlog:
            self.commit()
        self.closed = True


async def test_one_commit_serves_all_that_wait():
    journal = Paper()
    shell = JournalShell(journal)
    async with background(shell.run), trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(shell.durable, journal.append())
        with trio.fail_after(30):
            await shell.durable(20)
    assert journal.durable_seq == 20
    assert len(journal.commits) < 5


async def test_durable_returns_at_once_for_what_is_on_disk():
    journal = Paper()
    journal.append()
    journal.commit()
    with trio.fail_after(30):
        await JournalShell(journal).durable(1)


async def test_what_nobody_waits_for_rides_along_every_tenth_of_a_second(until):
    journal = Paper()
    async with background(JournalShell(journal).run):
        journal.append()
        await until(lambda: journal.durable_seq == 1)
    assert journal.commits == [1]


async def test_the_end_commits_what_is_left(tmp_path):
    journal = Journal(tmp_path / "run.agj")
    async with background(JournalShell(journal).run):
        journal.append(BATCH, 1, b"last")
    reader = JournalReader(journal.path)
    assert [r.body for r in reader.records()] == [b"last"]
    reader.close()


async def test_a_commit_that_fails_ends_the_bot_and_wakes_nobody():
    journal = Paper()
    journal.fail = StoreError("disk full", id="AGB-602")
    shell = JournalShell(journal)
    woken = []

    async def wait():
        await shell.durable(journal.append())
        woken.append(1)

    with pytest.RaisesGroup(StoreError, flatten_subgroups=True):
        async with background(shell.run), trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.sleep_forever()
    assert woken == []


async def test_a_waiter_whose_record_missed_the_running_commit_gets_the_next_one(until):
    journal = Paper()
    journal.block = threading.Event()
    shell = JournalShell(journal)
    async with background(shell.run), trio.open_nursery() as nursery:
        nursery.start_soon(shell.durable, journal.append())
        await until(lambda: shell._thread.borrowed_tokens)
        with trio.fail_after(30):
            second = journal.append()
            nursery.start_soon(shell.durable, second)
            await trio.lowlevel.checkpoint()
            journal.block.set()
            await shell.durable(second)
    assert journal.durable_seq == second


async def test_a_disk_that_hangs_holds_the_end_up_for_five_seconds_only(autojump_clock):
    journal = Paper()
    journal.block = threading.Event()
    try:
        async with background(JournalShell(journal).run):
            journal.append()
            began = trio.current_time()
        assert trio.current_time() - began == pytest.approx(LAST_COMMIT_S, abs=COMMIT_EVERY_S)
        assert not journal.closed
    finally:
        journal.block.set()
