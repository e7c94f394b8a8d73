"""The official npm clients, unmodified, each spend a day at the exchange: `nox -s conformance` prepares and runs them.

AGBOT_NODE_CLIENTS names the node_modules folder made from node/package.json, AGBOT_NODE a Node 22 or newer.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.exchange.clients.box import HEARTBEAT_TIMEOUT_S, Box

DAY_S = 100
NEG_RISK = 4
"""A market of a neg-risk event: the other exchange contract signs."""


def spend(node: str, days: Path, script: str, box: Box, market: int) -> list[str]:
    """Run a day's script; return its steps, each of which was ok."""
    env = os.environ | {
        "AGBOT_BOX": json.dumps(box.ready),
        "AGBOT_MARKET": str(market),
        "AGBOT_HEARTBEAT_S": str(HEARTBEAT_TIMEOUT_S),
    }
    run = subprocess.run([node, script], cwd=days, env=env, capture_output=True, text=True, timeout=DAY_S, check=False)
    rows = [row for row in run.stdout.splitlines() if row.startswith('{"step"')]
    print(*rows, sep="\n")
    steps = [json.loads(row) for row in rows]
    assert run.returncode == 0, f"{steps[-1:]}\n{run.stdout[-2000:]}\n{run.stderr[-2000:]}"
    assert [step for step in steps if not step["ok"]] == []
    return [step["step"] for step in steps]


@pytest.mark.slow
def test_clob_client_v2(box: Box, days: Path, node: str) -> None:
    assert "heartbeats run out" in spend(node, days, "day_clob_client_v2.mjs", box, 0)


def test_client(box: Box, days: Path, node: str) -> None:
    assert "trades: REST, streams, balance" in spend(node, days, "day_client.mjs", box, NEG_RISK)


def test_real_time_data_client(box: Box, days: Path, node: str) -> None:
    assert len(spend(node, days, "day_rtdc.mjs", box, 0)) == 3
