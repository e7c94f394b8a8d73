"""Markets that a configuration names, and that the venue does not have."""

from __future__ import annotations

import json

import pytest
import trio
from click.testing import CliRunner

from agbot import cli
from agbot.cli import exchange_asking
from agbot.cli.first_config import HOSTS
from agbot.errors import NotFoundError, VenueUnavailable
from agbot.testing.venue_stub import StubMarket

NO_CONFIGURATION = 2


async def invoke(*words):
    return await trio.to_thread.run_sync(lambda: CliRunner().invoke(cli.cli, [str(word) for word in words]))


@pytest.fixture
def naming(config):
    """Return a function that gives the configuration with markets."""

    def write(*names):
        config.write_text(f"{config.read_text()}\nmarkets: [{', '.join(names)}]\n")
        return config

    return write


async def test_markets_that_are_there(naming):
    path = naming(StubMarket().slug)
    result = await invoke("check", path, "--online")
    assert result.exit_code == 0, result.output
    assert f"{StubMarket().slug} (the venue has it)" in result.output


async def test_every_one_that_is_not_is_a_fault_with_its_nearest(naming):
    path = naming(StubMarket().slug, f"{StubMarket().slug}-x", "nosuch")
    result = await invoke("check", path, "--online", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["ok"], told["markets_looked_up"]) == (NO_CONFIGURATION, False, True)
    assert [fault["id"] for fault in told["faults"]] == ["AGB-414", "AGB-414"]
    assert told["faults"][0]["remedy"] == f"did you mean {StubMarket().slug}?"
    assert told["faults"][1]["remedy"].startswith(f"there are {StubMarket().slug}")


async def test_without_an_answer_nothing_is_called_right(naming, stub):
    stub.reset("GET", "/gamma/markets/slug/nosuch", times=None)
    result = await invoke("check", naming("nosuch"), "--online")
    assert isinstance(result.exception, VenueUnavailable)


async def test_a_configuration_for_an_exchange_names_markets_that_it_has(stub, tmp_path, monkeypatch):
    urls = {name: getattr(stub.hosts, name) for name in (*HOSTS, "rtds")}
    monkeypatch.setattr(exchange_asking, "ask", lambda admin, op: {"urls": urls, "markets": []})
    path = tmp_path / "rehearsal.yaml"
    words = ("init", path, "--defaults", "--exchange", "--market")
    result = await invoke(*words, "nosuch")
    assert isinstance(result.exception, NotFoundError)
    assert not path.exists()
    result = await invoke(*words, StubMarket().slug)
    assert result.exit_code == 0, result.exception
    assert f"next      agbot check {path}\n" in result.output
