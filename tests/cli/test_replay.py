"""agbot replay: what a run did, how it ended, and what to type next."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.store.history import write_history
from agbot.units import NS_PER_S
from agbot.venue.demo import DemoSimulation, demo_markets
from tests.tui.answers import FakeControl


def invoke(*args):
    return CliRunner().invoke(cli.cli, [str(a) for a in args])


@pytest.fixture
def recording(tmp_path):
    markets = demo_markets(3)
    simulation = DemoSimulation(3, markets, 1_700_000_000 * NS_PER_S)
    write_history(tmp_path / "demo.agh", markets, [m for _ in range(60) for m in simulation.next()[1]])
    return tmp_path / "demo.agh"


def test_replay_tells_what_a_run_did_and_what_to_type_next(recording, tmp_path):
    state = tmp_path / "s"
    done = json.loads(invoke("run", "--replay", recording, "--no-web", "--json", "--state-dir", state).output)
    shown = invoke("replay", "--state-dir", state).output
    run = Path(done["journal"]).stem
    assert f"orders   {done['orders_placed']} placed" in shown
    assert f"fills    {done['fills']}, {done['filled_shares']} shares, fees {done['fees_usd']} usd" in shown
    assert f"pnl      {done['pnl_usd']} usd, equity" in shown
    assert "end      ended in order: end of recording" in shown
    assert f"agbot replay {run} --state-dir {state} --watch" in shown
    explain = next(line.split("  ")[0].split()[1:] for line in shown.splitlines() if line.startswith("agbot explain"))
    assert explain[2:4] == ["--run", run]
    assert "FILLED" in invoke(*explain).output
    assert "agrees: every decision is the same" in shown
    assert f"agbot replay {done['journal']} --watch" in invoke("replay", done["journal"]).output
    plain = json.loads(invoke("replay", "--json", "--state-dir", state).output)
    for name in ("orders_placed", "open_orders", "fills", "filled_shares", "fees_usd", "pnl_usd", "denials"):
        assert plain[name] == done[name]
    assert (plain["complete"], plain["running"], plain["ended"]) == (True, False, "end of recording")


def test_a_journal_whose_bot_still_runs_is_not_cut_off(recording, tmp_path):
    state = tmp_path / "s"
    done = json.loads(invoke("run", "--replay", recording, "--no-web", "--json", "--state-dir", state).output)
    with closing(sqlite3.connect(done["journal"])) as db, db:
        db.execute("delete from record where kind = 'end'")
    for options in ((), ("--verify",)):
        assert "cut off" in invoke("replay", *options, "--state-dir", state).output
    with FakeControl(state, {"status": {"journal": str(state / "runs" / "another.agj")}}):
        assert "cut off" in invoke("replay", "--state-dir", state).output
    (state / "control.sock").unlink()
    with FakeControl(state, {"status": {"journal": done["journal"]}}):
        for options in ((), ("--verify",)):
            assert (
                "still running: replayed up to its newest record"
                in invoke("replay", *options, "--state-dir", state).output
            )
        plain = json.loads(invoke("replay", "--json", "--state-dir", state).output)
    assert (plain["complete"], plain["running"]) == (False, True)
