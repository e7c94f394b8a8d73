"""agbot killswitch on --every: all gates at once, a row for each, the worst as the exit code."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import killswitch
from agbot.cli.killswitch_every import _worst
from agbot.control import KillReceipt
from agbot.errors import NotFoundError
from agbot.latch import LATCH_NAME, Latch

GOOD = {"gate_closed_ms": 0.4, "orders_cancelled": 3, "orders_left": 0, "verified": True}


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Make two profiles in which bots ran, and a directory that is no bot's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for name, runs in (("alpha", True), ("beta", True), ("exchange", False)):
        directory = tmp_path / "agbot" / name
        directory.mkdir(mode=0o700, parents=True)
        if runs:
            (directory / "runs").mkdir()
    return tmp_path / "agbot"


def invoke(*words):
    return CliRunner().invoke(killswitch.command, ["on", "--every", "--reason", "fire", *words])


def closed(directory):
    return Latch(directory / LATCH_NAME).read().on


def test_without_a_bot_every_gate_is_closed_and_nobody_elses(base):
    result = invoke()
    assert result.exit_code == 3
    assert (closed(base / "alpha"), closed(base / "beta")) == (True, True)
    assert not (base / "exchange" / LATCH_NAME).exists()
    assert "alpha" in result.output
    assert "no bot runs here: nobody sends an order" in result.output
    assert "2 of 2 gates closed on disk" in result.output


def test_nobody_ever_ran(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    result = invoke()
    assert (result.exit_code, result.output.splitlines()[0]) == (3, "no bot ever ran here under a profile")


def test_a_scope_is_closed_in_each(base):
    assert invoke("--market", "rain").exit_code == 3
    for name in ("alpha", "beta"):
        state = Latch(base / name / LATCH_NAME).read()
        assert (state.on, [str(scope) for scope in state.scopes]) == (False, ["market rain"])


def test_one_that_does_not_answer_hides_no_other(base, monkeypatch):
    def kill(directory, **_more):
        if directory.name == "alpha":
            return KillReceipt(latched=True, reply=None, doubt="[AGB-502] no answer", bot="the bot does not answer")
        return KillReceipt(latched=True, reply=GOOD, doubt="")

    monkeypatch.setattr(killswitch, "kill", kill)
    result = invoke("--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 5
    assert told["bots"] == [
        {
            "profile": "alpha",
            "latched": True,
            "bot": "the bot does not answer",
            "cancelled": "",
            "left": "",
            "verified": False,
        },
        {"profile": "beta", "latched": True, "bot": "confirmed", "cancelled": 3, "left": 0, "verified": True},
    ]


def test_a_bot_without_the_market_is_told_and_is_no_failure(base, monkeypatch):
    def kill(directory, **_more):
        if directory.name == "alpha":
            raise NotFoundError("no market rain", id="AGB-515")
        return KillReceipt(latched=True, reply=GOOD, doubt="")

    monkeypatch.setattr(killswitch, "kill", kill)
    result = invoke("--market", "rain")
    assert result.exit_code == 0
    assert "[AGB-515] no market rain" in result.output


@pytest.mark.parametrize(
    ("codes", "worst"),
    [([], 3), ([3], 3), ([3, 0], 0), ([0, 5], 5), ([5, 1], 1), ([4, 0], 0), ([4, 3], 4), ([1, 4], 1), ([2, 0], 2)],
)
def test_the_worst_of_those_that_run_decides(codes, worst):
    assert _worst(codes) == worst


@pytest.mark.parametrize("also", [["--profile", "alpha"], ["--state-dir", "x"], ["--flatten"], ["--shared", "desk"]])
def test_it_goes_with_nothing_that_means_one(also, base):
    result = invoke(*also)
    assert (result.exit_code, closed(base / "alpha")) == (2, False)


def test_who_does_not_say_which_is_told_of_it(base, monkeypatch):
    monkeypatch.setattr("agbot.control.running_profiles", lambda: ["alpha", "beta"])
    result = CliRunner().invoke(killswitch.command, ["on", "--reason", "fire"])
    assert "one of them: --profile NAME; all of them: --every" in str(result.exception)
