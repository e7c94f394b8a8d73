"""Which markets hang together, what is held without a counterpart, and parameters that make no sense."""

from __future__ import annotations

import pytest

from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import Identity, Relations, Universe, complete_set, of_event, same_question
from agbot.strategy.arbitrage.leftover import leftover
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.testing.builders import make_market
from agbot.units import SCALE

YES, NO = Outcome.YES, Outcome.NO


def event(count=3):
    return [make_market(f"m{i}", event_id="e", neg_risk=True) for i in range(count)]


def kinds(universe, market):
    return {(basket.identity, basket.wants[0].side) for basket in universe.baskets(market)}


@pytest.mark.parametrize("exhaustive", [True, False])
def test_every_basket_of_an_event_pays_its_worst_state_by_enumeration(exhaustive):
    paid = {(b.identity, b.wants[0].side): b.pays for b in of_event(["a", "b", "c", "d"], exhaustive=exhaustive)}
    assert paid[Identity.NO_SET, Side.BUY] == 3 * SCALE
    assert paid[Identity.CONVERSION, Side.BUY] == 0
    assert ((Identity.ALL_YES, Side.BUY) in paid) is exhaustive
    if exhaustive:
        assert paid[Identity.ALL_YES, Side.BUY] == SCALE
        assert paid[Identity.ALL_YES, Side.SELL] == -SCALE
        assert paid[Identity.NO_SET, Side.SELL] == -3 * SCALE
        assert paid[Identity.CONVERSION, Side.SELL] == 0
    assert complete_set("a", Side.BUY).pays_at_worst == SCALE
    assert complete_set("a", Side.SELL).pays_at_worst == -SCALE
    assert (same_question("a", "b", 1).pays, same_question("a", "b", 1).pays_at_worst) == (SCALE, 0)


def test_markets_hang_together_by_event_and_by_word():
    markets = [*event(), make_market("x"), make_market("y"), make_market("z", event_id="other")]
    universe = Universe(markets, Relations(implications=[("x", "m1"), ("nowhere", "x")], pairs=[("y", "nowhere", 0)]))
    assert set(universe.cluster("m0")) == {"m0", "m1", "m2", "x"}
    assert universe.cluster("y") == ("y",)
    assert universe.cluster("z") == ("z",)
    assert kinds(universe, "y") == {(Identity.COMPLETE_SET, Side.BUY), (Identity.COMPLETE_SET, Side.SELL)}
    assert (Identity.IMPLICATION, Side.BUY) in kinds(universe, "x")


def test_an_outcome_that_is_out_leaves_the_rest_exhaustive():
    universe = Universe(event(), Relations(exhaustive={"e": 3}), {"m1": NO})
    (basket,) = [b for b in universe.families if b.identity is Identity.ALL_YES]
    assert [want.market for want in basket.wants] == ["m0", "m2"]
    assert basket.pays == SCALE
    assert universe.baskets("m1") == universe.cluster("m1") == ()


def test_a_decided_event_holds_nothing_more():
    universe = Universe([*event(), make_market("x")], Relations(exhaustive={"e": 3}), {"m1": YES})
    assert [universe.cluster(market) for market in ("m0", "m1", "m2", "x")] == [(), (), (), ("x",)]


def test_a_lost_leg_takes_its_states_along():
    (all_yes,) = [b for b in of_event(["a", "b", "c"], exhaustive=True) if b.pays == SCALE]
    left = all_yes.lost("b")
    assert [state.name for state in left.states] == ["a wins", "c wins"]
    assert left.pays == SCALE


FAMILIES = Universe(event(), Relations(exhaustive={"e": 3})).families
ANY = Universe(event(), Relations()).families


@pytest.mark.parametrize(
    ("families", "held", "found"),
    [
        (FAMILIES, {("m0", YES): 10, ("m1", YES): 10, ("m2", YES): 10}, None),
        (FAMILIES, {("m0", YES): 10, ("m1", YES): 10}, (Identity.ALL_YES, [10, 10, 0])),
        (FAMILIES, {("m0", YES): 14, ("m1", YES): 10, ("m2", YES): 10}, None),
        (FAMILIES, {("m0", YES): 15, ("m1", YES): 10, ("m2", YES): 10}, (Identity.ALL_YES, [5, 0, 0])),
        (FAMILIES, {("m0", YES): 10, ("m0", NO): 10}, None),
        (FAMILIES, {("m0", NO): 10}, (Identity.COMPLETE_SET, [0, 10])),
        (FAMILIES, {("m0", NO): 10, ("m1", NO): 10}, None),
        (FAMILIES, {("m0", NO): 20, ("m1", NO): 10, ("m2", NO): 5}, (Identity.COMPLETE_SET, [0, 10])),
        (FAMILIES, {("m0", YES): -10}, None),
        (ANY, {("m0", YES): 10, ("m1", YES): 10, ("m2", YES): 10}, (Identity.COMPLETE_SET, [10, 0])),
        (FAMILIES, {("m0", YES): 12, ("m1", YES): 10, ("m2", YES): 10, ("m1", NO): 7}, (Identity.COMPLETE_SET, [0, 7])),
    ],
)
def test_what_lacks_its_counterpart_is_left_over(families, held, found):
    left = leftover(families, {key: size * SCALE for key, size in held.items()}, 5 * SCALE)
    told = (left.basket.identity, [got // SCALE for got in left.got]) if left else None
    assert told == found


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_profit": "0"},
        {"min_edge": "-0.1"},
        {"depth_part": "1.1"},
        {"depth_part": "0"},
        {"levels": 0},
        {"levels": "1.5"},
        {"confirm_ms": "-1"},
        {"implications": [["a"]]},
        {"pairs": [["a", "b"]]},
        {"pairs": [["a", "b", "1.5"]]},
        {"exhaustive": {"e": "many"}},
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        ArbitrageParams(**wrong)
