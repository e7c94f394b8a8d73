"""A wallet's lease at a real Redis: one holder, rising tokens, and nothing is guessed."""

from __future__ import annotations

import pytest

from agbot.errors import ConfigError
from agbot.shared import lease as leases
from agbot.shared.lease import Lease

WALLET = "0xAbC0000000000000000000000000000000000001"


def renewed(lease, link):
    return lease.lost(link.ask(lease.renew))


def test_tokens_rise_above_whatever_anybody_knows(link):
    first = Lease(link, WALLET, "one")
    assert first.take(0) == 1
    first.release()
    assert Lease(link, WALLET.lower(), "two").take(41) == 42


def test_a_holder_that_renews_keeps_others_out_by_name(link):
    holder = Lease(link, WALLET, "pid 7 on box")
    holder.take(0)
    with pytest.raises(ConfigError, match="pid 7 on box") as caught:
        Lease(link, WALLET, "two").take(0, sleep=lambda _s: renewed(holder, link))
    assert caught.value.id == "AGB-149"


def test_the_lease_of_a_dead_holder_is_waited_for_and_its_token_is_out(link, monkeypatch):
    dead = Lease(link, WALLET, "one")
    with monkeypatch.context() as brief:
        brief.setattr(leases, "TTL_S", 0.4)
        dead.take(0)
    second = Lease(link, WALLET, "two")
    assert second.take(0) == 2
    assert "taken with token 2, ours is 1: held by two" in renewed(dead, link)
    second.release()
    assert "held by somebody who let go of it" in renewed(dead, link)
    dead.release()  # of another's there is nothing to let go
    assert renewed(second, link) == ""


def test_one_that_expired_unseen_is_renewed_while_nobody_took_it(link):
    lease = Lease(link, WALLET, "one")
    lease.take(0)
    link.ask(lambda redis: redis.delete(lease._keys[0]))
    assert renewed(lease, link) == ""


@pytest.mark.parametrize("counter", [None, "0", "x"])
def test_a_redis_that_lost_the_counter_is_not_believed(link, counter):
    lease = Lease(link, WALLET, "one")
    lease.take(5)
    keys = lease._keys[1]
    link.ask(lambda redis: redis.delete(keys) if counter is None else redis.set(keys, counter))
    assert f"its counter is {counter or 'gone'}, ours is 6" in renewed(lease, link)


def test_a_lease_without_an_end_is_held(link):
    link.ask(lambda redis: redis.set(Lease(link, WALLET, "x")._keys[0], "9 somebody"))
    with pytest.raises(ConfigError, match="somebody"):
        Lease(link, WALLET, "one").take(0)


def test_a_counter_that_is_no_number_starts_nothing(link):
    lease = Lease(link, WALLET, "one")
    link.ask(lambda redis: redis.set(lease._keys[1], "many"))
    with pytest.raises(ConfigError, match="redis-cli set") as caught:
        lease.take(4)
    assert caught.value.id == "AGB-151"


def test_without_an_answer_nothing_starts(server, link):
    server.kill()
    with pytest.raises(ConfigError) as caught:
        Lease(link, WALLET, "one").take(0)
    assert caught.value.id == "AGB-156"
    server.start()
