"""agbot status: the one line says what the bot does, and nothing that is not so."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agbot.cli import status


@pytest.mark.parametrize(
    ("switch", "scopes", "halted", "said", "probe"),
    [
        ({"on": False, "reason": ""}, (), "", "trading", 0),
        ({"on": False, "reason": ""}, ("rain", "snow"), "", "trading, closed for market rain, market snow", 0),
        ({"on": True, "reason": "fire"}, ("rain",), "", "KILL SWITCH ON (fire)", 1),
        ({"on": True, "reason": "fire"}, (), "SIGINT", "KILL SWITCH ON (fire)", 1),
        ({"on": False, "reason": ""}, (), "end of recording", "halted (end of recording)", 1),
    ],
)
def test_the_line_says_why_nothing_is_placed(switch, scopes, halted, said, probe, monkeypatch):
    answer = {
        "mode": "REPLAY",
        "run_id": "r",
        "pid": 7,
        "uptime_s": 1.0,
        "kill_switch": switch,
        "kill_scopes": [{"scope": "market", "name": name, "reason": "odd"} for name in scopes],
        "halted": halted,
        "markets": ["m"],
        "open_orders": [],
        "equity_usd": "1.00",
        "pnl_usd": "0.00",
        "page": "",
    }
    monkeypatch.setattr(status, "control", lambda *_: answer)
    line = CliRunner().invoke(status.command, []).output
    assert line == f"REPLAY r pid 7 up 1 s: {said}, 1 market, 0 open orders, equity 1.00 usd, pnl this run 0.00 usd\n"
    assert CliRunner().invoke(status.command, ["--probe"]).exit_code == probe


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (
            [{"rule": "DayCap", "figure": "26.00 usd, 24.00 usd without it", "limit": "at most 25 usd a day"}],
            "DayCap (26.00 usd, 24.00 usd without it; at most 25 usd a day), OrderCap",
        ),
        ([], "DayCap, OrderCap"),
    ],
)
def test_a_bot_whose_every_order_is_denied_does_not_just_trade(figures, said):
    gate = {"kill_switch": {"on": False, "reason": ""}, "kill_scopes": [], "halted": "", "mode": "LIVE"}
    denied = {"policies": ["DayCap", "OrderCap"], "figures": figures}
    assert status._gate({**gate, "denied": denied}) == f"trading, but every order of the last minute was denied: {said}"
    assert status._gate({**gate, "denied": {}}) == "trading"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"day_pnl_usd": None, "taken_over_usd": "0.00"}, "pnl this run -1.00 usd"),
        ({"day_pnl_usd": "2.50", "taken_over_usd": "0.00"}, "pnl today 2.50 usd, this run -1.00 usd"),
        (
            {"day_pnl_usd": "2.50", "taken_over_usd": "40.00"},
            "pnl today 2.50 usd, this run -1.00 usd (40.00 usd of shares were taken over, at cost)",
        ),
    ],
)
def test_what_was_made_says_since_when_and_from_what(told, said):
    assert status._made({"pnl_usd": "-1.00", **told}) == said


def test_a_venue_that_is_ill_is_below_the_line(monkeypatch):
    answer = {
        "mode": "LIVE",
        "run_id": "r",
        "pid": 7,
        "uptime_s": 1.0,
        "kill_switch": {"on": False, "reason": ""},
        "kill_scopes": [],
        "halted": "",
        "venues": {"polymarket": {"health": "down", "reason": "deaf"}, "paper": {"health": "healthy", "reason": ""}},
        "markets": [],
        "open_orders": [],
        "equity_usd": "1.00",
        "pnl_usd": "0.00",
        "page": "",
    }
    monkeypatch.setattr(status, "control", lambda *_: answer)
    assert CliRunner().invoke(status.command, []).output.splitlines()[1:] == ["venue     polymarket is down: deaf"]


START = {
    "from_run": "r0",
    "cancelled": ["r0-1", "r0-2"],
    "closed": [{"order_id": "r0-3", "was": "OPEN", "evidence": "the venue has no such order"}],
    "fills": 4,
    "foreign": [],
    "corrections": [
        {"what": "cash", "market": "", "journal": "10", "venue": "9", "source": "CLOB balance-allowance"},
        {"what": "YES", "market": "0x1", "journal": "0", "venue": "7", "source": "CLOB balance-allowance"},
    ],
    "strangers": {"0xdef": "7"},
}


def test_what_the_start_found_and_what_differs_now_is_below_the_line():
    told = {
        "start": START,
        "differences": [{"what": "rain YES", "is": "the venue holds 7, agbot knows of 0"}],
        "halted": {"rain": "…"},
        "foreign_orders": 1,
        "foreign": ["0xabc"],
        "failed_reads": 2,
    }
    assert list(status.reconciled(told)) == [
        "start     of run r0: 2 orders taken off, 1 order closed by evidence, 4 fills folded in",
        "corrected cash: 10 by the journal, 9 by CLOB balance-allowance",
        "corrected YES 0x1: 0 by the journal, 7 by CLOB balance-allowance",
        "strange   1 order that no journal explains has traded: 0xdef (7 shares)",
        "differs   rain YES: the venue holds 7, agbot knows of 0",
        "halted    rain: no new orders (ReconcileDifference) until figures agree, or: agbot reconcile",
        "foreign   1 order rests that no journal explains: 0xabc",
        "unread    2 reads of the account failed",
    ]


def test_all_well_is_not_worth_a_word():
    quiet = {**START, "cancelled": [], "closed": [], "fills": 0, "corrections": [], "strangers": {}}
    told = {"start": quiet, "differences": [], "halted": {}, "foreign_orders": 0, "foreign": [], "failed_reads": 0}
    assert list(status.reconciled(told)) == []
    assert list(status.reconciled({})) == []


def test_one_that_looks_on_says_whose_wallet_it_is():
    told = {"holder": "pid 3", "holders_orders": 2, "cash_usd": "9.00", "positions": [], "foreign_orders": 0}
    assert list(status.reconciled(told)) == ["holder    pid 3, 2 orders rest", "account   9.00 usd, 0 positions"]
