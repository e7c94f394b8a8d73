"""Queue rules and background levels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.levels import Levels
from agbot.matching.queue import BackOfQueue, ProportionalQueue, QueueRule
from agbot.model.order import Side

RULES = [BackOfQueue(), ProportionalQueue()]
sizes = st.integers(0, 10**9)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
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
