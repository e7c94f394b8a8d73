"""A bot's eye on what is shared: pushed and polled, stale is closed, a wallet that was taken stays taken."""

from __future__ import annotations

import time

import pytest
import trio

from agbot.errors import ConfigError, WalletTaken
from agbot.latch import NEVER_SET, LatchState, Scoped
from agbot.secrets import Secret
from agbot.shared import watch
from agbot.shared.lease import SENDS_S
from agbot.shared.link import Link
from agbot.shared.switch import SharedSwitch
from agbot.shared.watch import STALE_S, Shared, watching

WALLET = "0xabc"
WHO = {"by": "me", "at_ns": 7}


class Eye:
    """A bot's eye whose clock stands where the test puts it, and the switch it looks at."""

    def __init__(self, server) -> None:
        self.now = 1000.0
        self.shared = Shared(Link(Secret(server.url)), "desk", who="bot", row="1", monotonic=lambda: self.now)
        self.switch = self.shared.switch
        self.switch.move(on=False, reason="begin", **WHO)

    def gate(self) -> str:
        state = self.shared.gate(NEVER_SET)
        return state.reason if state.on else ""


@pytest.fixture
def eye(server):
    eye = Eye(server)
    yield eye
    eye.shared._link.close()


async def until(condition) -> None:
    with trio.fail_after(10):
        while not condition():
            await trio.sleep(0.01)


def test_before_the_first_look_it_is_closed(eye):
    assert "was not read yet" in eye.gate()


async def test_what_was_read_holds_for_three_seconds(eye):
    await eye.shared.look()
    eye.now += STALE_S
    assert eye.gate() == ""
    eye.now += 0.01
    assert "cannot be read" in eye.gate()


async def test_a_failed_look_says_why_once_it_is_stale_and_a_good_one_opens_again(eye, server):
    await eye.shared.look()
    server.kill()
    await eye.shared.look()
    assert eye.gate() == ""
    eye.now += STALE_S + 1
    assert "shared switch desk cannot be read: Error" in eye.gate()
    server.start()
    eye.switch.move(on=False, reason="begin", **WHO)
    await eye.shared.look()
    assert eye.gate() == ""


async def test_a_redis_that_lost_everything_closes(eye, server):
    await eye.shared.look()
    server.kill()
    server.start()
    await eye.shared.look()
    assert "never set, or Redis lost it" in eye.gate()


async def test_a_redis_that_comes_back_with_an_older_state_closes_until_a_person_has_looked(eye, link):
    old = link.ask(lambda redis: redis.get(eye.switch.key))
    eye.switch.move(on=True, reason="drill", **WHO)
    await eye.shared.look()
    link.ask(lambda redis: redis.set(eye.switch.key, old))
    await eye.shared.look()
    assert "came back with an older one" in eye.gate()
    eye.switch.move(on=False, reason="looked", by="me", at_ns=99)
    await eye.shared.look()
    assert eye.gate() == ""


async def test_both_gates(eye):
    here = LatchState(on=True, reason="here", by="ann", at_ns=3)
    own = Scoped(scope="market", name="rain", reason="own", by="ann", at_ns=3)
    eye.switch.move(on=True, reason="drill", **WHO)
    eye.switch.move(on=True, reason="theirs", scope="market", name="rain", **WHO)
    eye.switch.move(on=True, reason="theirs", scope="strategy", name="quoter", **WHO)
    await eye.shared.look()
    assert eye.gate() == "shared switch desk: drill"
    both = eye.shared.gate(LatchState(on=True, reason="here", by="ann", at_ns=3, scopes=(own,)))
    assert (both.reason, both.at_ns) == (here.reason, 8)  # a leave that was given in between is over
    assert [s.reason for s in both.scopes] == ["own", "shared switch desk: theirs"]
    eye.switch.move(on=False, reason="fine", **WHO)
    await eye.shared.look()
    assert eye.shared.gate(here).reason == "here"


async def test_a_push_closes_long_before_the_next_look(eye, monkeypatch):
    monkeypatch.setattr(watch, "POLL_S", 3600.0)
    eye.shared._monotonic = time.monotonic
    changes = []
    eye.shared.on_change = lambda: changes.append(eye.shared.state().on)
    async with watching(eye.shared):
        await until(lambda: changes == [False])
        await until(lambda: eye.shared._link.ask(lambda redis: redis.pubsub_numsub(eye.switch.channel))[0][1] == 1)
        await trio.to_thread.run_sync(lambda: eye.switch.move(on=True, reason="drill", **WHO))
        await until(lambda: changes == [False, True])


async def test_without_pushes_the_looks_find_it(eye, monkeypatch):
    async def deaf(_self) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(Shared, "_listen", deaf)
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    async with watching(eye.shared):
        assert eye.gate() == ""
        await trio.to_thread.run_sync(lambda: eye.switch.move(on=True, reason="drill", **WHO))
        await until(lambda: eye.gate() == "shared switch desk: drill")


async def test_listening_goes_on_after_redis_was_away(eye, server, monkeypatch):
    monkeypatch.setattr(watch, "POLL_S", 0.02)
    async with watching(eye.shared):
        server.kill()
        await until(lambda: eye.shared._failure)
        server.start()
        await trio.to_thread.run_sync(lambda: eye.switch.move(on=False, reason="again", **WHO))
        await until(lambda: eye.gate() == "" and not eye.shared._failure)
        await until(lambda: eye.shared._link.ask(lambda redis: redis.pubsub_numsub(eye.switch.channel))[0][1] == 1)


async def test_a_redis_that_does_not_answer_starts_nothing(eye, server):
    server.kill()
    with pytest.raises(ExceptionGroup) as caught:
        async with watching(eye.shared):
            raise AssertionError("it ran")
    (error,) = caught.value.exceptions
    assert isinstance(error, ConfigError)
    assert error.id == "AGB-156"
    server.start()


async def test_its_row_and_its_lease_end_with_it(eye, link):
    eye.shared.leased(WALLET, "bot").take(0)
    async with watching(eye.shared):
        assert [bot.who for bot in eye.switch.heard()] == ["bot"]
        assert (eye.shared.refusal(), eye.shared.lost()) == ("", "")
        eye.shared.carried_out(9, 3, 0)
        await until(lambda: eye.switch.heard()[0].closed_ns == 9)
    switch = SharedSwitch(link, "desk")
    assert switch.heard() == []
    assert link.ask(lambda redis: redis.keys(f"*{WALLET}*:lease")) == []


async def test_an_order_leaves_only_while_the_lease_is_young(eye):
    eye.shared.leased(WALLET, "bot").take(0)
    assert "was not renewed" in eye.shared.refusal()
    await eye.shared.look()
    eye.now += SENDS_S
    assert eye.shared.refusal() == ""
    eye.now += 1
    assert "not renewed for 6 s" in eye.shared.refusal()
    await eye.shared.look()
    assert eye.shared.refusal() == ""


async def test_a_wallet_that_was_taken_stays_taken(eye, link):
    lease = eye.shared.leased(WALLET, "bot")
    lease.take(0)
    await eye.shared.look()
    link.ask(lambda redis: redis.set(lease._keys[1], "8"))
    await eye.shared.look()
    assert "taken with token 8, ours is 1" in eye.shared.lost() == eye.shared.refusal()
    link.ask(lambda redis: redis.set(lease._keys[1], "1"))
    await eye.shared.look()
    assert eye.shared.lost()
    with pytest.raises(ExceptionGroup) as caught:
        async with watching(eye.shared):
            raise AssertionError("it ran")
    assert isinstance(caught.value.exceptions[0], WalletTaken)


async def test_nothing_shared_is_nothing_watched():
    async with watching(None):
        pass
