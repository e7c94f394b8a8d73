"""The examples run as they are printed in the documentation."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(tmp_path):
    def run(*command):
        env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": ""}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_place_order(run):
    lines = run(sys.executable, "examples/place_order.py").splitlines()
    assert lines[0].endswith("OPEN")
    assert lines[1].endswith("CANCELLED")
    assert "AGB-301" in lines[2]


def test_a_strategy_of_twenty_lines(run):
    source = (ROOT / "examples/follow.py").read_text(encoding="utf-8").split('"""', 2)[2]
    assert len([line for line in source.splitlines() if line.strip()]) <= 20
    agbot = [sys.executable, "-m", "agbot"]
    done = run(
        *agbot, "run", "--simulated", "--no-web", "--json", "--duration", "6", "--strategy", "examples/follow.py:Follow"
    )
    summary = json.loads(done)
    assert summary["fills"] > 0
    assert summary["open_orders"] == 0
    verdict = json.loads(run(*agbot, "replay", "--verify", "--json"))
    assert verdict["agrees"]
    assert verdict["complete"]
