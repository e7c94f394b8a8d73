"""The registry loses nothing it promised to keep, and counts what it drops."""

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from agbot.telemetry.protocol import LINE_BYTES_MAX, series_key
from agbot.telemetry.registry import DROPPED, EVENTS, EVENTS_BUFFER_MAX, METRICS_BUFFER_MAX, OBSERVATIONS_MAX, Registry
from agbot.units import NS_PER_MS, NS_PER_S

ALL = 1 << 30


def lines_of(registry: Registry, max_bytes: int = ALL) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in registry.drain(max_bytes).lines]
    return [line for line in lines if line.get("metric_name") != EVENTS]


def values(lines: list[dict[str, Any]], name: str) -> list[float]:
    return [line["value"] for line in lines if line.get("metric_name") == name]


@pytest.fixture
def registry() -> Registry:
    return Registry(lambda: NS_PER_S, run_id="r1")


def test_a_counter_makes_one_cumulative_line_a_drain(registry: Registry) -> None:
    placed = registry.counter("exec.orders_placed", venue="paper", side="BUY")
    for _ in range(3):
        placed.add()
    placed.add(2)
    assert lines_of(registry) == [
        {
            "timestamp": 1000,
            "metric_type": "counter",
            "metric_name": "exec.orders_placed",
            "value": 5.0,
            "labels": {"venue": "paper", "side": "BUY"},
        }
    ]
    assert lines_of(registry) == []
    registry.counter("exec.orders_placed", side="BUY", venue="paper").add(1)
    assert values(lines_of(registry), "exec.orders_placed") == [6]


def test_a_gauge_sends_its_newest_value_and_gauge_each_all_of_them(registry: Registry) -> None:
    registry.gauge("lag").set(1)
    registry.gauge("lag").set(-2)
    for allowed in (1, 0, 1):
        registry.gauge_each("polymarket.risk.decision", policy="p").observe(allowed)
    lines = lines_of(registry)
    assert values(lines, "lag") == [-2]
    assert values(lines, "polymarket.risk.decision") == [1, 0, 1]


def test_a_histogram_makes_a_line_an_observation(registry: Registry) -> None:
    for value in (3, 1, 2):
        registry.histogram("exec.latency_ms").observe(value)
    assert values(lines_of(registry), "exec.latency_ms") == [3, 1, 2]


def test_events_go_before_metrics_and_carry_run_and_number(registry: Registry) -> None:
    registry.gauge("g").set(1)
    registry.event("fill", price=Decimal("0.50"), size=Decimal(5))
    registry.event("log", level="info", event="hello")
    first, second, third = lines_of(registry)
    assert first == {
        "timestamp": 1000,
        "event_type": "fill",
        "event": {"price": "0.50", "size": "5"},
        "run_id": "r1",
        "seq": 1,
    }
    assert (second["event_type"], second["seq"]) == ("log", 2)
    assert third["metric_name"] == "g"


def test_beyond_the_bound_the_oldest_observation_goes_and_is_counted(registry: Registry) -> None:
    latency = registry.histogram("h")
    for i in range(METRICS_BUFFER_MAX + 3):
        latency.observe(i)
    assert registry.dropped("metric") == 3
    lines = lines_of(registry)
    assert values(lines, "h") == list(range(3, METRICS_BUFFER_MAX + 3))
    assert values(lines, DROPPED) == [3]


def test_metrics_never_push_out_events() -> None:
    registry = Registry(lambda: NS_PER_MS, metrics_max=4, events_max=2)
    registry.event("order", client_order_id="1")
    for i in range(100):
        registry.histogram("h").observe(i)
    assert registry.dropped("event") == 0
    assert lines_of(registry)[0]["event_type"] == "order"


def test_events_have_their_own_bound() -> None:
    registry = Registry(lambda: NS_PER_MS, events_max=3)
    for i in range(5):
        registry.event("note", n=i)
    lines = lines_of(registry)
    assert [line["event"]["n"] for line in lines if "event" in line] == [2, 3, 4]
    assert [(line["labels"], line["value"]) for line in lines if line.get("metric_name") == DROPPED] == [
        ({"kind": "event"}, 2)
    ]
    assert EVENTS_BUFFER_MAX == 5000


def test_an_event_too_long_for_the_protocol_is_dropped_and_counted(registry: Registry) -> None:
    registry.event("log", text="x" * LINE_BYTES_MAX)
    assert registry.dropped("event") == 1
    assert [line for line in lines_of(registry) if "event" in line] == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_dropped_and_counted(registry: Registry, value: float) -> None:
    registry.gauge("g").set(value)
    registry.histogram("h").observe(value)
    assert registry.dropped("metric") == 2
    assert {line["metric_name"] for line in lines_of(registry)} == {DROPPED}


def test_instruments_are_bounded() -> None:
    registry = Registry(lambda: NS_PER_MS, instruments_max=2)
    for i in range(5):
        registry.counter("c", n=str(i)).add()
    lines = lines_of(registry)
    assert len(values(lines, "c")) == 2
    assert values(lines, DROPPED) == [3]


@pytest.mark.parametrize("again", [lambda r: r.gauge("x"), lambda r: r.histogram("x")])
def test_one_name_has_one_type(registry: Registry, again: Callable[[Registry], object]) -> None:
    registry.counter("x")
    with pytest.raises(AssertionError, match="x"):
        again(registry)


def test_a_counter_only_rises(registry: Registry) -> None:
    with pytest.raises(AssertionError):
        registry.counter("x").add(-1)


def test_a_burst_of_more_series_than_the_buffer_still_delivers_every_newest_value() -> None:
    registry = Registry(lambda: NS_PER_MS, metrics_max=10)
    for i in range(35):
        registry.counter("c", n=str(i)).add(i)
    seen: dict[str, float] = {}
    while lines := lines_of(registry, 200):
        seen |= {line["labels"]["n"]: line["value"] for line in lines if line["metric_name"] == "c"}
    assert seen == {str(i): i for i in range(35)}


def test_a_small_drain_takes_a_part_and_leaves_the_rest(registry: Registry) -> None:
    for i in range(10):
        registry.event("e", n=i)
        registry.histogram("h").observe(i)
    events: list[int] = []
    observed: list[float] = []
    while lines := lines_of(registry, 150):
        assert len(lines) <= 3
        events += [line["event"]["n"] for line in lines if "event" in line]
        observed += values(lines, "h")
    assert events == observed == list(range(10))


def test_what_was_not_sent_is_put_back_in_order(registry: Registry) -> None:
    registry.event("e", n=0)
    registry.histogram("h").observe(0)
    batch = registry.drain(ALL)
    registry.event("e", n=1)
    registry.histogram("h").observe(1)
    registry.restore(batch)
    lines = lines_of(registry)
    assert [line["event"]["n"] for line in lines if "event" in line] == [0, 1]
    assert values(lines, "h") == [0, 1]


def test_putting_back_respects_the_bounds() -> None:
    registry = Registry(lambda: NS_PER_MS, metrics_max=3, events_max=2)
    for i in range(2):
        registry.event("e", n=i)
        registry.histogram("h").observe(i)
    batch = registry.drain(ALL)
    registry.event("e", n=2)
    registry.histogram("h").observe(2)
    registry.restore(batch)
    lines = lines_of(registry)
    assert [line["event"]["n"] for line in lines if "event" in line] == [1, 2]
    assert values(lines, "h") == [1, 2]
    assert (registry.dropped("event"), registry.dropped("metric")) == (1, 1)


def test_resync_gives_every_counter_and_gauge_and_the_events_that_matter(registry: Registry) -> None:
    registry.counter("c").add(4)
    registry.gauge("g").set(2)
    registry.event("market", market_id="m1", slug="one")
    registry.event("order", client_order_id="o1", state="OPEN")
    registry.event("order", client_order_id="o2", state="OPEN")
    registry.event("order", client_order_id="o1", state="FILLED")
    registry.event("chatter", n=1)
    registry.drain(ALL)
    registry.event("order", client_order_id="o2", state="CANCELLED")
    lines = [json.loads(line) for line in registry.resync()]
    assert [(line["event_type"], line["seq"]) for line in lines if "event" in line] == [("market", 1), ("order", 4)]
    metrics = {line["metric_name"]: line["value"] for line in lines if "value" in line and not line["labels"]}
    assert metrics == {"c": 4, "g": 2}
    # the waiting event comes by the next drain, in its place, and no counter twice
    assert [line["seq"] for line in lines_of(registry)] == [6]


def test_resync_keeps_waiting_observations(registry: Registry) -> None:
    registry.histogram("h").observe(1)
    registry.gauge("g").set(1)
    assert values([json.loads(line) for line in registry.resync()], "g") == [1]
    lines = lines_of(registry)
    assert values(lines, "h") == [1]
    assert values(lines, "g") == []
    registry.gauge("g").set(2)
    assert values(lines_of(registry), "g") == [2]


def test_pressure_is_told_at_half_full_and_by_close() -> None:
    registry = Registry(lambda: NS_PER_MS, metrics_max=10)
    told: list[int] = []
    registry.on_pressure = lambda: told.append(1)
    for i in range(5):
        assert told == []
        registry.histogram("h").observe(i)
    assert told == [1]
    registry.close()
    assert told == [1, 1]
    assert registry.closed


RECORDS = st.lists(
    st.one_of(
        st.tuples(st.just("counter"), st.sampled_from("abcdef"), st.integers(0, 5)),
        st.tuples(st.just("gauge"), st.sampled_from("uvwxyz"), st.integers(-5, 5)),
        st.tuples(st.just("histogram"), st.sampled_from("hij"), st.integers(0, 9)),
        st.tuples(st.just("event"), st.just("e"), st.integers()),
        st.tuples(st.just("drain"), st.just(""), st.integers(1, 400)),
        st.tuples(st.just("fail"), st.just(""), st.integers(1, 400)),
        st.tuples(st.just("resync"), st.just(""), st.just(0)),
    ),
    max_size=120,
)


@given(RECORDS)
def test_whatever_happens_totals_agree_and_every_loss_is_counted(records: list[tuple[str, str, int]]) -> None:
    registry = Registry(lambda: NS_PER_MS, metrics_max=5, events_max=4)
    totals: dict[str, float] = defaultdict(float)
    got: dict[str, float] = {}
    observed = events = seen_observations = seen_events = 0

    def take(raw: list[bytes]) -> None:
        nonlocal seen_observations, seen_events
        for line in map(json.loads, raw):
            if "event" in line:
                seen_events += 1
            elif line["metric_type"] == "histogram":
                seen_observations += 1
            else:
                got[series_key(line["metric_name"], line["labels"])] = line["value"]

    for kind, name, number in records:
        if kind == "counter":
            registry.counter(name).add(number)
            totals[series_key(name, {})] += number
        elif kind == "gauge":
            registry.gauge(name).set(number)
            totals[series_key(name, {})] = number
        elif kind == "histogram":
            registry.histogram(name).observe(number)
            observed += 1
        elif kind == "event":
            registry.event(name, n=str(number))
            events += 1
            totals[series_key(EVENTS, {"event_type": name})] += 1
        elif kind == "drain":
            take(registry.drain(number).lines)
        elif kind == "fail":  # a lost connection: what was taken goes back, the next one begins with a resync
            registry.restore(registry.drain(number))
            take(registry.resync())
        else:
            take(registry.resync())
    while lines := registry.drain(300).lines:
        take(lines)
    assert {key: value for key, value in got.items() if not key.startswith(DROPPED)} == totals
    assert seen_events + registry.dropped("event") == events
    lost = registry.dropped("metric")
    assert observed - lost <= seen_observations <= observed
    assert got.get(series_key(DROPPED, {"kind": "metric"}), 0) == lost


def sampled(registry: Registry, now_ns: int) -> list[tuple[int, str, float]]:
    return [(row.ts_ns, row.name, row.value) for row in registry.sample(now_ns) if row.name != EVENTS]


def test_a_sample_has_the_newest_value_of_what_was_recorded_since_the_last_one() -> None:
    now_ms = 1000
    registry = Registry(lambda: now_ms * NS_PER_MS)
    gauge, counter = registry.gauge("g", b="2", a="1"), registry.counter("c")
    assert registry.sample(NS_PER_S) == []
    gauge.set(1)
    gauge.set(2)
    counter.add()
    assert [tuple(row) for row in registry.sample(5 * NS_PER_S + 7)] == [
        (5 * NS_PER_S, "g", (("a", "1"), ("b", "2")), 2.0),
        (5 * NS_PER_S, "c", (), 1.0),
    ]
    assert registry.sample(6 * NS_PER_S) == []
    now_ms += 1000
    gauge.set(2)
    assert sampled(registry, 7 * NS_PER_S) == [(7 * NS_PER_S, "g", 2.0)]
    gauge.set(3)  # in the same millisecond
    assert sampled(registry, 7 * NS_PER_S + 9) == [(7 * NS_PER_S + 1, "g", 3.0)]


def test_single_observations_are_sampled_each_at_a_time_of_its_own() -> None:
    registry = Registry(lambda: NS_PER_S)
    each = registry.gauge_each("e")
    each.observe(1)
    assert registry.sample(0) == []  # nobody asked for them yet
    registry.observe_singly()
    for value in (1, 2, 2):
        each.observe(value)
    each.observe(float("nan"))
    at = 1000 * 10**6
    assert [row for row in sampled(registry, 9 * NS_PER_S) if row[1] == "e"] == [
        (at, "e", 1.0),
        (at + 1, "e", 2.0),
        (at + 2, "e", 2.0),
    ]
    assert registry.sample(9 * NS_PER_S) == []


def test_observations_that_nobody_samples_have_a_bound() -> None:
    registry = Registry(lambda: NS_PER_S)
    registry.observe_singly()
    histogram = registry.histogram("h")
    for n in range(OBSERVATIONS_MAX + 5):
        histogram.observe(n)
    found = [row for row in registry.sample(NS_PER_S) if row.name == "h"]
    assert [len(found), found[-1].value] == [OBSERVATIONS_MAX, OBSERVATIONS_MAX - 1]


def test_what_is_sampled_is_sent_all_the_same(registry: Registry) -> None:
    registry.observe_singly()
    registry.gauge("g").set(1)
    registry.histogram("h").observe(2)
    registry.sample(0)
    lines = lines_of(registry)
    assert (values(lines, "g"), values(lines, "h")) == ([1], [2])
