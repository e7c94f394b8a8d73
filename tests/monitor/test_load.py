"""The load of benchmarks/load_monitor.py for three seconds."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/load_monitor.py"


@pytest.mark.slow
def test_three_seconds_of_load_lose_nothing() -> None:
    command = [sys.executable, str(SCRIPT), "--seconds", "3", "--rate", "10000", "--clients", "20"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["failures"] == [], report
    assert done.returncode == 0
    assert report["metrics"] > 3 * 10_000 * 0.9
