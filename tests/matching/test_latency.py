"""How long messages are under way: the same draws for the same numbers, the quantiles asked for, and no overtaking."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions
from agbot.matching.dice import TOP, draw, mixed
from agbot.matching.latency import Constant, Delays, Line, LogNormal, Recorded, Stream, recorded
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder
from agbot.model.events import CancelRejected, MarketListed, OrderAccepted
from agbot.model.ids import ClientOrderId
from agbot.testing.builders import make_market, place
from agbot.units import NS_PER_MS, NS_PER_S

SLOW = LogNormal(median_ns=40 * NS_PER_MS, p99_ns=250 * NS_PER_MS)
seeds = st.integers(0, 2**63 - 1)
numbers = st.integers(0, 2**40)


def test_the_mixer_is_splitmix64() -> None:
    """Reference values: the first outputs of splitmix64 seeded with 0, whose state grows by the golden gamma."""
    gamma = 0x9E3779B97F4A7C15
    assert [mixed(gamma * n & (TOP - 1)) for n in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


@given(seeds, numbers)
def test_a_draw_depends_on_seed_stream_and_number(seed: int, number: int) -> None:
    value = draw(seed, Stream.ORDER, number)
    assert 0 <= value < TOP
    assert value == draw(seed, Stream.ORDER, number)
    others = [draw(seed, Stream.ANSWER, number), draw(seed, Stream.ORDER, number + 1), draw(seed + 1, 1, number)]
    assert value not in others


def test_draws_are_uniform() -> None:
    drawn = [draw(7, Stream.TRADE, n) / TOP for n in range(20_000)]
    assert statistics.fmean(drawn) == pytest.approx(0.5, abs=0.01)
    deciles = [sum(n / 10 <= x < (n + 1) / 10 for x in drawn) for n in range(10)]
    assert min(deciles) > 1_850
    assert max(deciles) < 2_150


def test_the_distribution_has_the_quantiles_it_was_given() -> None:
    drawn = sorted(SLOW.ns(draw(3, Stream.ORDER, n), 0) for n in range(20_000))
    assert drawn[10_000] == pytest.approx(40 * NS_PER_MS, rel=0.03)
    assert drawn[19_800] == pytest.approx(250 * NS_PER_MS, rel=0.06)
    assert all(delay % 1_000 == 0 for delay in drawn)


@given(st.integers(0, TOP - 1), st.integers(0, TOP - 1))
def test_a_higher_draw_is_never_a_shorter_delay(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert 0 <= SLOW.ns(low, 0) <= SLOW.ns(high, 0)
    assert LogNormal(median_ns=5_000, p99_ns=5_000).ns(one, 0) == 5_000


def test_both_ends_of_the_dice_are_delays() -> None:
    assert SLOW.ns(0, 0) > 0
    assert SLOW.ns(TOP - 1, 0) < 60 * NS_PER_S


def test_recorded_delays_are_interpolated_between_and_held_beyond() -> None:
    delay = Recorded((100, 200, 300), (10, 30, 20))
    assert [delay.ns(0, at) for at in (0, 100, 150, 199, 200, 275, 300, 999)] == [10, 10, 20, 29, 30, 22, 20, 20]
    assert Recorded((5,), (7,)).ns(0, 1) == Recorded((5,), (7,)).ns(0, 9) == 7


def test_the_way_back_is_known_at_the_time_the_venue_acted() -> None:
    way_in, way_out = recorded([(1_000, 100, 10), (2_000, 300, 30)])
    assert [way_in.ns(0, at) for at in (1_000, 1_500, 2_000)] == [100, 200, 300]
    assert way_out == Recorded((1_100, 2_300), (10, 30))
    assert way_out.ns(0, 1_700) == 20


def test_answers_sent_at_one_time_are_one_point() -> None:
    _, way_out = recorded([(1_000, 500, 10), (1_200, 300, 30), (1_300, 100, 5)])
    assert way_out == Recorded((1_400, 1_500), (5, 30))


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([], "one at least"),
        ([(1, 2, 3), (1, 2, 3)], "must rise"),
        ([(2, 2, 3), (1, 2, 3)], "must rise"),
        ([(1, -2, 3)], "negative"),
        ([(1, 2, -3)], "negative"),
    ],
)
def test_what_is_no_recording(points: list[tuple[int, int, int]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        recorded(points)


def test_what_is_no_delay() -> None:
    with pytest.raises(ValueError, match="cannot be"):
        LogNormal(median_ns=10, p99_ns=9)
    with pytest.raises(ValueError, match="median_ns"):
        LogNormal(median_ns=0, p99_ns=9)
    with pytest.raises(ValueError, match="delay_ns"):
        Constant(-1)


gaps = st.lists(st.integers(0, 100 * NS_PER_MS), min_size=1, max_size=50)


@given(gaps, seeds)
def test_nothing_overtakes_on_one_line(waits: list[int], seed: int) -> None:
    line, free = (Line(SLOW, seed, Stream.ORDER, overtaking=allowed) for allowed in (False, True))
    now, latest = 0, 0
    for wait in waits:
        now += wait
        kept, loose = line.due(now), free.due(now)
        latest = max(latest, loose)
        assert kept == latest, "a message waits for those before it, and for nothing else"


def test_told_to_messages_overtake() -> None:
    free = Line(SLOW, 1, Stream.ORDER, overtaking=True)
    arrivals = [free.due(n) for n in range(100)]
    assert arrivals != sorted(arrivals)


def matcher(**conditions: object) -> PaperMatcher:
    bench = PaperMatcher(10**9, terms=Terms(order_latency_ns=1, feed_latency_ns=1), conditions=Conditions(**conditions))
    bench.on_market(0, MarketListed(make_market(), 0))
    bench.advance(0)
    return bench


def test_the_constants_of_the_terms_are_the_default() -> None:
    assert matcher().delays == Delays(order=Constant(1), answer=Constant(1), feed=Constant(1))


def test_each_way_has_its_own_delay() -> None:
    bench = matcher(delays=Delays(order=Constant(50), answer=Constant(7), feed=Constant(3)))
    assert bench.submit(0, place()) == 50
    assert bench.advance(56) == []
    assert bench.advance(57) == [OrderAccepted(ClientOrderId("o1"), "o1", 50)]  # type: ignore[arg-type]
    assert bench.told_ns == 57


@pytest.mark.parametrize("overtaking", [False, True])
def test_a_cancel_overtakes_its_order_when_told_to(overtaking: bool) -> None:
    slower_first = Recorded((0, 10), (100, 5))
    delays = Delays(order=slower_first, answer=Constant(0), feed=Constant(0), overtaking=overtaking)
    bench = matcher(delays=delays)
    assert bench.submit(0, place()) == 100
    assert bench.cancel(10, CancelOrder(ClientOrderId("o1"), "t")) == (15 if overtaking else 100)
    heard = [type(e) for e in bench.advance(200)]
    assert (heard[0] is CancelRejected) is overtaking
    assert len(bench.open_orders()) == overtaking


@given(seeds)
def test_the_order_of_other_calls_changes_no_delay(seed: int) -> None:
    delays = Delays(order=SLOW, answer=SLOW, feed=SLOW)
    plain, busy = (matcher(delays=delays, seed=seed) for _ in range(2))
    for n in range(5):
        busy.on_market(n, MarketListed(make_market(), n))
        arrivals = {bench.submit(n, place(f"o{n}", price="0.10")) for bench in (plain, busy)}
        assert len(arrivals) == 1
    assert plain.advance(10**12) == busy.advance(10**12)
