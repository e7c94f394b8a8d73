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
    assert line == f"REPLAY r pid 7 up 1 s: {said}, 1 markets, 0 open orders, equity 1.00 usd, pnl 0.00 usd\n"
    assert CliRunner().invoke(status.command, ["--probe"]).exit_code == probe
