"""Stop, trailing stop, OCO and bracket by example."""

from __future__ import annotations

import pytest

from agbot.model.order import OrderState, Side
from agbot.strategy.execution import (
    Bracket,
    BracketParams,
    Oco,
    OcoParams,
    Stop,
    StopParams,
    Trailing,
    TrailingParams,
)
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, shares
from agbot.units import to_text
from tests.strategy.execution.floor import T0, Floor, cancels, shown

S = OrderState
SOON = "2026-02-25T06:23:20Z"
"""Ten minutes after the floor opens."""


def at(floor, bid, ask):
    floor.bids, floor.asks = levels((bid, "1000")), levels((ask, "1000"))


def test_the_floor_opens_when_these_tests_think():
    params = BracketParams(market="m1", total=9, limit="0.5", target="0.6", trigger="0.4", end=SOON)
    assert params.end.at(0) == T0 + 600 * 10**9


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
