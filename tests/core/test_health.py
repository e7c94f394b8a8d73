"""A venue's health as the core plans with it: no flapping, what the gate lets through, and old journals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.health import STEADY_S, WELL, Condition, Steadied
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.view import Place
from agbot.model.events import BookSnapshot, Health, MarketListed, Timer, VenueHealth
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.testing.builders import levels, make_market
from agbot.units import SCALE, to_units

MARKET = make_market()
RANK = list(Health)
HELD = CarriedPosition(MARKET.id, Outcome.YES, to_units("100"), to_units("40"), "script")
BUY = Place(token=MARKET.yes, side=Side.BUY, price=to_units("0.50"), size=to_units("20"), why="")


def sale(size: str) -> Place:
    return Place(token=MARKET.yes, side=Side.SELL, price=to_units("0.50"), size=to_units(size), why="")


class Script:
    id = "script"

    def __init__(self) -> None:
        self.wishes: list[Place] = []

    def decide(self, _view):
        wishes, self.wishes = self.wishes, []
        return wishes


class Bench:
    """An engine with a book of 0.45/0.55; 100 YES held where `held`."""

    def __init__(self, *, held: bool = True) -> None:
        self.script, self.now = Script(), 10**18
        settings = EngineSettings(run_id="r", capital=1000 * SCALE, carried=(HELD,) if held else ())
        self.engine = Engine(settings, Gate(()), [self.script])
        bids, asks = levels(("0.45", "500")), levels(("0.55", "500"))
        snapshots = [BookSnapshot(token, bids, asks, 1) for token in (MARKET.yes, MARKET.no)]
        self.step(MarketListed(MARKET, 1), *snapshots)

    def step(self, *events):
        self.now += 1
        return self.engine.step(self.now, list(events))

    def told(self, health: Health, venue: str = MARKET.venue) -> None:
        self.step(VenueHealth(venue, health, "a reason", self.now))

    def denied(self, wish: Place) -> tuple[str, ...]:
        self.script.wishes = [wish]
        (decision,) = self.step(Timer("t", self.now)).output.decisions
        return decision.violated


@pytest.mark.parametrize("size", ["20", "100"])
@pytest.mark.parametrize(
    ("health", "buying", "selling"),
    [
        (Health.HEALTHY, (), ()),
        (Health.DEGRADED, ("VenueDegraded",), ()),
        (Health.DOWN, ("VenueDown",), ("VenueDown",)),
    ],
)
def test_down_stops_every_order_and_degraded_all_but_what_reduces(health, buying, selling, size) -> None:
    bench = Bench()
    bench.told(health)
    assert (bench.denied(BUY), bench.denied(sale(size))) == (buying, selling)


def test_degraded_a_flat_position_takes_no_order_of_either_side() -> None:
    bench = Bench(held=False)
    bench.told(Health.DEGRADED)
    buy_no = Place(token=MARKET.no, side=Side.BUY, price=to_units("0.50"), size=to_units("20"), why="")
    assert (bench.denied(BUY), bench.denied(buy_no)) == (("VenueDegraded",), ("VenueDegraded",))


def test_two_sales_that_reduce_each_and_sell_too_much_together_are_not_both_let_through() -> None:
    bench = Bench()
    bench.told(Health.DEGRADED)
    assert bench.denied(sale("60")) == ()
    assert "VenueDegraded" in bench.denied(sale("60"))


def test_it_is_lifted_when_the_venue_is_told_well_and_never_holds_another_venue() -> None:
    bench = Bench()
    bench.told(Health.DOWN, venue="elsewhere")
    assert bench.denied(BUY) == ()
    bench.told(Health.DOWN)
    assert bench.denied(BUY) == ("VenueDown",)
    bench.told(Health.HEALTHY)
    assert bench.denied(BUY) == ()


def test_a_journal_that_tells_of_no_venue_is_one_of_a_venue_that_is_well() -> None:
    bench = Bench()
    assert bench.engine.state.health(MARKET.venue) is Health.HEALTHY
    assert bench.denied(BUY) == ()


LOOKS = st.lists(st.tuples(st.floats(0.01, 3.0), st.sampled_from(Health)), max_size=60)


@given(LOOKS)
def test_worse_is_told_at_once_better_only_after_a_while_and_no_look_is_flattered(looks) -> None:
    steadied, now_s, history = Steadied(), 0.0, []
    for pause_s, health in looks:
        now_s += pause_s
        history.append((now_s, RANK.index(health)))
        before = RANK.index(steadied.told.health)
        changed = steadied.look(now_s, Condition(health, "" if health is Health.HEALTHY else "so"))
        after = RANK.index(steadied.told.health)
        assert changed == (after != before)
        assert after >= RANK.index(health)
        if after < before:
            recent = [rank for at_s, rank in history if at_s > now_s - STEADY_S]
            assert max(recent) <= after
            assert now_s - history[0][0] >= STEADY_S


@given(st.lists(st.sampled_from(Health), min_size=2, max_size=2), st.integers(1, 200))
def test_a_venue_that_comes_and_goes_is_told_as_the_worse_one_and_changes_twice_at_most(pair, times) -> None:
    steadied = Steadied()
    changes = sum(steadied.look(look * STEADY_S / 3, Condition(pair[look % 2])) for look in range(times))
    assert changes <= 2
    assert steadied.told.health is max(pair[: min(times, 2)], key=RANK.index)


def test_it_is_well_after_two_good_seconds_and_says_nothing_more() -> None:
    steadied = Steadied()
    assert steadied.look(0.0, Condition(Health.DOWN, "deaf"))
    assert not steadied.look(1.0, WELL)
    assert not steadied.look(2.9, WELL)
    assert steadied.look(3.0, WELL)
    assert (steadied.told, steadied.look(9.0, WELL)) == (WELL, False)
