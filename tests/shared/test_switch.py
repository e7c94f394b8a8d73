"""The shared kill switch at a real Redis: moved as a whole, on record, and closed when it is not what it should be."""

from __future__ import annotations

import json
import threading

import pytest

from agbot.errors import AgbotError, NotFoundError, StoreError
from agbot.latch import SCOPES_MAX
from agbot.shared.link import Unreadable
from agbot.shared.switch import Heard, SharedSwitch

WHO = {"by": "me", "at_ns": 7}


@pytest.fixture
def switch(link):
    return SharedSwitch(link, "desk")


def test_never_set_is_closed_and_says_how_to_open_it(switch):
    state = switch.read()
    assert state.on
    assert "agbot killswitch off --shared desk" in state.reason


def test_on_and_off_and_both_are_on_record(switch, link):
    switch.move(on=False, reason="begin", **WHO)
    assert not switch.read().on
    switch.move(on=True, reason="drill", **WHO)
    state = switch.read()
    assert (state.on, state.reason, state.by, state.at_ns) == (
        True,
        "drill",
        "me",
        8,
    )  # later than the one before, whatever a clock says
    told = [json.loads(raw) for raw in link.ask(lambda redis: redis.lrange(switch.history, 0, -1))]
    assert [(row["on"], row["reason"]) for row in told] == [(True, "drill"), (False, "begin")]


def test_a_market_of_its_own(switch):
    switch.move(on=False, reason="begin", **WHO)
    switch.move(on=True, reason="odd", scope="market", name="rain", **WHO)
    switch.move(on=True, reason="again", scope="market", name="rain", **WHO)
    assert [(str(s), s.reason) for s in switch.read().scopes] == [("market rain", "odd")]
    switch.move(on=False, reason="fine", scope="market", name="rain", **WHO)
    assert switch.read().scopes == ()
    with pytest.raises(NotFoundError):
        switch.move(on=False, reason="fine", scope="market", name="rain", **WHO)


def test_too_many_on_their_own(switch):
    for n in range(SCOPES_MAX):
        switch.move(on=True, reason="x", scope="market", name=str(n), **WHO)
    with pytest.raises(StoreError):
        switch.move(on=True, reason="x", scope="market", name="more", **WHO)


@pytest.mark.parametrize("raw", [b"", b"off", b'{"on": false}', b'{"on": false, "reason": "", "by": "", "at_ns": 0}'])
def test_what_is_torn_is_closed_until_somebody_opens_it(raw, switch, link):
    link.ask(lambda redis: redis.set(switch.key, raw))
    assert switch.read().on
    switch.move(on=False, reason="mended", **WHO)
    assert not switch.read().on


def test_a_key_of_another_kind_is_unreadable(switch, link):
    link.ask(lambda redis: redis.lpush(switch.key, "x"))
    with pytest.raises(Unreadable):
        switch.read()


def test_one_that_cannot_be_written_says_so(switch, server):
    server.kill()
    with pytest.raises(AgbotError, match="was not moved") as caught:
        switch.move(on=True, reason="drill", **WHO)
    assert caught.value.id == "AGB-517"
    server.start()


def test_closing_from_many_sides_at_once_loses_no_scope(server, link):
    switch = SharedSwitch(link, "desk")
    switch.move(on=False, reason="begin", **WHO)
    failed = []

    def close(name):
        try:
            switch.move(on=True, reason="x", scope="market", name=name, **WHO)
        except AgbotError as e:
            failed.append(name if "same time" in str(e) else e)

    threads = [threading.Thread(target=close, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted([*failed, *(s.name for s in switch.read().scopes)]) == [str(n) for n in range(6)]


def test_who_listens(switch, link):
    for name, bot in (("b", Heard(who="b", on=False)), ("a", Heard(who="a", closed_ns=7, cancelled=3, left=0))):
        link.ask(lambda redis, name=name, bot=bot: redis.set(switch.rows + name, bot.encoded()))
    other = SharedSwitch(link, "other")
    assert [bot.who for bot in switch.heard()] == ["a", "b"]
    assert switch.heard()[0] == Heard(who="a", closed_ns=7, cancelled=3, left=0)
    assert other.heard() == []
