"""agbot check: what holds, or everything that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli.check import command
from agbot.core.rules import file

BAD_CONFIG = "mode: papr\nwhat: 1\nrisk: {policy_file: p.yaml}\n"
BAD_POLICIES = "policies:\n  - {type: PositionLimit, max_size: x}\n  - {type: Stop}\n"


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """Return a directory with a wrong configuration and wrong policies."""
    (tmp_path / "c.yaml").write_text(BAD_CONFIG)
    (tmp_path / "p.yaml").write_text(BAD_POLICIES)
    return tmp_path


def test_the_example_is_right(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    result = CliRunner().invoke(command, [str(repo / "config.example.yaml")])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        f"configuration   {repo}/config.example.yaml: ok",
        "mode            demo",
        "profile         default",
        "capital         10000.00 usd",
        "seed            1",
        "state           /state/agbot/default",
        "markets         all",
        "strategy        quoter on all markets",
        "rtds            wss://ws-live-data.polymarket.com clob_market",
        "realtime        none",
        "polymarket      https://clob.polymarket.com on polygon",
        "live            no caps: --mode live is refused",
        "monitor         ws://127.0.0.1:8080/metrics, buffer 1000",
        "paper venue     orders 50 ms, feed 10 ms",
        "history         metrics 90 days, executions 365 days",
        "",
        f"policies        {repo}/policies/paper.yaml: ok",
        "PositionLimit   at most 1000 shares net, long or short",
        "InventoryLimit  at most 10000 usd of inventory over all markets",
        "KillSwitch      not on by these policies",
        (
            "trips at        daily loss 5 %, drawdown 15 %, 20 losing markets in a row, 100 errors in 60 s, "
            "no believed book for 60 s, no heartbeat for 30 s"
        ),
    ]


def test_nothing_named_shows_the_demo() -> None:
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 0
    assert "configuration   none: the demo" in result.stdout
    assert "profile         demo\n" in result.stdout
    assert "policies        built in" in result.stdout


def test_all_faults_at_once(wrong: Path) -> None:
    result = CliRunner().invoke(command, [str(wrong / "c.yaml")])
    assert result.exit_code == 2
    assert result.stdout == ""
    known = "mode, profile, capital_usd, seed, state_dir, risk, rtds, monitor, paper, polymarket, live"
    known += (
        ", reconcile, history, killswitch, redis, notify, record, strategies, markets, realtime, backtest, optimise"
    )
    number = "write a plain number such as 1000.0, without unit or separators"
    types = f"known: {', '.join(kind.__name__ for kind in file.TYPES)}"
    assert result.stderr.splitlines() == [
        f"agbot: [AGB-109] {wrong}/c.yaml:1: mode: 'papr' is not known here → did you mean 'paper'?",
        f"agbot: [AGB-104] {wrong}/c.yaml:2: what: unknown key 'what' → known: {known}",
        f"agbot: [AGB-106] {wrong}/p.yaml:2: policies[0].max_size: expected a number, got 'x' → {number}",
        f"agbot: [AGB-113] {wrong}/p.yaml:3: policies[1].type: unknown policy type 'Stop' → {types}",
        "agbot: 4 faults; nothing was started",
    ]


def test_json_of_faults(wrong: Path) -> None:
    result = CliRunner().invoke(command, [str(wrong / "c.yaml"), "--json"])
    report = json.loads(result.stdout)
    assert result.exit_code == 2
    assert (report["ok"], report["settings"], report["limits"]) == (False, None, None)
    assert [(fault["id"], fault["line"]) for fault in report["faults"]] == [
        ("AGB-109", 1),
        ("AGB-104", 2),
        ("AGB-106", 2),
        ("AGB-113", 3),
    ]
    assert report["faults"][0] == {
        "id": "AGB-109",
        "path": f"{wrong}/c.yaml",
        "line": 1,
        "key": "mode",
        "reason": "'papr' is not known here",
        "remedy": "did you mean 'paper'?",
    }


def test_json_when_right(repo: Path) -> None:
    result = CliRunner().invoke(command, ["--policies", str(repo / "policies" / "example.yaml"), "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["faults"]) == (0, True, [])
    assert report["settings"]["capital_usd"] == "10000.00"
    assert [limit["policy"] for limit in report["limits"]] == [
        "PositionLimit(0x123abc)",
        "InventoryLimit",
        "KillSwitch",
    ]


def test_policies_by_flag_replace_the_configured_ones(wrong: Path, repo: Path) -> None:
    (wrong / "c.yaml").write_text("risk: {policy_file: p.yaml}")
    result = CliRunner().invoke(
        command, [str(wrong / "c.yaml"), "--policies", str(repo / "policies" / "conservative.yaml")]
    )
    assert result.exit_code == 0
    assert "at most 50 shares net" in result.stdout


def test_files_that_are_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path / "c.yaml"), "--policies", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"agbot: [AGB-100] {tmp_path}/c.yaml: there is no such file → check the path",
        f"agbot: [AGB-100] {tmp_path}: this is a directory, not a file → name the file inside it",
        "agbot: 2 faults; nothing was started",
    ]


def test_no_limit_is_worth_a_warning(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("policies: []")
    result = CliRunner().invoke(command, ["--policies", str(tmp_path / "p.yaml")])
    assert result.exit_code == 0
    assert "warning" in result.stdout.splitlines()[-1]


def test_exit_code_of_the_installed_program(wrong: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agbot", "check", str(wrong / "c.yaml")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("nothing was started\n")


def test_the_demos_markets_are_there_once_it_runs(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("mode: demo\nmarkets: [demo-derby]\n")
    result = CliRunner().invoke(command, [str(tmp_path / "c.yaml"), "--online"])
    assert "markets         demo-derby (not looked up: the demo's exchange starts with the run)" in result.stdout


@pytest.mark.parametrize(("mode", "says"), [("demo", "all"), ("paper", "none: agbot run refuses"), ("shadow", "none:")])
def test_a_mode_that_needs_markets_says_that_none_is_named(mode: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(f"mode: {mode}\n")
    result = CliRunner().invoke(command, [str(tmp_path / "c.yaml")])
    assert result.exit_code == 0
    assert f"markets         {says}" in result.stdout
