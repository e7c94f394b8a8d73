"""agbot status of a bot that does not run says how it ended, and which orders of it may still rest."""

from __future__ import annotations

import json
import os

import attrs
import pytest
from click.testing import CliRunner

from agbot.cli import cli
from agbot.errors import NotRunningError
from agbot.model.events import BookSnapshot, MarketListed, OperatorOrder, OrderAccepted, OrderCancelled
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.engine import Recorder
from agbot.run.place import keep
from agbot.settings import Mode, Settings
from agbot.store.gone import gone
from agbot.store.journal import Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.testing.builders import levels, make_market
from agbot.units import to_units
from agbot.venue.polymarket.hosts import Hosts

MARKET = make_market()
BOX = "http://127.0.0.1:8090"
LIVE_RUN, LATER = "20261129T024003007-live", "20261129T030000000-paper"
HEARD = 1_795_920_003 * 10**9


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    directory = tmp_path / "agbot" / "real"
    (directory / "runs").mkdir(mode=0o700, parents=True)
    directory.chmod(0o700)
    return directory


def run(state, run_id=LIVE_RUN, *, orders=2, cancelled=0, ended=None):
    """Write the journal of a run that placed orders, some of them cancelled; without `ended` it was killed."""
    mode = run_id.rpartition("-")[2].upper()
    header = header_of(
        Settings(strategies=()), run_id=run_id, mode=mode, started_ns=HEARD, source="t", capital=to_units("500")
    )
    journal = Journal(state / "runs" / f"{run_id}.agj", durable=False)
    recorder = Recorder(engine_of(header), journal, header)
    sides = (levels(("0.48", "1000")), levels(("0.52", "1000")))
    recorder.step(HEARD, [MarketListed(MARKET, 1), *(BookSnapshot(t, *sides, 1) for t in (MARKET.yes, MARKET.no))])
    wish = (Side.BUY, OrderType.LIMIT, 400_000, to_units("10"), TimeInForce.GTC, False, 0, 1)
    for number in range(1, orders + 1):
        name = f"{run_id}-{number}"
        recorder.step(HEARD, [OperatorOrder("q", "m1", "m1-yes", *wish)])
        fate = [OrderCancelled(name, "off", 1)] if number <= cancelled else []
        recorder.step(HEARD, [OrderAccepted(name, f"0x{number}", 1), *fate])
    if ended:
        recorder.end(HEARD, ended)
    journal.commit()
    journal.close()


def traded_at_the_box(state):
    keep(state, attrs.evolve(Settings(mode=Mode.LIVE), polymarket=at_the_box()))


def at_the_box():
    return attrs.evolve(Settings().polymarket, hosts=Hosts(clob=BOX))


def status(*words, profile="real"):
    which = ("--profile", profile) if profile else ()
    found = CliRunner().invoke(cli, ["status", *words, *which])
    assert isinstance(found.exception, NotRunningError)
    assert found.exception.exit_code == 3
    return found.stdout


def test_orders_of_a_killed_bot_may_rest_and_it_says_where_and_what_to_type(state):
    run(state, orders=3, cancelled=1)
    traded_at_the_box(state)
    assert status() == (
        f"LIVE {LIVE_RUN}: the bot is gone (last heard at 2026-11-29 02:40:03 UTC); "
        "as far as its journal knows, 2 orders of it may still rest at "
        f"{BOX}: look with `agbot orders --profile real`, cancel with `agbot cancel --all --profile real`, or start "
        "it again\n"
    )
    told = json.loads(status("--json"))
    assert told["running"] is False
    (row,) = told["left"]
    assert (row["run_id"], row["ended"], row["last_ns"], row["venue"]) == (LIVE_RUN, None, HEARD, BOX)
    assert [(o["venue_order_id"], o["market"], o["price"], o["state"]) for o in row["orders"]] == [
        ("0x2", MARKET.name, "0.4", "OPEN"),
        ("0x3", MARKET.name, "0.4", "OPEN"),
    ]


def test_none_left_open_is_said_too(state):
    run(state, orders=1, cancelled=1)
    assert status().endswith("the bot is gone (last heard at 2026-11-29 02:40:03 UTC); no order of it was left open\n")


def test_a_bot_that_ended_in_order_left_none(state):
    run(state, orders=1, cancelled=1, ended="SIGTERM")
    said = "the bot ended in order at 2026-11-29 02:40:03 UTC (SIGTERM); no order of it was left open"
    assert status() == f"LIVE {LIVE_RUN}: {said}\n"


def test_one_that_ended_before_its_venue_was_empty_is_warned_of(state):
    run(state, orders=1, ended="SIGTERM")
    assert "ended in order" in status()
    assert "1 order of it may still rest at its venue: look with `agbot orders --config FILE`" in status()


def test_orders_on_paper_went_with_their_bot_and_do_not_hide_real_ones(state):
    run(state, LATER)
    assert status() == (
        f"PAPER {LATER}: the bot is gone (last heard at 2026-11-29 02:40:03 UTC); "
        "its orders were not real and went with it\n"
    )
    run(state)
    assert status().startswith(f"LIVE {LIVE_RUN}: the bot is gone")


def test_a_venue_that_cannot_be_read_hides_no_order(state):
    run(state)
    (state / "venue.json").write_text("{")
    assert "2 orders of it may still rest at its venue: look with `agbot orders --config FILE`" in status()


def test_without_a_name_every_bot_with_orders_at_a_venue_is_told_of(state):
    run(state)
    assert status(profile=None).startswith(f"LIVE {LIVE_RUN}: the bot is gone")
    assert status(profile="other") == ""


def test_a_process_that_holds_the_directory_is_not_called_gone(state):
    run(state, orders=0)
    (state / "lock").write_text(json.dumps({"pid": os.getpid()}))
    assert f"the bot does not answer (last heard at 2026-11-29 02:40:03 UTC; pid {os.getpid()} is there" in status()


def test_a_journal_that_cannot_be_read_is_said_and_a_probe_says_nothing(state):
    (state / "runs" / f"{LIVE_RUN}.agj").write_bytes(b"no journal")
    assert f"what the last run in {state} left cannot be read: [AGB-603]" in status()
    assert status("--probe") == ""
    assert gone(state.parent / "nobody") is None
