"""The audit log's shell: never in trading's way; a disk that takes nothing is told once; losses are counted."""

from __future__ import annotations

import errno
import json
import threading

import pytest
import trio

from agbot.core.view import Place
from agbot.model.events import HaltRequested, KillSwitchSet, OrderAccepted, OrderFilled, OrderRejected, Source, Timer
from agbot.model.order import Liquidity, Settlement, Side
from agbot.run import audit as shells
from agbot.run.audit import LAST_WRITE_S, AuditShell
from agbot.run.supervise import background
from agbot.store.audit import AUDIT_NAME, AuditLog, verify
from agbot.store.audit_rows import moment
from agbot.units import to_units

BID = Place(token="m1-yes", side=Side.BUY, price=to_units("0.40"), size=to_units("10"), why="test")


class Paper(AuditLog):
    """A log whose next writes fail, or hang until they are let go."""

    def __init__(self, directory):
        super().__init__(directory)
        self.fail = self.block = None
        self.refused = 0

    def append(self, rows):
        if self.block:
            self.block.wait(30)
        if self.fail:
            self.refused += 1
            raise self.fail
        super().append(rows)


@pytest.fixture
def paper(tmp_path):
    return Paper(tmp_path)


@pytest.fixture
def shell(paper, core):
    shell = AuditShell(paper, "r")
    core.observers.append(shell.observe)
    return shell


def told(tmp_path):
    return [json.loads(line) for line in (tmp_path / AUDIT_NAME).read_bytes().splitlines()]


async def test_every_turn_of_an_order_is_a_line(shell, core, tmp_path):
    async with background(shell.run):
        (command,) = core.wish(BID).output.commands
        order = command.client_order_id
        core.step(OrderAccepted(order, "v", 1, Source.REPLY))
        filled = (order, "t", to_units("0.40"), to_units("10"), 0, Liquidity.MAKER, 2)
        core.step(OrderFilled(*filled, settlement=Settlement.MATCHED, source=Source.SOCKET))
        core.step(OrderRejected(order, "no", 3, Source.READ))
        core.wish(Place(token="m1-yes", side=Side.BUY, price=to_units("0.40"), size=to_units("9999"), why="greedy"))
        core.step(KillSwitchSet(True, "fire", "me", 4))
        core.step(HaltRequested("enough", 5))
    rows = told(tmp_path)
    kinds = ["decision", "submit", "ack", "fill", "reject", "denial", "kill", "cancel_all", "halt", "cancel_all"]
    assert [row["kind"] for row in rows] == kinds
    assert {row["correlation_id"] for row in rows[:5]} == {order}
    assert [row.get("source") for row in rows[2:5]] == ["reply", "user socket", "read"]
    assert (rows[3]["before"], rows[3]["after"], rows[3]["settlement"]) == ("OPEN", "FILLED", "MATCHED")
    assert "REJECTED" in rows[4]["contradiction"]
    assert rows[5]["violated"] == ["BuyingPower"]
    assert verify([tmp_path / AUDIT_NAME]).broken == ""


async def test_what_is_no_business_of_orders_is_no_line(shell, core):
    core.step(*core.book("0.30", "0.35"), Timer("second", 1))
    assert shell.backlog == 0


async def test_the_engine_never_waits_for_a_disk_that_hangs(shell, paper, core, autojump_clock):
    paper.block = threading.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(shell.run)
        core.wish(BID)
        await trio.sleep(1)
        for _ in range(10):
            core.wish(BID)
        assert shell.backlog > 0
        began = trio.current_time()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - began <= LAST_WRITE_S
    paper.block.set()


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(shells, "AGAIN_S", 0.01)
    monkeypatch.setattr(shells, "WRITE_EVERY_S", 0.01)


@pytest.mark.usefixtures("at_once")
async def test_a_full_disk_is_told_once_and_nothing_is_lost_by_it(shell, paper, core, logged, until, tmp_path):
    log = logged("agbot.run.audit")
    paper.fail = OSError(errno.ENOSPC, "No space left on device")
    async with background(shell.run):
        core.wish(BID)
        await until(lambda: paper.refused >= 1)
        core.wish(BID)
        await until(lambda: paper.refused >= 5)
        assert log.events == ["audit.not_written"]
        assert log.lines[0][1]["reason"] == "No space left on device"
        paper.fail = None
        await until(lambda: "audit.written_again" in log.events)
    assert log.events == ["audit.not_written", "audit.written_again"]
    assert not shell.backlog
    assert [row["kind"] for row in told(tmp_path)] == ["decision", "submit"] * 2


@pytest.mark.usefixtures("at_once")
async def test_what_does_not_fit_into_the_backlog_is_counted(shell, paper, core, logged, monkeypatch, tmp_path):
    logged("agbot.run.audit")
    monkeypatch.setattr(shells, "BACKLOG_MAX", 2)
    for _ in range(5):
        core.wish(BID)
    async with background(shell.run):
        pass
    rows = told(tmp_path)
    assert [row["kind"] for row in rows] == ["decision", "submit"] * 2 + ["lost"]
    assert rows[-1]["steps"] == 3


def test_times_are_utc_to_the_microsecond():
    assert moment(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456Z"
