"""Each type of sizing by its own figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.view import Cancel, Place, View
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side
from agbot.strategy.sized import Sized
from agbot.strategy.sizing import FixedFractional, Kelly, Sizing, VolTarget, at_risk
from agbot.strategy.weighting import MaxDiversification, RiskParity, Weighted
from agbot.testing.builders import make_market, shares
from agbot.units import NS_PER_S, SCALE, notional, to_text, to_units
from tests.strategy.test_quoter import own, view_of
from tests.strategy.test_sized import EQUITY, Says, seen, sizes, together, wish

# Kelly


@pytest.mark.parametrize(
    ("params", "place", "expected"),
    [
        # (0.55 − 0.50)/0.50 = 10 % of 10,000 is 1000 usd, 2000 shares; a quarter of it 500; capped at 1 %: 100 usd.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55"), ["2000"]),
        ({"fraction": "0.25", "cap": 1}, wish("5000", fair="0.55"), ["500"]),
        ({"fraction": 1, "cap": "0.01"}, wish("5000", fair="0.55"), ["200"]),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.55"), ["300"]),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.50"), []),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.40"), []),
        ({"fraction": 1, "cap": 1}, wish("300"), []),
        # A sale at 0.50 of what is worth 0.45 is a purchase of the other at 0.50, worth 0.55.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.45", side=Side.SELL), ["2000"]),
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55", token="m1-no"), ["2000"]),
        # A taker's share costs 0.50 + 4 % of a quarter: (0.55 − 0.51)/0.49 = 8.16 % over 0.51.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55", post_only=False), ["1600.64"]),
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.505", post_only=False), []),
    ],
)
def test_kelly_bets_the_edge_after_fees(params: Mapping[str, Any], place: Place, expected: list[str]) -> None:
    view = seen(market=make_market(fee_rate=40_000))
    assert sizes(Kelly(**params), view, place) == expected


@given(
    fair=st.integers(1, SCALE - 1), more=st.integers(0, 50_000), price=st.integers(1, 99), side=st.sampled_from(Side)
)
def test_kelly_grows_with_the_edge_and_asks_for_one(fair: int, more: int, price: int, side: Side) -> None:
    view, kelly = seen(), Kelly()
    better = min(max(fair + side.sign * more, 1), SCALE - 1)
    here, there = (
        kelly.most(view, wish("1", to_text(price * 10_000), to_text(worth), side=side)).shares
        for worth in (fair, better)
    )
    assert there >= here >= 0
    assert (here > 0) == ((fair - price * 10_000) * side.sign > 0)
    assert notional(at_risk(view, wish("1", to_text(price * 10_000), side=side)), here) <= EQUITY * 0.05 + 1


def test_what_is_held_and_what_rests_count_to_the_position() -> None:
    kelly, place = Kelly(fraction=1, cap=1), wish("5000", fair="0.55")  # the position may be 2000
    assert sizes(kelly, seen(own_yes=shares(500)), place) == ["1500"]
    resting = own("a", remaining="700")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), place) == ["800"]
    gone = Cancel(client_order_id=ClientOrderId("a"), why="moved")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), gone, place) == ["1500"]
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), attrs.evolve(place, replaces="a")) == ["1500"]
    other = own("a", price="0.48", remaining="700", token="m1-no")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[other]), place) == ["1500"]
    assert sizes(kelly, seen(), wish("1200", fair="0.55"), wish("1200", fair="0.55")) == ["1200", "800"]
    assert sizes(kelly, seen(own_yes=shares(2000)), place) == []


# Fixed fractional


@pytest.mark.parametrize(
    ("price", "side", "expected"),
    [("0.50", Side.BUY, "200"), ("0.20", Side.BUY, "500"), ("0.20", Side.SELL, "125"), ("0.33", Side.BUY, "303.03")],
)
def test_a_fixed_part_of_the_equity_is_lost_at_most(price: str, side: Side, expected: str) -> None:
    sizing = FixedFractional(risk="0.01")
    assert sizes(sizing, seen(), wish(price=price, side=side)) == [expected]
    # Each order by itself: what is held or rests does not count.
    assert sizes(sizing, seen(own_yes=shares(99) * side.sign), wish(price=price, side=side)) == [expected]


# Volatility


def watched(sizing: Sizing, *, seconds: int, swing: str = "0.01", markets: int = 1) -> View:
    """Return a view after seconds in which each market's mid jumped up and down by twice the swing."""
    view = seen()
    for second in range(seconds):
        views = []
        for n in range(markets):
            move = to_units(swing) * (1 if (second >> n) % 2 else -1)
            bids, asks = [(480_000 + move, shares(9))], [(520_000 + move, shares(9))]
            now = attrs.evolve(view_of(bids, asks, market=make_market(f"m{n + 1}")), now_ns=10**18 + second * NS_PER_S)
            views.append(attrs.evolve(now, second=True))
        views = together(views)
        for each in views:
            sizing.watch(each)
        view = attrs.evolve(views[0], second=False)
    return view


def test_a_position_moves_by_the_target_at_most() -> None:
    sizing = VolTarget(target="10", leverage=1, period=100)
    early = VolTarget(target="10", leverage=1, period=100)
    assert sizes(early, watched(early, seconds=100), wish("99999")) == []
    view = watched(sizing, seconds=101)
    # 0.08 of a logit a second is 449 for a √year; 10,000 · 10 / (449 · ¼)
    (size,) = sizes(sizing, view, wish("99999"))
    vol = sizing.metadata()["logit_vols"]["m1"]
    assert vol == pytest.approx(0.08 * (365 * 86_400) ** 0.5, rel=0.01)
    assert float(size) * vol * 0.25 == pytest.approx(100_000, rel=0.001)
    two = VolTarget(target="10", leverage=1, period=100)
    assert float(sizes(two, watched(two, seconds=101, markets=2), wish("99999"))[0]) == pytest.approx(
        float(size) / 2, abs=0.01
    )


def test_a_price_that_does_not_move_is_bounded_by_what_it_costs() -> None:
    sizing = VolTarget(target="10", leverage="0.5", period=10)
    view = watched(sizing, seconds=20, swing="0")
    assert sizes(sizing, view, wish("99999")) == ["10000"]
    assert sizes(sizing, view, wish("99999", price="0.2", side=Side.SELL)) == ["6250"]


# Weights


@pytest.mark.parametrize("kind", [RiskParity, MaxDiversification])
def test_weights_are_equal_until_enough_is_known(kind: type[Weighted]) -> None:
    sizing = kind(capital="0.1", least=30, window=40)
    assert sizes(sizing, seen(), wish("99999")) == ["2000"]
    assert sizes(sizing, watched(sizing, seconds=30, markets=2), wish("99999")) == ["1000"]
    assert not sizing.metadata()["known"]
    still = kind(capital="0.1", least=30, window=40)
    watched(still, seconds=65, markets=2, swing="0")
    assert not still.metadata()["known"]


@pytest.mark.parametrize("kind", [RiskParity, MaxDiversification])
def test_a_market_that_moves_less_gets_more_and_all_is_within_the_capital(kind: type[Weighted]) -> None:
    sizing = kind(capital="0.1", least=30, window=120)
    wild, calm, gone = (make_market(name, tick=1_000) for name in ("m1", "m2", "m3"))
    for second in range(125):
        up, over = (1 if second % 2 else -1), (1 if second // 2 % 2 else -1)
        views = []
        for market, move in ((wild, 20_000 * up), (calm, 5_000 * over), (gone, 0)):
            book = view_of([(480_000 + move, 9)], [(520_000 + move, 9)], market=market, trusted=market is not gone)
            views.append(attrs.evolve(book, now_ns=10**18 + second * NS_PER_S, second=True))
        views = together(views)
        for each in views:
            sizing.watch(each)
    told = sizing.metadata()
    assert told["known"]
    assert set(told["parts"]) == {"m1", "m2"}
    # Four times the move and twice as often: √2·4 for both, a little less for Ledoit and Wolf's shrinkage.
    assert 5.2 < told["parts"]["m2"] / told["parts"]["m1"] < 5.66
    placed = [
        place
        for token in ("m1-yes", "m2-yes", "m3-yes")
        for place in Sized(Says(wish("99999", token=token)), sizing).decide(views[1])
        if isinstance(place, Place)
    ]
    assert [place.token for place in placed] == ["m1-yes", "m2-yes"]
    assert sum(notional(place.price, place.size) for place in placed) == pytest.approx(EQUITY // 10, abs=10_000)


@pytest.mark.parametrize("kind", [RiskParity, MaxDiversification])
def test_equal_moves_of_logits_are_equal_exposures_whatever_the_price(kind: type[Weighted]) -> None:
    sizing = kind(capital="0.1", least=30, window=64)
    for second in range(65):
        views = []
        for n, (price, swing) in enumerate(((500_000, 25_000), (200_000, 16_000))):  # 0.1 of a logit, both
            middle = price + swing * (1 if (second >> n) % 2 else -1)
            book = view_of([(middle - 5_000, 9)], [(middle + 5_000, 9)], market=make_market(f"m{n}", tick=1_000))
            views.append(attrs.evolve(book, now_ns=10**18 + second * NS_PER_S, second=True))
        views = together(views)
        for each in views:
            sizing.watch(each)
    (half,), (fifth,) = (
        sizes(sizing, attrs.evolve(views[0], second=False), wish("99999", price=price, token=token))
        for price, token in (("0.50", "m0-yes"), ("0.20", "m1-yes"))
    )
    # m1 moves half as often: √2 times the exposure, less what the shrinkage takes. A share of it can lose 0.80.
    assert float(fifth) * 0.16 / (float(half) * 0.25) == pytest.approx(2**0.5, rel=0.1)
    assert float(half) * 0.5 + float(fifth) * 0.8 == pytest.approx(1000, rel=0.05)


def test_weights_are_taken_now_and_then() -> None:
    sizing, taken = RiskParity(least=5, window=10, every_s=20), []
    for seconds in (1, 15, 20, 25, 45):
        fresh = RiskParity(least=5, window=10, every_s=20)
        watched(fresh, seconds=seconds, markets=2)
        taken.append(fresh.metadata()["known"])
    assert taken == [False, False, False, True, True]
    with pytest.raises(ValueError, match="least is at most window"):
        RiskParity(least=20, window=10)
    assert sizing.metadata()["parts"] == {}
