"""The recorder's shell: what sockets bring is kept, and a disk that fails ends the recording and no trading."""

from __future__ import annotations

import errno
import os
from functools import partial

import attrs
import pytest
import trio

from agbot.errors import LinkLost, StoreError
from agbot.run import frames
from agbot.run.frames import FrameShell
from agbot.run.modes import trade_paper
from agbot.run.supervise import background
from agbot.settings import RecordSettings, RtdsSettings
from agbot.store.importers import open_recording
from agbot.store.packing import packer
from agbot.store.recorder import Bounds, FrameRecorder, segments_in
from agbot.store.segment import CLOSED, FRAME, OPENED, Segment
from agbot.testing.peer import Switchboard
from agbot.testing.venue_stub import YES
from agbot.web.socket import open_socket
from tests.run.live_runs import ended


def told(folder):
    found = []
    for path in segments_in(folder):
        segment = Segment(path)
        assert segment.sealed
        found += [(r.kind, r.connection, r.payload) for block in segment.blocks for r in segment.records(block)]
        segment.close()
    return found


@pytest.fixture
def board():
    return Switchboard()


@pytest.fixture
def make_shell(tmp_path, board):
    def make(**more):
        bounds = Bounds(free_min=0, block_bytes=more.pop("block_bytes", 10**6), size_max=more.pop("size_max", None))
        recorder = FrameRecorder(
            tmp_path / "tape", markets=(), packer=packer("deflate"), now_ns=lambda: 5, bounds=bounds
        )
        return FrameShell(recorder, open_=partial(open_socket, connect=board.connect), **more)

    return make


async def talk(board, *messages, lost=False):
    """Be the venue of one connection."""
    peer = await board.call()
    await peer.send(*messages)
    if lost:
        await peer.close(1001, "restart")


async def listen(shell, name, count):
    async with shell.opener(name)("ws://venue.test/") as socket:
        heard = []
        while len(heard) < count:
            heard += await socket.receive()
    return heard


async def test_frames_of_every_socket_are_kept_as_they_came(make_shell, board, nursery):
    shell = make_shell()
    async with background(shell.run):
        for name in ("market", "rtds"):
            nursery.start_soon(talk, board, f"{name} one", "two")
            assert await listen(shell, name, 2) == [f"{name} one".encode(), b"two"]
    kept = told(shell.recorder.directory)
    assert [(kind, connection) for kind, connection, _ in kept] == [
        (kind, connection) for connection in (1, 2) for kind in (OPENED, FRAME, FRAME, CLOSED)
    ]
    assert [payload for kind, _, payload in kept if kind == FRAME] == [b"market one", b"two", b"rtds one", b"two"]


async def test_why_a_socket_closed_is_kept(make_shell, board, nursery):
    shell = make_shell()
    async with background(shell.run):
        nursery.start_soon(partial(talk, board, "one", lost=True))
        with pytest.raises(LinkLost):
            await listen(shell, "market", 2)
    assert b"restart" in told(shell.recorder.directory)[-1][2]


async def test_a_full_block_is_written_at_once_and_a_full_folder_is_told(make_shell, board, nursery, monkeypatch):
    monkeypatch.setattr(frames, "WRITE_EVERY_S", 3600)
    shell = make_shell(block_bytes=50, size_max=300)
    async with background(shell.run):
        nursery.start_soon(talk, board, "x" * 500)
        await listen(shell, "market", 1)
        with trio.fail_after(10):
            await shell.full.wait()


def broken(*_args):
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("beside_trading", [False, True])
async def test_a_disk_that_fails(make_shell, board, nursery, monkeypatch, logged, until, beside_trading):
    log = logged("agbot.run.frames")
    shell = make_shell(block_bytes=1, beside_trading=beside_trading)
    monkeypatch.setattr(os, "fsync", broken)

    async def use():
        async with background(shell.run):
            nursery.start_soon(talk, board, "x")
            await listen(shell, "market", 1)
            await until(lambda: log.lines or not beside_trading)
            if not beside_trading:
                await trio.sleep_forever()
            nursery.start_soon(talk, board, "y")
            assert await listen(shell, "market", 1) == [b"y"]  # the socket goes on

    if beside_trading:
        await use()
        assert log.events[0] == "record.stopped"
    else:
        with pytest.raises(ExceptionGroup) as e:
            await use()
        assert e.group_contains(StoreError, match="Input/output error", depth=1)


async def test_a_run_keeps_its_frames_where_the_configuration_says(stub, start, running, until, tmp_path):
    kept = RecordSettings(directory=tmp_path / "tape", free_min=0)
    settings = attrs.evolve(start.settings, record=kept, rtds=RtdsSettings(subscribe_topics=("activity",)))
    run = await running(lambda: trade_paper(attrs.evolve(start, settings=settings)))
    await ended(run, until)
    recording = open_recording(tmp_path / "tape")
    assert [market.yes for market in recording.markets] == [YES]
    assert {getattr(message, "token", "") for message in recording.messages()} >= {YES}
    assert recording.log.skipped_count == 0
    assert b'"rtds"' in b"".join(payload for kind, _, payload in told(tmp_path / "tape") if kind == OPENED)
