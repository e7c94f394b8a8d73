"""What a backtest gathers on its way: bounded series, markouts at their own time, calibration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.backtest.calibration import Calibrated
from agbot.backtest.curve import Thinned
from agbot.backtest.markouts import HORIZONS_NS, Markouts, Trade
from agbot.model.order import Side
from agbot.testing.builders import make_market
from agbot.units import NS_PER_S, SCALE, to_units

MARKET = make_market()


@given(st.integers(0, 500), st.sampled_from([2, 4, 10, 64]))
def test_a_thinned_series_keeps_evenly_spaced_items_within_its_bound(count, limit):
    thinned = Thinned(limit)
    for number in range(count):
        thinned.add(number)
    kept = list(thinned.kept())
    assert kept == list(range(0, count, thinned.stride))
    assert len(kept) <= limit
    assert thinned.stride == 1 or 2 * len(kept) >= limit


@given(st.lists(st.integers(0, 300), max_size=20), st.sampled_from([2, 8]))
def test_jumps_keep_what_steps_would(jumps, limit):
    stepped, jumped, total = Thinned(limit), Thinned(limit), 0
    for jump in jumps:
        total += jump
        jumped.reach(total, lambda number: number)
    for number in range(total):
        stepped.add(number)
    assert (jumped.kept(), jumped.seen, jumped.stride) == (stepped.kept(), stepped.seen, stepped.stride)


@pytest.mark.parametrize("limit", [0, 1, 3, -2])
def test_a_bound_that_cannot_be_halved_is_refused(limit):
    with pytest.raises(ValueError, match="halved"):
        Thinned(limit)


def followed(path, trade, resolved=()):
    """Return the markouts of one trade; `path` is (seconds, price of YES or None) of every step."""
    price = None
    markouts = Markouts(lambda _market: None if price is None else 2 * price)
    for at, price in path:  # noqa: B007 - read by the markouts
        if at in resolved:
            markouts.resolved(MARKET.id, True)
        markouts.observe(int(at * NS_PER_S), [MARKET.id], [trade] if at * NS_PER_S == trade.ts_ns else [])
    return {m.after_ns // NS_PER_S: (m.fills, m.usd, m.unseen) for m in markouts.told()}


def bought(price, at=10):
    return Trade(at * NS_PER_S, MARKET.id, 1, to_units(price), 100 * SCALE)


def test_a_markout_is_the_middle_at_its_own_time_not_at_the_next_step():
    path = [(10, 500_000), (10.5, 520_000), (12, 900_000), (15, 600_000), (80, 100_000)]
    found = followed(path, bought("0.50"))
    # after 1 s the middle of second 10.5 holds; at second 15 the step of that instant counts; then 0.60 until 70
    assert found == {0: (1, 0, 0), 1: (1, 2 * SCALE, 0), 5: (1, 10 * SCALE, 0), 60: (1, 10 * SCALE, 0)}


def test_a_sale_gains_when_the_price_falls():
    sold = bought("0.50")._replace(sign=-1)
    assert followed([(10, 500_000), (20, 400_000)], sold)[5] == (1, 0, 0)
    assert followed([(10, 500_000), (15, 400_000), (20, 400_000)], sold)[5] == (1, 10 * SCALE, 0)


def test_a_middle_that_nobody_saw_is_counted_not_guessed():
    found = followed([(10, None), (11, 500_000), (12, 500_000)], bought("0.50"))
    assert found == {0: (0, 0, 1), 1: (1, 0, 0), 5: (0, 0, 1), 60: (0, 0, 1)}


def test_a_market_that_resolved_is_worth_what_it_paid():
    found = followed([(10, 500_000), (11, 500_000), (12, None), (90, None)], bought("0.50"), resolved=(12,))
    assert found[5] == found[60] == (1, 50 * SCALE, 0)


def test_news_that_comes_late_is_held_against_the_first_middle_known():
    markouts = Markouts(lambda _market: 2 * to_units("0.70"))
    markouts.observe(20 * NS_PER_S, [MARKET.id], [bought("0.50", at=12)])
    assert [m.usd for m in markouts.told()] == [20 * SCALE] * 3 + [0]


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, SCALE - 1)), min_size=1, max_size=30))
def test_every_fill_is_counted_once_at_each_horizon(steps):
    markouts, now, trades = Markouts(lambda _market: SCALE), 0, 0
    for seconds, price in steps:
        now += seconds * NS_PER_S
        trades += 1
        markouts.observe(now, [MARKET.id], [Trade(now, MARKET.id, 1, price, SCALE)])
    assert [m.after_ns for m in markouts.told()] == list(HORIZONS_NS)
    assert all(m.fills + m.unseen == trades for m in markouts.told())


def test_a_sale_of_yes_is_a_bet_on_no():
    one, other = Calibrated(), Calibrated()
    one.bought(MARKET, MARKET.yes, Side.SELL, to_units("0.30"), 5 * SCALE)
    other.bought(MARKET, MARKET.no, Side.BUY, to_units("0.70"), 5 * SCALE)
    for calibrated in (one, other):
        calibrated.resolved(MARKET, MARKET.no)
    assert one.told() == other.told()
    assert one.told().brier == pytest.approx(0.09)


@given(
    st.lists(
        st.tuples(st.sampled_from([MARKET.yes, MARKET.no]), st.integers(1, SCALE - 1), st.integers(1, 50 * SCALE)),
        min_size=1,
        max_size=20,
    )
)
def test_the_brier_score_is_the_mean_square_of_the_misses(bets):
    calibrated = Calibrated()
    for token, price, size in bets:
        calibrated.bought(MARKET, token, Side.BUY, price, size)
    assert calibrated.told() is None
    calibrated.resolved(MARKET, MARKET.yes)
    told, total = calibrated.told(), sum(size for *_, size in bets)
    misses = sum(size * (price / SCALE - (token == MARKET.yes)) ** 2 for token, price, size in bets)
    assert told.brier == pytest.approx(misses / total)
    assert (told.shares, told.markets) == (total, 1)
    paid = sum(b.paid * b.shares for b in told.buckets)
    assert paid == pytest.approx(sum(size for token, _, size in bets if token == MARKET.yes))


def test_a_fill_taken_back_leaves_nothing():
    calibrated = Calibrated()
    calibrated.bought(MARKET, MARKET.yes, Side.BUY, 300_000, 5 * SCALE)
    calibrated.bought(MARKET, MARKET.yes, Side.BUY, 300_000, -5 * SCALE)
    calibrated.resolved(MARKET, MARKET.yes)
    assert calibrated.told() is None
