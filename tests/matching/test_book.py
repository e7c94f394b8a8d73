"""The condition book: reach, prints, queue, priority between our own orders."""

from __future__ import annotations

import pytest

from agbot.matching.book import ConditionBook, MakerMatch, first_of
from agbot.model.events import ASK, BID
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side


def oid(name: str) -> ClientOrderId:
    return ClientOrderId(name)


@pytest.fixture
def book() -> ConditionBook:
    """Bids 48×100 47×200, asks 52×100 53×200."""
    book = ConditionBook()
    assert book.snapshot([(48, 100), (47, 200)], [(52, 100), (53, 200)]) == []
    return book


def test_an_order_joins_behind_the_visible_size(book: ConditionBook) -> None:
    assert book.rest(oid("a"), Side.BUY, 48, 10).ahead == 100
    assert book.rest(oid("b"), Side.BUY, 49, 10).ahead == 0
    assert [order.id for order in book.resting(Side.BUY)] == ["b", "a"]


def test_the_queue_moves_by_level_decreases_only(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 10)
    for size, ahead in [(150, 100), (120, 100), (80, 80), (500, 80), (0, 0), (300, 0)]:
        assert book.change([(BID, 48, size)]) == []
        assert order.ahead == ahead


def test_a_snapshot_moves_the_queue_too(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 10)
    book.snapshot([(48, 30)], [(52, 100)])
    assert order.ahead == 30
    book.snapshot([(47, 30)], [(52, 100)])
    assert order.ahead == 0


def test_the_opposite_side_fills_us_at_our_price(book: ConditionBook) -> None:
    book.rest(oid("a"), Side.BUY, 49, 30)
    assert book.change([(ASK, 50, 20)]) == []
    assert book.change([(ASK, 49, 20)]) == [MakerMatch(oid("a"), 49, 20)]
    assert book.change([(BID, 47, 1)]) == []  # the same 20 are not there twice
    assert book.change([(ASK, 48, 50)]) == [MakerMatch(oid("a"), 49, 10)]
    assert book.get(oid("a")) is None


def test_size_at_or_through_counts_less_what_is_ahead(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 100)
    # A locked state: 100 still stand before us at 48.
    assert book.change([(ASK, 48, 100)]) == []
    assert book.change([(ASK, 48, 130)]) == [MakerMatch(oid("a"), 48, 30)]
    # 110 ask against the 100 ahead: 10 for us.
    assert book.change([(ASK, 47, 10)]) == [MakerMatch(oid("a"), 48, 10)]
    assert (order.ahead, order.remaining) == (100, 60)
    # The bids before us are gone and with them the queue: the 100 asks not taken by us are ours.
    assert book.change([(BID, 48, 0)]) == [MakerMatch(oid("a"), 48, 60)]


def test_best_price_fills_first_then_the_earliest() -> None:
    book = ConditionBook()
    for name, price in [("early", 49), ("late", 49), ("best", 50)]:
        book.rest(oid(name), Side.BUY, price, 10)
    matches = book.change([(ASK, 49, 25)])
    assert matches == [
        MakerMatch(oid("best"), 50, 10),
        MakerMatch(oid("early"), 49, 10),
        MakerMatch(oid("late"), 49, 5),
    ]


def test_a_print_at_our_price_uses_up_the_queue_first(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 30)
    assert book.trade(Side.SELL, 48, 60) == []
    assert order.ahead == 40
    assert book.trade(Side.SELL, 48, 50) == [MakerMatch(oid("a"), 48, 10)]
    assert book.trade(Side.SELL, 48, 50) == [MakerMatch(oid("a"), 48, 20)]


def test_a_print_and_the_level_update_it_causes_count_once(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 30)
    book.trade(Side.SELL, 48, 60)
    book.change([(BID, 48, 40)])
    assert order.ahead == 40


def test_a_print_through_our_price_fills_up_to_its_size(book: ConditionBook) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 30)
    assert book.trade(Side.SELL, 47, 20) == [MakerMatch(oid("a"), 48, 20)]
    assert (order.remaining, order.ahead) == (10, 0)


def test_each_unit_of_a_print_fills_once() -> None:
    book = ConditionBook()
    book.change([(BID, 48, 100)])
    for name, price in [("back", 48), ("front", 49), ("tail", 48)]:
        book.rest(oid(name), Side.BUY, price, 30)
    # 150 units: 30 fill the front, 100 pass the level's queue once, 20 are left for the first of ours there.
    matches = book.trade(Side.SELL, 48, 150)
    assert matches == [MakerMatch(oid("front"), 49, 30), MakerMatch(oid("back"), 48, 20)]
    assert [order.ahead for order in book.resting(Side.BUY)] == [0, 0]


def test_later_orders_wait_for_the_size_that_came_between() -> None:
    book = ConditionBook()
    book.change([(BID, 48, 60)])
    book.rest(oid("a"), Side.BUY, 48, 30)
    book.change([(BID, 48, 80)])
    book.rest(oid("b"), Side.BUY, 48, 30)
    assert book.trade(Side.SELL, 48, 100) == [MakerMatch(oid("a"), 48, 30)]
    assert [order.ahead for order in book.resting(Side.BUY)] == [10]


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, 48), (Side.BUY, 40), (Side.SELL, 49), (Side.SELL, 60)])
def test_prints_that_do_not_reach_us_do_nothing(book: ConditionBook, side: Side, price: int) -> None:
    order = book.rest(oid("a"), Side.BUY, 48, 30)
    assert book.trade(side, price, 1000) == []
    assert (order.ahead, order.remaining) == (100, 30)


def test_sells_mirror_buys(book: ConditionBook) -> None:
    book.rest(oid("a"), Side.SELL, 52, 30)
    assert book.trade(Side.BUY, 52, 110) == [MakerMatch(oid("a"), 52, 10)]
    assert book.trade(Side.BUY, 53, 5) == [MakerMatch(oid("a"), 52, 5)]
    assert book.change([(ASK, 52, 0), (BID, 52, 8)]) == [MakerMatch(oid("a"), 52, 8)]


def test_own_orders_never_meet(book: ConditionBook) -> None:
    book.rest(oid("a"), Side.BUY, 49, 10)
    assert book.crosses_own(Side.SELL, 49)
    assert book.crosses_own(Side.SELL, 40)
    assert not book.crosses_own(Side.SELL, 50)
    assert not book.crosses_own(Side.BUY, 60)
    with pytest.raises(ValueError, match="crosses our own book"):
        book.rest(oid("b"), Side.SELL, 49, 10)
    with pytest.raises(ValueError, match="rests already"):
        book.rest(oid("a"), Side.BUY, 49, 10)


def test_a_taker_and_a_resting_order_do_not_share_a_unit(book: ConditionBook) -> None:
    book.take(Side.BUY, [(52, 90)])
    assert book.reachable(Side.BUY, 53) == [(52, 10), (53, 200)]
    book.rest(oid("a"), Side.BUY, 51, 50)
    assert book.change([(ASK, 51, 5)]) == [MakerMatch(oid("a"), 51, 5)]
    book.remove(oid("a"))
    assert book.remove(oid("a")) is None
    assert book.reachable(Side.BUY, 52) == [(52, 10)]


def test_first_of_stops_at_the_size() -> None:
    assert first_of([(1, 5), (2, 5)], 7) == [(1, 5), (2, 2)]
    assert first_of([(1, 5)], 0) == []
    assert first_of([(1, 5)], 9) == [(1, 5)]
