"""agbot book beside running bots: theirs when they trade the market, and the output says whose it is."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli import book, cli
from agbot.errors import ConfigError, NotFoundError, NotRunningError

TOLD = {
    "run_id": "r1-demo",
    "market": "rain",
    "market_id": "0xm",
    "outcome": "YES",
    "token": "11",
    "tick": "0.01",
    "updated_ns": 1_893_456_000 * 10**9,
    "bids": [["0.45", "100"], ["0.44", "7.5"]],
    "asks": [["0.48", "20"]],
    "in_book": False,
    "orders": [
        {"side": "bid", "price": "0.46", "left": "5", "level": "0"},
        {"side": "ask", "price": "0.48", "left": "3", "level": "20"},
        {"side": "ask", "price": "0.48", "left": "2", "level": "20"},
    ],
    "doubts": {"0xm": "no whole book yet", "0xother": ""},
}


class Bots:
    """The running bots as `control` sees them, by profile: each an answer, or an error."""

    def __init__(self):
        self.answers = {}
        self.requests = []

    def control(self, profile, _directory, request):
        self.requests.append(request)
        answer = self.answers.get(profile, NotRunningError("no bot", id="AGB-501"))
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def bots(monkeypatch):
    bots = Bots()
    monkeypatch.setattr(book, "control", bots.control)
    monkeypatch.setattr("agbot.control.running_profiles", lambda: list(bots.answers))
    return bots


@pytest.fixture
def venue(monkeypatch):
    """Put a book at Polymarket, and return a list with an entry for each time it was asked."""
    asked = []

    def ask(config, _work, required):
        asked.append((config, required))
        token = {"market": "rain", "condition": "0xm", "outcome": "YES", "token": "11", "tick": 10_000}
        return book.Seen(**token, last_price=500_000, ts_ns=0, bids=[(450_000, 10**6)], asks=[], own={})

    monkeypatch.setattr(book, "ask", ask)
    return asked


def told(*args):
    result = CliRunner().invoke(cli, ["book", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_running_bots_book_with_where_only_its_orders_rest(bots, venue):
    bots.answers["demo"] = TOLD
    assert told("rain").splitlines() == [
        "rain YES  tick 0.01  2030-01-01 00:00:00 UTC  from the running bot (r1-demo)",
        "the bot does not believe this market's books: no whole book yet",
        "own orders are the bot's on paper: they are not part of the sizes",
        "",
        "side  price    size   total   own",
        "----  -----  ------  ------  ----",
        "ask    0.48   20.00   20.00  5.00",
        "      spread 0.03, middle 0.465",
        "bid    0.46    0.00    0.00  5.00",
        "bid    0.45  100.00  100.00",
        "bid    0.44    7.50  107.50",
    ]
    assert venue == []


def test_the_bots_book_for_programs_is_of_the_same_form_as_polymarkets(bots, venue):
    bots.answers["demo"] = TOLD
    of_the_bot = json.loads(told("rain", "--no", "--depth", "3", "--json"))
    assert bots.requests == [{"op": "ladder", "market": "rain", "outcome": "NO", "levels": 3}]
    assert (of_the_bot["source"], of_the_bot["run_id"], of_the_bot["last_price"]) == ("bot", "r1-demo", None)
    assert (of_the_bot["doubt"], of_the_bot["own_in_size"]) == ("no whole book yet", False)
    assert of_the_bot["asks"] == [{"price": "0.48", "size": "20", "own": "5"}]
    of_polymarket = json.loads(told("rain", "--venue", "--json"))
    assert (of_polymarket["source"], of_polymarket["run_id"]) == ("polymarket", "")
    assert list(of_the_bot) == list(of_polymarket)
    assert len(venue) == 1


@pytest.mark.parametrize("answer", [NotRunningError("x", id="AGB-501"), NotFoundError("no market", id="AGB-534")])
def test_what_no_bot_trades_is_asked_of_polymarket(answer, bots, venue):
    bots.answers["demo"] = answer
    assert told("rain").splitlines()[0] == "rain YES  tick 0.01  last 0.5  from Polymarket"


def test_of_several_bots_the_one_that_trades_the_market(bots, venue):
    bots.answers.update(demo=NotFoundError("no market", id="AGB-534"), paper=TOLD)
    assert "from the running bot (r1-demo)" in told("rain")
    bots.answers["demo"] = TOLD
    with pytest.raises(ConfigError, match=r"several bots trade 'rain': demo, paper .*--profile"):
        told("rain")
    assert "from the running bot" in told("rain", "--profile", "paper")
    assert venue == []


def test_a_bot_that_fails_is_not_passed_over(bots, venue):
    bots.answers["demo"] = NotFoundError("it broke", id="AGB-999")
    with pytest.raises(NotFoundError, match="it broke"):
        told("rain")
    assert venue == []
