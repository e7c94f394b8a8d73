"""Ctrl-C on the command itself: what is finished stays, nobody is left behind, and the same command goes on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agbot.words import many

TEXT = """
strategies:
  - name: quoter
backtest:
  data: {recordings: [demo.agh]}
optimise:
  parameters: {edge: {low: 0.001, high: 0.2, step: 0.001}}
"""
WITHIN_S = 60


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Let SIGINT reach children: a suite that a script started in the background has it ignored, and passes that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "agbot", "optimize", "s.yaml", "--workers", "1", "--json"]
    return subprocess.Popen(
        arguments, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_a_stop_keeps_what_is_finished(tmp_path: Path, root: Path) -> None:
    shutil.copy(root / "tests/data/demo-120s.agh", tmp_path / "demo.agh")
    (tmp_path / "s.yaml").write_text(TEXT)
    log = tmp_path / "s.trials.jsonl"
    stopped(tmp_path, log, 1, signal.SIGINT)
    stopped(tmp_path, log, lines(log), signal.SIGTERM)


def stopped(folder: Path, log: Path, beyond: int, how: signal.Signals) -> None:
    """Begin the search, and stop it as soon as the log has more lines than `beyond`."""
    with start(folder) as process:
        try:
            deadline = time.monotonic() + WITHIN_S
            while lines(log) <= beyond:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(how)
            _, said = process.communicate(timeout=WITHIN_S)
        finally:
            process.kill()
    kept = lines(log) - 1
    assert (process.returncode, kept < 200) == (1, True)
    assert f"stopped: {many(kept, 'trial is', 'trials are')} kept in s.trials.jsonl" in said
    assert "Traceback" not in said
