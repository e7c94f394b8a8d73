"""Prices that are remembered: one a minute, then one an hour, and never more than so many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.clob.candles import HOURS_MAX, MINUTES_MAX, PriceHistory
from agbot.exchange.core.model import BookChanged
from agbot.units import NS_PER_S
from tests.exchange.clob_desk import listing_at

MARKET = listing_at(1)


def history(*noted: tuple[int, int]) -> PriceHistory:
    kept = PriceHistory(lambda _: 0)
    for at_s, price in noted:
        kept.note(MARKET, price, at_s * NS_PER_S)
    return kept


def test_the_last_price_of_each_minute() -> None:
    kept = history((0, 1), (59, 2), (60, 3), (61, 4), (200, 1_000_000))
    assert list(kept.points(MARKET.condition, 0, 1000)) == [(59, 2), (61, 4), (200, 1_000_000)]
    assert list(kept.points(MARKET.condition, 60, 100)) == [(61, 4)]
    assert list(kept.points(MARKET.condition, 0, 1000, 180)) == [(61, 4), (200, 1_000_000)]
    assert list(kept.points("another", 0, 1000)) == []


def test_a_clock_put_back_changes_the_last_point() -> None:
    kept = history((600, 1), (30, 2))
    assert list(kept.points(MARKET.condition, 0, 1000)) == [(30, 2)]


def test_hours_where_minutes_are_forgotten() -> None:
    kept = history(*((60 * minute, minute) for minute in range(MINUTES_MAX + 600)))
    points = list(kept.points(MARKET.condition, 0, 10**9))
    assert points[:3] == [(59 * 60, 59), (119 * 60, 119), (179 * 60, 179)]
    assert len(points) == MINUTES_MAX + 10
    assert points == sorted(points)


def test_memory_is_bounded() -> None:
    kept = history(*((3600 * hour, 1) for hour in range(HOURS_MAX + 500)))
    assert len(list(kept.points(MARKET.condition, 0, 10**12))) <= HOURS_MAX + MINUTES_MAX


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(0, 1_000_000)), max_size=50), st.integers(1, 5000))
def test_points_are_ordered_and_one_a_step(noted: list[tuple[int, int]], step_s: int) -> None:
    points = list(history(*sorted(noted)).points(MARKET.condition, 0, 10**6, step_s))
    steps = [at_s // step_s for at_s, _ in points]
    assert steps == sorted(set(steps))
    assert set(points) <= set(noted)


def test_a_book_is_looked_at_once_a_second() -> None:
    looks: list[int] = []

    def price(_: object) -> int:
        looks.append(1)
        return 400_000 + len(looks)

    kept = PriceHistory(price)
    for tenth in range(35):
        kept.hear(BookChanged(MARKET, (), tenth * NS_PER_S // 10))
    assert len(looks) == 4
    assert list(kept.points(MARKET.condition, 0, 1000)) == [(3, 400_004)]
