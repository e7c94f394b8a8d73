"""Where children go and how large they are, and what the order tells of its costs."""

from __future__ import annotations

from fractions import Fraction

import pytest

from agbot.model.order import OrderState, Side
from agbot.strategy.execution import Twap, TwapParams
from agbot.strategy.execution.children import fit
from agbot.strategy.execution.report import Stage
from agbot.testing.builders import levels, make_market, shares
from agbot.units import to_text
from tests.strategy.execution.floor import ASKS, BIDS, Floor, cancels, shown

S = OrderState


def params(**changes):
    plain = {"market": "m1", "total": "100", "end": "100", "slices": 10, "time_jitter": 0, "size_jitter": 0}
    return TwapParams(**{**plain, **changes})


@pytest.mark.parametrize(
    ("changes", "asks", "placed", "why"),
    [
        ({}, ASKS, [("BUY", "0.52", "50")], "buy 50"),
        ({"limit": "0.515"}, ASKS, [], "the best price 0.52 is beyond the limit 0.515"),
        ({"limit": "0.525"}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.53", "50")], "buy 50"),
        ({}, levels(("0.52", "20"), ("0.55", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({"max_slippage": 0}, levels(("0.52", "20"), ("0.53", "90")), [("BUY", "0.52", "20")], "buy 20"),
        ({}, levels(("0.52", "3")), [], "only 3 can be traded now, below the minimum of 5"),
        ({}, (), [], "nobody is there to trade with"),
        ({"style": "join"}, ASKS, [("BUY", "0.48", "50")], "rests at 0.48"),
        ({"style": "join", "limit": "0.455"}, ASKS, [("BUY", "0.45", "50")], "rests at 0.45"),
        ({"side": "SELL"}, ASKS, [("SELL", "0.48", "50")], "sell 50"),
        ({"side": "SELL", "limit": "0.5"}, ASKS, [], "the best price 0.48 is beyond the limit 0.5"),
        ({"side": "SELL", "style": "join"}, ASKS, [("SELL", "0.52", "50")], "rests at 0.52"),
        ({"total": "4"}, ASKS, [], "4 is below the venue's minimum of 5"),
    ],
)
def test_where_a_child_goes(changes, asks, placed, why):
    floor, twap = Floor(yes=shares(1000)), Twap(params(**{"slices": 2, **changes}))
    floor.asks = asks
    assert shown(floor.look(twap)) == placed
    assert why in twap.status.why


def test_joining_follows_others_not_itself():
    """A feed that shows our own order must not make us chase it."""
    floor, twap = Floor(), Twap(params(style="join", tolerance_ticks=0))
    floor.look(twap)
    floor.accept()
    floor.bids = levels(("0.48", "10"), ("0.47", "1000"))  # the others at 0.48 have gone
    assert cancels(floor.look(twap)) == ["o1"]
    floor.cancelled()
    floor.bids = levels(("0.47", "1000"))
    assert shown(floor.look(twap)) == [("BUY", "0.47", "10")]
    floor.accept()
    floor.bids = levels(("0.47", "1010"))
    assert floor.look(twap) == []


def test_the_last_child_takes_a_remainder_along():
    floor, twap = Floor(), Twap(params(total="23", slices=4, size_jitter=0))
    sizes = []
    for _ in range(4):
        sizes += [size for _, _, size in shown(floor.look(twap))]
        floor.fill_all()
        floor.wait(25)
    assert floor.own_yes == shares(23)
    assert min(map(float, sizes)) >= 5


def test_a_remainder_that_could_not_be_placed_again_stays():
    floor, twap = Floor(), Twap(params(total="10", slices=1))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(7))
    floor.asks = levels(("0.53", "1000"))
    assert floor.look(twap) == []
    floor.fill_all()
    floor.look(twap)
    assert twap.status.stage is Stage.DONE


def test_what_a_void_leaves_below_the_minimum_goes_with_the_order_that_rests():
    floor, twap = Floor(), Twap(params(total="20", slices=1, style="join"))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(3))
    floor.cancel_everything()
    floor.look(twap)
    floor.accept()
    floor.void()
    assert cancels(floor.look(twap)) == ["o2"]
    floor.cancelled()
    assert shown(floor.look(twap)) == [("BUY", "0.48", "20")]


def test_steps_of_the_venue_are_kept_and_what_is_below_one_is_undone():
    market = make_market(size_step=10_000)
    floor, twap = Floor(market=market), Twap(params(total="20.005", slices=3))
    for _ in range(4):
        floor.look(twap)
        floor.fill_all()
        floor.wait(33)
    floor.look(twap)
    assert floor.own_yes == shares(20)
    assert twap.status.left == 5000


def test_a_taking_buy_is_worth_a_dollar_at_least():
    floor, twap = Floor(), Twap(params(total="30", slices=5))
    floor.asks, floor.bids = levels(("0.1", "1000")), ()
    placed = []
    for _ in range(5):
        placed += shown(floor.look(twap))
        floor.fill_all()
        floor.wait(20)
    assert placed[0] == ("BUY", "0.1", "10") or float(placed[0][2]) >= 10
    assert floor.own_yes == shares(30)


def test_money_and_shares_bound_a_child():
    floor, twap = Floor(), Twap(params(slices=1))
    floor.cash = shares(26)
    assert shown(floor.look(twap)) == [("BUY", "0.52", "49.999998")]
    floor, twap = Floor(market=make_market(fee_rate=40_000)), Twap(params(slices=1))
    floor.cash = shares(26)
    assert shown(floor.look(twap)) == [("BUY", "0.52", "49.058082")], "26 / (0.52 + 0.04·0.52·0.48)"
    floor, twap = Floor(yes=shares(40)), Twap(params(slices=1, side="SELL"))
    assert shown(floor.look(twap)) == [("SELL", "0.48", "40")]


def test_shares_that_an_order_of_ours_offers_are_not_offered_again():
    floor, twap = Floor(yes=shares(12)), Twap(params(total="20", slices=2, side="SELL"))
    assert shown(floor.look(twap)) == [("SELL", "0.48", "10")]
    floor.wait(50)
    assert floor.look(twap) == []
    assert twap.status.why.startswith("only 2 can be traded now")


@pytest.mark.parametrize(
    ("allowed", "left", "most", "size"),
    [(8, 8, 99, 8), (8, 12, 99, 12), (8, 12, 11, 7), (8, 13, 99, 8), (4, 20, 99, 0), (8, 8, 4, 0), (6, 9, 7, 0)],
)
def test_the_size_of_a_child(allowed, left, most, size):
    assert fit(allowed, left, most, 5, 1) == size


def test_a_remainder_is_what_neither_is_done_nor_works():
    """12 left, of which 4 work: the child is the other 8, not all 12."""
    floor, twap = Floor(), Twap(params(total="20", slices=1))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(16))
    floor.own_yes = shares(8)  # eight were taken back of an order that has ended since
    assert shown(floor.look(twap)) == [("BUY", "0.52", "8")]


def test_no_is_traded_at_its_own_prices():
    floor, twap = Floor(), Twap(params(outcome="no", slices=1))
    floor.bids, floor.asks = levels(("0.40", "1000")), levels(("0.44", "1000"))
    intents = floor.look(twap)
    assert shown(intents) == [("BUY", "0.6", "100")]
    assert intents[0].token == floor.market.no
    floor.fill_all()
    floor.look(twap)
    assert twap.status.stage is Stage.DONE


def test_costs_add_up_to_the_last_digit():
    floor, twap = Floor(), Twap(params(slices=2))
    floor.bids, floor.asks = levels(("0.48", "1000")), levels(("0.51", "1000"))
    floor.look(twap)
    floor.accept()
    floor.fill(floor.orders[0], shares(20), price=510_000)
    floor.fill(floor.orders[0], shares(30), price=500_000)
    floor.asks = levels(("0.55", "1000"))
    floor.print(shares(7), 530_000)
    floor.look(twap)
    found = twap.costs.shortfall(twap.status.left)
    assert found.total == found.delay + found.execution + found.opportunity + found.fees
    told = twap.metadata()
    assert (told["average"], told["arrival"]) == ("0.504", "0.495")
    assert told["execution"] == to_text(20 * 15_000 + 30 * 5_000)
    assert told["opportunity"] == to_text(50 * 20_000)
    assert (told["done"], told["left"], told["side"], told["strategy"]) == ("50", "50", "BUY", "Twap")
    assert found.participation == Fraction(50, 7)


def test_metadata_before_anything_was_seen():
    told = Twap(params()).metadata()
    assert (told["stage"], told["why"], told["average"], told["shortfall"]) == ("waiting", "not asked yet", None, None)


def test_a_policy_that_asks_for_the_value_gets_it():
    floor = Floor()
    place = floor.look(Twap(params(fair="0.6")))[0]
    assert place.fair == 600_000
    assert place.side is Side.BUY
    assert BIDS[0][0] < place.price
