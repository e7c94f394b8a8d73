"""The exposition format: every line parses, families are whole, labels are escaped."""

import re
import shutil
import subprocess

import pytest

from agbot.monitor.prometheus import exposition
from agbot.telemetry.protocol import HistogramValue, MetricEntry

ENTRIES: list[MetricEntry] = [
    ("exec.orders_placed", {"venue": "paper", "side": "BUY"}, "counter", 3.0, 1),
    ("polymarket.rtds.lag_ms", {"topic": "clob"}, "gauge", -1.5, 1),
    ("exec.orders_placed", {"venue": "paper", "side": "SELL"}, "counter", 4.0, 1),
    ("exec.latency_ms", {}, "histogram", HistogramValue(2, 30.0, 10.0, 20.0, 20.0), 1),
]
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(\\["\\n]|[^"\\\n])*"'
SAMPLE = re.compile(rf"[a-zA-Z_:][a-zA-Z0-9_:]*(\{{{LABEL}(,{LABEL})*\}})? \S+")


def test_families_are_together_and_typed() -> None:
    assert exposition(ENTRIES).decode() == (
        "# TYPE exec_latency_ms summary\n"
        "exec_latency_ms_count 2\n"
        "exec_latency_ms_sum 30.0\n"
        "# TYPE exec_orders_placed_total counter\n"
        'exec_orders_placed_total{side="BUY",venue="paper"} 3.0\n'
        'exec_orders_placed_total{side="SELL",venue="paper"} 4.0\n'
        "# TYPE polymarket_rtds_lag_ms gauge\n"
        'polymarket_rtds_lag_ms{topic="clob"} -1.5\n'
    )


def test_nothing_known_is_an_empty_page() -> None:
    assert exposition([]) == b""


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("1st.metric", {}),
        ("weird name/with–signs", {"a-b": "1"}),
        ("x", {"a": 'quote " backslash \\ newline \n end'}),
        ("x", {"": "empty", "9": "nine"}),
        ("x_total", {}),
    ],
)
def test_every_line_is_well_formed(name: str, labels: dict[str, str]) -> None:
    lines = exposition([(name, labels, "counter", 1.0, 1)]).decode().splitlines()
    assert len(lines) == 2
    assert SAMPLE.fullmatch(lines[1]), lines[1]


def test_names_that_fall_together_stay_one_family() -> None:
    entries: list[MetricEntry] = [
        ("a.b", {}, "gauge", 1.0, 1),
        ("a_b", {}, "histogram", HistogramValue(1, 1, 1, 1, 1), 1),
    ]
    assert exposition(entries).decode().count("# TYPE a_b ") == 1
    same: list[MetricEntry] = [("a.b", {}, "gauge", 1.0, 1), ("a_b", {}, "gauge", 2.0, 1)]
    assert exposition(same).decode().splitlines() == ["# TYPE a_b gauge", "a_b 2.0"]


def test_promtool_agrees() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    done = subprocess.run([promtool, "check", "metrics"], input=exposition(ENTRIES), capture_output=True, check=False)
    assert b"error" not in done.stderr, done.stderr
