"""Both limiters: what passes, what waits, and what the headers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.clob.limits import (
    PEERS_MAX,
    PREFIXES,
    SIGNERS_MAX,
    SURFACES,
    TIERS,
    Bucket,
    Limits,
    SlidingWindow,
    Verdict,
    Window,
)
from agbot.units import NS_PER_S

A = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
T0 = 1_790_000_000 * NS_PER_S

gaps = st.lists(st.one_of(st.integers(0, NS_PER_S), st.just(0), st.integers(0, 30 * NS_PER_S)), max_size=60)


def told(verdict: Verdict) -> dict[str, str]:
    return dict(verdict.headers)


# ---------------------------------------------------------------- tokens


@given(st.integers(1, 50), st.integers(1, 80), st.lists(st.tuples(st.integers(0, 3 * NS_PER_S), st.integers(1, 90))))
def test_never_more_than_the_burst_and_what_came_back(rate: int, burst: int, asked: list[tuple[int, int]]) -> None:
    bucket, now, taken = Bucket(rate, burst, T0), T0, []
    for gap, cost in asked:
        now += gap
        if cost > burst:
            continue
        wait = bucket.wait_ns(cost, now)
        if wait == 0:
            bucket.take(cost)
            taken.append((now, cost))
        else:
            assert bucket.wait_ns(cost, now + wait - 1) > 0 or wait == 1
            now += wait
            assert bucket.wait_ns(cost, now) == 0, "the wait told is enough"
    for first in range(len(taken)):
        total = 0
        for when, cost in taken[first:]:
            total += cost
            assert total * NS_PER_S <= burst * NS_PER_S + rate * (when - taken[first][0])


def test_a_clock_put_back_gives_nothing() -> None:
    bucket = Bucket(10, 10, T0)
    bucket.take(10)
    assert bucket.level(T0 - 5 * NS_PER_S) == 0
    assert bucket.level(T0 + NS_PER_S) == 10
    assert Bucket(1, 5, T0).level(T0 + 10**20) == 5


def test_a_clock_put_back_far_stops_nobody() -> None:
    back = T0 - 3600 * NS_PER_S
    bucket, window = Bucket(10, 10, T0), SlidingWindow(Window(2))
    bucket.take(10)
    assert bucket.wait_ns(1, back) == NS_PER_S // 10
    for _ in range(2):
        window.take(T0)
    assert window.wait_ns(T0 - NS_PER_S // 10) > 0
    assert window.wait_ns(back) == 0
    for _ in range(2):
        window.take(back)
    assert 0 < window.wait_ns(back) <= 10 * NS_PER_S + NS_PER_S // 10


@given(st.integers(1, 5), gaps)
def test_never_more_than_the_limit_in_any_span(limit: int, waits: list[int]) -> None:
    window, now, passed = SlidingWindow(Window(limit)), T0, []
    for gap in waits:
        now += gap
        wait = window.wait_ns(now)
        if wait:
            assert wait <= 10 * NS_PER_S + NS_PER_S // 10
            assert window.wait_ns(now + wait) == 0, "the wait told is enough"
            now += wait
        window.take(now)
        passed.append(now)
    assert all(b - a >= 10 * NS_PER_S for a, b in zip(passed, passed[limit:], strict=False))


# ---------------------------------------------------------------- signers


def test_orders_are_charged_all_or_none() -> None:
    limits = Limits()
    assert told(limits.order(A, 15, T0)) == {
        "Poly-RateLimit-Remaining": "45",
        "Poly-RateLimit-Reset": str(T0 // NS_PER_S + 1),
        "Poly-RateLimit-Tier": "Standard",
    }
    assert limits.order(A, 45, T0).ok
    refused = limits.order(A, 15, T0)
    assert not refused.ok
    assert told(refused)["Poly-RateLimit-Remaining"] == "0"
    assert told(refused)["Retry-After"] == "1"
    reply = refused.refusal()
    assert (reply.status, reply.json, reply.headers) == (429, {"error": "Too Many Requests"}, refused.headers)
    assert limits.order(A, 15, T0 + 375_000_000).ok
    assert not limits.order(A, 1, T0 + 375_000_000).ok
    assert limits.order("0xother", 60, T0).ok
    assert limits.cancel(A, 120, T0).ok, "cancels have a bucket of their own"


def test_a_batch_beyond_the_burst_never_passes() -> None:
    limits = Limits()
    assert not limits.order(A, 61, T0).ok
    assert not limits.cancel(A, 121, T0 + 10**12).ok
    assert limits.order(A, 60, T0).ok, "nothing was charged"


@pytest.mark.parametrize("name", list(TIERS))
def test_tiers(name: str) -> None:
    tier = TIERS[name]
    limits = Limits(tier=tier)
    assert limits.order(A, tier.order_burst, T0).ok
    assert not limits.order(A, 1, T0).ok
    assert limits.order(A, tier.order_rate, T0 + NS_PER_S).ok
    assert told(limits.order("0xb", 1, T0))["Poly-RateLimit-Tier"] == name


def test_cancel_all_may_be_owed_up_to_gold() -> None:
    limits = Limits()
    limits.tiers["0xb"] = TIERS["Platinum"]
    owed = limits.cancel_many(A, 279, T0)
    assert owed.ok
    assert told(owed)["Poly-RateLimit-Remaining"] == "-160"
    refused = limits.cancel(A, 1, T0 + NS_PER_S)
    assert not refused.ok
    assert told(refused)["Retry-After"] == "2"
    assert not limits.cancel_many(A, 0, T0 + 2 * NS_PER_S).ok
    assert limits.cancel_many(A, 0, T0 + 2 * NS_PER_S + 12_500_000).ok
    assert not limits.cancel_many("0xb", 1_350, T0).ok
    assert limits.cancel_many("0xb", 1_349, T0).ok


def test_warning_mode_lets_pass_and_says_so() -> None:
    limits = Limits(warning=True)
    assert "Poly-RateLimit-Warning" not in told(limits.order(A, 60, T0))
    warned = limits.order(A, 1, T0)
    assert warned.ok
    assert told(warned)["Poly-RateLimit-Warning"] == "true"
    assert told(warned)["Poly-RateLimit-Remaining"] == "0"


def test_switched_off() -> None:
    limits = Limits(enabled=False)
    assert limits.order(A, 10**6, T0) == Verdict(ok=True)
    assert limits.cancel_many(A, 10**6, T0).ok
    assert all(limits.admit("::1", "GET", "/ok", T0) is None for _ in range(200))


# ---------------------------------------------------------------- addresses of the network


def test_a_surface_and_everything_above_it_are_counted() -> None:
    limits = Limits()
    assert all(limits.admit("::1", "GET", "/ok", T0) is None for _ in range(100))
    refused = limits.admit("::1", "GET", "/ok", T0)
    assert refused is not None
    assert (refused.status, dict(refused.headers)) == (429, {"Retry-After": "11"})
    assert limits.admit("::2", "GET", "/ok", T0) is None
    assert limits.admit("::1", "GET", "/time", T0) is None
    assert limits.admit("::1", "GET", "/ok", T0 + 11 * NS_PER_S) is None


def test_ids_in_a_path_do_not_matter() -> None:
    limits = Limits()
    for number in range(900):
        assert limits.admit("::1", "GET", f"/data/order/{number}", T0) is None
    assert limits.admit("::1", "GET", "/data/order/x", T0) is not None
    assert limits.admit("::1", "POST", "/order", T0) is None


def test_the_ten_minutes_count_too() -> None:
    limits, now = Limits(), T0
    for _ in range(24):
        for _ in range(250):
            assert limits.admit("::1", "DELETE", "/cancel-all", now) is None
        now += 11 * NS_PER_S
    refused = limits.admit("::1", "DELETE", "/cancel-all", now)
    assert refused is not None
    assert 300 < int(dict(refused.headers)["Retry-After"]) <= 606


def test_other_hosts_have_limits_of_their_own() -> None:
    limits = Limits()
    for _ in range(800):
        assert limits.admit("::1", "GET", "/data-api/v1/x", T0) is None
    assert limits.admit("::1", "GET", "/data-api/v2/y", T0) is not None
    assert limits.admit("::1", "GET", "/gamma/markets/5", T0) is None
    assert limits.admit("::1", "GET", "/book", T0) is None
    assert ("GET", f"{PREFIXES['gamma']}/tags") in SURFACES
    assert ("GET", f"{PREFIXES['data']}/v2/trades") in SURFACES


def test_memory_is_bounded() -> None:
    limits = Limits()
    for number in range(PEERS_MAX + 5):
        limits.admit(str(number), "GET", "/ok", T0)
    for number in range(2 * SIGNERS_MAX):
        limits.order(str(number), 1, T0)
    peers, signers = limits.size
    assert peers <= PEERS_MAX
    assert signers <= SIGNERS_MAX
