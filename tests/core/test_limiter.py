"""The limits hold whatever the sequence: checked against the venue's own counting, exact and event by event."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.limiter import SLOTS, SlidingWindow, TokenBucket
from agbot.units import NS_PER_S

S = NS_PER_S
STEPS = st.lists(st.tuples(st.integers(0, 3 * S), st.integers(1, 15)), max_size=60)


@given(STEPS, st.integers(1, 60), st.integers(15, 120))
def test_who_waits_never_overdraws(steps: list[tuple[int, int]], rate: int, burst: int) -> None:
    bucket, now = TokenBucket(rate=rate, burst=burst), 1_000
    level, at = Fraction(burst), now  # the venue's, in rational numbers
    for pause, cost in steps:
        now += pause
        now += bucket.wait_ns(now, cost)
        bucket.take(now, cost)
        level = min(Fraction(burst), level + Fraction((now - at) * rate, S)) - cost
        at = now
        assert level >= 0


@given(STEPS, st.integers(1, 60), st.integers(15, 120))
def test_the_wait_is_not_a_nanosecond_too_long(steps: list[tuple[int, int]], rate: int, burst: int) -> None:
    bucket, now = TokenBucket(rate=rate, burst=burst), 0
    for pause, cost in steps:
        now += pause
        wait = bucket.wait_ns(now, cost)
        if wait:
            assert bucket.wait_ns(now + wait - 1, cost) == 1
            assert bucket.wait_ns(now + wait, cost) == 0
            now += wait
        bucket.take(now, cost)


def test_debt_is_paid_before_the_next() -> None:
    bucket = TokenBucket(rate=10, burst=20)
    assert bucket.wait_ns(0, 100) == 0  # more than it ever holds: from full, into debt
    bucket.take(0, 100)
    assert bucket.used(0) == 5.0
    assert bucket.wait_ns(0, 1) == int(8.1 * S)
    assert bucket.wait_ns(S, 100) == 9 * S  # until full again


def test_the_other_side_is_believed_downwards_only() -> None:
    bucket = TokenBucket(rate=1, burst=10)
    bucket.lower(0, 50)
    assert bucket.used(0) == 0
    bucket.lower(0, -2)
    assert bucket.wait_ns(0, 1) == 3 * S
    bucket.lower(0, 5)
    assert bucket.wait_ns(0, 1) == 3 * S


def test_a_pause_and_another_size() -> None:
    bucket = TokenBucket(rate=1, burst=10)
    bucket.pause(5 * S)
    bucket.pause(2 * S)
    assert (bucket.wait_ns(0), bucket.wait_ns(5 * S)) == (5 * S, 0)
    bucket.resize(5 * S, rate=100, burst=4)
    assert bucket.wait_ns(5 * S, 4) == 0
    bucket.take(5 * S, 4)
    assert bucket.wait_ns(5 * S, 1) == S // 100


def test_time_that_stands_still_or_runs_back_adds_nothing() -> None:
    bucket = TokenBucket(rate=1, burst=1)
    bucket.take(10 * S)
    assert bucket.wait_ns(3 * S) == S
    assert bucket.used(3 * S) == 1.0


@given(STEPS, st.integers(15, 50), st.integers(SLOTS, 5 * S))
def test_no_window_ever_holds_more(steps: list[tuple[int, int]], limit: int, span: int) -> None:
    window, now, taken = SlidingWindow(limit, span), 7, list[tuple[int, int]]()
    for pause, cost in steps:
        now += pause
        now += window.wait_ns(now, cost)
        assert window.wait_ns(now, cost) == 0
        window.take(now, cost)
        taken.append((now, cost))
        assert sum(c for at, c in taken if at > now - span) <= limit


@given(STEPS, st.integers(15, 50))
def test_what_is_kept_for_others_is_there_at_once(steps: list[tuple[int, int]], keep: int) -> None:
    window, now = SlidingWindow(100, S), 0
    for pause, cost in steps:
        now += pause
        now += window.wait_ns(now, cost, keep=keep)
        window.take(now, cost)
        assert window.wait_ns(now, keep) == 0


def test_a_window_waits_until_enough_has_left() -> None:
    window = SlidingWindow(10, 20 * S)
    window.take(0, 6)
    window.take(5 * S, 4)
    assert window.used(5 * S) == 1.0
    assert window.wait_ns(5 * S, 1) == 16 * S
    assert window.wait_ns(5 * S, 7) == 21 * S
    assert window.wait_ns(5 * S, 99) == 21 * S
    window.pause(100 * S)
    assert window.wait_ns(50 * S, 1) == 50 * S
    assert window.wait_ns(5 * S, 1) == 95 * S


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 5)])
def test_a_bucket_without_size_is_refused(rate: int, burst: int) -> None:
    with pytest.raises(ValueError, match="above zero"):
        TokenBucket(rate=rate, burst=burst)
    with pytest.raises(ValueError, match="above zero"):
        SlidingWindow(min(rate, burst), S)
