"""`agbot new strategy`: what it writes backtests, passes its test and trades on paper as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

AGBOT = ("-m", "agbot")
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=90, check=False
        )

    return run


def test_it_runs_as_it_is(run: Run, tmp_path: Path) -> None:
    made = run(*AGBOT, "new", "strategy", "quick_dip")
    assert made.returncode == 0, made.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["quick_dip.py", "quick_dip.yaml", "test_quick_dip.py"]
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "test_quick_dip.py")
    assert "2 passed" in tested.stdout, tested.stdout
    past = run(*AGBOT, "backtest", "quick_dip.yaml", "--json")
    assert past.returncode == 0, past.stderr
    found = json.loads(past.stdout)
    assert found["chosen"]["strategies"] == ["quick_dip"]
    assert found["chosen"]["stopped"] == ""  # to the end: no kill switch is what a new strategy shows first
    assert found["chosen"]["trades"] > 10
    paper = run(*AGBOT, "run", "quick_dip.yaml", "--simulated", "--no-web", "--json", "--duration", "5")
    assert paper.returncode == 0, paper.stderr
    assert json.loads(paper.stdout)["strategies_failed"] == {}


@pytest.mark.parametrize(("name", "said"), [("Dip", "AGB-641"), ("2dip", "AGB-641"), ("template", "AGB-641")])
def test_a_name_that_is_none_writes_nothing(run: Run, tmp_path: Path, name: str, said: str) -> None:
    done = run(*AGBOT, "new", "strategy", name)
    assert (done.returncode, said in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(run: Run, tmp_path: Path) -> None:
    (tmp_path / "test_dip.py").write_text("mine")
    done = run(*AGBOT, "new", "strategy", "dip")
    assert (done.returncode, "AGB-642" in done.stderr) == (2, True)
    assert [p.name for p in tmp_path.iterdir()] == ["test_dip.py"]
    assert run(*AGBOT, "new", "strategy", "dip", "--dir", "elsewhere/here").returncode == 0
    assert (tmp_path / "elsewhere/here/dip.yaml").is_file()
