"""What can be lost, against trying every end with every set of fills; and that more is never less."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.rules.account import (
    DAY_NS,
    EventExposure,
    ExpectedShortfallLimit,
    GreeksLimit,
    MaxLoss,
    MaxPositions,
    PositionPct,
    VarLimit,
)
from agbot.core.rules.orders import FatFinger, MinEdge, OrderRate, PriceBand, SelfTrade, SlippageGuard
from agbot.core.view import Place
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.quant.horizon import Horizon
from agbot.testing.account import Account
from agbot.testing.builders import make_market
from agbot.units import SCALE, notional

RACE = [make_market(name, event_id="race", neg_risk=True) for name in ("red", "blue", "green")]
ALONE = [make_market(name, event_id="day") for name in ("rain", "heat")]
MARKETS = [*RACE, *ALONE]
CENTS = st.integers(1, 99)
SIZES = st.integers(5, 300)


@st.composite
def orders(draw, *, post_only=True):
    market = draw(st.sampled_from(MARKETS))
    return {
        "market": market,
        "outcome": draw(st.sampled_from(list(Outcome))),
        "side": draw(st.sampled_from(list(Side))),
        "price": f"0.{draw(CENTS):02}",
        "size": str(draw(SIZES)),
        "post_only": post_only or draw(st.booleans()),
    }


@st.composite
def accounts(draw, *rules):
    places = st.tuples(st.sampled_from([m.id for m in MARKETS]), st.sampled_from(list(Outcome)))
    held = draw(st.dictionaries(places, st.tuples(SIZES.map(str), st.integers(1, 200).map(str)), max_size=5))
    account = Account(*rules, markets=MARKETS, held=held, bid="0.30", ask="0.34", capital=100_000)
    for order in draw(st.lists(orders(), max_size=5)):
        account.wish(**order)
    return account


def ends(markets):
    """Every way these may resolve: of the race one wins, or none that is known."""
    race = [m for m in markets if m.neg_risk]
    alone = [m for m in markets if not m.neg_risk]
    for winner in (*race, None) if race else (None,):
        for answers in product([True, False], repeat=len(alone)):
            yield {**{m.id: m is winner for m in race}, **{m.id: a for m, a in zip(alone, answers, strict=True)}}


def tried(account, markets):
    """The most that is lost over every end and every set of live orders that fill."""
    portfolio, live = account.engine.portfolio, [r for m in markets for r in account.engine.oms.live(m.id)]
    worst = None
    for end in ends(markets):
        profit = 0
        for market in markets:
            holding = portfolio.holding(market)
            paid = holding.size(Outcome.YES) if end[market.id] else holding.size(Outcome.NO)
            profit += paid - max(holding.cost, holding.value)
        for fills in product([True, False], repeat=len(live)):
            made = 0
            for record in (r for r, filled in zip(live, fills, strict=True) if filled):
                command = record.command
                wins = end[command.market] == (account.markets[command.market].outcome(command.token) is Outcome.YES)
                usd = notional(command.price, record.remaining)
                made += command.side.sign * (record.remaining * wins - usd)
            worst = max(-(profit + made), worst) if worst is not None else -(profit + made)
    return worst


@settings(deadline=None, max_examples=60)
@given(accounts())
def test_the_worst_case_is_the_worst_of_all_cases(account):
    losses = account.engine.admission.losses
    for markets in (RACE, ALONE):
        assert losses.worst(markets) == tried(account, markets)
    for market in ALONE:
        assert losses.stake(market).worst == tried(account, [market])


@settings(deadline=None, max_examples=40)
@given(accounts(), st.lists(orders(), min_size=1, max_size=3), st.sampled_from([None, Horizon(7 * DAY_NS, 2.0)]))
def test_what_is_told_at_a_look_is_never_less_than_what_is_worked_out(account, more, horizon):
    """Orders since the law was made only add to the bound; what vega is kept is what it is."""
    outlook, losses = account.engine.admission.outlook, account.engine.admission.losses
    for order in more:
        for market in MARKETS:
            var, shortfall = outlook.bound(market, account.now, horizon, 0.95, losses.stake(market))
            rest, own = outlook.others(market, account.now, horizon), outlook.law(market, account.now, horizon)
            step = max(rest.step, outlook._whole(account.now, horizon).tail.step)
            assert rest.var(0.95, own) <= var + 4 * step
            assert rest.shortfall(0.95, own) <= shortfall + 4 * step / 0.05
            exactly = sum(outlook.greeks(m)[0] for m in (RACE[0], *ALONE)) - outlook.greeks(market)[0]
            assert outlook.others_vega(market, account.now) == pytest.approx(exactly)
        account.wish(**order)


USD = st.integers(0, 200).map(lambda usd: usd * SCALE)
PARTS = st.integers(0, 5_000)
RULES = st.one_of(
    USD.map(MaxLoss),
    PARTS.map(PositionPct),
    PARTS.map(EventExposure),
    st.integers(0, 3).map(MaxPositions),
    st.builds(VarLimit, max_var_usd=USD, time_horizon_days=st.sampled_from([0, 7])),
    st.builds(ExpectedShortfallLimit, max_es_usd=USD),
    st.builds(GreeksLimit, USD, USD, USD),
    st.builds(FatFinger, USD, USD),
    st.integers(0, 3).map(OrderRate),
    st.integers(0, 200_000).map(PriceBand),
    st.just(SelfTrade()),
    st.integers(0, 200_000).map(MinEdge),
    st.builds(SlippageGuard, st.integers(0, SCALE), st.none() | st.integers(0, 100_000)),
)


def asked(order, size, fair=0):
    return Place(
        token=order["market"].token(order["outcome"]),
        side=order["side"],
        price=int(order["price"][2:]) * SCALE // 100,
        size=size * SCALE,
        why="",
        post_only=order["post_only"],
        fair=fair * SCALE // 100,
    )


@settings(deadline=None, max_examples=200)
@given(accounts(), RULES, orders(post_only=False), CENTS, st.data())
def test_a_larger_order_never_passes_where_a_smaller_failed(account, rule, order, fair, data):
    larger = int(order["size"])
    smaller = data.draw(st.integers(1, larger))

    def denied(size):
        place = asked(order, size, fair)
        return rule.violated(account.engine.admission.exposure(account.now, order["market"], place))

    assert not denied(smaller) or denied(larger)


@settings(deadline=None, max_examples=300)
@given(accounts(), st.one_of(PARTS.map(PositionPct), PARTS.map(EventExposure)), orders(post_only=False))
def test_what_a_part_of_the_equity_lets_pass_is_within_it_or_makes_nothing_worse(account, rule, order):
    """Also where it makes the position of its own market smaller: another's may have leant on it."""
    admission, market, place = account.engine.admission, order["market"], asked(order, int(order["size"]))
    markets = admission.losses.sector(market) if isinstance(rule, EventExposure) else [market]
    if not rule.violated(admission.exposure(account.now, market, place)):
        before = admission.losses.worst(markets)
        after = admission.losses.worst(markets, {market.id: admission.losses.stake(market, place)})
        assert after <= max(before, account.engine.portfolio.equity() * rule.max_pct // SCALE)
