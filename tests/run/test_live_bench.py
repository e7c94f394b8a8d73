"""The live bench skips with a reason offline, and fails when open sockets say nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_offline_it_says_why_it_was_skipped(tmp_path):
    path = tmp_path / "nowhere.yaml"
    path.write_text("polymarket: {gamma: 'http://127.0.0.1:9'}")
    done = python("-m", "benchmarks.live", "1", "--config", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("skipped: [AGB-401]")


@pytest.mark.parametrize(("messages", "code"), [(0, 1), (3, 0)])
def test_it_fails_when_nothing_came(messages, code):
    report = {"feeds": [{"messages": 0}, {"messages": messages}]}
    program = f"from benchmarks.live import verdict; print(verdict({report}))"
    assert python("-c", program).stdout == f"{code}\n"
