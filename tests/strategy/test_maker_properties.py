"""The market maker by property: on tick, apart, inside; against its own inventory; symmetric; and as the models say."""

from __future__ import annotations

import math
from decimal import Decimal

import attrs
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.view import Place, View
from agbot.model.order import Side
from agbot.quant.horizon import YEAR_NS
from agbot.quant.quotes import Glft, avellaneda_stoikov, inventory_slope
from agbot.strategy.maker import Maker, MakerParams, bounded_variance, cara, glft
from agbot.strategy.signals.fills import FillRate
from agbot.testing.builders import shares
from agbot.units import NS_PER_S, SCALE, complement, notional, on_tick
from tests.strategy.test_quoter import view_of, views, yes_price, yes_side

probabilities = st.floats(0.02, 0.98)
gammas = st.floats(1e-4, 0.5)
ks = st.floats(1, 500)
variances = st.floats(0, 0.25)
SECOND = NS_PER_S


@st.composite
def params(draw: st.DrawFn, anywhere: bool = False) -> MakerParams:
    return MakerParams(
        model=draw(st.sampled_from(["cara", "glft"])),
        size=draw(st.integers(1, 100)),
        levels=draw(st.integers(1, 3)),
        max_position=draw(st.integers(1, 300)),
        gamma=Decimal(draw(st.integers(1, 100_000))) / SCALE,
        k=draw(st.integers(1, 1000)),
        rate=Decimal(draw(st.integers(1, 10**6))) / SCALE,
        logit_vol=draw(st.integers(0, 100)),
        vol_period=0,
        edge=Decimal(draw(st.integers(0, 30_000))) / SCALE,
        tolerance_ticks=draw(st.integers(0, 3)),
        low=0 if anywhere else Decimal(draw(st.integers(0, 300_000))) / SCALE,
        high=1 if anywhere else Decimal(draw(st.integers(600_000, SCALE))) / SCALE,
        reward_usd=draw(st.sampled_from([0, 1, 50])),
        reward_distance=Decimal(draw(st.integers(100, 100_000))) / SCALE,
    )


def ending(view: View, left_s: int, held: int) -> View:
    """Return `view` in a market that ends so many seconds later, of which the maker holds so much."""
    market = msgspec.structs.replace(view.market, end_ns=10**18)
    return attrs.evolve(
        view, market=market, now_ns=10**18 - left_s * SECOND, own_yes=max(held, 0), own_no=-min(held, 0)
    )


@given(rules=params(), view=views(), left_s=st.integers(-10, 10_000), held=st.integers(-shares(300), shares(300)))
def test_every_intent_is_one_the_venue_and_the_inventory_can_take(
    rules: MakerParams, view: View, left_s: int, held: int
) -> None:
    view = ending(view, left_s, held)
    intents = Maker(rules).decide(view)
    places = [i for i in intents if isinstance(i, Place)]
    by_side: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}
    for place in places:
        side, price = yes_side(view, place), yes_price(view, place)
        assert left_s > 300
        assert on_tick(place.price, view.market.tick)
        assert rules.low <= price <= rules.high
        assert price < view.book.best_ask if side is Side.BUY else price > view.book.best_bid
        assert view.market.min_size <= place.size <= rules.size
        assert place.post_only
        assert place.why
        by_side[side].append(price)
        assert all((price - yes_price(view, o)) * side.sign < 0 for o in view.orders if yes_side(view, o) is not side)
    for side, prices in by_side.items():
        placed = sum(p.size for p in places if yes_side(view, p) is side)
        assert not placed or side.sign * view.own_net + placed <= rules.max_position
        standing = sum(yes_side(view, order) is side for order in view.orders)
        assert len(set(prices)) == len(prices) <= max(0, rules.levels - standing)
    assert max(by_side[Side.BUY], default=0) < min(by_side[Side.SELL], default=SCALE)
    assert sum(notional(p.price, p.size) for p in places if p.side is Side.BUY) <= view.cash
    for token, held_settled in ((view.market.yes, view.yes_settled), (view.market.no, view.no_settled)):
        offered = sum(o.remaining for o in view.orders if o.token == token and o.side is Side.SELL)
        sold = sum(p.size for p in places if p.token == token and p.side is Side.SELL)
        assert sold == 0 or sold + offered <= held_settled


@given(rules=params(), view=views())
def test_the_same_views_give_the_same_intents(rules: MakerParams, view: View) -> None:
    view = ending(view, 3000, 0)
    assert Maker(rules).decide(view) == Maker(rules).decide(view)


@given(rules=params(anywhere=True), bid=st.integers(10, 80), width=st.integers(1, 10), held=st.integers(-20, 20))
def test_the_mirrored_market_is_quoted_in_the_mirror(rules: MakerParams, bid: int, width: int, held: int) -> None:
    def quoted(view: View) -> list[tuple[Side, int]]:
        return sorted(
            (yes_side(view, p), yes_price(view, p)) for p in Maker(rules).decide(view) if isinstance(p, Place)
        )

    size, ask = shares(10), bid + width
    here = view_of([(bid * 10_000, size)], [(ask * 10_000, size)])
    there = view_of([((100 - ask) * 10_000, size)], [((100 - bid) * 10_000, size)])
    there = attrs.evolve(there, own_no=shares(max(held, 0)), own_yes=shares(max(-held, 0)))
    here = attrs.evolve(here, own_yes=shares(max(held, 0)), own_no=shares(max(-held, 0)))
    mirrored = sorted((side.other, complement(price)) for side, price in quoted(there))
    # Rounding half a 10⁻⁶ one way only may put a price that is exactly on a tick on the next.
    for (side, mine), (other, theirs) in zip(quoted(here), mirrored, strict=True):
        assert side is other
        assert abs(mine - theirs) <= here.market.tick


# The models


@given(p=probabilities, gamma=gammas, k=ks, q=st.floats(-30, 30), more=st.floats(0.1, 5))
def test_the_reservation_price_falls_as_inventory_grows_and_stays_inside(
    p: float, gamma: float, k: float, q: float, more: float
) -> None:
    here, long = cara(p, q, gamma, k), cara(p, q + more, gamma, k)
    assert 0 < long.reservation < here.reservation < 1
    assert here.bid < here.reservation < here.ask
    assert long.bid < here.bid
    assert long.ask < here.ask


@given(p=probabilities, gamma=gammas, k=ks, q=st.floats(-30, 30), variance=variances, fills=st.floats(0, 1e4))
def test_both_models_are_symmetric(p: float, gamma: float, k: float, q: float, variance: float, fills: float) -> None:
    pairs = [
        (cara(p, q, gamma, k), cara(1 - p, -q, gamma, k)),
        (
            glft(p, q, gamma, k, variance=variance, fills=fills),
            glft(1 - p, -q, gamma, k, variance=variance, fills=fills),
        ),
    ]
    for here, there in pairs:
        assert here.bid == pytest.approx(1 - there.ask, abs=1e-9)
        assert here.ask == pytest.approx(1 - there.bid, abs=1e-9)
        assert here.reservation == pytest.approx(1 - there.reservation, abs=1e-9)


@given(p=probabilities, k=ks, q=st.floats(-10, 10), variance=variances, fills=st.floats(0, 1e4))
def test_without_aversion_it_is_worth_its_probability_and_waits_for_one_over_k(
    p: float, k: float, q: float, variance: float, fills: float
) -> None:
    for priced in (cara(p, q, 1e-6, k), glft(p, q, 1e-6, k, variance=variance, fills=fills)):
        assert priced.reservation == pytest.approx(p, abs=1e-5)
        assert priced.bid == pytest.approx(p - 1 / k, abs=2e-5)
        assert priced.ask == pytest.approx(p + 1 / k, abs=2e-5)


@given(p=probabilities, q=st.integers(-10, 10), gamma=gammas, variance=variances, k=ks)
def test_with_no_fills_to_come_it_is_avellaneda_and_stoikov(
    p: float, q: int, gamma: float, variance: float, k: float
) -> None:
    here, theirs = glft(p, q, gamma, k, variance=variance, fills=0), avellaneda_stoikov(p, q, gamma, variance, k)
    assert here.reservation == pytest.approx(theirs.reservation)
    assert (here.bid, here.ask) == (pytest.approx(theirs.bid), pytest.approx(theirs.ask))


@given(gamma=gammas, variance=st.floats(1e-4, 0.25), k=ks, few=st.floats(0, 100), more=st.floats(0.1, 100))
def test_fills_to_come_relieve_inventory(gamma: float, variance: float, k: float, few: float, more: float) -> None:
    slope = inventory_slope(gamma, variance, k, few)
    assert 0 < inventory_slope(gamma, variance, k, few + more) <= slope <= gamma * variance * (1 + 1e-12)


@pytest.mark.parametrize("horizon", [10.0, 100.0, 1_000.0, 100_000.0])
@pytest.mark.parametrize("q", [-5, -1, 0, 1, 5])
def test_the_closed_form_is_close_to_the_exact_solution(horizon: float, q: int) -> None:
    exact = Glft(most=25, gamma=0.02, sigma=0.0006, k=100, rate=0.05)
    bid, ask = exact.distances(horizon)[q]
    priced = glft(0.5, q, 0.02, 100, variance=0.0006**2 * horizon, fills=0.05 * horizon)
    assert bid is not None
    assert ask is not None
    assert 0.5 - priced.bid == pytest.approx(bid, abs=1e-4)
    assert priced.ask - 0.5 == pytest.approx(ask, abs=1e-4)  # a hundredth of a tick


@pytest.mark.parametrize("q", [-3, 0, 3])
def test_far_from_the_end_it_is_the_published_closed_form(q: int) -> None:
    exact = Glft(most=9, gamma=0.01, sigma=0.3, k=0.3, rate=0.9)
    horizon = 1e5
    priced = glft(0.0, q, 0.01, 0.3, variance=0.09 * horizon, fills=0.9 * horizon)
    assert (-priced.bid, priced.ask) == pytest.approx(exact.far_from_the_end(q))


# The bounded variance


@given(p=probabilities, vol=st.floats(0, 500), hours=st.floats(0.01, 5000), left=st.floats(0.01, 5000))
def test_the_variance_is_bounded_and_all_of_it_at_the_end(p: float, vol: float, hours: float, left: float) -> None:
    ns, end = int(hours * 3600 * SECOND), int(left * 3600 * SECOND)
    most = p * (1 - p)
    assert 0 <= bounded_variance(p, vol, ns, None) <= most
    assert 0 <= bounded_variance(p, vol, ns, end) <= most * (1 + 1e-12)
    assert bounded_variance(p, vol, ns, None) <= bounded_variance(p, vol, ns, end) + 1e-12
    assert bounded_variance(p, vol, end, end) == bounded_variance(p, None, ns, None) == most
    assert bounded_variance(p, vol, ns, None) == pytest.approx(bounded_variance(1 - p, vol, ns, None))


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_towards_a_known_end_a_price_varies_without_any_volatility(part: float) -> None:
    left = 3600 * SECOND
    assert bounded_variance(0.5, 0.0, int(part * left), left) == pytest.approx(
        math.asin(part) / (2 * math.pi), rel=1e-6
    )


def test_a_short_while_moves_a_price_as_its_logit_says() -> None:
    moved = bounded_variance(0.3, 5.0, YEAR_NS // 8760, None)
    assert math.sqrt(moved) == pytest.approx(5.0 * 0.21 * math.sqrt(1 / 8760), rel=0.01)


# How far takers reach


@given(k=ks, rate=st.floats(0.05, 5), seed=st.integers(0, 1000))
def test_a_curve_is_learnt_from_takers(k: float, rate: float, seed: int) -> None:
    dice, curve, at = np.random.default_rng(seed), FillRate(1e9), 10**18
    curve.begin(at)
    for gap, distance in zip(dice.exponential(1 / (2 * rate), 400), dice.exponential(1 / k, 400), strict=True):
        at += int(gap * SECOND) + 1
        curve.update(at, float(distance) + 1e-12)
    found = curve.curve(at)
    assert found is not None
    assert found.ratio == pytest.approx(math.exp(2 * 1.959964 / 20), rel=1e-3)
    assert math.log(found.k / k) == pytest.approx(0, abs=5 / 20)  # five deviations
    assert math.log(found.rate / rate) == pytest.approx(0, abs=5 / 20)


def test_old_takers_fade() -> None:
    curve = FillRate(60)
    curve.begin(0)
    for second in range(1, 1000):
        curve.update(second * SECOND, 0.5 if second < 500 else 0.01)
    found, later = curve.curve(999 * SECOND), curve.curve(1059 * SECOND)
    assert found is not None
    assert later is not None
    assert found.k == pytest.approx(100, rel=0.2)
    assert found.rate == pytest.approx(0.5, rel=0.02)
    assert later.rate == pytest.approx(found.rate / 2, rel=0.01)
    assert later.k == found.k


@pytest.mark.parametrize(("at", "distance"), [(9, 0.1), (10, 0.0), (10, -0.1)])
def test_takers_are_told_in_order_and_away_from_fair_value(at: int, distance: float) -> None:
    curve = FillRate(60)
    curve.update(10, 0.1)
    with pytest.raises(ValueError, match="a distance above 0"):
        curve.update(at, distance)
    with pytest.raises(ValueError, match="half-life"):
        FillRate(0)


def test_nothing_is_known_before_anything_traded() -> None:
    curve = FillRate(60)
    assert curve.curve(10) is None
    curve.begin(5)
    assert curve.curve(10) is None
