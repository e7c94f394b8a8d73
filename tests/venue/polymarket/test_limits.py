"""The venue's buckets and windows are never exceeded, and cancels never wait behind anything else."""

from collections.abc import Awaitable, Callable
from fractions import Fraction

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from agbot.core.limiter import TokenBucket
from agbot.errors import VenueThrottled
from agbot.units import NS_PER_S
from agbot.venue.polymarket.limits import (
    JITTER_S,
    QUEUE_FOR_CANCELS,
    QUEUE_MAX,
    ROUTES,
    TIERS,
    WINDOWS,
    Draw,
    Limiter,
    Limits,
    Priority,
)

S = NS_PER_S
JITTER_NS = int(JITTER_S * S)
ORDER = ROUTES["post-order"]


def venue_survives(arrivals: list[tuple[int, int]], rate: int, burst: int) -> bool:
    """Return whether the venue's own bucket, in rational numbers, ever says no."""
    level, at = Fraction(burst), 0
    for now, cost in sorted(arrivals):
        level = min(Fraction(burst), level + Fraction((now - at) * rate, S)) - cost
        at = now
        if level < 0:
            return False
    return True


SEQUENCE = st.lists(
    st.tuples(
        st.integers(0, S),
        st.sampled_from(["post-order", "post-orders", "delete-order", "delete-orders", "book", "cancel-all"]),
        st.integers(1, 15),
        st.integers(0, JITTER_NS),
    ),
    max_size=120,
)


@given(SEQUENCE, st.sampled_from(sorted(TIERS)))
def test_no_sequence_exceeds_the_venues_buckets(sequence: list[tuple[int, str, int, int]], tier: str) -> None:
    limits, now, sent = Limits(), 0, dict[Draw, list[tuple[int, int]]]()
    limits.observe(0, ORDER, {"poly-ratelimit-tier": tier.title()})
    lasts = limits.order_burst(), limits.cancel_burst()
    for pause, name, asked, jitter in sequence:
        route, cost = ROUTES[name], min(asked, *lasts)
        now += pause // 20
        now += limits.wait_ns(now, route, cost)
        limits.take(now, route, cost)
        sent.setdefault(route.draw, []).append((now + jitter, cost))
    size = TIERS[tier]
    assert venue_survives(sent.get(Draw.ORDERS, []), size.order_rate, size.order_burst)
    assert venue_survives(sent.get(Draw.CANCELS, []), size.cancel_rate, size.cancel_burst)


@given(st.lists(st.sampled_from(sorted(ROUTES)), max_size=60))
def test_no_window_per_ip_is_exceeded(names: list[str]) -> None:
    limits, now = Limits(), 0
    counts: dict[str, list[int]] = {}
    for name in names * 20:
        now += limits.wait_ns(now, ROUTES[name], 1)
        limits.take(now, ROUTES[name], 1)
        for window in ROUTES[name].windows:
            counts.setdefault(window, []).append(now)
    for window, times in counts.items():
        limit, seconds = WINDOWS[window]
        assert all(times[i + limit] - t >= seconds * S for i, t in enumerate(times) if i + limit < len(times)), window


@given(SEQUENCE)
def test_a_cancel_never_waits_for_what_is_no_cancel(sequence: list[tuple[int, str, int, int]]) -> None:
    limits, alone, now = Limits(), TokenBucket(rate=80, burst=100), 0
    for pause, name, cost, _ in sequence * 5:
        now += pause // 1000
        route = ROUTES[name]
        if route.priority is Priority.CANCEL:
            wait = limits.wait_ns(now, route, cost)
            assert wait == alone.wait_ns(now, cost)
            now += wait
            alone.take(now, cost)
        else:
            now += limits.wait_ns(now, route, cost)
        limits.take(now, route, cost)


def test_headers_lower_switch_and_warn() -> None:
    limits = Limits()
    limits.observe(0, ORDER, {"poly-ratelimit-remaining": "3", "poly-ratelimit-warning": "true"})
    assert limits.warnings == 1
    assert limits.wait_ns(0, ORDER, 3) == 0
    assert limits.wait_ns(0, ORDER, 4) == S // 40
    assert limits.wait_ns(0, ROUTES["delete-order"], 100) == 0
    limits.observe(0, ORDER, {"poly-ratelimit-remaining": "-37", "poly-ratelimit-tier": "unheard of"})
    assert (limits.wait_ns(0, ORDER, 3), limits.tier) == (S, "standard")
    limits.observe(0, ORDER, {"poly-ratelimit-tier": "Elite"})
    assert (limits.tier, limits.wait_ns(0, ORDER, 3)) == ("elite", S * 40 // 600 + 1)
    assert (limits.order_burst(), limits.cancel_burst()) == (15, 1000)
    for odd in ("", "x", "٣", "9" * 50, "1.5"):
        limits.observe(0, ORDER, {"poly-ratelimit-remaining": odd})
    assert limits.wait_ns(0, ORDER, 3) == S * 40 // 600 + 1


def test_a_429_pauses_what_it_was_about_only() -> None:
    limits = Limits()
    limits.pause(0, ORDER, 5)
    limits.pause(0, ROUTES["book"], 2)
    assert limits.wait_ns(0, ROUTES["post-orders"], 1) == 5 * S
    assert limits.wait_ns(0, ROUTES["book"], 1) == 2 * S
    assert [limits.wait_ns(0, ROUTES[n], 1) for n in ("delete-order", "price", "trades", "heartbeat")] == [0, 0, 0, 0]


def test_utilisation_names_what_is_used() -> None:
    limits = Limits()
    limits.take(0, ORDER, 25)
    limits.take(0, ROUTES["cancel-all"], 1)
    limits.owe(0, 149)
    used = limits.utilisation(0)
    assert used["signer-orders"] == 0.5
    assert used["signer-cancels"] == 1.5
    assert used["post-order"] == pytest.approx(1 / 4500)
    assert "gamma" not in used


# ---------------------------------------------------------------- the queue


@pytest.fixture
def limiter() -> Limiter:
    return Limiter()


async def drain(limiter: Limiter, name: str, cost: int) -> None:
    """Empty a bucket."""
    await limiter.admit(name, cost)


def noting(log: list[str], limiter: Limiter) -> Callable[[str, str], Awaitable[None]]:
    async def ask(label: str, name: str) -> None:
        await limiter.admit(name)
        log.append(f"{label}@{trio.current_time():.3f}")

    return ask


async def test_orders_wait_in_turn_and_cancels_do_not(autojump_clock: MockClock, limiter: Limiter) -> None:
    start, log = trio.current_time(), list[str]()
    ask = noting(log, limiter)
    await drain(limiter, "post-orders", 50)
    async with trio.open_nursery() as nursery:
        for n in range(4):
            nursery.start_soon(ask, f"order{n}", "post-order")
            await wait_all_tasks_blocked()
        assert limiter.waiting == 4
        nursery.start_soon(ask, "cancel", "delete-order")
        nursery.start_soon(ask, "book", "book")
        await wait_all_tasks_blocked()
        assert {entry.partition("@")[0] for entry in log} == {"cancel", "book"}
    assert [entry.partition("@")[0] for entry in log[2:]] == ["order0", "order1", "order2", "order3"]
    assert trio.current_time() - start == pytest.approx(0.1)


async def test_a_large_batch_is_not_starved_by_small_orders(autojump_clock: MockClock, limiter: Limiter) -> None:
    log: list[str] = []
    ask = noting(log, limiter)
    await drain(limiter, "post-orders", 45)

    async def batch() -> None:
        await limiter.admit("post-orders", 15)
        log.append("batch")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(batch)
        await wait_all_tasks_blocked()
        for _ in range(5):
            nursery.start_soon(ask, "order", "post-order")
    assert log[0] == "batch"


async def test_who_gives_up_leaves_the_queue_to_the_next(autojump_clock: MockClock, limiter: Limiter) -> None:
    log: list[str] = []
    ask = noting(log, limiter)
    await drain(limiter, "post-orders", 50)
    async with trio.open_nursery() as nursery:
        first = trio.CancelScope()

        async def give_up() -> None:
            with first:
                await ask("first", "post-order")

        nursery.start_soon(give_up)
        await wait_all_tasks_blocked()
        nursery.start_soon(ask, "second", "post-order")
        await wait_all_tasks_blocked()
        first.cancel()
    assert [entry.partition("@")[0] for entry in log] == ["second"]
    assert limiter.waiting == 0


async def test_a_pause_is_waited_out_and_a_debt_too(autojump_clock: MockClock, limiter: Limiter) -> None:
    start = trio.current_time()
    limiter.pause("post-order", 3)
    limiter.owe(180)
    await limiter.admit("delete-order")
    assert trio.current_time() - start == pytest.approx(81 / 80)
    assert limiter.utilisation()["signer-cancels"] == pytest.approx(1, abs=0.01)
    await limiter.admit("post-order")
    assert trio.current_time() - start == pytest.approx(3)


async def test_the_queue_is_bounded_and_has_places_for_cancels(autojump_clock: MockClock, limiter: Limiter) -> None:
    limiter.pause("post-order", 10_000)
    async with trio.open_nursery() as nursery:
        for _ in range(QUEUE_MAX - QUEUE_FOR_CANCELS):
            nursery.start_soon(limiter.admit, "post-order")
        await wait_all_tasks_blocked()
        with pytest.raises(VenueThrottled):
            await limiter.admit("post-order")
        await limiter.admit("delete-order")
        nursery.cancel_scope.cancel()
    assert limiter.waiting == 0
