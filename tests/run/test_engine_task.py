"""The engine's shell: journal first, time never back, commands out without waiting."""

from __future__ import annotations

import msgspec
import pytest
import trio
import trio.testing

from agbot.core.view import Place
from agbot.errors import StoreError
from agbot.model.commands import CancelAll, PlaceOrder
from agbot.model.events import HaltRequested, Timer
from agbot.model.order import Side
from agbot.run.engine import EngineTask, Recorder
from agbot.run.inbox import Inbox
from agbot.settings import Settings
from agbot.store.codec import GENESIS, decode_batch, decode_output
from agbot.store.journal import BATCH, END, RUN, STEP, Journal, JournalReader
from agbot.store.rebuild import header_of
from agbot.units import to_units


class Shell:
    def __init__(self, core, path, commands_max=10):
        self.core = core
        header = header_of(Settings(), run_id="r", mode="DEMO", started_ns=1, source="test", capital=10**9)
        self.journal = Journal(path)
        self.recorder = Recorder(core.engine, self.journal, header)
        self.inbox = Inbox()
        send, self.commands = trio.open_memory_channel(commands_max)
        self.seen = []
        self.task = EngineTask(self.recorder, self.inbox, send, [lambda b, s: self.seen.append((b, s))], core.now_ns)

    def records(self):
        self.journal.commit()
        reader = JournalReader(self.journal.path)
        found = list(reader.records())
        reader.close()
        return found


@pytest.fixture
def shell(core, tmp_path):
    shell = Shell(core, tmp_path / "run.agj")
    yield shell
    shell.journal.close()


@pytest.fixture
def bid():
    return Place(token="m1-yes", side=Side.BUY, price=to_units("0.40"), size=to_units("10"), why="test")


def test_a_step_is_journaled_batch_first_and_its_orders_name_what_must_be_durable(shell, bid):
    shell.core.script.next = [bid]
    shell.task.step([Timer("second", 5)])
    run, batch, step = shell.records()
    assert (run.kind, batch.kind, step.kind) == (RUN, BATCH, STEP)
    assert decode_batch(batch.body) == [Timer("second", 5)]
    seq, command = shell.commands.receive_nowait()
    assert isinstance(command, PlaceOrder)
    assert seq == step.seq
    assert decode_output(step.body).commands == (command,)
    assert shell.recorder.steps == 1
    assert shell.recorder.digest != GENESIS


def test_a_step_without_decisions_leaves_no_output_record_and_the_digest_alone(shell):
    shell.task.step([Timer("second", 5)])
    assert [r.kind for r in shell.records()] == [RUN, BATCH]
    assert shell.recorder.digest == GENESIS


def test_the_batch_is_journaled_before_the_core_sees_it(shell, monkeypatch):
    def broken(now_ns, batch):
        raise ZeroDivisionError

    monkeypatch.setattr(shell.core.engine, "step", broken)
    with pytest.raises(ZeroDivisionError):
        shell.task.step([Timer("second", 5)])
    assert [r.kind for r in shell.records()] == [RUN, BATCH]


def test_a_batch_that_cannot_be_journaled_is_never_applied(shell, monkeypatch):
    def full(*_):
        raise StoreError("behind the disk", id="AGB-602")

    monkeypatch.setattr(shell.journal, "append", full)
    with pytest.raises(StoreError):
        shell.task.step([HaltRequested("x", 1)])
    assert shell.core.engine.halted == ""


def test_time_never_goes_back(shell):
    times = []
    for now in (50, 60, 40, 60, 61):
        shell.core.now = now
        times.append(shell.task.step([Timer("second", 1)]).now_ns)
    assert times == [50, 60, 60, 60, 61]
    assert [r.now_ns for r in shell.records() if r.kind == BATCH] == times


def test_observers_get_the_batch_with_its_step_after_the_commands_left(shell):
    step = shell.task.step([HaltRequested("x", 1)])
    assert shell.seen == [([HaltRequested("x", 1)], step)]
    assert shell.commands.receive_nowait()[1] == CancelAll("halt: x")


def test_a_full_command_channel_is_a_broken_invariant(core, tmp_path):
    shell = Shell(core, tmp_path / "run.agj", commands_max=1)
    shell.task.step([HaltRequested("x", 1)])
    with pytest.raises(StoreError) as caught:
        shell.task.step([HaltRequested("y", 1)])
    assert caught.value.id == "AGB-607"
    shell.journal.close()


async def test_the_task_drains_the_inbox_and_lets_errors_out(shell, monkeypatch):
    shell.inbox.send_urgent(Timer("a", 1))
    async with trio.open_nursery() as nursery:
        await nursery.start(shell.task.run)
        await trio.testing.wait_all_tasks_blocked()
        shell.inbox.send_urgent(Timer("b", 2), Timer("c", 3))
        await trio.testing.wait_all_tasks_blocked()
        assert [[t.name for t in batch] for batch, _ in shell.seen] == [["a"], ["b", "c"]]
        nursery.cancel_scope.cancel()
    monkeypatch.setattr(shell.core.engine, "step", lambda *_: 1 / 0)
    shell.inbox.send_urgent(Timer("d", 4))
    with pytest.raises(ZeroDivisionError):
        await shell.task.run()


def test_the_end_says_reason_and_digest(shell):
    shell.recorder.end(9, "enough")
    *_, end = shell.records()
    assert (end.kind, end.now_ns) == (END, 9)
    assert msgspec.msgpack.decode(end.body) == {"reason": "enough", "digest": GENESIS.hex()}
