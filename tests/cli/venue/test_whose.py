"""A bot that is named and does not run is asked after where its last run traded, never at Polymarket instead."""

from __future__ import annotations

import json

import attrs
import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.cli import whose
from agbot.config import load_settings
from agbot.run.place import FILE_NAME, keep, kept
from agbot.settings import Mode, Settings
from agbot.store.audit import AUDIT_NAME
from agbot.testing.venue_stub import CONDITION, YES
from agbot.venue.polymarket.hosts import Hosts


@pytest.fixture
def state(config, tmp_path):
    """Return the state directory of a bot that traded at the stub, and is gone."""
    directory = tmp_path / "b"
    directory.mkdir(mode=0o700)
    keep(directory, load_settings(config), Mode.LIVE)
    return directory


@pytest.fixture
def ask(state, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "x"))

    async def invoke(*words, directory=state):
        words = [*map(str, words), "--state-dir", str(directory)]
        return await trio.to_thread.run_sync(lambda: CliRunner().invoke(cli.cli, words))

    return invoke


async def test_orders_positions_and_book_come_from_there_and_say_so(ask, stub, state, signed_in, rest):
    rest("a", YES, "BUY", "0.47", "20")
    found = await ask("orders", "--json")
    assert [row["order_id"] for row in json.loads(found.stdout)] == ["0x" + "a" * 64]
    said = f"asking {stub.hosts.clob}, where the last run in {state} traded\n"
    assert found.stderr == said
    found = await ask("positions")
    assert (found.stdout, found.stderr) == (f"no positions ({stub.hosts.clob})\n", said)
    found = await ask("book", "will-it-rain")
    assert found.stdout.splitlines()[0].endswith(f"from {stub.hosts.clob}")
    assert found.stderr == said


async def test_a_cancel_goes_there_and_into_the_audit_log_of_that_bot(ask, stub, state, signed_in, rest):
    rest("a", YES, "BUY", "0.47", "20")
    found = await ask("cancel", "--all")
    assert found.stdout == "cancelled 1, orders_left 0\n"
    assert not stub.exchange.live
    assert '"cancel_all"' in (state / AUDIT_NAME).read_text()


@pytest.mark.parametrize(
    "words", [("orders",), ("positions",), ("book", CONDITION), ("cancel", "--all"), ("report", "day", "--venue")]
)
@pytest.mark.parametrize("left", ["nothing", "a demo", "a torn file"])
async def test_polymarket_is_never_asked_in_its_stead(words, left, ask, state, signed_in):
    (state / FILE_NAME).unlink()
    if left == "a demo":
        keep(state, Settings())
    elif left == "a torn file":
        (state / FILE_NAME).write_text('{"mode": "li')
    found = await ask(*words)
    assert (found.exception.id, str(state) in str(found.exception)) == ("AGB-518", True)
    assert "--config FILE" in found.exception.remedy or "agbot run" in found.exception.remedy


async def test_without_keys_a_bot_that_never_ran_is_no_running_bot(ask, tmp_path):
    for command in ("orders", "positions"):
        found = await ask(command, directory=tmp_path / "nowhere")
        assert (found.exception.id, found.exception.exit_code) == ("AGB-501", 3)


def test_the_only_bot_that_runs_is_meant(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    at = attrs.evolve(Settings().polymarket, hosts=Hosts(clob="http://127.0.0.1:9"))
    for name, mode in (("box", Mode.LIVE), ("demo", Mode.DEMO)):
        (tmp_path / "agbot" / name).mkdir(mode=0o700, parents=True)
        keep(tmp_path / "agbot" / name, Settings(mode=mode, polymarket=at))
    for running, asked in ((["box"], at.hosts), (["demo"], Hosts()), (["box", "demo"], Hosts()), ([], Hosts())):
        monkeypatch.setattr(whose, "running_profiles", lambda running=running: running)
        assert whose.venue_of(None, None, None).polymarket.hosts == asked


def test_where_real_orders_went_outlives_runs_without_any(tmp_path):
    box, other = (attrs.evolve(Settings().polymarket, hosts=Hosts(clob=f"http://127.0.0.1:{port}")) for port in (9, 10))
    for mode, place, expected in (
        (Mode.PAPER, other, other),
        (Mode.LIVE, box, box),
        (Mode.DEMO, other, box),
        (Mode.PAPER, other, box),
        (Mode.LIVE, other, other),
    ):
        keep(tmp_path, Settings(mode=mode, polymarket=place))
        assert kept(tmp_path).hosts == expected.hosts


def test_a_signer_is_kept_by_its_whole_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "c.yaml"
    path.write_text("mode: paper\nlive: {signer: s.sock}\n")
    keep(tmp_path, load_settings(path))
    assert kept(tmp_path).settings().live.signer == tmp_path / "s.sock"
