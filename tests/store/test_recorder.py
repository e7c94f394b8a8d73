"""The recorder's folder: files that follow each other, a crash, a full disk, another recorder, a slow disk."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple

import pytest

from agbot.errors import ConfigError, StoreError
from agbot.model.events import MarketResolved
from agbot.store import recorder as recorders
from agbot.store.packing import packer
from agbot.store.recorder import Bounds, DiskFullError, FrameRecorder, segments_in
from agbot.store.segment import CLOSED, FRAME, MISSED, OPENED, RESOLVED, Segment
from agbot.testing.builders import make_market
from agbot.units import NS_PER_S

SMALL = Bounds(free_min=0)
CHILD = """
import sys, itertools
from pathlib import Path
from agbot.store.packing import packer
from agbot.store.recorder import Bounds, FrameRecorder
recorder = FrameRecorder(Path(sys.argv[1]), markets=(), packer=packer("deflate"), now_ns=itertools.count(1).__next__,
                         bounds=Bounds(free_min=0, segment_bytes=4000))
number = recorder.opened("market", "ws://x")
for frame in itertools.count():
    recorder.frames(number, [b"%d" % frame] * 3)
    recorder.write(recorder.take())
    print(frame, flush=True)
"""


class Clock:
    now_ns = 1_000 * NS_PER_S

    def __call__(self):
        return self.now_ns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Return a function that makes a recorder of the folder; all are closed at the end."""
    made = []

    def make(bounds=SMALL, folder="tape"):
        found = FrameRecorder(
            tmp_path / folder,
            markets=(make_market(),),
            packer=packer("deflate"),
            now_ns=clock,
            version="v",
            bounds=bounds,
        )
        made.append(found)
        return found

    yield make
    for found in made:
        found.close()


def told(folder):
    """Return (kind, payload) of everything in a folder, file by file."""
    files = []
    for path in segments_in(folder):
        segment = Segment(path)
        files.append([(r.kind, r.payload) for block in segment.blocks for r in segment.records(block)])
        segment.close()
    return files


def test_what_was_received_is_kept_in_order(opened, clock):
    recorder = opened()
    number = recorder.opened("market", "ws://x")
    recorder.frames(number, [b"one", b"two"])
    recorder.write(recorder.take())
    assert recorder.take() is None
    recorder.resolved(MarketResolved("m", "t", 5))
    recorder.closed(number, "gone")
    recorder.write(recorder.take())
    recorder.close()
    (file,) = told(recorder.directory)
    assert [kind for kind, _ in file] == [OPENED, FRAME, FRAME, RESOLVED, CLOSED]
    assert [payload for kind, payload in file if kind in (FRAME, CLOSED)] == [b"one", b"two", b"gone"]
    assert (recorder.written.frames, recorder.written.received, recorder.written.segments) == (2, 6, 1)
    assert recorder.size == sum(path.stat().st_size for path in segments_in(recorder.directory))


@pytest.mark.parametrize(
    "bounds", [Bounds(free_min=0, segment_bytes=1), Bounds(free_min=0, segment_ns=10 * NS_PER_S)], ids=["size", "time"]
)
def test_a_new_file_begins_by_size_and_by_time(opened, clock, bounds):
    recorder = opened(bounds)
    number = recorder.opened("market", "ws://x")
    for frame in (b"a", b"b", b"c"):
        recorder.frames(number, [frame])
        recorder.write(recorder.take())
        clock.now_ns += 10 * NS_PER_S
    recorder.close()
    files = segments_in(recorder.directory)
    assert [path.name[:6] for path in files] == ["000001", "000002", "000003"]
    heads = [Segment(path) for path in files]
    assert [len(segment.head.open) for segment in heads] == [0, 1, 1]
    assert {segment.head.run for segment in heads} == {heads[0].head.run}
    assert all(segment.sealed and segment.head.markets == (make_market(),) for segment in heads)
    assert recorder.size == sum(path.stat().st_size for path in files)


def test_the_next_recorder_goes_on_in_the_folder(opened):
    for _ in range(2):
        recorder = opened()
        recorder.frames(recorder.opened("rtds", "ws://x"), [b"x"])
        recorder.write(recorder.take())
        recorder.close()
    assert [path.name[:6] for path in segments_in(recorder.directory)] == ["000001", "000002"]
    assert recorder.recovered == []


def test_many_small_blocks_become_few_large_ones_when_a_file_ends(opened):
    recorder = opened()
    number = recorder.opened("market", "ws://x")
    for frame in range(20):
        recorder.frames(number, [b"%d" % frame])
        recorder.write(recorder.take())
    recorder.close()
    (path,) = segments_in(recorder.directory)
    assert len(Segment(path).blocks) == 1
    assert [payload for kind, payload in told(recorder.directory)[0] if kind == FRAME] == [b"%d" % n for n in range(20)]


def test_killed_it_has_all_that_was_written_and_the_next_start_seals_it(tmp_path, opened):
    folder = tmp_path / "tape"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    acknowledged = -1
    for line in child.stdout:
        acknowledged = int(line)
        if acknowledged >= 150:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    acknowledged = max([acknowledged, *map(int, child.stdout.read().split("\n")[:-1])])
    child.stdout.close()
    recorder = opened()
    assert len(segments_in(folder)) > 1
    assert [name for name, _ in recorder.recovered] == [segments_in(folder)[-1].name]
    frames = [int(payload) for file in told(folder) for kind, payload in file if kind == FRAME]
    assert frames == [n for n in range(len(frames) // 3) for _ in range(3)]
    assert acknowledged <= frames[-1] <= acknowledged + 1
    assert all(Segment(path).sealed for path in segments_in(folder))


def test_a_head_that_never_reached_the_disk_stops_no_start(opened, tmp_path):
    (tmp_path / "tape").mkdir()
    (tmp_path / "tape" / "000007-x.agf").write_bytes(b"")
    recorder = opened()
    recorder.frames(recorder.opened("market", "ws://x"), [b"x"])
    recorder.write(recorder.take())
    assert segments_in(recorder.directory)[-1].name.startswith("000008-")


def test_one_recorder_a_folder(opened):
    first = opened()
    with pytest.raises(ConfigError, match="another recorder writes there") as e:
        opened()
    assert e.value.id == "AGB-920"
    first.close()
    opened()


def test_a_folder_that_cannot_be(opened, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError) as e:
        opened(folder="file/tape")
    assert e.value.id == "AGB-920"


def nearly_full(monkeypatch, free):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, free))


def test_it_stops_before_the_disk_is_full_and_what_was_written_is_whole(opened, monkeypatch):
    recorder = opened(Bounds(free_min=1000))
    number = recorder.opened("market", "ws://x")
    recorder.frames(number, [b"kept"])
    recorder.write(recorder.take())
    recorder.frames(number, [b"not kept"])
    nearly_full(monkeypatch, 1000)
    with pytest.raises(DiskFullError) as e:
        recorder.write(recorder.take())
    assert (e.value.id, e.value.exit_code) == ("AGB-921", 1)
    assert not recorder.active
    (path,) = segments_in(recorder.directory)
    assert Segment(path).sealed
    assert [payload for kind, payload in told(recorder.directory)[0] if kind == FRAME] == [b"kept"]
    recorder.frames(number, [b"later"])
    assert recorder.take() is None


def test_a_full_disk_is_told_before_anything_is_recorded(opened, monkeypatch):
    nearly_full(monkeypatch, 999)
    with pytest.raises(DiskFullError):
        opened(Bounds(free_min=1000))
    monkeypatch.undo()
    opened(Bounds(free_min=1000))  # the lock was let go


def test_a_disk_that_fails_leaves_whole_blocks(opened, monkeypatch):
    recorder = opened()
    number = recorder.opened("market", "ws://x")
    recorder.frames(number, [b"kept"])
    recorder.write(recorder.take())
    recorder.frames(number, [b"lost"])

    def broken(_file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(StoreError, match="Input/output error") as e:
        recorder.write(recorder.take())
    assert e.value.id == "AGB-929"
    monkeypatch.undo()
    recorder.close()
    assert [payload for kind, payload in told(recorder.directory)[0] if kind == FRAME] == [b"kept"]


def test_a_folder_as_large_as_it_may_get(opened):
    recorder = opened(Bounds(free_min=0, size_max=400))
    number = recorder.opened("market", "ws://x")
    assert not recorder.full
    recorder.frames(number, [os.urandom(500)])
    recorder.write(recorder.take())
    assert recorder.full
    recorder.close()
    assert opened(Bounds(free_min=0, size_max=400)).full


def test_a_disk_that_does_not_keep_up_costs_frames_that_are_counted_and_marked(opened, monkeypatch):
    monkeypatch.setattr(recorders, "BACKLOG_MAX", 200)
    recorder = opened()
    number = recorder.opened("market", "ws://x")
    recorder.frames(number, [bytes(300)])
    recorder.frames(number, [b"missed", b"missed too"])
    assert recorder.written.missed == 2
    recorder.write(recorder.take())
    recorder.frames(number, [b"again"])
    recorder.write(recorder.take())
    recorder.close()
    (file,) = told(recorder.directory)
    assert [kind for kind, _ in file] == [OPENED, FRAME, MISSED, FRAME]
    assert file[2][1] == b"2"
