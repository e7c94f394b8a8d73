"""agbot doctor as its user has it: what it prints, and how it ends."""

from __future__ import annotations

import json

import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.testing.venue_stub import PRIVATE_KEY

GREEN = 0
NOT_GREEN = 1


@pytest.fixture
def doctor(config, stub, tmp_path):
    """Return a function that runs the command beside the venue."""
    stub.rtds_sockets.answers = lambda socket, text: ["{}"]
    state = tmp_path / "state"
    state.mkdir(mode=0o700)

    async def run(*args, file=config):
        words = ["doctor", str(file), "--state-dir", str(state), *args]
        return await trio.to_thread.run_sync(lambda: CliRunner().invoke(cli.cli, words))

    return run


async def test_green(doctor, signed_in):
    result = await doctor("--live")
    assert result.exit_code == GREEN, result.output
    lines = result.output.splitlines()
    assert lines[0] == "ok    D01  configuration: the configuration and its policies can be read"
    assert lines[-1] == "green"
    assert PRIVATE_KEY[2:] not in result.output


async def test_a_failure_says_what_to_type(doctor, stub, signed_in):
    stub.exchange.allowances = dict.fromkeys(stub.exchange.allowances, 0)
    result = await doctor()
    assert result.exit_code == NOT_GREEN
    lines = result.output.splitlines()
    (at,) = (i for i, line in enumerate(lines) if line.startswith("fail"))
    assert lines[at].startswith("fail  D16  allowances: no permission for exchange_v2 (pUSD)")
    assert lines[at + 1].split() == ["pUSD", "none", next(iter(stub.exchange.allowances)), "exchange_v2"]
    assert lines[at + 5] == "           → agbot allowances shows the calls that give it"
    assert lines[-1] == "1 of 24 checks failed: D16"


async def test_json(doctor, stub, signed_in):
    stub.clob.closed_only = True
    result = await doctor("--json")
    assert result.exit_code == NOT_GREEN
    told = json.loads(result.stdout)
    assert told["green"] is False
    assert [check["id"] for check in told["checks"] if check["status"] == "fail"] == ["D14"]
    assert set(told["checks"][0]) == {"id", "title", "status", "cause", "remedy", "details"}


async def test_a_faulty_configuration_is_a_finding(doctor, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("mode: paper\nprofil: x\n")
    result = await doctor("--offline", file=path)
    assert result.exit_code == NOT_GREEN
    assert result.output.splitlines()[0].startswith(f"fail  D01  configuration: {path}:2: profil: unknown key")


async def test_offline_asks_nobody(doctor, stub, signed_in):
    result = await doctor("--offline")
    assert result.exit_code == GREEN
    assert result.output.count("\nok") + 1 == 9
    assert stub.requests == []
