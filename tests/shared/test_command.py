"""agbot killswitch --shared as it is typed: what it prints, and the codes it ends with."""

from __future__ import annotations

import json
import threading

import pytest
from click.testing import CliRunner

from agbot.cli import killswitch, killswitch_shared
from agbot.errors import AgbotError
from agbot.shared.switch import Heard, SharedSwitch

ON = ("on", "--shared", "desk", "--reason", "drill", "--by", "me")


@pytest.fixture
def typed(server, monkeypatch):
    monkeypatch.setenv("AGBOT_REDIS_URL", server.url)
    return lambda *words: CliRunner().invoke(killswitch.command, words)


@pytest.fixture
def switch(link):
    return SharedSwitch(link, "desk")


def listens(link, switch, **fields):
    link.ask(lambda redis: redis.set(switch.rows + "1", Heard(who="bot", **fields).encoded()))


def test_with_nobody_there_it_is_closed_all_the_same(typed, switch):
    done = typed(*ON)
    assert done.exit_code == 3
    assert "shared kill switch desk ON (drill)" in done.output
    assert "no bot listens to it now" in done.output
    assert switch.read().on


@pytest.mark.parametrize(("left", "code"), [(0, 0), (2, 1), (None, 1)])
def test_a_receipt_for_each_bot(typed, switch, link, left, code):
    listens(link, switch)

    def carry_out():
        while not (state := switch.read()).at_ns:
            pass
        listens(link, switch, closed_ns=state.at_ns, cancelled=3, left=left)

    bot = threading.Thread(target=carry_out)
    bot.start()
    done = typed(*ON, "--json")
    bot.join()
    assert done.exit_code == code
    assert json.loads(done.output)["bots"] == [{"bot": "bot", "gate": "closed", "cancelled": 3, "left": left}]


def test_a_bot_that_does_not_answer_is_named(typed, switch, link, monkeypatch):
    monkeypatch.setattr(killswitch_shared, "WITHIN_S", 0.05)
    listens(link, switch)
    done = typed(*ON)
    assert done.exit_code == 5
    assert "no answer" in done.output


def test_a_market_that_is_closed_already_is_proved_by_what_was_done_then(typed, switch, link):
    at_ns = switch.move(on=True, reason="odd", by="me", at_ns=7, scope="market", name="rain").scopes[0].at_ns
    listens(link, switch, closed_ns=at_ns, cancelled=1, left=0)
    assert typed(*ON, "--market", "rain").exit_code == 0


def test_off_and_status(typed, switch, link):
    typed(*ON, "--strategy", "quoter")
    opened = typed("off", "--shared", "desk", "--by", "ann", "--reason", "begin")
    assert opened.output == "shared kill switch desk off by ann: bots whose own switch is off trade again\n"
    listens(link, switch, on=False)
    shown = typed("status", "--shared", "desk").output
    assert shown.startswith("off\non for strategy quoter: drill (by me)\n")
    assert "open" in shown
    told = json.loads(typed("status", "--shared", "desk", "--json").output)
    assert (told["on"], [bot["who"] for bot in told["bots"]]) == (False, ["bot"])


def test_it_is_for_all_bots_or_for_one(typed):
    done = typed(*ON, "--profile", "one")
    assert done.exit_code == 2
    assert "--shared closes the gate of every bot" in done.output


@pytest.mark.parametrize("words", [ON, ("status", "--shared", "desk")])
def test_without_redis_it_says_so(typed, server, words):
    server.kill()
    error = typed(*words).exception
    assert isinstance(error, AgbotError)
    assert error.id == "AGB-517"
    server.start()
