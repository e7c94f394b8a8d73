"""Queue rules and background levels."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.book import ConditionBook
from agbot.matching.levels import Levels
from agbot.matching.queue import BackOfQueue, FrontOfQueue, LogQueue, PowerQueue, ProportionalQueue, QueueRule
from agbot.model.events import BID
from agbot.model.ids import ClientOrderId
from agbot.model.order import Side
from agbot.units import SCALE

BETWEEN = [ProportionalQueue(), PowerQueue(), PowerQueue(1), LogQueue()]
RULES = [BackOfQueue(), FrontOfQueue(), *BETWEEN]
sizes = st.integers(0, 10**9)
told = st.lists(st.tuples(st.sampled_from(["level", "print", "through"]), sizes), max_size=30)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(visible=sizes, moves=st.lists(st.tuples(st.booleans(), sizes), max_size=20))
def test_a_queue_never_grows_and_never_exceeds_its_level(
    rule: QueueRule, visible: int, moves: list[tuple[bool, int]]
) -> None:
    ahead, level = rule.joined(visible), visible
    for is_trade, size in moves:
        before = ahead
        if is_trade:
            ahead = rule.traded(ahead, size)
        else:
            ahead = rule.level_moved(ahead, level, size)
            level = size
            assert ahead <= level
        assert 0 <= ahead <= before


def test_back_of_queue_takes_cancellations_to_be_behind_us() -> None:
    rule = BackOfQueue()
    assert rule.level_moved(100, 150, 120) == 100
    assert rule.level_moved(100, 120, 80) == 80
    assert rule.level_moved(80, 80, 500) == 80
    assert rule.traded(80, 30) == 50
    assert rule.traded(50, 60) == 0


def test_proportional_queue_shares_cancellations() -> None:
    rule = ProportionalQueue()
    assert rule.level_moved(100, 200, 100) == 50
    assert rule.level_moved(1, 3, 2) == 1  # rounded up: never ahead of ourselves
    assert rule.level_moved(50, 100, 300) == 50
    assert rule.level_moved(50, 100, 0) == 0


@pytest.mark.parametrize("rule", [PowerQueue(1), PowerQueue(3), LogQueue()], ids=repr)
def test_what_left_a_level_stood_behind_us_as_probably_as_the_rule_says(rule: QueueRule) -> None:
    halved = rule.level_moved(100 * SCALE, 200 * SCALE, 100 * SCALE)
    assert halved == 50 * SCALE  # as much behind us as ahead of us: half of it was ours, whatever the rule
    front, back = 80, 120
    assert rule.level_moved(front * SCALE, 200 * SCALE, 180 * SCALE) in range(60 * SCALE, 80 * SCALE)
    p = {PowerQueue(1): 0.6, PowerQueue(3): back**3 / (back**3 + front**3)}.get(rule)
    if p is not None:
        assert rule.level_moved(front * SCALE, 200 * SCALE, 180 * SCALE) == pytest.approx(
            (front - (1 - p) * 20) * SCALE
        )


@pytest.mark.parametrize("rule", [PowerQueue(), LogQueue()], ids=repr)
def test_what_a_print_told_of_a_decrease_counts_once(rule: QueueRule) -> None:
    assert rule.level_moved(70 * SCALE, 200 * SCALE, 170 * SCALE, printed=30 * SCALE) == 70 * SCALE
    assert rule.level_moved(70 * SCALE, 200 * SCALE, 170 * SCALE, printed=10 * SCALE) < 70 * SCALE


def test_the_logarithm_is_the_logarithm() -> None:
    rule, log = LogQueue(), math.log1p
    for front, back in [(1, 1), (1, 10**6), (10**6, 1), (10**15, 10**13), (123_456_789, 987_654_321), (5, 0)]:
        of = [log(size / SCALE) for size in (front, back)]
        assert rule.behind(float(front), float(back)) == pytest.approx(of[1] / (of[0] + of[1]), rel=1e-13)


def filled(rule: QueueRule, visible: int, size: int, moves: list[tuple[str, int]]) -> list[int]:
    """Return what a bid of `size` has got after each of the moves, at a level that showed `visible`."""
    book, got, price = ConditionBook(rule), [0], 400_000
    book.change([(BID, price, visible)])
    book.rest(ClientOrderId("ours"), Side.BUY, price, size)
    for what, amount in moves:
        if what == "level":
            matches = book.change([(BID, price, amount)])
        else:
            matches = book.trade(Side.SELL, price if what == "print" else price - 10_000, amount)
        got.append(got[-1] + sum(match.size for match in matches))
    return got


@pytest.mark.parametrize("rule", BETWEEN, ids=repr)
@given(visible=sizes, size=st.integers(1, 10**8), moves=told)
def test_every_rule_fills_between_the_back_and_the_front_of_the_queue(
    rule: QueueRule, visible: int, size: int, moves: list[tuple[str, int]]
) -> None:
    least, here, most = (filled(r, visible, size, moves) for r in (BackOfQueue(), rule, FrontOfQueue()))
    assert all(low <= middle <= high for low, middle, high in zip(least, here, most, strict=True))


def test_levels_come_best_first_on_both_sides() -> None:
    bids, asks = Levels(Side.BUY), Levels(Side.SELL)
    for side in (bids, asks):
        side.replace([(50, 5), (40, 4), (60, 6)])
    assert bids.prices() == [60, 50, 40]
    assert asks.prices() == [40, 50, 60]
    assert bids.reachable(50) == [(60, 6), (50, 5)]
    assert asks.reachable(50) == [(40, 4), (50, 5)]


def test_taken_size_comes_back_only_with_another_size() -> None:
    asks = Levels(Side.SELL)
    asks.update(50, 10)
    asks.take(50, 4)
    assert (asks.visible(50), asks.available(50)) == (10, 6)
    asks.update(50, 10)
    assert asks.available(50) == 6
    asks.replace([(50, 10)])
    assert asks.available(50) == 6
    asks.update(50, 11)
    assert asks.available(50) == 11


def test_a_removed_level_forgets_what_was_taken() -> None:
    asks = Levels(Side.SELL)
    asks.update(50, 10)
    asks.take(50, 10)
    assert asks.reachable(99) == []
    asks.update(50, 0)
    asks.update(50, 10)
    assert asks.reachable(99) == [(50, 10)]


def test_taking_more_than_there_is_is_an_error() -> None:
    asks = Levels(Side.SELL)
    asks.update(50, 10)
    with pytest.raises(ValueError, match="taking 11 of 10 at 50"):
        asks.take(50, 11)
    assert asks.available(50) == 10


@given(updates=st.lists(st.tuples(st.integers(1, 9), st.integers(0, 3)), max_size=40))
def test_levels_are_a_sorted_map(updates: list[tuple[int, int]]) -> None:
    bids, model = Levels(Side.BUY), dict[int, int]()
    for price, size in updates:
        assert bids.update(price, size) == model.get(price, 0)
        model[price] = size
    left = {price: size for price, size in model.items() if size}
    assert bids.reachable(0) == sorted(left.items(), reverse=True)
    assert bids.prices() == sorted(left, reverse=True)
