"""Property 12: what is reported gains in every state, more is never worse, and nothing is where a measure exists."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.book import OrderBook
from agbot.core.view import View
from agbot.model.fees import taker_fee
from agbot.model.market import Outcome
from agbot.model.order import Side
from agbot.strategy.arbitrage.baskets import Universe, complete_set, of_event
from agbot.strategy.arbitrage.certificate import Offer, bound_of, certify
from agbot.strategy.arbitrage.detect import find
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.proof import verify
from agbot.strategy.arbitrage.walk import ends, unit
from agbot.testing.builders import levels, make_market
from agbot.units import SCALE, to_units, token_value

ROUNDING = 22
"""What rounding of one fill may cost: 10⁻⁵ usd of its fee and 10⁻⁶ of its price, before and after."""


def free(**changes):
    """Parameters that ask nothing of a size but what the market does."""
    return ArbitrageParams(
        **{"depth_part": "1", "max_capital": "1000000", "min_order": "0", "whole_cents": False, **changes}
    )


def event(count, **changes):
    return [make_market(f"m{i}", event_id="e", neg_risk=True, min_size=1, **changes) for i in range(count)]


def books_of(proof, views):
    return {leg.token: views[leg.market.id].books[leg.want.outcome] for leg in proof.legs}


def best(universe, views, params):
    found = [find(basket, views.get, params) for market in universe.markets for basket in universe.baskets(market)]
    return max((p for p in found if p), key=lambda p: p.worst, default=None)


def offers_of(views, states):
    wants = [want for market in views for want in complete_set(market, Side.BUY).wants]
    return [Offer(views[w.market].market, w, views[w.market].books[w.outcome].top(1, 99)) for w in wants]


ticks = st.integers(1, 99)
sizes = st.integers(1, 300)
ladders = st.dictionaries(ticks, sizes, min_size=1, max_size=4)
rates = st.sampled_from([0, 10_000, 30_000, 70_000])


def priced(markets, asks):
    """Views in which each token has its own asks, as (cents → shares)."""
    views = {}
    for market, (yes, no) in zip(markets, asks, strict=True):
        books = {}
        for outcome, rows in ((Outcome.YES, yes), (Outcome.NO, no)):
            books[outcome] = OrderBook(market.tick)
            books[outcome].snapshot((), tuple((10_000 * p, SCALE * s + 1) for p, s in rows.items()), 1)
        views[market.id] = View(
            now_ns=1, market=market, books=books, yes_size=0, no_size=0, orders=(), cash=10**12, trusted=True
        )
    return views


events = st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(ladders, ladders), min_size=n, max_size=n))


def most(markets, asks, params):
    proof = best(Universe(markets, params.relations), priced(markets, asks), params)
    return (proof.worst, sum(len(leg.taken) for leg in proof.legs), proof) if proof else (0, 0, None)


def charged(leg):
    """Return what the venue takes for a leg's levels, by its own rounding."""
    market, yes = leg.market, leg.want.outcome is Outcome.YES
    return sum(
        token_value(price, size, yes=yes) + taker_fee(size, price, market.fee_rate, market.fee_exponent)
        for price, size in leg.taken
    )


@given(asks=events, rate=rates, exhaustive=st.booleans())
@settings(max_examples=60)
def test_a_proof_gains_in_every_state_after_fees_and_rounding(asks, rate, exhaustive):
    markets = event(len(asks), fee_rate=rate)
    params = free(exhaustive={"e": len(asks)} if exhaustive else {})
    gain, _, proof = most(markets, asks, params)
    if proof is None:
        return
    assert verify(proof, books_of(proof, priced(markets, asks)), outcomes=len(asks) if exhaustive else 0) is None
    assert len({leg.size for leg in proof.legs}) == 1
    assert proof.cost >= sum(charged(leg) for leg in proof.legs)
    for winner in [m.id for m in markets] + ([] if exhaustive else [None]):
        paid = sum(leg.size * ((leg.market.id == winner) == (leg.want.outcome is Outcome.YES)) for leg in proof.legs)
        assert paid - proof.cost >= gain > 0


@given(asks=events, rate=rates, more=ladders, where=st.tuples(st.integers(0, 3), st.booleans()))
@settings(max_examples=60)
def test_more_depth_or_a_lower_fee_never_gains_less(asks, rate, more, where):
    markets, params = event(len(asks), fee_rate=rate), free(exhaustive={"e": len(asks)})
    gain, _, _ = most(markets, asks, params)
    cheaper, fills, _ = most(event(len(asks), fee_rate=rate // 2), asks, params)
    assert cheaper >= gain - ROUNDING * max(1, fills)
    deeper = [(dict(yes), dict(no)) for yes, no in asks]
    ladder = deeper[where[0] % len(asks)][where[1]]
    for price, size in more.items():
        ladder[price] = ladder.get(price, 0) + size
    gained, fills, _ = most(markets, deeper, params)
    assert gained >= gain - ROUNDING * max(1, fills)


@st.composite
def measured(draw):
    """An event's asks that stand at or above what a pricing measure says."""
    count = draw(st.integers(2, 5))
    weights = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    measure = [Fraction(w, sum(weights)) for w in weights]
    asks = []
    for q in measure:
        rows = []
        for worth in (q, 1 - q):
            least = -(-(worth * 100).numerator // (worth * 100).denominator)
            rows.append(
                draw(st.dictionaries(st.integers(min(99, least), 99), sizes, min_size=1, max_size=3))
                if least <= 99
                else {}
            )
        asks.append(tuple(rows))
    return measure, asks


@given(drawn=measured(), rate=rates)
@settings(max_examples=50)
def test_nothing_is_reported_where_a_pricing_measure_exists(drawn, rate):
    measure, asks = drawn
    markets, params = event(len(asks), fee_rate=rate), free(exhaustive={"e": len(asks)})
    views = priced(markets, asks)
    states = of_event([m.id for m in markets], exhaustive=True)[0].states
    assert bound_of(measure, states, offers_of(views, states)) == 0
    assert best(Universe(markets, params.relations), views, params) is None


@given(asks=events, rate=rates, exhaustive=st.booleans())
@settings(max_examples=40)
def test_no_portfolio_gains_more_than_the_certificate_says(asks, rate, exhaustive):
    markets, params = event(len(asks), fee_rate=rate), free(exhaustive={"e": len(asks)} if exhaustive else {})
    gain, _, _ = most(markets, asks, params)
    states = of_event([m.id for m in markets], exhaustive=exhaustive)[0].states
    certificate = certify(states, offers_of(priced(markets, asks), states))
    assert sum(certificate.measure) == 1
    assert gain <= certificate.bound
    assert certificate.gains <= certificate.bound
    assert certificate.bound - certificate.gains <= certificate.bound / 10_000 + 100


def test_a_measure_that_is_none_is_refused():
    states = of_event(["a", "b"], exhaustive=True)[0].states
    for measure in ([Fraction(1, 2)], [Fraction(2), Fraction(-1)], [Fraction(1, 2), Fraction(1, 3)]):
        with pytest.raises(ValueError, match="add up to one"):
            bound_of(measure, states, [])


# ---------------------------------------------------------------- brute force

few = st.dictionaries(st.integers(10, 60), st.integers(1, 4), min_size=1, max_size=2)


@given(asks=st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(few, few), min_size=n, max_size=n)))
@settings(max_examples=25)
def test_brute_force_over_equal_shares_finds_no_better(asks):
    """Whole shares, every subset of tokens: the same number of each, judged in every state."""
    markets = event(len(asks), size_step=SCALE)
    gain, _, _ = most(markets, asks, free(exhaustive={"e": len(asks)}))
    tokens = [(i, side) for i in range(len(asks)) for side in (0, 1)]
    ladder = {(i, side): sorted(asks[i][side].items()) for i, side in tokens}
    found = 0
    for chosen in product((False, True), repeat=len(tokens)):
        legs = [token for token, take in zip(tokens, chosen, strict=True) if take]
        for size in range(1, min((sum(s for _, s in ladder[leg]) for leg in legs), default=0) + 1):
            cost = sum(walked(ladder[leg], size) for leg in legs)
            worst = min(sum(100 * size * ((i == w) != bool(side)) for i, side in legs) for w in range(len(asks)))
            found = max(found, worst - cost)
    # Baskets of both kinds at once, such as a complete set in one market beside NO of several, are two attempts.
    singles = gain // 10_000
    assert singles <= found
    assert (singles > 0) == (found > 0)


def walked(rows, size):
    cost = 0
    for price, there in rows:
        cost += price * min(size, there)
        size -= min(size, there)
    return cost


def test_the_marginal_set_costs_what_it_pays_where_the_walk_ends():
    market = make_market(fee_rate=30_000)
    asks = levels(("0.40", "10"), ("0.50", "10"))
    rows = [(market, Side.BUY, asks), (market, Side.BUY, levels(("0.49", "100")))]
    assert ends(rows, SCALE) == [to_units("10")]
    even = [(make_market(), Side.BUY, levels(("0.40", "7"), ("0.50", "10")))] * 2
    assert ends(even, SCALE) == [to_units("7")]  # at 0.50 + 0.50 it costs what it pays
    assert unit(market, Side.BUY, 500_000) + unit(market, Side.BUY, 490_000) > SCALE
