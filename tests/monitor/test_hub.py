"""The hub: what readers are told adds up to what bots said."""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from agbot.monitor import state
from agbot.monitor.hub import BACKLOG_TICKS_MAX, RUNS_MAX, Hub
from agbot.telemetry.protocol import DECISIONS_KEPT, ORDERS_KEPT, encode, series_key

Make = Callable[..., str]


def tick(hub: Hub, reader: Any, at: int = 1000) -> list[Any]:
    """Tick once and return what the reader got by it."""
    hub.tick(at)
    frames: list[Any] = reader.take()
    assert frames or reader.reader.plain, "every tick gives a frame, also when nothing changed"
    return frames


def test_the_first_frame_is_a_snapshot_then_deltas_number_every_tick(metric: Make, ear: Any) -> None:
    hub = Hub()
    hub.tick(100)
    reader = ear(hub)
    hub.feed().take(metric("g", 5, a="b"))
    (first,) = tick(hub, reader, 200)
    assert (first["v"], first["kind"], first["tick"], first["at"], first["connected"]) == (1, "snapshot", 2, 200, True)
    assert first["metrics"] == [["g", {"a": "b"}, "gauge", 5.0, 1]]
    (second,) = tick(hub, reader, 300)
    assert second == {
        "kind": "delta", "tick": 3, "at": 300, "connected": True, "metrics": [], "events": [], "v": 1,
    }  # fmt: skip


def test_an_empty_monitor_says_so(ear: Any) -> None:
    hub = Hub()
    (frame,) = tick(hub, ear(hub))
    assert (frame["run"], frame["connected"], frame["metrics"], frame["kill_switch"]) == (None, False, [], None)


def test_a_delta_holds_one_entry_a_series_with_the_newest_value(metric: Make, ear: Any) -> None:
    hub, feed = Hub(), None
    reader = ear(hub)
    feed = hub.feed()
    feed.take(metric("c", 1, "counter"))
    tick(hub, reader)
    feed.take("\n".join(metric("c", n, "counter", at=n) for n in (2, 3, 9)))
    (delta,) = tick(hub, reader)
    assert delta["metrics"] == [["c", {}, "counter", 9.0, 9]]


def test_histograms_tell_the_tick_in_a_delta_and_the_run_in_a_snapshot(metric: Make, ear: Any) -> None:
    hub = Hub()
    early, feed = ear(hub), hub.feed()
    feed.take(metric("h", 4, "histogram"))
    (snapshot,) = tick(hub, early)
    assert snapshot["metrics"][0][3] == {
        "count": 1,
        "sum": 4.0,
        "min": 4.0,
        "max": 4.0,
        "last": 4.0,
        "buckets": [[8, 1]],
    }
    feed.take("\n".join(metric("h", v, "histogram") for v in (7, 1, 3)))
    late = ear(hub)
    (delta,) = tick(hub, early)
    assert delta["metrics"][0][3] == {
        "count": 3,
        "sum": 11.0,
        "min": 1.0,
        "max": 7.0,
        "last": 3.0,
        "buckets": [[0, 1], [6, 1], [11, 1]],
    }
    whole = late.take()[0]
    assert whole["metrics"][0][3]["buckets"] == [[0, 1], [6, 1], [8, 1], [11, 1]]
    assert whole["metrics"][0][3]["count"] == 4
    assert tick(hub, early)[0]["metrics"] == []


def test_malformed_lines_are_counted_and_the_rest_of_the_frame_counts(metric: Make, ear: Any) -> None:
    hub = Hub()
    reader = ear(hub)
    hub.feed().take("\n".join(["junk", metric("a", 1), "", '{"timestamp":1}', metric("b", 2), "{"]))
    (frame,) = tick(hub, reader)
    assert [entry[0] for entry in frame["metrics"]] == ["a", "b"]
    assert hub.malformed == 3
    assert hub.health().malformed == 3


def test_a_line_separator_inside_a_text_does_not_cut_the_line() -> None:
    hub = Hub()
    hub.feed().take('{"timestamp": 1, "event_type": "log", "event": {"event": "a\u2028b\x85c"}}')
    assert hub.malformed == 0
    assert hub.shown.logs == hub.shown.logs.__class__()  # not on stage before the first tick
    hub.tick(1)
    assert hub.shown.logs[0].event == {"event": "a\u2028b\x85c"}


def test_only_junk_is_no_bot() -> None:
    hub = Hub()
    feed = hub.feed()
    feed.take("junk")
    assert hub.bots == 0
    feed.close()
    assert hub.bots == 0


def test_one_name_keeps_its_first_type(metric: Make) -> None:
    hub = Hub()
    feed = hub.feed()
    feed.take(metric("x", 1, "gauge") + "\n" + metric("x", 2, "counter"))
    hub.tick(1)
    assert hub.malformed == 1
    assert [m.value for m in hub.shown.metrics.values()] == [1]


def test_series_are_bounded(metric: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "METRICS_MAX", 3)
    hub = Hub()
    hub.feed().take("\n".join(metric("x", 1, n=str(n)) for n in range(5)))
    hub.tick(1)
    assert len(hub.shown.metrics) == 3
    assert hub.malformed == 2


def test_lists_are_bounded_and_orders_are_one_a_client_order_id(event: Make, ear: Any) -> None:
    hub = Hub()
    reader, feed = ear(hub), hub.feed()
    for n in range(ORDERS_KEPT + 10):
        feed.take(event("order", client_order_id=str(n), state="OPEN"))
        feed.take(event("decision", allowed=True, n=n))
    feed.take(event("order", client_order_id="50", state="FILLED"))
    feed.take(event("market", market_id="m", slug="one") + "\n" + event("market", market_id="m", slug="two"))
    feed.take(event("kill_switch", on=True, reason="test", by="me"))
    feed.take(event("kill_switch", on=True, reason="a strategy's own", by="me", scope="strategy", name="quoter"))
    (frame,) = tick(hub, reader)
    orders = [line["event"] for line in frame["orders"]]
    assert len(orders) == ORDERS_KEPT
    assert orders[-1] == {"client_order_id": "50", "state": "FILLED"}
    assert [o["client_order_id"] for o in orders].count("50") == 1
    assert [line["event"]["n"] for line in frame["decisions"]] == list(range(110, 110 + DECISIONS_KEPT))
    assert frame["markets"] == {"m": {"market_id": "m", "slug": "two"}}
    assert frame["kill_switch"]["event"]["reason"] == "test"


def test_an_event_sent_again_counts_once(event: Make, ear: Any) -> None:
    hub = Hub()
    reader, feed = ear(hub), hub.feed()
    feed.take(event("run", run_id="r"))
    feed.take(event("fill", seq=1) + "\n" + event("fill", seq=2))
    tick(hub, reader)
    feed.close()
    again = hub.feed()
    again.take(event("run", run_id="r"))
    again.take("\n".join(event("fill", seq=n) for n in (1, 2, 3)))
    (delta,) = tick(hub, reader)
    assert [line.get("seq") for line in delta["events"]] == [None, 3]
    assert len(hub.shown.fills) == 3


def test_a_new_run_takes_the_stage_with_a_snapshot_and_starts_from_nothing(metric: Make, event: Make, ear: Any) -> None:
    hub = Hub()
    reader, old = ear(hub), hub.feed()
    old.take(event("run", run_id="old", mode="DEMO") + "\n" + metric("c", 7, "counter"))
    tick(hub, reader)
    old.close()
    (gone,) = tick(hub, reader)
    assert (gone["kind"], gone["connected"]) == ("delta", False)
    new = hub.feed()
    new.take(event("run", run_id="new", mode="PAPER") + "\n" + metric("c", 1, "counter"))
    (frame,) = tick(hub, reader)
    assert (frame["kind"], frame["run"]["mode"], frame["connected"]) == ("snapshot", "PAPER", True)
    assert frame["metrics"] == [["c", {}, "counter", 1.0, 1]]
    assert frame["tick"] == gone["tick"] + 1


def test_a_run_that_reconnects_goes_on_where_it_was(metric: Make, event: Make, ear: Any) -> None:
    hub = Hub()
    reader = ear(hub)
    for n in (3, 5):
        feed = hub.feed()
        feed.take(event("run", run_id="r") + "\n" + metric("c", n, "counter"))
        tick(hub, reader)
        feed.close()
    (frame,) = tick(hub, reader)
    assert (frame["kind"], frame["connected"]) == ("delta", False)
    assert [m.value for m in hub.shown.metrics.values()] == [5]


def test_of_two_bots_the_younger_is_shown_and_the_elder_again_when_it_leaves(
    metric: Make, event: Make, ear: Any
) -> None:
    hub = Hub()
    reader = ear(hub)
    elder, younger = hub.feed(), hub.feed()
    elder.take(event("run", run_id="a"))
    tick(hub, reader)
    younger.take(event("run", run_id="b"))
    assert tick(hub, reader)[0]["run"]["run_id"] == "b"
    elder.take(metric("g", 1))
    assert tick(hub, reader)[0]["metrics"] == []
    younger.close()
    (frame,) = tick(hub, reader)
    assert (frame["run"]["run_id"], frame["metrics"][0][0]) == ("a", "g")
    assert hub.bots == 1


def test_the_last_line_of_a_run_adds_to_what_was_known(event: Make) -> None:
    hub = Hub()
    feed = hub.feed()
    feed.take(event("run", run_id="r", mode="REPLAY"))
    feed.take(event("run", run_id="r", ended=True, exit_code=0, reason="end of recording"))
    hub.tick(1)
    assert hub.shown.run == {
        "run_id": "r", "mode": "REPLAY", "ended": True, "exit_code": 0, "reason": "end of recording",
    }  # fmt: skip


def test_runs_are_bounded(event: Make) -> None:
    hub = Hub()
    for n in range(RUNS_MAX * 3):
        feed = hub.feed()
        feed.take(event("run", run_id=str(n)))
        feed.close()
    assert len(hub._runs) == RUNS_MAX


def test_more_events_than_a_delta_takes_make_a_snapshot(event: Make, ear: Any) -> None:
    hub = Hub()
    reader, feed = ear(hub), hub.feed()
    feed.take(event("log"))
    tick(hub, reader)
    feed.take("\n".join(event("fill", seq=n + 1) for n in range(state.TICK_EVENTS_MAX + 1)))
    assert tick(hub, reader)[0]["kind"] == "snapshot"
    assert tick(hub, reader)[0]["kind"] == "delta"


def test_a_snapshot_holds_the_last_minute_of_charted_gauges(metric: Make, ear: Any) -> None:
    hub = Hub()
    feed = hub.feed()
    for n in range(700):
        feed.take(metric("polymarket.rtds.lag_ms", n, topic="t") + "\n" + metric("other", n))
        hub.tick(n * 100)
    reader = ear(hub)
    (frame,) = tick(hub, reader, 70_000)
    ((key, points),) = frame["series"].items()
    assert key == series_key("polymarket.rtds.lag_ms", {"topic": "t"})
    assert points[0][0] >= 10_000
    assert points[-1] == [70_000, 699.0]
    assert len(points) == 301
    assert points == sorted(points)


def test_rings_rest_while_no_bot_is_connected(metric: Make, ear: Any) -> None:
    hub = Hub()
    feed = hub.feed()
    feed.take(metric("strategy.pnl_usd", 1))
    hub.tick(0)
    feed.close()
    for n in range(1, 10):
        hub.tick(n * 100)
    reader = ear(hub)
    assert list(tick(hub, reader, 1000)[0]["series"].values()) == [[[0, 1.0]]]


def test_plain_readers_get_one_frame_a_metric(metric: Make, event: Make, ear: Any) -> None:
    hub = Hub()
    feed = hub.feed()
    feed.take(metric("a", 1, at=5, x="y") + "\n" + metric("h", 2, "histogram") + "\n" + event("log"))
    reader = ear(hub, plain=True)
    assert tick(hub, reader) == [
        {"timestamp": 5, "metric_name": "a", "value": 1.0, "labels": {"x": "y"}},
        {"timestamp": 1, "metric_name": "h", "value": 2.0, "labels": {}},
    ]
    assert tick(hub, reader) == []
    feed.take(metric("h", 9, "histogram"))
    assert [frame["value"] for frame in tick(hub, reader)] == [9]


def test_a_reader_two_seconds_behind_is_dropped_and_the_others_get_each_tick_at_once(ear: Any) -> None:
    hub = Hub()
    stalled, healthy = ear(hub), ear(hub)
    stalled.deaf = True
    for n in range(BACKLOG_TICKS_MAX + 2):  # one frame is on its way, twenty wait, one is too many
        assert stalled.reader in hub.readers
        assert tick(hub, healthy)[0]["tick"] == n + 1  # hub.tick is no coroutine: nobody waited for the stalled one
    assert stalled.outlet.dropped
    assert (healthy.writes, stalled.writes) == (BACKLOG_TICKS_MAX + 2, 1), "a stalled one costs the others one write"
    assert (stalled.outlet.code, stalled.outlet.over.is_set()) == (1013, True)
    assert hub.readers == {healthy.reader}
    assert not healthy.outlet.dropped


def test_a_frame_is_encoded_once_for_all(ear: Any, metric: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr("agbot.monitor.hub.encode", lambda message: made.append(message) or encode(message))
    hub = Hub()
    ears = [ear(hub) for _ in range(50)]
    hub.tick(1)
    hub.feed().take(metric("g", 1))
    hub.tick(2)
    assert len(made) == 2
    assert len({bytes(e.heard) for e in ears}) == 1


LINES = st.lists(
    st.one_of(
        st.tuples(st.just("counter"), st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 9)),
        st.tuples(st.just("gauge"), st.sampled_from("de"), st.sampled_from("xy"), st.integers(-9, 9)),
        st.tuples(st.just("histogram"), st.sampled_from("fg"), st.just(""), st.integers(-9, 9)),
        st.tuples(st.just("tick"), st.just(""), st.just(""), st.just(0)),
        st.tuples(st.just("join"), st.just(""), st.just(""), st.just(0)),
    ),
    max_size=80,
)


@given(steps=LINES)
def test_every_reader_ends_with_the_same_totals_whenever_it_came(
    steps: list[tuple[str, str, str, int]], ear: Any
) -> None:
    hub = Hub()
    feed = hub.feed()
    counters: dict[str, float] = defaultdict(float)
    truth: dict[str, float] = {}
    observed: dict[str, list[int]] = defaultdict(list)
    readers = [ear(hub)]
    believes: list[dict[str, Any]] = [{}]

    def turn() -> None:
        hub.tick(1)
        for reader, belief in zip(readers, believes, strict=True):
            frame = reader.take()[0]
            assert frame["tick"] == belief.get("tick", frame["tick"] - 1) + 1
            belief["tick"] = frame["tick"]
            for name, labels, kind, value, _ in frame["metrics"]:
                key = series_key(name, labels)
                before = belief.get(key)
                if kind == "histogram" and frame["kind"] == "delta" and before:
                    belief[key] = {part: before[part] + value[part] for part in ("count", "sum")}
                else:
                    belief[key] = value

    for kind, name, label, number in steps:
        if kind == "tick":
            turn()
        elif kind == "join":
            readers.append(ear(hub))
            believes.append({})
        else:
            labels = {"l": label} if label else {}
            key = series_key(name, labels)
            counters[key] += number if kind == "counter" else 0
            value = counters[key] if kind == "counter" else number
            if kind == "histogram":
                observed[key].append(number)
            else:
                truth[key] = value
            feed.take(
                json.dumps({"timestamp": 1, "metric_type": kind, "metric_name": name, "value": value, "labels": labels})
            )
    turn()
    for belief in believes:
        assert {key: belief[key] for key in truth} == truth
        assert {key: (belief[key]["count"], belief[key]["sum"]) for key in observed} == {
            key: (len(numbers), sum(numbers)) for key, numbers in observed.items()
        }
        assert set(belief) == {"tick", *truth, *observed}


def test_a_run_that_came_and_went_between_two_ticks_is_shown(metric: Make, event: Make, ear: Any) -> None:
    hub = Hub()
    reader = ear(hub)
    tick(hub, reader)
    feed = hub.feed()
    feed.take(event("run", run_id="short") + "\n" + metric("c", 1, "counter"))
    feed.close()
    (frame,) = tick(hub, reader)
    assert (frame["run"], frame["connected"]) == ({"run_id": "short"}, False)
    assert frame["metrics"][0][0] == "c"
