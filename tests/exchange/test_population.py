"""The population: deterministic, alive, solvent, and bounded."""

from __future__ import annotations

import statistics
from collections import Counter

import attrs
import pytest

from agbot.errors import ConfigError
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, Traded
from agbot.exchange.population import PRESETS, Config, Population, preset
from agbot.exchange.population.belief import News
from agbot.exchange.population.desk import Desk
from agbot.exchange.population.wish import Wish
from agbot.model.events import BookSnapshot
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import START_NS, make_listing
from tests.exchange.living import Living

CALM_NEWS = News(volatility=0.002, jump_every_s=1e9)


@pytest.fixture(scope="module")
def lively() -> Living:
    """Five lively minutes."""
    living = Living(11, PRESETS["lively"])
    living.run(300)
    return living


def test_same_seed_same_facts() -> None:
    digests = []
    for seed in (3, 3, 4):
        living = Living(seed, PRESETS["lively"])
        living.run(60)
        digests.append(living.digest)
    assert digests[0] == digests[1] != digests[2]


def test_books_stand_at_once() -> None:
    living = Living(1, PRESETS["calm"])
    living.population.step(living.core, living.now)
    assert all(living.mid(listing) is not None for listing in living.listings)


def test_books_are_two_sided_tight_and_deep(lively: Living) -> None:
    seen = lively.seen
    assert seen.looks > 1450
    assert seen.one_sided < 0.01 * seen.looks
    tight = sum(count for ticks, count in seen.spreads.items() if 1 <= ticks <= 3)
    assert tight > 0.9 * seen.spreads.total()
    deep = sum(count for levels, count in seen.depths.items() if 5 <= levels <= 20)
    assert deep > 0.9 * seen.depths.total()


def test_money_and_mirrors_agree(lively: Living) -> None:
    lively.auditor.check()
    assert lively.core.ledger()["faults"] == []


def test_prices_follow_what_is_fair(lively: Living) -> None:
    assert statistics.mean(lively.seen.errors) < 0.02
    assert abs(statistics.mean(lively.seen.cup_sums) - 1) < 0.02
    assert statistics.quantiles([abs(s - 1) for s in lively.seen.cup_sums], n=20)[-1] < 0.05


def test_every_kind_of_match_happens(lively: Living) -> None:
    assert {"normal", "mint", "merge", "SPLIT", "MERGE"} <= set(lively.kinds)


def test_the_exchange_hardly_ever_says_no(lively: Living) -> None:
    refused: Counter[str] = Counter()
    for desk in lively.population.desks.values():
        refused.update(desk.refused)
    assert refused.total() < 0.05 * lively.facts["OrderTold"]
    assert not [text for text in refused if "tick" in text or "minimum" in text or "accuracy" in text or "Dupl" in text]


def test_news_is_traded_on() -> None:
    """A jump moves the price within seconds, and the informed are those who take."""
    living = Living(2, attrs.evolve(PRESETS["lively"], news=News(volatility=0.0001, jump_every_s=1e9)))
    living.run(20)
    rain = living.listings[0]

    def fair() -> float:
        return living.population.fair(rain.condition) or 0.0

    before = living.mid(rain)
    takers: list[str] = []
    names = {desk.wallet: name for name, desk in living.population.desks.items()}
    living.core.listeners.append(
        lambda fact: (
            takers.append(names[fact.trade.taker.order.new.maker])
            if isinstance(fact, Traded) and fact.trade.listing is rain
            else None
        )
    )
    direction = 1 if fair() < 0.5 else -1
    living.population.shock(rain.condition, direction * 1.5)
    living.run(4)
    assert takers[0].startswith("informed")
    living.run(20)
    after = living.mid(rain)
    assert before is not None
    assert after is not None
    assert abs(after - fair()) < 0.04
    assert (after - before) * direction > 0.1


def test_arbitrage_brings_sums_back() -> None:
    """Bids that sum to more than one are sold to, by baskets of NO that are converted into usd."""
    config = attrs.evolve(PRESETS["lively"], makers=0, noise=0, informed=0, news=CALM_NEWS)
    living = Living(2, config)
    living.run(1)
    cup = living.listings[2:]
    for i, listing in enumerate(cup):
        for side, price in ((Side.BUY, 400_000), (Side.SELL, 450_000)):
            rest(living.core, listing, side, price, 500 * SCALE, living.now, f"{i} {side}")
    living.run(120)
    assert living.kinds["CONVERSION"]
    assert not all(living.core.levels(listing, Side.BUY) for listing in cup)
    living.auditor.check()


def rest(core: Exchange, listing: Listing, side: Side, price: int, size: int, now_ns: int, name: str) -> None:
    """Let somebody else rest an order on YES."""
    desk = Desk(f"outsider {name}", seed=0, salt=0, bankroll=10**15)
    wish = Wish(listing=listing, side=side, price=price, size=size, on_no=side is Side.SELL)
    assert desk.place(core, wish, now_ns) is not None


def test_what_a_market_opened_with_is_taken_over() -> None:
    """Size that is nobody's order goes; its prices are where the population begins."""
    living = Living(4, PRESETS["calm"])
    rain = living.listings[0]
    opening = BookSnapshot(rain.market.yes, ((130_000, 10**12),), ((150_000, 10**12),), living.now)
    living.core.background(opening, living.now)
    living.run(5)
    assert abs((living.mid(rain) or 0) - 0.14) < 0.03
    assert max(size for side in Side for _, size in living.core.levels(rain, side)) < 10**11
    living.auditor.check()


def test_a_market_near_its_edge_gets_a_finer_tick_and_stays_two_sided() -> None:
    listing = make_listing("certain")
    listing.last_price = 980_000
    living = Living(3, attrs.evolve(PRESETS["lively"], news=CALM_NEWS), [listing])
    living.run(120)
    assert listing.market.tick == 1_000
    assert living.seen.one_sided == 0
    living.auditor.check()


def test_a_clock_that_jumps_brings_no_burst() -> None:
    living = Living(6, PRESETS["lively"])
    living.run(30)
    before = living.population.acts
    living.now += 3600 * NS_PER_S
    living.core.advance(living.now)
    living.population.step(living.core, living.now)
    assert living.population.acts - before <= len(living.population._agenda)
    living.auditor.check()


def test_a_clock_that_steps_back_is_followed() -> None:
    living = Living(6, PRESETS["lively"])
    living.run(30)
    population, before = living.population, living.population.acts
    now = living.now - 3600 * NS_PER_S
    for _ in range(200):
        now = population.step(living.core, now)
    assert population.acts - before >= 200
    assert now < living.now - 3000 * NS_PER_S


def test_many_markets_stay_within_the_acts_allowed() -> None:
    living = Living(8, Config(acts_per_s=30.0), [make_listing(f"m{n:03}") for n in range(60)])
    living.run(5)
    before = living.population.acts
    living.run(60)
    assert living.population.acts - before < 60 * 45


def test_no_more_money_than_the_bankroll() -> None:
    living = Living(9, attrs.evolve(PRESETS["lively"], bankroll_usd=300 * SCALE))
    living.run(60)
    assert all(desk.deposited <= 300 * SCALE for desk in living.population.desks.values())
    living.auditor.check()


def test_what_an_earlier_population_left_is_taken_off() -> None:
    living = Living(10, PRESETS["calm"])
    living.run(60)
    old = {order.id for order in living.core.orders.all_living()}
    again = Population(10, living.listings, PRESETS["calm"])
    again.step(living.core, living.now)
    assert old
    assert not old & {order.id for order in living.core.orders.all_living()}
    assert all(living.mid(listing) for listing in living.listings)


def test_a_resolved_market_is_left_alone() -> None:
    living = Living(12, PRESETS["lively"])
    living.run(10)
    rain = living.listings[0]
    living.core.resolve(rain, rain.market.yes, living.now)
    living.run(20)
    assert living.population.fair(rain.condition) is None
    assert living.population.fair(living.listings[1].condition) is not None
    living.auditor.check()


def test_presets_have_names() -> None:
    assert preset("calm") is PRESETS["calm"]
    with pytest.raises(ConfigError, match="calm, lively, stress") as caught:
        preset("frantic")
    assert caught.value.id == "AGB-158"


@pytest.mark.slow
def test_nothing_grows_in_an_hour() -> None:
    living = Living(13, PRESETS["calm"], [make_listing("rain", fee_rate=40_000), make_listing("snow", tick=1_000)])
    counts = []
    for _ in range(8):
        living.run(450)
        counts.append(sum(1 for _ in living.core.orders.all_living()))
        assert all(len(desk.living()) <= 60 for desk in living.population.desks.values())
        assert len(living.population._agenda._heap) < 64 + 5 * len(living.population._agenda)
    assert max(counts) < 2 * min(counts)
    assert max(counts) < 100 * len(living.listings)
    assert living.seen.one_sided < 0.01 * living.seen.looks
    assert living.now == START_NS + 3600 * NS_PER_S
    living.auditor.check()
