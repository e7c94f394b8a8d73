"""agbot killswitch: scopes by name, and unwinding told slice by slice."""

from __future__ import annotations

import fcntl
import json

import pytest
from click.testing import CliRunner

from agbot.cli import killswitch
from agbot.cli.start import greet
from agbot.control import KillReceipt
from agbot.latch import LATCH_NAME, Latch
from agbot.run.attach import Screens
from agbot.run.plans import Start
from agbot.settings import Settings
from agbot.store import audit
from agbot.store.audit import files_of, verify

REPLY = {"gate_closed_ms": 0.4, "orders_cancelled": 3, "orders_left": 0, "verified": True}
PART = {
    "market": "rain",
    "outcome": "YES",
    "size": "30",
    "limit": "0.4",
    "sold": "30",
    "usd": "15.00",
    "left": "70",
    "said": "FILLED",
}


def row(**changes):
    told = {"market": "rain", "outcome": "YES", "held": "100", "sold": "100", "left": "0", "floor": "0.4"}
    return {**told, "average": "0.5", "usd": "50.00", "slices": 2, "why": "", "dust": False, **changes}


def invoke(*words):
    return CliRunner().invoke(killswitch.command, [str(word) for word in words])


@pytest.fixture
def state(tmp_path):
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return directory


@pytest.fixture
def asked(monkeypatch):
    """Answer kills with a good receipt, and collect what was asked."""
    calls = []

    def kill(_directory, **more):
        calls.append(more)
        return KillReceipt(latched=True, reply=REPLY, doubt="")

    monkeypatch.setattr(killswitch, "kill", kill)
    return calls


def test_scopes_are_closed_listed_and_opened_without_a_bot(state):
    where = ("--state-dir", state)
    on = ("on", "--by", "me", "--reason", "odd", *where)
    closed = invoke(*on, "--market", "https://polymarket.com/event/rain")
    assert closed.exit_code == 3
    assert "kill switch       LATCHED for market rain (odd)" in closed.output
    assert invoke(*on, "--strategy", "quoter").exit_code == 3
    said = invoke("status", *where).output
    assert said == "off\non for market rain: odd (by me)\non for strategy quoter: odd (by me)\n"
    told = json.loads(invoke("status", "--json", *where).output)
    assert [(s["scope"], s["name"]) for s in told["scopes"]] == [("market", "rain"), ("strategy", "quoter")]
    off = ("off", "--by", "cy", "--reason", "fine", *where)
    assert invoke(*off, "--market", "rain").output == "kill switch for market rain off by cy: the next bot will trade\n"
    assert [str(s) for s in Latch(state / "latch").read().scopes] == ["strategy quoter"]
    assert invoke(*off, "--venue", "x").exception.id == "AGB-512"


def test_what_was_done_without_a_bot_is_in_the_audit_log(state):
    where = ("--state-dir", state, "--by", "ann")
    invoke("on", "--reason", "odd", *where)
    invoke("off", "--reason", "looked", *where)
    invoke("on", "--reason", "rain", "--market", "rain", *where)
    rows = [json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines()]
    told = [(row["kind"], row["reason"], row["by"], row.get("name"), row["run"]) for row in rows]
    assert told == [
        ("kill", "odd", "ann", None, ""),
        ("release", "looked", "ann", None, ""),
        ("kill", "rain", "ann", "rain", ""),
    ]
    assert verify(files_of(state)).broken == ""


def test_an_audit_log_that_cannot_be_written_holds_no_kill_up(state):
    (state / "audit.jsonl").mkdir()
    done = invoke("on", "--reason", "odd", "--by", "ann", "--state-dir", state)
    assert done.exit_code == 3
    assert "not in the audit log" in done.output
    assert Latch(state / "latch").read().on


def test_a_bot_that_was_stopped_while_it_wrote_holds_no_kill_up(state, monkeypatch):
    monkeypatch.setattr(audit, "LOCK_WAIT_S", 0.05)
    with (state / "audit.lock").open("wb") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        done = invoke("on", "--reason", "odd", "--by", "ann", "--state-dir", state)
    assert done.exit_code == 3
    assert "another process has held audit.lock" in done.output
    assert "kill switch       LATCHED" in done.output
    assert Latch(state / "latch").read().on


def test_a_leave_is_in_the_audit_log_of_the_signer(state):
    where = ("--state-dir", state, "--by", "ann")
    invoke("on", "--reason", "odd", *where)
    done = invoke("unwind", "--shares", "30", "--floor", "0.4", "--reason", "sell it", *where)
    assert done.exit_code == 0, done.output
    kill, leave = (json.loads(line) for line in (state / "audit.jsonl").read_text().splitlines())
    assert (kill["kind"], kill["latched"]) == ("kill", True)
    told = [leave[name] for name in ("kind", "by", "reason", "shares", "floor", "run")]
    assert told == ["leave", "ann", "sell it", "30", "0.4", ""]
    assert leave["until_ns"] - leave["at_ns"] > 590 * 10**9
    assert verify(files_of(state)).broken == ""


@pytest.mark.parametrize("name", ["", " ", "/"])
def test_a_scope_without_a_name_closes_nothing(name, state):
    assert invoke("on", "--reason", "r", "--market", name, "--state-dir", state).exit_code == 2
    assert not (state / "latch").exists()


def test_one_scope_at_a_time(state):
    result = invoke("on", "--reason", "r", "--market", "a", "--strategy", "b", "--state-dir", state)
    assert result.exit_code == 2
    assert "at a time" in result.output
    assert not (state / "latch").exists()


@pytest.mark.parametrize(("scope", "code"), [("--strategy", 0), ("--venue", 2), ("--market", 0)])
def test_what_can_be_unwound(scope, code, state, asked, monkeypatch):
    monkeypatch.setattr(killswitch, "control", lambda *_: {"slices": [], "positions": [], "pairs": [], "over": True})
    result = invoke("on", "--reason", "r", scope, "a", "--flatten", "--state-dir", state)
    assert result.exit_code == code
    assert len(asked) == (code == 0)


@pytest.mark.parametrize("floor", ["0", "1.1", "-1", "x", "nan"])
def test_a_floor_that_is_none_kills_nothing(floor, state, asked):
    assert invoke("on", "--reason", "r", "--flatten", "--floor", floor, "--state-dir", state).exit_code == 2
    assert asked == []


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([row()], 0),
        ([row(left="0.004", why="less than the smallest size the market takes", dust=True)], 0),
        ([row(), row(left="40", why="no bid at 0.4 or above")], 1),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_slices_are_told_as_they_happen_and_what_is_left_decides_the_exit_code(
    as_json, rows, code, state, asked, monkeypatch
):
    answers = iter([([PART], False), ([], False), ([{**PART, "left": "40"}], True)])
    seen = []

    def control(_profile, _directory, request):
        seen.append(request["seen"])
        slices, over = next(answers)
        sold = (
            {"sold": "20", "sold_usd": "17.50", "left": "1"}
            if over
            else {"sold": "0", "sold_usd": "0.00", "left": "21"}
        )
        pairs = {"market": "rain", "pairs": "21", "bids_usd": "18.00", "merged_usd": "21.00", **sold}
        return {"slices": slices, "positions": rows, "pairs": [pairs], "over": over}

    monkeypatch.setattr(killswitch, "control", control)
    monkeypatch.setattr(killswitch, "POLL_S", 0)
    result = invoke("on", "--reason", "r", "--flatten", "--state-dir", state, *(["--json"] if as_json else []))
    assert (result.exit_code, seen) == (code, [0, 1, 1])
    assert [a["flatten"] for a in asked] == ["0.80"]
    if as_json:
        told = json.loads(result.output)["flatten"]
        assert (told["positions"], [s["left"] for s in told["slices"]]) == (rows, ["70", "40"])
    else:
        assert "sold 30 of 30 rain YES at 0.4 or better for 15.00 usd, 70 left (FILLED)\n" in result.output
        assert ("no bid at 0.4 or above" in result.output) == bool(code)
        merged = "merged on the chain they are 21.00 usd: agbot merge rain 21 --dry-run shows the call"
        of_pairs = [line for line in result.output.splitlines() if line.startswith("rain: ")]
        assert of_pairs == [
            f"rain: both halves of 21 pairs are sold, for which the bids give 18.00 usd; {merged}",
            "rain: both halves of 20 pairs were sold, for 17.50 usd; merged, a pair is 1.00 usd",
            "rain: 1 pair is left, 1.00 usd each: agbot merge rain 1 --dry-run shows the call",
        ]


def test_nobody_has_to_find_a_reason_first(state, asked):
    result = invoke("on", "--state-dir", state)
    assert (result.exit_code, asked[0]["reason"]) == (0, "by hand")


def test_a_second_reason_is_on_record_and_the_first_is_told(state, asked):
    Latch(state / LATCH_NAME).close("odd fills", "ann", 1)
    result = invoke("on", "--reason", "still odd", "--state-dir", state)
    assert "was on already    odd fills: a running bot goes on naming that reason" in result.output
    assert json.loads(invoke("on", "--reason", "r", "--json", "--state-dir", state).stdout)["was_on"] == "odd fills"


def test_without_a_bot_it_says_what_to_type(state):
    result = invoke("on", "--reason", "r", "--flatten", "--state-dir", state)
    assert result.exit_code == 3
    assert "that takes a running bot: agbot run starts one, its gate closed; then repeat this" in result.output


def test_a_bot_that_starts_with_a_closed_latch_says_so(tmp_path, capsys):
    start = Start(settings=Settings(), state_dir=tmp_path, screens=Screens(state_dir=tmp_path))
    latch = Latch(tmp_path / LATCH_NAME)
    latch.open("me", "it begins", 1)
    greet(start)
    assert "KILL SWITCH" not in capsys.readouterr().out
    latch.close("fire drill", "me", 2)
    greet(start)
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("KILL SWITCH ON (fire drill): nothing is traded until agbot killswitch off")
