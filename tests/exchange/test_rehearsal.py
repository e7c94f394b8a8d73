"""Live mode rehearsed at the exchange, with nothing but what the commands print: a green doctor, orders, none left."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agbot.config import load_settings

Agbot = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def agbot(tmp_path: Path) -> Iterator[Agbot]:
    """Give the command line of a user whose exchange runs."""
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    command = [sys.executable, "-m", "agbot"]
    exchange = [*command, "exchange", "--json", "--port", "0", "--seed", "5"]

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *words],
            cwd=tmp_path,
            env={**env, **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    with subprocess.Popen(exchange, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield run
        process.terminate()


def test_live_mode_is_rehearsed_with_what_the_commands_print(agbot: Agbot, tmp_path: Path) -> None:
    written = agbot("init", "rehearsal.yaml", "--defaults", "--exchange", "--caps", "20,500", "--profile", "rehearsal")
    assert written.returncode == 0, written.stderr
    assert "--export-env agbot" in written.stdout
    settings = load_settings(tmp_path / "rehearsal.yaml")
    assert settings.markets == ("demo-rate-cut",)
    keys = dict(re.findall(r"^export (\w+)=(.*)$", agbot("exchange", "--export-env", "agbot").stdout, re.MULTILINE))
    doctor = agbot("doctor", "rehearsal.yaml", "--live", "--json", **keys)
    assert doctor.returncode == 0, doctor.stdout
    assert {row["status"] for row in json.loads(doctor.stdout)["checks"]} <= {"ok", "skip"}
    wallet = json.loads(agbot("exchange", "ready", "--json").stdout)["keys"][0]["wallet"]
    live = ("run", "rehearsal.yaml", "--mode", "live", "--no-web", "--json", "--confirm", wallet, "--duration", "6")
    run = agbot(*live, **keys)
    assert run.returncode == 0, run.stderr
    assert f"venue      {settings.polymarket.hosts.clob}" in run.stderr
    told = json.loads(run.stdout[run.stdout.index("{") :])
    assert told["orders_placed"] > 0
    assert told["open_orders"] == 0
    ledger = json.loads(agbot("exchange", "ledger", wallet, "--json").stdout)
    assert (ledger["who"], ledger["orders"]) == ("test key 1", [])
