"""`agbot run --replay`: the same recording, the same decisions, whoever asks and however often."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AGBOT = [sys.executable, "-m", "agbot"]
COMMITTED = Path(__file__).resolve().parents[1] / "data" / "demo-120s.agh"


@pytest.fixture
def agbot(tmp_path):
    def agbot(*words, hashseed="0"):
        env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": "", "PYTHONHASHSEED": hashseed}
        done = subprocess.run(
            [*AGBOT, *map(str, words)], env=env, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return agbot


def twice(agbot, recording):
    first = agbot("run", "--no-web", "--json", "--replay", recording)
    second = agbot("run", "--no-web", "--json", "--replay", recording, hashseed="4711")
    verdict = agbot("replay", first["journal"], "--verify", "--json")
    assert first["decision_digest"] == second["decision_digest"] == verdict["digest"]
    assert verdict["agrees"]
    assert verdict["complete"]
    assert first["open_orders"] == 0
    return first


def test_a_committed_recording(agbot):
    summary = twice(agbot, COMMITTED)
    assert summary["orders_placed"] > 50
    assert summary["fills"] > 5
    assert summary["mirror_exceptions"] == 0
    assert summary["impossible_messages"] == 0


def test_a_real_day(agbot, shared):
    day = shared / "data/polymarket_l2_mlb/20250617_mlb-sd-lad-2025-06-17_market-events.csv.gz"
    summary = twice(agbot, day)
    assert summary["books_applied"] == 408
    assert summary["price_changes_applied"] == 7476
    assert (summary["locked_states"], summary["crossed_states"]) == (18, 0)
    assert [row["locked"] for row in summary["tokens"]] == [9, 9]
    assert [row["tick_changes"] for row in summary["tokens"]] == [1, 1]
    assert summary["synthetic_tick_changes"] == 2
    assert (summary["timestamps"], summary["mirror_exceptions"]) == (3945, 3)
    assert summary["impossible_messages"] == summary["skipped_records"] == 0
    assert summary["fills"] > 0


def test_a_day_with_a_gap_and_another_spelling(agbot, shared):
    day = shared / "data/polymarket_l2_mlb/20250619_mlb-hou-bal-2025-06-19_market-events.csv.gz"
    summary = twice(agbot, day)
    assert (summary["books_applied"], summary["price_changes_applied"]) == (196, 4572)
    assert (summary["timestamps"], summary["mirror_exceptions"]) == (2391, 19)
    assert (summary["locked_states"], summary["crossed_states"]) == (2, 0)
