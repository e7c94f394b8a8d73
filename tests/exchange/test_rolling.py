"""Short-lived markets end, pay, and are followed."""

from __future__ import annotations

import attrs

from agbot.exchange.core.model import Listing, Resolved
from agbot.exchange.population import PRESETS
from agbot.exchange.population.rolling import short_lived, successor
from agbot.units import NS_PER_S
from tests.exchange.flow import START_NS
from tests.exchange.living import Living

ROLLING = attrs.evolve(PRESETS["lively"], rolling=True)


def test_a_series_goes_on() -> None:
    living = Living(1, ROLLING, [short_lived(1, i, START_NS, 60 * NS_PER_S) for i in range(2)])
    resolved: list[Listing] = []
    living.core.listeners.append(lambda fact: resolved.append(fact.listing) if isinstance(fact, Resolved) else None)
    living.run(250)
    assert len(resolved) == 8
    listed = list(living.core.listings.values())
    assert len(listed) == 10
    assert len({token for listing in listed for token in listing.tokens}) == 20
    ends = [listing.market.end_ns for listing in listed]
    assert sorted(ends) == sorted([START_NS + n * 60 * NS_PER_S for n in range(1, 6)] * 2)
    assert all(listing.market.tick == 10_000 for listing in listed if listing.winner is None)
    assert all(living.mid(listing) for listing in listed if listing.winner is None)
    assert all(0 <= late.resolved_ns - late.market.end_ns <= NS_PER_S + 1 for late in resolved)
    assert len(living.core.ledger()["wallets"]) == len(living.population.desks)
    living.auditor.check()


def test_prices_know_the_answer_shortly_before_the_end() -> None:
    right = 0
    for seed in range(6):
        first = short_lived(seed, 1, START_NS, 60 * NS_PER_S)
        living = Living(seed, PRESETS["lively"], [first])
        living.run(56)
        mid = living.mid(first)
        living.run(10)
        right += mid is not None and (mid > 0.5) == (first.winner == first.market.yes)
    assert right >= 5


def test_winners_are_paid() -> None:
    first = short_lived(3, 1, START_NS, 60 * NS_PER_S)
    living = Living(3, PRESETS["lively"], [first])
    living.run(80)
    assert first.winner is not None
    assert all(
        living.core.balance(desk.wallet, token) == 0
        for desk in living.population.desks.values()
        for token in first.tokens
    )
    living.auditor.check()


def test_a_market_long_over_is_not_resolved() -> None:
    old = short_lived(4, 1, START_NS - 10**15, 60 * NS_PER_S)
    living = Living(4, PRESETS["calm"], [old])
    living.run(30)
    assert old.winner is None
    assert living.mid(old) is not None


def test_a_successor_after_a_long_sleep_begins_now() -> None:
    first = short_lived(5, 1, START_NS, 60 * NS_PER_S)
    late = START_NS + 10**6 * NS_PER_S
    following = successor(first, late, 1_000)
    assert (following.start_ns, following.market.end_ns) == (late, late + 60 * NS_PER_S)
    assert following.market.tick == 1_000
    assert following.market.slug == f"box-coin-1-up-or-down-{late // NS_PER_S}"
    assert following.market.question.count("until") == 1


def test_ids_look_as_the_venue_makes_them() -> None:
    listing = short_lived(6, 2, START_NS, 300 * NS_PER_S)
    assert len(listing.condition) == 66
    assert set(listing.condition[2:]) <= set("0123456789abcdef")
    for token in listing.tokens:
        assert (int(token) >> 40) & (1 << 64) - 1
        assert int(token).bit_length() == 256
