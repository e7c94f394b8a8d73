"""agbot feeds beside a venue on loopback."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot import cli
from agbot.cli.feeds import shown
from agbot.errors import AgbotError, leaves
from agbot.testing.venue_stub import CONDITION, NO, YES


async def test_a_market_is_watched_without_a_bot(run):
    result = await run("feeds", "--market", CONDITION, "--topic", "clob_market", "--seconds", "1", "--json")
    report = json.loads(result.stdout)
    rows = {row["token"] or row["topic"]: row for row in report["feeds"]}
    assert list(rows) == [YES, NO, "clob_market"]
    assert rows[YES]["messages"] >= 1
    assert rows[YES]["trust"] == "ok"
    assert (rows["clob_market"]["trust"], rows["clob_market"]["messages"]) == ("no data yet", 0)
    assert [(s["source"], s["losses"]) for s in report["sockets"]] == [("market", 0), ("rtds", 0)]


async def test_the_table_is_for_people(run):
    result = await run("feeds", "--busiest", "--seconds", "1")
    lines = result.stdout.splitlines()
    columns = "source topic rate lag_ms lag_p50_ms lag_p99_ms age_s messages lost trust"
    assert lines[0].split() == columns.split()
    assert [line.split()[0] for line in lines[2:]] == ["market", "market"]
    assert all(line.endswith("ok") for line in lines[2:])


async def test_topics_are_subscribed_as_asked(run, stub):
    await run("feeds", "--topic", "crypto_prices:btcusdt", "--topic", "activity", "--seconds", "2", "--json")
    asked = [
        json.loads(text)["subscriptions"][0]["topic"] for text in stub.rtds_sockets.all[0].received if text != "ping"
    ]
    assert asked == ["crypto_prices", "activity"]
    assert not stub.market_sockets.all


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--topic", "market"], 2, "[AGB-490] --topic: 'market' is no topic of RTDS"),
        (["--topic", "clob_market"], 2, "[AGB-494] clob_market is about markets, and none is named"),
        (["--topic", "clob_user"], 2, "[AGB-135]"),
        (["--market", "no-such-market"], 4, "[AGB-414]"),
    ],
)
async def test_what_cannot_be_watched(run, arguments, code, told):
    result = await run("feeds", *arguments, "--seconds", "1", code=None)
    ours = next(leaves(result.exception))
    assert isinstance(ours, AgbotError)
    assert ours.exit_code == code
    assert told in str(ours)


def test_without_a_bot_and_without_a_market_it_is_not_running(tmp_path):
    result = CliRunner().invoke(cli.cli, ["feeds", "--state-dir", str(tmp_path)])
    assert result.exception.exit_code == 3
    assert "agbot feeds --market SLUG" in str(result.exception)


def test_lost_sockets_are_told_and_a_demo_has_none():
    socket = {"source": "rtds", "losses": 3, "last_loss": "closed"}
    assert shown({"feeds": [], "sockets": [socket]}).splitlines() == [
        "no live feeds: a demo or a replay has none",
        "rtds: lost 3 times, last: closed",
    ]
