"""agbot reconcile shows and accepts; agbot killswitch unwind gives a leave, and only to a closed signer."""

from __future__ import annotations

import json
import time

import msgspec
import pytest
from click.testing import CliRunner

from agbot.cli import killswitch, reconcile
from agbot.errors import ConfigError
from agbot.latch import Latch
from agbot.run.unwind import LEAVE_NAME, Leave

ROW = {"market": "rain", "what": "YES", "venue": "7", "agbot": "0", "difference": "+7", "reads": 3, "halted": True}
REPORT = {"reads": 4, "failed_reads": 0}


@pytest.fixture
def asked(monkeypatch):
    """Answer as a bot with one difference, and collect what was asked."""
    calls = []

    def control(_profile, _directory, request, _timeout_s=5.0):
        calls.append(request)
        row = {**ROW, "note": ""}
        return {"accepted": [row]} if "accept" in request else {**REPORT, "checked_ns": time.time_ns(), "rows": [row]}

    monkeypatch.setattr(reconcile, "control", control)
    return calls


def invoke(command, *words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_differences_are_a_table_and_json(asked):
    shown = invoke(reconcile.command)
    assert shown.exit_code == 0
    head, _, row, last = shown.output.splitlines()
    assert head.split() == ["market", "what", "venue", "agbot", "difference", "reads", "halted", "note"]
    assert row.split() == ["rain", "YES", "7", "0", "+7", "3", "no", "new", "orders"]
    assert last == "4 reads, the last 0 s ago"
    assert json.loads(invoke(reconcile.command, "--json").output)["rows"][0]["difference"] == "+7"
    assert asked == [{"op": "reconcile"}] * 2


def test_accepting_wants_a_name_and_a_reason_and_says_what_it_did(asked):
    for words in (["--accept", "rain"], ["--accept", "rain", "--by", "ann"], ["--by", "ann"], ["--reason", "r"]):
        assert invoke(reconcile.command, *words).exit_code == 2
    assert asked == []
    done = invoke(reconcile.command, "--accept", "rain", "--by", "ann", "--reason", "bought by hand")
    assert done.output.splitlines() == [
        "rain YES: 7 instead of 0",
        "accepted by ann: new orders may be placed there again",
    ]
    assert asked == [{"op": "reconcile", "accept": "rain", "by": "ann", "reason": "bought by hand"}]


# ---------------------------------------------------------------- a signer's leave

WORDS = ("unwind", "--shares", "500", "--floor", "0.05", "--by", "ann", "--reason", "get out")


@pytest.fixture
def signer(tmp_path):
    directory = tmp_path / "signer"
    directory.mkdir(mode=0o700)
    return directory


def test_a_leave_is_for_a_closed_signer(signer):
    refused = invoke(killswitch.command, *WORDS, "--state-dir", signer)
    assert isinstance(refused.exception, ConfigError)
    assert refused.exception.id == "AGB-550"
    assert not (signer / LEAVE_NAME).exists()


def test_a_leave_says_what_it_is_for_and_is_on_record(signer):
    Latch(signer / "latch").close("fire", "me", time.time_ns())
    given = invoke(killswitch.command, *WORDS, "--state-dir", signer, "--minutes", "5")
    assert given.exit_code == 0, given.output
    assert "for 5 minutes" in given.output
    assert "up to 500 shares, at 0.05 or more, by ann" in given.output
    leave = msgspec.json.decode((signer / LEAVE_NAME).read_bytes(), type=Leave)
    assert (leave.shares, leave.floor, leave.until_ns - leave.given_ns) == (500 * 10**6, 50_000, 300 * 10**9)
    last = json.loads((signer / "latch.log").read_text().splitlines()[-1])
    assert (last["unwind"], last["by"], last["reason"]) == (True, "ann", "get out")


@pytest.mark.parametrize(
    "wrong", [("--shares", "0"), ("--shares", "x"), ("--floor", "0"), ("--floor", "1"), ("--minutes", "61")]
)
def test_a_leave_without_bounds_is_none(wrong, signer):
    Latch(signer / "latch").close("fire", "me", time.time_ns())
    assert invoke(killswitch.command, *WORDS, "--state-dir", signer, *wrong).exit_code == 2
    assert not (signer / LEAVE_NAME).exists()
