"""Whole attempts through the core against a venue that refuses, loses, takes back, fills in parts and answers late."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.portfolio import CarriedPosition
from agbot.core.rules import PositionLimit
from agbot.model.events import (
    MarketResolved,
)
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.plan import Phase
from agbot.units import NS_PER_S, SCALE, notional, to_units
from tests.strategy.arbitrage.bench import BEHAVIOURS, CHEAP, COUNT, GONE, MARKETS, STEP, Bench, books


@pytest.mark.parametrize("first", BEHAVIOURS)
def test_no_combination_of_failures_leaves_a_leg_unhedged(first):
    for others in product(BEHAVIOURS, repeat=COUNT - 1):
        bench = Bench([[first], *([other] for other in others)])
        bench.run_out(60)
        assert bench.strategy.plans == [], (first, others, bench.strategy.metadata())
        assert bench.uneven() < 5 * SCALE, (first, others, bench.held())
        assert bench.worst() >= -to_units("7"), (first, others, bench.worst())
        (plan, proof), *rest = bench.strategy.done
        assert plan.phase is Phase.DONE
        assert proof is not None
        assert not rest


def test_an_attempt_that_goes_well_gains_what_its_proof_says():
    bench = Bench([[], [], []])
    bench.run(30)
    ((plan, proof),) = bench.strategy.done
    assert plan.reason == "53 sets"
    assert bench.worst() == proof.worst > to_units("3")
    assert [o.time_in_force for o in bench.venue.orders] == ["FOK"] * 3
    assert all("YES of all: 53 × (" in o.why and "gains 3.71" in o.why for o in bench.venue.orders)


def test_an_opportunity_that_does_not_last_is_not_traded():
    bench = Bench([[], [], []])
    bench.step()
    bench.step(books(GONE, 2))
    bench.step(books(CHEAP, 3))
    bench.step(books(CHEAP, 4))
    assert bench.venue.orders == []
    bench.run(3)
    assert len(bench.venue.orders) == 3


def test_an_unknown_leg_is_waited_for_and_nothing_is_sent_meanwhile():
    bench = Bench([["lost_and_filled"], [], []], moves=())
    for _ in range(4):
        bench.run(1)
    (plan,) = bench.strategy.plans
    assert plan.phase is Phase.UNKNOWN
    bench.run(3)
    assert len(bench.venue.orders) == 3
    bench.run(30)
    assert bench.held() == [to_units("53")] * 3


def test_a_leg_that_risk_denies_is_unwound_after_tries():
    """Two legs trade and one may never: completing is denied again and again, so the others are given back."""
    bench = Bench([[], [], []], rules=[PositionLimit("m1", to_units("10"))])
    bench.run(200)
    assert bench.strategy.plans == []
    assert bench.held() == [0, 0, 0]
    sides = [order.side for order in bench.venue.orders]
    assert sides == [Side.BUY, Side.BUY, Side.SELL, Side.SELL]


def test_a_book_that_goes_away_is_an_explicit_state():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(100)
    (plan,) = bench.strategy.plans
    assert plan.phase in (Phase.COMPLETING, Phase.UNWINDING)
    assert bench.uneven() == to_units("53")
    told = bench.strategy.metadata()["open"][0]
    assert told["phase"] == plan.phase
    assert told["reason"]
    bench.venue.then = "fills"
    bench.run(300)
    assert bench.strategy.plans == []
    assert bench.uneven() < 5 * SCALE


def test_an_event_that_is_decided_ends_the_plan_and_nothing_is_mended_after():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(10)
    bench.decided = True
    bench.step([MarketResolved(MARKETS[0].id, MARKETS[0].yes, 5)])
    bench.run(30)
    assert bench.strategy.plans == []
    orders = len(bench.venue.orders)
    bench.run(60)
    assert len(bench.venue.orders) == orders
    assert bench.strategy.done[0][0].reason.startswith("a market of it has paid out")


def test_an_outcome_that_is_out_leaves_the_others_to_be_mended():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(10)
    bench.decided = True  # until the next second the strategy does not know
    bench.step([MarketResolved(MARKETS[0].id, MARKETS[0].no, 5)])
    bench.venue.then = "fills"
    bench.run(100)
    assert bench.strategy.plans == []
    assert bench.held()[0] == 0
    assert bench.held()[1] == bench.held()[2]


def carried(*sizes, outcome=Outcome.YES, strategy="arbitrage"):
    return tuple(
        CarriedPosition(m.id, outcome, to_units(size), to_units(size) // 3, strategy)
        for m, size in zip(MARKETS, sizes, strict=True)
        if to_units(size)
    )


@pytest.mark.parametrize(
    ("held", "ends"),
    [
        (("50", "50", "0"), ["0", "0", "0"]),  # 1 − 0.38 brings less than 0.32 + 0.31 for the two
        (("20", "0", "0"), ["0", "0", "0"]),
        (("50", "50", "50"), ["50", "50", "50"]),
        (("50", "52", "50"), ["50", "52", "50"]),  # two shares are too small to trade
        (("50", "57", "50"), ["50", "50", "50"]),
        (("50", "20", "50"), ["20", "20", "20"]),
    ],
)
def test_a_restart_finds_what_is_unhedged_and_mends_it(held, ends):
    bench = Bench([[], [], []], carried=carried(*held), asks=GONE)
    bench.run(40)
    assert bench.held() == [to_units(size) for size in ends]
    assert bench.strategy.plans == []


def test_a_restart_leaves_what_others_hold_alone():
    bench = Bench([[], [], []], carried=carried("50", "0", "0", strategy="quoter"), asks=GONE)
    bench.run(40)
    assert bench.venue.orders == []


@pytest.mark.parametrize(
    ("held", "ends"),
    [
        (("50", "50", "0"), ["50", "50", "50"]),  # 2 − 0.64 beats 1 as it is, and 0.66 + 0.67 when sold
        (("50", "50", "50"), ["50", "50", "50"]),
        (("50", "50", "47"), ["50", "50", "47"]),
    ],
)
def test_no_of_two_is_made_no_of_all_where_that_is_worth_more(held, ends):
    bench = Bench([[], [], []], carried=carried(*held, outcome=Outcome.NO), asks=GONE, decided=True)
    bench.run(40)
    assert bench.held(Outcome.NO) == [to_units(size) for size in ends]
    assert bench.strategy.plans == []


def test_no_of_two_that_pays_as_it_is_is_held():
    """The third NO costs as much as it adds, and the two bring less than the 1 that they pay."""
    dear = ("0.51", "0.51", "0.03")
    bench = Bench([[], [], []], carried=carried("40", "40", "0", outcome=Outcome.NO), asks=dear, decided=True)
    bench.run(40)
    assert bench.venue.orders == []


def test_a_lone_no_is_made_a_complete_set_or_sold():
    bench = Bench([[], [], []], carried=carried("0", "30", "0", outcome=Outcome.NO), asks=GONE)
    bench.run(40)
    no, yes = bench.held(Outcome.NO), bench.held()
    assert no[1] == yes[1]
    assert bench.strategy.plans == []


@given(data=st.data(), seed=st.integers(0, 10**6))
@settings(max_examples=8)
def test_faults_that_go_on_are_mended_when_they_end(data, seed):
    """Repairs fail as well, books move about; once the venue behaves, everything is equal again."""
    turns = st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=4)
    bench, dice = Bench([data.draw(turns) for _ in range(COUNT)], moves=()), random.Random(seed)
    for _ in range(60):
        if bench.venue.orders and dice.random() < 0.3:
            bench.venue.asks = tuple(f"{float(a) + dice.choice((-0.02, -0.01, 0, 0.01, 0.02)):.2f}" for a in GONE)
            bench.step(books(bench.venue.asks, 1 + bench.at * STEP))
        else:
            bench.run(1)
    bench.run(100)
    assert bench.strategy.plans == []
    assert bench.uneven() < 5 * SCALE
    spent = sum(notional(o.price, o.size) for o in bench.venue.orders if o.side is Side.BUY)
    assert spent >= 0
    assert bench.at * STEP > NS_PER_S
