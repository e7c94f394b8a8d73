"""The latch: closed whenever in doubt, never half-written, cheap to ask."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agbot import latch as latch_module
from agbot.errors import StoreError
from agbot.latch import HISTORY_NAME, NEVER_SET, READ_MAX, TEXT_MAX, Latch, LatchState

GOOD = b'{"on": false, "reason": "r", "by": "b", "at_ns": 5}\n'


@pytest.fixture
def latch(tmp_path: Path) -> Latch:
    return Latch(tmp_path / "latch")


def history(latch: Latch) -> list[dict[str, object]]:
    return [json.loads(line) for line in (latch.path.parent / HISTORY_NAME).read_text().splitlines()]


def test_open_when_nobody_ever_closed_it(latch: Latch) -> None:
    assert latch.read() == latch.gate() == NEVER_SET
    assert not NEVER_SET.on


def test_closed_without_a_state_directory(tmp_path: Path) -> None:
    lost = Latch(tmp_path / "gone" / "latch")
    assert lost.read().on
    assert lost.gate().on
    assert "no state directory" in lost.gate().reason


def test_close_and_open_round_trip(latch: Latch) -> None:
    closed = latch.close("too many fills", "ann", 17)
    assert closed == LatchState(on=True, reason="too many fills", by="ann", at_ns=17) == latch.read() == latch.gate()
    opened = latch.open("bob", "looked at it", 18)
    assert opened == LatchState(on=False, reason="looked at it", by="bob", at_ns=18) == latch.read() == latch.gate()
    assert [(h["on"], h["by"], h["at_ns"]) for h in history(latch)] == [(True, "ann", 17), (False, "bob", 18)]


def test_files_are_private(latch: Latch) -> None:
    latch.close("r", "b", 1)
    assert latch.path.stat().st_mode & 0o777 == 0o600
    assert (latch.path.parent / HISTORY_NAME).stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in latch.path.parent.iterdir()) == ["latch", "latch.log"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(reason=st.text(max_size=1200), by=st.text(max_size=50), at_ns=st.integers(0, 2**63 - 1), on=st.booleans())
def test_any_text_survives(latch: Latch, reason: str, by: str, at_ns: int, on: bool) -> None:
    written = latch.close(reason, by, at_ns) if on else latch.open(by, reason, at_ns)
    assert written == latch.read() == latch.gate() == Latch(latch.path).gate()
    assert written == LatchState(on=on, reason=reason[:TEXT_MAX], by=by, at_ns=at_ns)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(cut=st.integers(0, len(GOOD) - 1))
def test_every_torn_prefix_is_closed(latch: Latch, cut: int) -> None:
    latch.path.write_bytes(GOOD[:cut])
    assert latch.read().on
    assert latch.gate().on


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200))
def test_noise_is_closed_and_never_raises(latch: Latch, raw: bytes) -> None:
    latch.path.write_bytes(raw)
    assert latch.read().on


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"null\n",
        b"false\n",
        b"[]\n",
        b'{"on": false}\n',
        b'{"on": 0, "reason": "r", "by": "b", "at_ns": 5}\n',
        b'{"on": "false", "reason": "r", "by": "b", "at_ns": 5}\n',
        b'{"on": false, "reason": null, "by": "b", "at_ns": 5}\n',
        b'{"on": false, "reason": "r", "by": "b", "at_ns": true}\n',
        b'{"on": false, "reason": "r", "by": "b", "at_ns": 5.0}\n',
        b"[" * 60_000 + b"\n",
        GOOD[:-1] + b" " * READ_MAX + b"\n",
        GOOD[:-1] + b"\x00\n",
        b"\xff" + GOOD,
    ],
)
def test_not_a_state_is_closed(latch: Latch, raw: bytes) -> None:
    latch.path.write_bytes(raw)
    assert latch.read().on


def test_the_good_line_of_the_tables_above_is_open(latch: Latch) -> None:
    latch.path.write_bytes(GOOD)
    assert latch.read() == LatchState(on=False, reason="r", by="b", at_ns=5)


def test_a_directory_or_a_fifo_or_a_dangling_link_in_its_place_is_closed(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    assert all(Latch(tmp_path / name).gate().on for name in ("directory", "fifo", "link"))


def test_permission_denied_is_closed(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: root, which runs these tests in containers, ignores file modes."""
    latch.open("b", "r", 1)
    assert not latch.gate().on

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(latch_module.os, "open", refuse)
    assert latch.read().on
    assert "Permission denied" in latch.read().reason
    monkeypatch.setattr(latch_module.os, "stat", refuse)
    assert latch.gate().on


@pytest.fixture
def nobodys_dir() -> Iterator[Path]:
    """A directory of an account that file modes bind; root, whom they do not, becomes nobody meanwhile."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        if root:
            os.chown(name, 65534, 65534)
            os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)


def test_rights_taken_away_after_the_first_look_are_noticed(nobodys_dir: Path) -> None:
    latch = Latch(nobodys_dir / "latch")
    latch.open("b", "r", 1)
    assert not latch.gate().on
    latch.path.chmod(0)
    assert latch.gate().on
    assert "Permission denied" in latch.gate().reason
    nobodys_dir.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        latch.open("b", "r", 2)


def test_gate_notices_every_change_and_reads_only_then(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = os.read
    monkeypatch.setattr(latch_module.os, "read", lambda fd, n: reads.append(fd) or real(fd, n))
    other = Latch(latch.path)  # another process's view of the same file
    for turn in range(6):
        written = other.close("r", "b", turn) if turn % 2 else other.open("b", "r", turn)
        before = len(reads)
        assert [latch.gate() for _ in range(5)] == [written] * 5
        assert len(reads) == before + 1


def test_gate_closes_when_the_state_directory_goes_away(latch: Latch) -> None:
    latch.open("b", "r", 1)
    assert not latch.gate().on
    latch.path.parent.rename(latch.path.parent.with_name("moved"))
    assert latch.gate().on


def _full_disk(*_: object, **__: object) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("syscall", ["replace", "fsync"])
@pytest.mark.parametrize("on", [True, False])
def test_full_disk_keeps_the_old_state(latch: Latch, monkeypatch: pytest.MonkeyPatch, syscall: str, on: bool) -> None:
    before = latch.open("b", "r", 1) if on else latch.close("r", "b", 1)
    with monkeypatch.context() as patch:
        patch.setattr(latch_module.os, syscall, _full_disk)
        with pytest.raises(StoreError, match="No space left") as caught:
            latch.close("r2", "b2", 2) if on else latch.open("b2", "r2", 2)
    assert caught.value.id == "AGB-511"
    assert caught.value.remedy
    assert latch.read() == latch.gate() == before
    assert sorted(p.name for p in latch.path.parent.iterdir()) == ["latch", "latch.log"]


def test_full_disk_at_creation_keeps_the_old_state(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latch_module.tempfile, "mkstemp", _full_disk)
    with pytest.raises(StoreError):
        latch.close("r", "b", 1)
    assert latch.read() == NEVER_SET


def test_a_short_write_is_a_failure(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short:
        def __enter__(self) -> Short:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write(self, content: bytes) -> int:
            return len(content) - 1

    monkeypatch.setattr(latch_module, "open", lambda fd, *_, **__: os.close(fd) or Short(), raising=False)
    with pytest.raises(StoreError, match="short write"):
        latch.close("r", "b", 1)
    assert latch.read() == NEVER_SET


def test_without_a_history_it_closes_but_does_not_open(latch: Latch) -> None:
    (latch.path.parent / HISTORY_NAME).mkdir()  # cannot be appended to
    assert latch.close("r", "b", 1).on
    assert latch.read().on
    with pytest.raises(StoreError, match="latch"):
        latch.open("b", "r", 2)
    assert latch.gate().on


def test_full_sync_is_used_where_the_system_has_it(latch: Latch, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(latch_module.fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(latch_module.fcntl, "fcntl", lambda fd, command: asked.append(command))
    latch.close("r", "b", 1)
    assert asked == [51, 51, 51]  # the new file, the directory, the history


def test_concurrent_writers_leave_one_whole_state(latch: Latch) -> None:
    def write(name: str) -> None:
        for turn in range(25):
            mine = Latch(latch.path)
            mine.close(name * 50, name, turn) if turn % 2 else mine.open(name, name * 50, turn)

    seen: list[LatchState] = []
    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.append(latch.gate())
    for state in seen:
        assert state == NEVER_SET or state.reason == state.by * 50
    assert len(history(latch)) == 100
    assert latch.gate() == Latch(latch.path).read()


WRITER = """
import itertools, sys
from agbot.latch import Latch
latch = Latch(sys.argv[1])
print("go", flush=True)
for n in itertools.count():
    latch.close("c" * 400, "child", n) if n % 2 else latch.open("child", "o" * 400, n)
"""


@pytest.mark.slow
def test_kill_nine_never_leaves_half_a_state(latch: Latch) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    for _ in range(12):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(latch.path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"go\n"
            stop = time.monotonic() + dice.random() * 0.03
            while time.monotonic() < stop:
                state = latch.gate()
                assert state.by in ("", "child"), f"seed {seed}: {state}"
            child.send_signal(signal.SIGKILL)
        state = latch.read()
        assert state.by in ("", "child"), f"seed {seed}: {state}"
        assert state.reason in ("", "c" * 400 if state.on else "o" * 400), f"seed {seed}"


def test_gate_is_cheap(latch: Latch) -> None:
    """Not a benchmark: a gate that re-reads each time would be several times slower than one stat."""
    latch.open("b", "r", 1)
    began = time.perf_counter()
    for _ in range(10_000):
        latch.gate()
    assert time.perf_counter() - began < 1.0
