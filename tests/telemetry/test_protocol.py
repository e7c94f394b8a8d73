"""The lines and frames of docs/protocol.md, read back."""

import json
import subprocess
import sys

import pytest

from agbot.telemetry.protocol import (
    LINE_BYTES_MAX,
    Delta,
    EventLine,
    MalformedLineError,
    MetricLine,
    Snapshot,
    decode_frame,
    decode_line,
    encode,
    series_key,
)

DOCUMENTED = (
    '{"timestamp": 1763715600000, "metric_type": "gauge", "metric_name": "polymarket.rtds.lag_ms", "value": 3.5, '
    '"labels": {"topic": "clob_market"}}'
)


def test_the_documented_metric_line_is_read_and_written() -> None:
    line = decode_line(DOCUMENTED)
    assert line == MetricLine(1763715600000, "gauge", "polymarket.rtds.lag_ms", 3.5, {"topic": "clob_market"})
    assert json.loads(encode(line)) == json.loads(DOCUMENTED)


def test_an_event_line_is_read_and_written() -> None:
    line = EventLine(5, "fill", {"price": "0.5"}, "run", 7)
    assert decode_line(encode(line)) == line
    assert decode_line('{"timestamp": 5, "event_type": "x", "event": {}}') == EventLine(5, "x", {})


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        b"\xff\xfe",
        '{"timestamp": 1}',
        '{"timestamp": "1", "metric_type": "gauge", "metric_name": "x", "value": 1}',
        '{"timestamp": -1, "metric_type": "gauge", "metric_name": "x", "value": 1}',
        '{"timestamp": 1e300, "metric_type": "gauge", "metric_name": "x", "value": 1}',
        '{"timestamp": 1, "metric_type": "summary", "metric_name": "x", "value": 1}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "", "value": 1}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "x", "value": "1"}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "x", "value": NaN}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "x", "value": 1e999}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "x", "value": 1, "labels": {"a": 1}}',
        '{"timestamp": 1, "metric_type": "gauge", "metric_name": "x"}',
        '{"timestamp": 1, "event_type": "order"}',
        '{"timestamp": 1, "event_type": "order", "event": []}',
        '{"timestamp": 1, "event_type": "order", "event": {"a": "' + "x" * LINE_BYTES_MAX + '"}}',
        "[" * 2000,
    ],
)
def test_a_malformed_line_says_so(line: str | bytes) -> None:
    with pytest.raises(MalformedLineError):
        decode_line(line)


def test_frames_are_read_back_by_their_kind() -> None:
    delta = Delta(3, 9, True, [("a", {"b": "c"}, "counter", 2.0, 8)], [EventLine(1, "log", {})])
    snapshot = Snapshot(2, 8, {"mode": "DEMO"}, True, [], {"a|{}": [(1, 2.0)]}, {"m": {}}, [], [], [], [])
    assert decode_frame(encode(delta)) == delta
    assert decode_frame(encode(snapshot)) == snapshot
    assert json.loads(encode(delta))["kind"] == "delta"
    assert json.loads(encode(snapshot))["v"] == 1
    with pytest.raises(MalformedLineError):
        decode_frame("{}")


def test_a_series_key_does_not_depend_on_the_order_of_labels() -> None:
    assert series_key("a", {}) == "a|{}"
    assert series_key("a", {"y": "1", "x": "2"}) == series_key("a", {"x": "2", "y": "1"}) == 'a|{"x":"2","y":"1"}'


def test_the_protocol_is_cheap_to_import() -> None:
    heavy = ("trio", "structlog", "numpy", "h11")
    code = f"import sys, agbot.telemetry.protocol; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
