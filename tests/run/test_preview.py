"""What an order would do, shown before it is sent: exact where the book is, worst where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.book import OrderBook
from agbot.model.fees import taker_fee
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.preview import preview
from agbot.testing.builders import levels, make_market, make_order
from agbot.units import NS_PER_S, SCALE, notional, to_decimal, to_units

HOUR = 3600 * NS_PER_S
MARKET = make_market(fee_rate=to_units("0.05"), question="Will it rain?", end_ns=100 * HOUR)


def book_of(bids=(("0.48", "10"), ("0.45", "100")), asks=(("0.52", "10"), ("0.55", "100"))):
    book = OrderBook(10_000)
    book.snapshot(levels(*bids), levels(*asks), 1)
    return book


def shown(side=Side.BUY, price="0.55", size="30", book=None, now_ns=1, **changes):
    return preview(MARKET, book or book_of(), make_order(side=side, price=price, size=size, **changes), now_ns)


def test_a_limit_order_that_takes_two_levels():
    found = shown()
    fee = taker_fee(to_units("10"), to_units("0.52"), 50_000) + taker_fee(to_units("20"), to_units("0.55"), 50_000)
    assert (found.taken, found.taken_usd, found.fee) == (to_units("30"), to_units("16.2"), fee)
    assert found.worst_usd == to_units("16.5")
    assert found.worst_fee == taker_fee(to_units("30"), to_units("0.52"), 50_000)
    assert found.warnings == ()


def test_one_that_rests_takes_nothing_and_a_post_only_one_pays_no_fee():
    assert (shown(price="0.50").taken, shown(price="0.50").fee) == (0, 0)
    resting = shown(price="0.50", post_only=True)
    assert (resting.taken, resting.worst_fee, resting.warnings) == (0, 0, ())


def test_a_maker_pays_no_fee_and_who_takes_in_part_may_pay_it_for_the_whole():
    assert shown(price="0.51").worst_fee == 0
    assert shown(Side.SELL, "0.49").worst_fee == 0
    assert shown(price="0.52").worst_fee == taker_fee(to_units("30"), to_units("0.52"), 50_000)
    nothing = shown(price="0.50", time_in_force=TimeInForce.FAK)
    assert (nothing.taken, nothing.worst_fee > 0) == (0, True), "it never rests: what it fills, it takes"


@pytest.mark.parametrize(
    ("price", "size", "says"),
    [("0.505", "30", "multiples of 0.01"), ("0.50", "4.9", "smallest order is 5 shares"), ("0.50", "5", "")],
)
def test_what_the_market_does_not_take_is_said(price, size, says):
    assert says in "".join(shown(price=price, size=size).warnings)
    assert bool(shown(price=price, size=size).warnings) is bool(says)


def test_a_market_buy_spends_usd():
    found = shown(size="6", order_type=OrderType.MARKET, time_in_force=TimeInForce.FAK, price="0.56")
    left = to_units("0.8") * SCALE // to_units("0.55")
    assert (found.taken, found.size, found.worst_usd) == (to_units("10") + left, found.taken, to_units("6"))
    assert found.taken_usd <= to_units("6")


def test_a_sale_takes_the_bids():
    found = shown(Side.SELL, "0.45", "20")
    assert (found.taken, found.taken_usd, found.worst_usd) == (to_units("20"), to_units("9.3"), to_units("9"))


def test_the_worst_fee_is_where_the_formula_is_highest():
    crossing = shown(price="0.60", book=book_of(bids=(), asks=(("0.40", "10"),)))
    assert crossing.worst_fee == taker_fee(to_units("30"), to_units("0.5"), 50_000)


WARNINGS = [
    ({"now_ns": 77 * HOUR}, "it ends in 23.0 h: near resolution prices jump"),
    ({"now_ns": 100 * HOUR}, "its end date has passed: it may resolve at any moment"),
    ({"price": "0.62"}, "the price is 0.1 worse than the best one, 0.52"),
    ({"side": Side.SELL, "price": "0.30"}, "the price is 0.18 worse than the best one, 0.48"),
    ({"price": "0.52", "post_only": True}, "post-only, and it would take: the venue refuses it"),
    ({"side": Side.SELL, "price": "0.48", "post_only": True}, "post-only, and it would take: the venue refuses it"),
    (
        {"price": "0.51", "time_in_force": TimeInForce.FAK},
        "there is nothing to take at that price: the venue refuses it",
    ),
]


@pytest.mark.parametrize(("changes", "said"), WARNINGS, ids=lambda v: v if isinstance(v, str) else "")
def test_what_a_person_should_know_is_said(changes, said):
    assert shown(**changes).warnings == (said,)


def test_a_book_that_is_not_to_be_trusted_is_said():
    book = book_of()
    book.distrust()
    assert "its book is not to be trusted now" in shown(book=book).warnings


def test_an_empty_book_is_no_price():
    found = shown(book=book_of((), ())).json()
    assert (found["best_bid"], found["best_ask"], found["levels"], found["takes_shares"]) == (None, None, [], "0")


def test_its_json_is_plain():
    found = shown().json()
    assert found["question"] == "Will it rain?"
    assert (found["outcome"], found["price"], found["takes_usd"], found["worst_usd"]) == (
        "YES",
        "0.55",
        "16.20",
        "16.50",
    )
    assert found["levels"] == [["0.52", "10"], ["0.55", "100"]]


CENTS = st.integers(1, 99).map(lambda n: n * 10_000)


@given(
    st.dictionaries(CENTS, st.integers(1, 10**9), max_size=6),
    CENTS,
    st.integers(10_000, 10**9),
    st.sampled_from(Side),
    st.booleans(),
)
def test_nothing_shown_is_better_than_what_can_happen(rungs, limit, asked, side, spends):
    market_buy = spends and side is Side.BUY
    kind = {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.FAK} if market_buy else {}
    book = OrderBook(10_000)
    taken_side = tuple(rungs.items())
    book.snapshot(*(((), taken_side) if side is Side.BUY else (taken_side, ())), 1)
    order = make_order(side=side, price=str(to_decimal(limit)), size=str(to_decimal(asked)), **kind)
    found = preview(MARKET, book, order, 1)
    inside = sum(size for price, size in rungs.items() if (price <= limit if side is Side.BUY else price >= limit))
    assert found.taken <= inside
    if side is Side.BUY:
        assert found.taken_usd <= found.worst_usd
    elif found.taken == found.size:
        assert found.taken_usd >= found.worst_usd - len(rungs)
    if found.taken:
        assert found.worst_fee + 10 * len(rungs) >= found.fee
    assert market_buy or found.worst_usd == notional(limit, asked)
