"""The algorithms that follow volume, prices and triggers, each by example."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agbot.core.view import Cancel, Place
from agbot.model.order import OrderState, Side
from agbot.quant.execution import pov
from agbot.strategy.execution import (
    ALGORITHMS,
    Bracket,
    BracketParams,
    Iceberg,
    IcebergParams,
    Oco,
    OcoParams,
    Pegged,
    PeggedParams,
    Pov,
    PovParams,
    Stop,
    StopParams,
    Trailing,
    TrailingParams,
)
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, make_market, shares
from agbot.units import to_text
from tests.strategy.execution.floor import T0, Floor

S = OrderState
SOON = "2026-02-25T06:23:20Z"
"""Ten minutes after the floor opens."""


def shown(intents):
    return [(i.side.value, to_text(i.price), to_text(i.size)) for i in intents if isinstance(i, Place)]


def cancels(intents):
    return [i.client_order_id for i in intents if isinstance(i, Cancel)]


def at(floor, bid, ask):
    floor.bids, floor.asks = levels((bid, "1000")), levels((ask, "1000"))


def test_the_floor_opens_when_these_tests_think():
    params = BracketParams(market="m1", total=9, limit="0.5", target="0.6", trigger="0.4", end=SOON)
    assert params.end.at(0) == T0 + 600 * 10**9


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


# ---------------------------------------------------------------- stop and trailing


def stop(**changes):
    return Stop(StopParams(**{"market": "m1", "total": "50", "trigger": "0.40", **changes}))


@pytest.mark.parametrize(
    ("source", "side", "trigger", "quotes", "fires"),
    [
        ("mid", "SELL", "0.40", ("0.39", "0.41"), True),
        ("mid", "SELL", "0.40", ("0.40", "0.41"), False),
        ("bid", "SELL", "0.40", ("0.40", "0.45"), True),
        ("bid", "SELL", "0.40", ("0.41", "0.45"), False),
        ("ask", "SELL", "0.40", ("0.30", "0.41"), False),
        ("ask", "SELL", "0.40", ("0.30", "0.40"), True),
        ("mid", "BUY", "0.60", ("0.59", "0.61"), True),
        ("mid", "BUY", "0.60", ("0.59", "0.60"), False),
        ("ask", "BUY", "0.60", ("0.50", "0.60"), True),
        ("bid", "BUY", "0.60", ("0.59", "0.65"), False),
        ("last", "SELL", "0.40", ("0.30", "0.32"), False),
    ],
)
def test_what_sets_a_stop_off(source, side, trigger, quotes, fires):
    floor, algorithm = Floor(yes=shares(100)), stop(source=source, side=side, trigger=trigger)
    at(floor, *quotes)
    assert bool(floor.look(algorithm)) == fires == algorithm.fired


def test_the_last_print_sets_a_stop_off_seen_from_its_token():
    floor, algorithm = Floor(yes=shares(100)), stop(source="last")
    floor.print(shares(1), 590_000, floor.market.no)
    assert floor.look(algorithm) == []
    floor.print(shares(1), 600_000, floor.market.no)
    assert shown(floor.look(algorithm)) == [("SELL", "0.48", "50")]


def test_a_stop_is_not_set_off_by_a_book_that_is_not_trusted_or_one_sided():
    floor, algorithm = Floor(yes=shares(100)), stop()
    at(floor, "0.10", "0.12")
    floor.trusted = False
    assert floor.look(algorithm) == []
    floor.trusted, floor.bids = True, ()
    floor.look(algorithm)
    assert not algorithm.fired


def test_a_stop_stays_set_off_and_goes_on_until_it_is_done():
    floor, algorithm = Floor(yes=shares(100)), stop()
    floor.bids, floor.asks = levels(("0.39", "20"), ("0.38", "10")), levels(("0.40", "5"))
    assert shown(floor.look(algorithm)) == [("SELL", "0.38", "30")]
    floor.fill_all()
    at(floor, "0.50", "0.52")
    assert shown(floor.look(algorithm)) == [("SELL", "0.5", "20")]
    again = stop()
    floor.cancel_everything()
    assert shown(floor.look(again)) == [("SELL", "0.5", "20")], "it had begun before the restart"
    floor.fill_all()
    floor.look(again)
    assert again.status.stage is Stage.DONE


def test_a_stop_limit_waits_at_its_limit():
    floor, algorithm = Floor(yes=shares(100)), stop(limit="0.385")
    at(floor, "0.30", "0.36")
    assert floor.look(algorithm) == []
    assert algorithm.status.why == "the best price 0.3 is beyond the limit 0.385"
    at(floor, "0.39", "0.45")
    assert shown(floor.look(algorithm)) == [("SELL", "0.39", "50")]


def test_a_stop_sells_no_more_than_is_held_and_settled():
    floor, algorithm = Floor(yes=shares(12)), stop(trigger="0.6")
    assert shown(floor.look(algorithm)) == [("SELL", "0.48", "12")]


def trailing(**changes):
    return Trailing(TrailingParams(**{"market": "m1", "total": "50", "distance": "0.05", "source": "bid", **changes}))


def test_a_trailing_stop_follows_up_and_never_down():
    floor, algorithm = Floor(yes=shares(100)), trailing()
    seen = []
    for bid in ("0.48", "0.55", "0.52", "0.60", "0.56"):
        at(floor, bid, "0.70")
        assert floor.look(algorithm) == []
        seen.append(to_text(algorithm.trigger))
    assert seen == ["0.43", "0.5", "0.5", "0.55", "0.55"]
    at(floor, "0.55", "0.70")
    assert shown(floor.look(algorithm)) == [("SELL", "0.55", "50")]


def test_a_trailing_buy_follows_down():
    floor, algorithm = Floor(), trailing(side="BUY", source="ask", trigger="0.55")
    for ask, where in (("0.52", "0.55"), ("0.40", "0.45"), ("0.44", "0.45")):
        at(floor, "0.10", ask)
        assert floor.look(algorithm) == []
        assert to_text(algorithm.trigger) == where
    at(floor, "0.10", "0.45")
    assert shown(floor.look(algorithm)) == [("BUY", "0.45", "50")]


def test_a_trailing_stop_after_a_restart_is_no_worse_than_its_trigger():
    floor = Floor(yes=shares(100))
    at(floor, "0.44", "0.70")
    algorithm = trailing(trigger="0.43")
    assert floor.look(algorithm) == []
    assert to_text(algorithm.trigger) == "0.43"
    floor.own_yes = shares(-10)
    assert shown(floor.look(trailing())) == [("SELL", "0.44", "40")], "it had begun"


# ---------------------------------------------------------------- OCO


def oco(**changes):
    return Oco(OcoParams(**{"market": "m1", "total": "50", "trigger": "0.40", "target": "0.60", **changes}))


def test_one_cancels_the_other_and_waits_until_it_is_gone():
    floor, algorithm = Floor(yes=shares(100)), oco()
    assert shown(floor.look(algorithm)) == [("SELL", "0.6", "50")]
    floor.accept()
    floor.fill(floor.orders[0], shares(20))
    at(floor, "0.39", "0.41")
    intents = floor.look(algorithm)
    assert (cancels(intents), shown(intents)) == (["o1"], [])
    floor.fill(floor.orders[0], shares(10))  # it filled while its cancel was under way
    assert floor.look(algorithm) == []
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("SELL", "0.39", "20")]
    at(floor, "0.48", "0.52")
    floor.fill_all()
    floor.look(algorithm)
    assert floor.own_yes == -shares(50)
    assert algorithm.status.stage is Stage.DONE


def test_an_oco_that_buys():
    floor, algorithm = Floor(), oco(side="BUY", trigger="0.60", target="0.40")
    assert shown(floor.look(algorithm)) == [("BUY", "0.4", "50")]
    floor.accept()
    at(floor, "0.60", "0.62")
    floor.look(algorithm)
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("BUY", "0.62", "50")]


# ---------------------------------------------------------------- bracket


def bracket(**changes):
    plain = {"market": "m1", "total": "50", "limit": "0.50", "target": "0.60", "trigger": "0.40", "end": SOON}
    return Bracket(BracketParams(**{**plain, **changes}))


def test_a_bracket_protects_what_it_entered_and_no_more():
    floor, algorithm = Floor(), bracket()
    assert shown(floor.look(algorithm)) == [("BUY", "0.5", "50")]
    floor.accept()
    floor.fill(floor.orders[0], shares(20))
    assert shown(floor.look(algorithm)) == [("SELL", "0.6", "20")]
    floor.accept()
    floor.fill(floor.orders[0], shares(3))
    assert cancels(floor.look(algorithm)) == ["o2"], "three alone are below the minimum: all go together"
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("SELL", "0.6", "23")]
    at(floor, "0.39", "0.41")
    floor.accept()
    assert sorted(cancels(floor.look(algorithm))) == ["o1", "o3"]
    floor.fill(floor.orders[0], shares(7))
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("SELL", "0.39", "30")]
    at(floor, "0.48", "0.52")
    floor.accept()
    floor.fill(floor.live[0], shares(30))
    assert floor.look(algorithm) == []
    assert (floor.own_yes, algorithm.status.stage) == (0, Stage.DONE)
    floor.wait(10)
    assert floor.look(algorithm) == [], "and does not enter again"


def test_a_bracket_takes_its_profit():
    floor, algorithm = Floor(), bracket()
    floor.look(algorithm)
    floor.fill_all()
    assert shown(floor.look(algorithm)) == [("SELL", "0.6", "50")]
    floor.accept()
    floor.fill(floor.live[0], shares(30))
    assert floor.look(algorithm) == []
    floor.fill_all()
    floor.look(algorithm)
    assert (floor.own_yes, algorithm.status.stage) == (0, Stage.DONE)


def test_a_bracket_that_sells_first():
    floor = Floor(yes=shares(100))
    algorithm = bracket(side="SELL", limit="0.50", target="0.40", trigger="0.60")
    assert shown(floor.look(algorithm)) == [("SELL", "0.5", "50")]
    floor.fill_all()
    assert shown(floor.look(algorithm)) == [("BUY", "0.4", "50")]
    floor.accept()
    at(floor, "0.60", "0.62")
    floor.look(algorithm)
    floor.cancelled()
    assert shown(floor.look(algorithm)) == [("BUY", "0.62", "50")]


def test_a_bracket_enters_until_its_end_and_protects_after_it():
    floor, algorithm = Floor(), bracket()
    floor.look(algorithm)
    floor.accept()
    floor.fill(floor.orders[0], shares(20))
    floor.wait(600)
    intents = floor.look(algorithm)
    assert (cancels(intents), shown(intents)) == (["o1"], [("SELL", "0.6", "20")])
    floor.cancelled()
    floor.cancel_everything()
    again = bracket()
    assert shown(floor.look(again)) == [("SELL", "0.6", "20")]
    floor.fill_all()
    floor.look(again)
    assert again.status.stage is Stage.DONE
    assert floor.look(bracket()) == []


def test_a_bracket_does_not_enter_past_its_stop():
    floor, algorithm = Floor(), bracket()
    at(floor, "0.38", "0.40")
    assert floor.look(algorithm) == []
    assert algorithm.status.why == "the price is past the stop"


def test_an_entry_that_is_denied_does_not_silence_the_way_out():
    floor, algorithm = Floor(), bracket()
    floor.look(algorithm)
    floor.accept()
    floor.fill(floor.orders[0], shares(20))
    floor.orders[0].state = S.CANCELLED
    floor.look(algorithm)
    floor.cancel_everything()
    floor.denies = ("BuyingPower",)
    floor.look(algorithm)
    floor.denied = [no for no in floor.denied if no.side is Side.BUY]
    floor.denies = ()
    assert shown(floor.look(algorithm)) == [("SELL", "0.6", "20")]


# ---------------------------------------------------------------- the list


def test_each_is_listed_under_its_name():
    assert list(ALGORITHMS) == [
        "twap", "vwap", "pov", "shortfall", "iceberg", "pegged", "stop", "trailing", "bracket", "oco",
    ]  # fmt: skip
