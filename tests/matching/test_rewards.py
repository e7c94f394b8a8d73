"""What makers are paid beside their trades, by hand and by the venue's formula."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.book import ConditionBook
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.paper import PaperMatcher
from agbot.matching.rewards import (
    DAY_NS,
    LEAST,
    MINUTE_NS,
    Earnings,
    Incentives,
    Programme,
    doubled_mid,
    order_score,
    two_sided,
)
from agbot.model.commands import CancelOrder
from agbot.model.events import BookSnapshot, MarketListed, TradePrint
from agbot.model.fees import taker_fee
from agbot.model.ids import MarketId
from agbot.model.order import Side
from agbot.testing.builders import levels, make_market, place, shares
from agbot.units import NS_PER_S, SCALE, to_units

MARKET = make_market(fee_rate=40_000)
NO = MARKET.no
HELD = {MARKET.yes: shares(10_000), MARKET.no: shares(10_000)}
POOL = Programme(daily_usd=1_440 * SCALE, rebate_rate=250_000, min_size=shares(20), max_spread=30_000, rivals=0)
NOON = 20_000 * DAY_NS + DAY_NS // 2


def venue(programme: Programme = POOL, settling: Settling | None = None, book: bool = True) -> PaperMatcher:
    conditions = Conditions(incentives=Incentives(programme=programme), settling=settling or Settling())
    bench = PaperMatcher(10**6 * SCALE, positions=HELD, conditions=conditions)
    bench.on_market(NOON, MarketListed(MARKET, 0))
    if book:
        bench.on_market(NOON, BookSnapshot(MARKET.yes, levels(("0.48", "100")), levels(("0.52", "100")), 0))
    bench.advance(NOON)
    return bench


def rewards(bench: PaperMatcher) -> int:
    assert bench.earnings is not None
    return bench.earnings.rewards


def quote(bench: PaperMatcher, *orders: tuple[str, Side, str, str], at: int = NOON) -> None:
    for name, side, price, size in orders:
        bench.submit(at, place(name, side, price, size))


BID = ("b", Side.BUY, "0.49", "100")
ASK = ("a", Side.SELL, "0.51", "100")


def test_both_sides_alone_in_the_market_earn_the_whole_minute() -> None:
    bench = venue()
    quote(bench, BID, ASK)
    bench.advance(NOON + MINUTE_NS - 1)
    assert rewards(bench) == 0
    bench.advance(NOON + MINUTE_NS)
    assert rewards(bench) == SCALE
    bench.advance(NOON + 10 * MINUTE_NS)
    assert rewards(bench) == 10 * SCALE
    assert bench.cash == 10**6 * SCALE, "an estimate is no cash"


def test_no_of_one_side_is_yes_of_the_other() -> None:
    bench = venue()
    quote(bench, BID)
    bench.submit(NOON, place("n", Side.BUY, "0.49", "100", token=NO))
    bench.advance(NOON + MINUTE_NS)
    assert rewards(bench) == SCALE


def test_the_visible_book_competes() -> None:
    bench = venue(Programme(daily_usd=14_400 * SCALE, min_size=shares(20), max_spread=30_000))
    quote(bench, BID, ASK)
    bench.advance(NOON + MINUTE_NS)
    ours, theirs = Fraction(2, 3) ** 2 * 100, Fraction(1, 3) ** 2 * 100  # one and two cents from the mid, of three
    assert rewards(bench) == int(10 * SCALE * ours / (ours + theirs))


@pytest.mark.parametrize(
    ("orders", "share"),
    [
        ([BID], 1),
        ([("b", Side.BUY, "0.49", "19")], 0),
        ([("b", Side.BUY, "0.47", "100")], 0),
        ([("b", Side.BUY, "0.48", "100")], 1),
        ([], 0),
    ],
    ids=["one side", "too small", "too far", "at the edge of it", "nothing"],
)
def test_what_scores(orders: list[tuple[str, Side, str, str]], share: int) -> None:
    bench = venue()
    quote(bench, *orders)
    bench.advance(NOON + MINUTE_NS)
    assert rewards(bench) == share * SCALE


def test_an_order_must_be_old_enough_when_the_minute_is_full() -> None:
    bench = venue()
    quote(bench, BID, at=NOON + MINUTE_NS - 3_499_999_999)
    bench.advance(NOON + MINUTE_NS)
    assert rewards(bench) == 0
    bench.advance(NOON + 2 * MINUTE_NS)
    assert rewards(bench) == SCALE


def test_a_minute_is_scored_before_what_happens_at_its_end() -> None:
    bench = venue()
    quote(bench, BID)
    bench.cancel(NOON + MINUTE_NS, CancelOrder("b", "t"))  # type: ignore[arg-type]
    bench.advance(NOON + 5 * MINUTE_NS)
    assert rewards(bench) == SCALE


def test_a_book_without_a_mid_earns_nothing() -> None:
    bench = venue(book=False)
    quote(bench, BID)
    bench.advance(NOON + MINUTE_NS)
    assert rewards(bench) == 0


def test_a_day_below_the_least_is_not_paid() -> None:
    bench = venue(Programme(daily_usd=1_440 * SCALE // 3, min_size=1, rivals=0))
    quote(bench, BID)
    bench.advance(NOON + 2 * MINUTE_NS)
    assert rewards(bench) == 0
    bench.advance(NOON + 4 * MINUTE_NS)
    assert rewards(bench) == 4 * (SCALE // 3)


def test_each_day_stands_for_itself() -> None:
    bench = venue(Programme(daily_usd=1_440 * SCALE, min_size=1, rivals=0))
    late = NOON + DAY_NS // 2 - 2 * MINUTE_NS
    quote(bench, BID, at=late)
    bench.cancel(late + 3 * MINUTE_NS + 1, CancelOrder("b", "t"))  # type: ignore[arg-type]
    bench.advance(NOON + DAY_NS)
    assert rewards(bench) == 3 * SCALE


def test_a_market_may_have_its_own_programme() -> None:
    incentives = Incentives(markets={MARKET.id: POOL})
    assert (incentives.of(MARKET.id), incentives.of(MarketId("other"))) == (POOL, Programme())


# The formula


prices = st.integers(1, 99).map(lambda cents: cents * 10_000)
sizes = st.integers(0, 10**9)


@given(prices, sizes, st.integers(2, 198).map(lambda n: n * 10_000))
def test_the_score_is_the_venues_formula(price: int, size: int, mid2: int) -> None:
    v, s = Fraction(30_000), abs(price - Fraction(mid2, 2))
    expected = ((v - s) / v) ** 2 * size if s < v and size >= POOL.min_size else 0
    assert Fraction(order_score(price, size, mid2, POOL), 4 * 30_000**2) == expected


@given(sizes, sizes, prices)
def test_two_sides_are_the_venues_formula(bids: int, asks: int, mid: int) -> None:
    q_min, q_max = min(bids, asks), max(bids, asks)
    expected = max(Fraction(q_min), Fraction(q_max, 3)) if 100_000 <= mid <= 900_000 else Fraction(q_min)
    assert Fraction(two_sided(bids, asks, 2 * mid), 3) == expected


def test_small_levels_do_not_move_the_mid() -> None:
    book = ConditionBook()
    book.snapshot(levels(("0.50", "5"), ("0.48", "100")), levels(("0.51", "19.99"), ("0.53", "20")))
    assert doubled_mid(book, shares(20)) == to_units("1.01")
    assert doubled_mid(book, 0) == to_units("1.01")
    assert doubled_mid(book, shares(101)) is None


# Rebates


def fill_as_maker(bench: PaperMatcher, size: str = "1000", price: str = "0.49") -> None:
    bench.submit(NOON, place("m", Side.BUY, price, size))
    bench.on_market(NOON, TradePrint(MARKET.yes, Side.SELL, to_units(price), to_units(size), 0))


def test_a_maker_gets_a_share_of_what_the_taker_paid() -> None:
    bench = venue()
    fill_as_maker(bench)
    bench.advance(NOON)
    assert bench.earnings is not None
    assert bench.earnings.rebates == taker_fee(shares(1000), to_units("0.49"), 40_000) // 4
    assert bench.fees_paid == 0


def test_a_taker_gets_none() -> None:
    bench = venue()
    bench.submit(NOON, place("t", price="0.52", size="100"))
    bench.advance(NOON)
    assert bench.earnings is not None
    assert bench.earnings.rebates == 0
    assert bench.fees_paid > 0


@pytest.mark.parametrize(("rate", "counted"), [(0, True), (SCALE, False)])
def test_only_a_settled_trade_counts(rate: int, counted: bool) -> None:
    bench = venue(settling=Settling(after_ns=NS_PER_S, fail_rate=rate))
    fill_as_maker(bench)
    bench.advance(NOON)
    assert bench.earnings is not None
    assert bench.earnings.rebates == 0
    bench.advance(NOON + NS_PER_S)
    assert (bench.earnings.rebates > 0) is counted


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["m1", "m2"]), sizes), max_size=20))
def test_rebates_add_up_by_day_and_market(trades: list[tuple[int, str, int]]) -> None:
    earned = Earnings(Incentives(programme=Programme(rebate_rate=SCALE)))
    due: dict[tuple[int, str], int] = {}
    for day, name, size in trades:
        market = make_market(name, fee_rate=40_000)
        earned.traded(day * DAY_NS + 5, market, 500_000, size)
        due[day, name] = due.get((day, name), 0) + taker_fee(size, 500_000, 40_000)
    assert earned.rebates == sum(usd for usd in due.values() if usd >= LEAST)
