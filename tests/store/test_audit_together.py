"""Several processes write one audit log: the chain holds, over rotations too, and none waits for one that died."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest

from agbot.store import audit
from agbot.store.audit import AuditLog, files_of, verify

WRITERS = 4
ROWS = 120


WRITE = """
import sys
from pathlib import Path
from agbot.store.audit import AuditLog
audit = AuditLog(Path(sys.argv[1]), bytes_max=6_000)
for at in range(int(sys.argv[3])):
    audit.append([{"kind": "submit", "writer": int(sys.argv[2]), "at": at}])
audit.close()
"""


def rows(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for path in files_of(directory) for line in path.read_bytes().splitlines()]


def test_lines_of_several_processes_follow_each_other(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WRITE, str(tmp_path)]
    writers = [subprocess.Popen([*words, str(name), str(ROWS)]) for name in range(WRITERS)]
    assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    verdict = verify(files_of(tmp_path))
    assert (verdict.broken, verdict.lines, verdict.last_seq) == ("", WRITERS * ROWS, WRITERS * ROWS)
    for name in range(WRITERS):
        assert [row["at"] for row in rows(tmp_path) if row["writer"] == name] == list(range(ROWS))


@pytest.mark.parametrize("rotated", [False, True])
def test_a_writer_goes_on_after_what_another_wrote_meanwhile(tmp_path: Path, rotated: bool) -> None:
    long_lived = AuditLog(tmp_path, bytes_max=10_000)
    long_lived.append([{"kind": "submit", "at": 1}])
    other = AuditLog(tmp_path, bytes_max=1 if rotated else 10_000)
    other.append([{"kind": "kill", "at": 2}])
    other.append([{"kind": "release", "at": 3}])
    long_lived.append([{"kind": "submit", "at": 4}])
    verdict = verify(files_of(tmp_path))
    assert (verdict.broken, verdict.lines) == ("", 4)
    assert [row["at"] for row in rows(tmp_path)] == [1, 2, 3, 4]


def test_a_writer_that_stands_still_holds_nobody_up_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "LOCK_WAIT_S", 0.05)
    log = AuditLog(tmp_path)
    log.append([{"kind": "submit", "at": 1}])
    with (tmp_path / "audit.lock").open("rb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=r"another process has held audit\.lock for 0\.05 s"):
            log.append([{"kind": "submit", "at": 2}])
    log.append([{"kind": "submit", "at": 2}])
    assert [row["at"] for row in rows(tmp_path)] == [1, 2]
    assert verify(files_of(tmp_path)).broken == ""


def test_what_another_left_half_written_is_closed_and_named(tmp_path: Path) -> None:
    long_lived = AuditLog(tmp_path)
    long_lived.append([{"kind": "submit", "at": 1}])
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"seq": 2, "prev": "kil')
    long_lived.append([{"kind": "submit", "at": 2}])
    verdict = verify(files_of(tmp_path))
    assert (verdict.broken, len(verdict.torn), verdict.lines) == ("", 1, 3)
