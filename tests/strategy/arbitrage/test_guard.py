"""What a basket must pass before it is traded."""

from __future__ import annotations

import attrs
import pytest

from agbot.core.view import NOTHING, OwnOrder, View
from agbot.model.order import OrderState, Side
from agbot.strategy.arbitrage import Arbitrage, ArbitrageParams
from agbot.testing.builders import make_market
from agbot.units import NS_PER_S, to_units

YEAR_NS = 365 * 86_400 * NS_PER_S
CHEAP = ([], [("0.45", "100")], [], [("0.50", "100")])
QUICK = {"confirm_ms": "0", "depth_part": "1"}


TEN = to_units("10")
OPEN = OwnOrder(client_order_id="o", token="m1-yes", side=Side.BUY, price=1, remaining=1, state=OrderState.OPEN)


class Around:
    """The views of one instant."""

    equity = 0

    def __init__(self, views):
        self._views = views
        self.markets = [view.market for view in views.values()]

    def see(self, market):
        return self._views.get(market)


def asked(views, first="m1", *, before=(), strategy=None, **params):
    """Return what the strategy wishes when it is shown a market."""
    strategy = strategy or Arbitrage(ArbitrageParams(**{**QUICK, **params}))
    for look in [*before, views]:
        wishes = strategy.decide(attrs.evolve(look[first], around=Around(look)))
    return wishes


@pytest.fixture
def cheap(see_books):
    return see_books({make_market(min_size=1, end_ns=YEAR_NS): CHEAP})


def test_what_passes_is_traded_leg_by_leg_and_says_what_a_share_is_worth(cheap):
    legs = asked(cheap)
    assert {(leg.token, leg.side, leg.price, leg.size) for leg in legs} == {
        ("m1-yes", Side.BUY, to_units("0.45"), to_units("100")),
        ("m1-no", Side.BUY, to_units("0.50"), to_units("100")),
    }
    assert {leg.token: leg.fair for leg in legs} == {"m1-yes": to_units("0.50"), "m1-no": to_units("0.55")}


@pytest.mark.parametrize(
    ("least", "trades"),
    [
        ({"min_profit": "5"}, True),
        ({"min_profit": "5.01"}, False),
        ({"min_edge": "0.05"}, True),
        ({"min_edge": "0.0501"}, False),
        ({"min_annual": "0.0526"}, True),
        ({"min_annual": "0.0527"}, False),
        ({"min_signal": "1"}, False),  # nothing was told yet that it could stand out from
        ({"cost_per_set": "0.05"}, False),
        ({"cost_per_batch": "4.6"}, False),
        ({"max_age_ms": "1"}, True),
    ],
)
def test_each_threshold_decides(cheap, least, trades):
    assert bool(asked(cheap, **least)) is trades


@pytest.mark.parametrize(
    "changed",
    [
        {"cash": to_units("94.99")},
        {"trusted": False},
        {"now_ns": 61 * NS_PER_S},
        {"orders": [OPEN]},
    ],
)
def test_money_books_and_open_orders_decide(cheap, changed):
    assert asked(cheap)
    assert not asked({market: attrs.evolve(view, **changed) for market, view in cheap.items()})


def test_it_must_have_been_there_without_a_pause(see_books, cheap):
    market = cheap["m1"].market
    gone = see_books({market: ([], [("0.52", "100")], [], [("0.50", "100")])})
    at = lambda views, ms: {m: attrs.evolve(v, now_ns=ms * 10**6) for m, v in views.items()}  # noqa: E731
    assert not asked(at(cheap, 299), before=[at(cheap, 0)], confirm_ms="300")
    assert asked(at(cheap, 300), before=[at(cheap, 0)], confirm_ms="300")
    assert not asked(at(cheap, 300), before=[at(cheap, 0), at(gone, 150)], confirm_ms="300")
    assert asked(at(cheap, 600), before=[at(cheap, 0), at(gone, 150), at(cheap, 300)], confirm_ms="300")


def test_a_mispricing_must_stand_out_from_its_own_past(see_books):
    market = make_market(min_size=1)
    usual = see_books({market: ([], [("0.47", "100")], [], [("0.50", "100")])})
    wide = see_books({market: CHEAP})
    past = [{m: attrs.evolve(v, second=True) for m, v in views.items()} for views in [usual, wide, *[usual] * 8]]
    told = {m: attrs.evolve(v, second=True) for m, v in wide.items()}
    params = {"min_signal": "1.5", "signal_period": 10, "min_profit": "4"}
    assert asked(told, before=past, **params)
    assert not asked(told, before=[told] * 10, **params)


@pytest.mark.parametrize(("loss", "trades"), [("0", False), ("94", False), ("95", True)])
def test_a_pair_is_traded_only_for_a_loss_that_was_allowed(see_books, loss, trades):
    ours, theirs = make_market("ours", min_size=1), make_market("theirs", min_size=1)
    views = see_books({ours: ([], [("0.45", "100")], [], []), theirs: ([], [], [], [("0.50", "100")])})
    assert bool(asked(views, "ours", pairs=[["ours", "theirs", "0.01"]], max_pair_loss=loss)) is trades


def test_an_attempt_that_ended_is_followed_by_a_pause(cheap):
    strategy = Arbitrage(ArbitrageParams(**QUICK, cooldown_ms="1000"))
    assert asked(cheap, strategy=strategy)
    later = lambda ms: {m: attrs.evolve(v, now_ns=1 + ms * 10**6) for m, v in cheap.items()}  # noqa: E731
    assert not asked(later(1), strategy=strategy)  # nothing of it is live or held: it ended with nothing
    assert strategy.done[0][0].reason == "0 sets"
    assert not asked(later(1000), strategy=strategy)
    assert asked(later(1001), strategy=strategy)


def test_a_view_that_stands_alone_is_no_reason_to_fail(see_books):
    (view,) = see_books({make_market(event_id="e", neg_risk=True): CHEAP}).values()
    assert isinstance(view, View)
    assert view.around is NOTHING
    assert Arbitrage(ArbitrageParams(**QUICK)).decide(view)


def test_a_held_set_is_sold_where_it_brings_more_than_it_pays(see_books):
    rich = see_books({make_market(min_size=1): ([("0.56", "40")], [], [("0.50", "40")], [])}, {"m1": (TEN, TEN)})
    assert {(leg.token, leg.side) for leg in asked(rich)} == {("m1-yes", Side.SELL), ("m1-no", Side.SELL)}


@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_left_over_waits_until_all_books_are_there(see_books, trusted):
    """Of three legs two are held; the third is to be had, but its book may not have come yet."""
    markets = [make_market(f"m{i}", event_id="e", neg_risk=True, min_size=1) for i in range(3)]
    rows = ([("0.30", "100")], [("0.32", "100")], [("0.68", "100")], [("0.70", "100")])
    views = see_books(dict.fromkeys(markets, rows), {"m0": (TEN, 0), "m1": (TEN, 0)})
    views = {m: attrs.evolve(v, trusted=trusted or m != "m2") for m, v in views.items()}
    wishes = asked(views, exhaustive={"e": 3})
    assert [(wish.token, wish.side) for wish in wishes] == ([("m2-yes", Side.BUY)] if trusted else [])
