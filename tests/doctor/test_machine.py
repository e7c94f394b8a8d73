"""What the doctor says of this machine: every check, in each of its outcomes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import types

import pytest

from agbot.control import socket_path
from agbot.doctor import Status, machine
from agbot.errors import ConfigError
from agbot.latch import LATCH_NAME, Latch
from agbot.run.lock import exclusive


@pytest.fixture
def world(tmp_path_factory):
    state = tmp_path_factory.mktemp("s")
    return types.SimpleNamespace(state_dir=state, faults=())


async def test_configuration(world):
    assert (await machine.configuration(world)).status is Status.OK
    world.faults = tuple(ConfigError(f"bad {n}", id="AGB-104", line=n, path="a.yaml", remedy="mend") for n in (3, 4))
    found = await machine.configuration(world)
    assert found.status is Status.FAIL
    assert found.cause == "a.yaml:3: bad 3, and 1 more"
    assert found.remedy == "mend; all faults: agbot check"
    assert len(found.details) == 2
    world.faults = world.faults[:1]
    found = await machine.configuration(world)
    assert (found.remedy, found.details) == ("mend", ())


@pytest.mark.parametrize(("free_mib", "status"), [(10, Status.FAIL), (500, Status.WARN), (5000, Status.OK)])
async def test_disk(world, free_mib, status, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free_mib * 2**20))
    found = await machine.disk(world)
    assert found.status is status
    assert f"{free_mib} MiB" in found.cause
    assert bool(found.remedy) is (status is not Status.OK)


async def test_disk_of_a_state_directory_to_be(world):
    world.state_dir = world.state_dir / "not" / "yet"
    assert (await machine.disk(world)).status in (Status.OK, Status.WARN)


@pytest.mark.parametrize(("took_s", "status"), [(0.0003, Status.OK), (0.02, Status.WARN), (0.5, Status.FAIL)], ids=str)
def test_fsync_is_judged(took_s, status):
    found = machine.fsync_finding(took_s)
    assert found.status is status
    assert f"{took_s * 1000:.1f} ms" in found.cause


async def test_fsync_is_measured_and_leaves_nothing(world):
    assert "ms" in (await machine.fsync(world)).cause
    assert list(world.state_dir.iterdir()) == []


async def test_fsync_where_nothing_can_be_written(world, monkeypatch):
    def full(_where):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(machine, "_sync_times", full)
    found = await machine.fsync(world)
    assert found.status is Status.FAIL
    assert "No space left" in found.cause


async def test_lock_of_nobody(world):
    assert (await machine.lock(world)).cause == "no bot ever ran with this state directory"


async def test_lock_of_this_process_and_of_another(world):
    with exclusive(world.state_dir):
        assert (await machine.lock(world)).status is Status.OK
        (world.state_dir / "lock").write_text("1\n")
        found = await machine.lock(world)
        assert found.status is Status.WARN
        assert "a bot (pid 1) runs" in found.cause
        assert "agbot stop" in found.remedy


async def test_lock_of_a_killed_bot(world):
    with exclusive(world.state_dir):
        pass
    assert (await machine.lock(world)).status is Status.OK
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(str(socket_path(world.state_dir)))
    found = await machine.lock(world)
    assert found.status is Status.WARN
    assert "was killed" in found.cause


async def test_lock_that_cannot_be_opened(world):
    (world.state_dir / "lock").mkdir()
    found = await machine.lock(world)
    assert found.status is Status.FAIL
    assert "chmod 600" in found.remedy


async def test_latch(world):
    assert (await machine.latch(world)).status is Status.OK
    Latch(world.state_dir / LATCH_NAME).close("drill", "me", 1)
    found = await machine.latch(world)
    assert found.status is Status.WARN
    assert found.cause == "the kill switch is on: drill (by me)"
    assert found.remedy.startswith("agbot killswitch off")
    Latch(world.state_dir / LATCH_NAME).open("me", "over", 2)
    Latch(world.state_dir / LATCH_NAME).close_scope("market", "rain", reason="odd", by="me", at_ns=3)
    found = await machine.latch(world)
    assert (found.status, found.cause) == (Status.WARN, "the kill switch is on for market rain")
    world.state_dir = world.state_dir / "absent"
    assert (await machine.latch(world)).status is Status.SKIP
