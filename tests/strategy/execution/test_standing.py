"""POV, iceberg and pegged by example."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agbot.quant.execution import pov
from agbot.strategy.execution import (
    Iceberg,
    IcebergParams,
    Pegged,
    PeggedParams,
    Pov,
    PovParams,
)
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, make_market, shares
from tests.strategy.execution.floor import Floor, cancels, shown


def at(floor, bid, ask):
    floor.bids, floor.asks = levels((bid, "1000")), levels((ask, "1000"))


# ---------------------------------------------------------------- POV


@pytest.mark.parametrize(
    ("total", "rate", "volumes", "least"),
    [
        (1000, "0.10", [500, 2000, 1500, 4000, 9000], 5),
        (50, "0.5", [20, 20, 20], 5),
        (100, "0.2", [3, 3, 3, 30, 0, 1000], 5),
        (23, "0.25", [40, 8, 8, 8, 100], 5),
    ],
)
def test_pov_sends_what_the_vectors_say(total, rate, volumes, least):
    floor, sent = Floor(market=make_market(min_size=shares(least), size_step=10**6)), []
    algorithm = Pov(PovParams(market="m1", total=total, rate=rate, max_slippage=0))
    floor.asks = levels(("0.5", "10000"))
    floor.look(algorithm)
    for volume in volumes:
        floor.print(shares(volume))
        sent.append(sum(i.size for i in floor.look(algorithm)) // 10**6)
        floor.fill_all()
        own = [fill.size for fill in floor.fills]
        for size in own:
            floor.print(size)
        floor.look(algorithm)
    assert sent == pov(total, Fraction(rate), volumes, least)


def test_our_own_prints_are_no_volume_of_others():
    floor, algorithm = Floor(), Pov(PovParams(market="m1", total=1000, rate="0.5"))
    floor.look(algorithm)
    floor.print(shares(100))
    assert shown(floor.look(algorithm)) == [("BUY", "0.52", "50")]
    floor.fill_all()
    floor.print(shares(50), 520_000)
    assert floor.look(algorithm) == []
    assert algorithm.others == shares(100)


def test_volume_before_the_start_and_after_the_end_does_not_count():
    floor, algorithm = Floor(), Pov(PovParams(market="m1", total=1000, rate="0.5", start="10", end="20"))
    floor.print(shares(100))
    assert floor.look(algorithm) == []
    floor.wait(10)
    floor.print(shares(20))
    assert shown(floor.look(algorithm)) == [("BUY", "0.52", "10")]
    floor.wait(10)
    floor.print(shares(100))
    assert floor.look(algorithm) == []
    assert algorithm.status.stage is Stage.OVER


def test_pov_begins_anew_after_a_restart_with_what_is_done():
    floor = Floor()
    floor.own_yes = shares(30)
    algorithm = Pov(PovParams(market="m1", total=100, rate="0.5", max_child="6"))
    assert floor.look(algorithm) == []
    floor.print(shares(200))
    assert shown(floor.look(algorithm)) == [("BUY", "0.52", "6")]
    floor.fill_all()
    assert shown(floor.look(algorithm)) == [("BUY", "0.52", "6")]


# ---------------------------------------------------------------- iceberg


def iceberg(**changes):
    plain = {"market": "m1", "total": "32", "limit": "0.5", "show": "10"}
    return Iceberg(IcebergParams(**{**plain, **changes}))


def test_an_iceberg_shows_the_next_part_when_one_is_filled():
    floor, algorithm, parts = Floor(), iceberg(), []
    for _ in range(6):
        parts += shown(floor.look(algorithm))
        floor.accept()
        assert floor.look(algorithm) == []
        for order in floor.live:
            floor.fill(order, order.place.size // 2)
        assert floor.look(algorithm) == []
        floor.fill_all()
    assert parts == [("BUY", "0.5", size) for size in ("10", "10", "7", "5")]
    assert floor.own_yes == shares(32)


def test_an_iceberg_that_meets_the_book_takes_within_the_slippage():
    floor, algorithm = Floor(), iceberg(limit="0.60", show="20", max_slippage="0.01")
    floor.asks = levels(("0.52", "8"), ("0.53", "8"), ("0.54", "1000"))
    assert shown(floor.look(algorithm)) == [("BUY", "0.53", "16")]


def test_an_iceberg_stays_where_it_is():
    floor, algorithm = Floor(), iceberg()
    floor.look(algorithm)
    floor.accept()
    at(floor, "0.40", "0.44")
    assert cancels(floor.look(algorithm)) == ["o1"], "the book is better now: it would have traded"
    floor, algorithm = Floor(), iceberg()
    floor.look(algorithm)
    floor.accept()
    at(floor, "0.60", "0.64")
    assert floor.look(algorithm) == []


# ---------------------------------------------------------------- pegged


def pegged(**changes):
    return Pegged(PeggedParams(**{"market": "m1", "total": "20", "tolerance_ticks": 0, **changes}))


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({}, "0.48"),
        ({"offset_ticks": 1}, "0.49"),
        ({"offset_ticks": -2}, "0.46"),
        ({"offset_ticks": 40}, "0.51"),
        ({"peg": "mid"}, "0.5"),
        ({"peg": "ask"}, "0.51"),
        ({"peg": "ask", "offset_ticks": -3}, "0.49"),
        ({"peg": "mid", "limit": "0.485"}, "0.48"),
        ({"side": "SELL", "peg": "ask"}, "0.52"),
        ({"side": "SELL", "peg": "bid"}, "0.49"),
        ({"side": "SELL", "peg": "ask", "limit": "0.555"}, "0.56"),
        ({"outcome": "NO", "peg": "bid"}, "0.48"),
        ({"offset_ticks": -100}, "0.01"),
    ],
)
def test_where_a_peg_is(changes, price):
    floor, algorithm = Floor(yes=shares(100)), pegged(**changes)
    intents = floor.look(algorithm)
    assert [p for _, p, _ in shown(intents)] == [price]
    assert intents[0].post_only


def test_a_mid_between_ticks_is_rounded_away_from_the_other_side():
    floor = Floor(yes=shares(100))
    at(floor, "0.48", "0.51")
    assert shown(floor.look(pegged(peg="mid")))[0][1] == "0.49"
    floor = Floor(yes=shares(100))
    at(floor, "0.48", "0.51")
    assert shown(floor.look(pegged(peg="mid", side="SELL")))[0][1] == "0.5"


def test_a_peg_moves_beyond_its_tolerance_only():
    floor, algorithm = Floor(), pegged(tolerance_ticks=2)
    floor.look(algorithm)
    floor.accept()
    at(floor, "0.50", "0.54")
    assert floor.look(algorithm) == []
    at(floor, "0.51", "0.54")
    assert cancels(floor.look(algorithm)) == ["o1"]
    assert floor.look(algorithm) == []
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("BUY", "0.51", "20")]


def test_a_peg_does_not_climb_on_itself():
    """The feed shows our own order a tick above the others: that is not a better bid to follow."""
    floor, algorithm = Floor(), pegged(offset_ticks=1)
    floor.look(algorithm)
    floor.accept()
    for _ in range(5):
        floor.bids = levels(("0.49", "20"), ("0.48", "1000"))
        assert floor.look(algorithm) == []
    floor.bids = levels(("0.49", "30"), ("0.48", "1000"))
    assert cancels(floor.look(algorithm)) == ["o1"], "somebody joined: now it is their bid too"


def test_a_peg_without_anything_to_follow_waits():
    floor, algorithm = Floor(), pegged(peg="mid")
    floor.bids = ()
    assert floor.look(algorithm) == []
    assert algorithm.status.why == "there is no mid to follow"


def test_a_peg_can_show_a_part():
    floor, algorithm = Floor(), pegged(show="6")
    assert shown(floor.look(algorithm)) == [("BUY", "0.48", "6")]
    floor.fill_all()
    assert shown(floor.look(algorithm)) == [("BUY", "0.48", "6")]
