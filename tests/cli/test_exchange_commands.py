"""What an operator types at a running exchange: tables, JSON, and errors that say what to type."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from agbot import cli
from agbot.cli.exchange import COMMANDS
from agbot.errors import AgbotError, ConfigError, NotFoundError, NotRunningError
from agbot.faults import CATALOGUE

WALLET = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run an exchange of a user of its own; give that user's state directory."""
    state = tmp_path_factory.mktemp("state")
    command = [sys.executable, "-m", "agbot", "exchange", "--json", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "XDG_STATE_HOME": str(state)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield state
        process.terminate()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without an exchange."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def theirs(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be the user whose exchange runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(place))


def typed(*words: str) -> Result:
    return CliRunner().invoke(cli.cli, ["exchange", *words])


def said(*words: str) -> str:
    done = typed(*words)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def refused(*words: str) -> AgbotError:
    error = typed(*words).exception
    assert isinstance(error, AgbotError), error
    return error


@pytest.mark.usefixtures("theirs")
def test_its_addresses_keys_and_markets_can_be_asked_for_again() -> None:
    shown = said("ready")
    assert "traders: calm" in shown
    assert "demo-derby" in shown
    told = json.loads(said("ready", "--json"))
    assert [key["private_key"] in shown for key in told["keys"]] == [True] * 4
    assert json.loads(said("--json", "ready"))["urls"] == told["urls"]


@pytest.mark.usefixtures("theirs")
def test_a_client_is_pointed_at_the_one_that_runs() -> None:
    told = json.loads(said("ready", "--json"))
    lines = said("--export-env", "py-clob-client-v2").splitlines()
    assert f"export CLOB_API_URL={told['urls']['clob']}" in lines
    assert refused("--export-env", "nobody").id == "AGB-867"


@pytest.mark.usefixtures("theirs")
def test_the_ledger_says_whose_the_wallets_are_and_can_show_one() -> None:
    lines = said("ledger").splitlines()
    assert [line.split()[1:4] for line in lines[2:6]] == [["test", "key", str(number)] for number in (1, 2, 3, 4)]
    assert "maker" in said("ledger")
    assert lines[-1].endswith("it adds up: no cent and no share was created or lost")
    assert isinstance(refused("ledger", "0x" + "1" * 40), NotFoundError)
    said("fund", WALLET, "0", "--market", "demo-derby", "--size", "7")
    assert "demo-derby  Yes           7" in said("ledger", WALLET.lower())
    told = json.loads(said("ledger", WALLET, "--json"))
    assert (told["usd"], [row["shares"] for row in told["shares"]]) == ("1000", ["7", "7"])


@pytest.mark.usefixtures("theirs")
def test_pairs_are_told_by_name() -> None:
    assert "demo-coin Yes 3, demo-coin No 3" in said("pairs", "split", WALLET, "demo-coin", "--size", "3")


@pytest.mark.usefixtures("theirs")
@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        (("fund", "me", "5"), ConfigError, "wallet: this is no address"),
        (("fund", WALLET, "much"), ConfigError, "usd: 'much' is not a number → a plain amount"),
        (("fund", WALLET, "0"), ConfigError, "usd: nothing is to be given"),
        (("resolve", "demo-derbi", "yes"), NotFoundError, "market: no market is called 'demo-derbi' → did you mean"),
        (
            ("resolve", "demo-derby", "maybe"),
            ConfigError,
            "winner: 'maybe' is no outcome of this market → known: yes, no",
        ),
        (("faults", "on", "reply_lost", "probability=7"), ConfigError, "] probability: '7' is no probability"),
        (("faults", "on", "reply_los"), ConfigError, "name: there is no fault 'reply_los'"),
        (("faults", "load", "nowhere.yaml"), ConfigError, "nowhere.yaml: there is no such file"),
        (("pairs", "split", WALLET, "demo-coin", "--size", "9999"), AgbotError, "of 9999 usd"),
        (("ask", "dance"), ConfigError, "known are faults"),
        (("--admin", "/nowhere.sock", "ledger"), NotRunningError, "no exchange listens at /nowhere.sock"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said_with_its_place(words: tuple[str, ...], kind: type[AgbotError], text: str) -> None:
    error = refused(*words)
    assert type(error) is kind
    assert text in str(error)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--port", "3", "ledger"), "--port is for starting an exchange"),
        (("--recording-start", "5"), "--recording-start is about a --recording"),
        (("fund", WALLET, "1", "--market", "demo-derby"), "pairs need both"),
        (("pairs", "split", WALLET, "demo-derby"), "split needs --size"),
        (("pairs", "merge", WALLET, "a", "b", "--size", "1"), "merge takes one market"),
        (("faults", "on", "reply_lost", "probability"), "write name=value"),
        (("faults", "on", "slow_reply", "match=1", "match.path=/order"), "as a whole and in part"),
        (("faults", "burn"), "No such command 'burn'"),
        (("mode", "idle"), "cancel_only"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_meant_is_a_usage_error(words: tuple[str, ...], text: str) -> None:
    done = typed(*words)
    assert done.exit_code == 2
    assert text in done.output


@pytest.mark.usefixtures("theirs")
def test_faults_are_switched_and_reported_in_a_table(tmp_path: Path) -> None:
    row = said("faults", "on", "slow_reply", "delay_s=4", "match.path=GET /time", "times=2").splitlines()[-1]
    assert row.split() == ["slow_reply", "on", "0", "0", "-", "delay_s=4", "times=2", "match.path=GET", "/time"]
    listed = next(line for line in said("faults").splitlines() if line.startswith("slow_reply"))
    assert listed.split()[1] == "on"
    assert "at=2030-01-02T03:04:05Z" in said("faults", "on", "slow_reply", "at=2030-01-02T03:04:05Z")
    (tmp_path / "f.yaml").write_text("- html_403\n")
    assert said("faults", "load", str(tmp_path / "f.yaml")).splitlines()[-1].split()[:2] == ["html_403", "on"]
    assert json.loads(said("faults", "report", "--json"))["on"] == ["html_403"]
    assert said("mode", "cancel_only") == "mode: cancel_only\n"
    assert json.loads(said("faults", "clear", "--json"))["on"] == []
    assert said("faults", "off", "html_403") == "no fault is on\n"


@pytest.mark.usefixtures("theirs")
def test_anything_else_is_asked_by_its_verb() -> None:
    assert json.loads(said("ask", "tick", "market=demo-rate-cut", "tick=0.001", "--json"))["tick"] == "0.001"
    assert "speed   1.5" in said("ask", "clock", "speed=1.5")
    assert json.loads(said("ask", "limits", "on=false", "--json"))["on"] is False
    assert json.loads(said("ask", "deposit", f"wallet={WALLET}", "usd=0.000001", "--json"))["usd"].endswith("000001")


@pytest.mark.usefixtures("nobody")
def test_the_catalogue_of_faults_needs_no_exchange() -> None:
    listed = said("faults")
    assert all(name in listed for name in CATALOGUE)
    assert listed.endswith("no exchange runs: nothing is on\n")
    assert [row["name"] for row in json.loads(said("faults", "--json"))["faults"]] == list(CATALOGUE)
    one = said("faults", "list", "restart_425")
    assert "https://github.com/Polymarket/py-clob-client/issues/286" in one
    assert "how long 425 lasts" in one
    assert isinstance(refused("faults", "list", "restart_42"), NotFoundError)


@pytest.mark.usefixtures("nobody")
def test_without_an_exchange_every_question_says_how_to_start_one() -> None:
    for words in (("ledger",), ("reset",), ("faults", "report"), ("ready",)):
        error = refused(*words)
        assert (error.id, error.exit_code) == ("AGB-864", 3)
        assert "agbot exchange" in error.remedy


def test_help_of_every_command_has_an_example() -> None:
    for name in COMMANDS:
        told = said(name, "--help")
        assert "agbot exchange " in told, name
        assert "..." not in told.partition("Commands:")[2], f"a summary of {name} is cut"
    assert all(name in said("--help") for name in COMMANDS)


@pytest.mark.usefixtures("nobody")
def test_of_several_one_must_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "agbot" / "exchange"
    folder.mkdir(parents=True)
    folder.chmod(0o700)
    with contextlib.ExitStack() as kept:
        for name in ("admin.sock", "admin-77.sock"):
            link = kept.enter_context(socket.socket(socket.AF_UNIX))
            link.bind(str(folder / name))
            link.listen()
        error = refused("ledger")
        assert error.id == "AGB-869"
        assert f"--admin {folder / 'admin.sock'}, or --admin {folder / 'admin-77.sock'}" in error.remedy


@pytest.mark.usefixtures("theirs")
def test_conformance_asks_the_one_that_runs() -> None:
    done = typed("conformance", "--only", "CLOB-SYS", "--only", "CLOB-AUTH-001")
    assert done.exit_code == 0, done.output
    assert "0 failed, 0 skipped" in done.output


def test_conformance_says_before_it_asks_that_it_cannot_write_or_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_A", "0x" + "4f" * 32)
    target = ("conformance", "--target", "http://127.0.0.1:1")
    assert "/nowhere/j.xml cannot be written: No such" in typed(*target, "--junit", "/nowhere/j.xml").output
    assert "the same key" in typed(*target, "--key", "KEY_A", "--second-key", "KEY_A").output


@pytest.mark.usefixtures("nobody")
def test_conformance_of_nothing_says_what_to_name() -> None:
    assert "--target URL or --ready FILE" in typed("conformance").output
    checks = json.loads(said("conformance", "--list", "--json", "--only", "CLOB-SYS"))
    assert checks[0] == {**checks[0], "id": "CLOB-SYS-001", "title": "GET /ok answers 200", "needs": []}
