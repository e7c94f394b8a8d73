"""The file of a backtest: the bot's own keys, one section more, and every fault with its place."""

from __future__ import annotations

import pickle

import pytest

from agbot.backtest.spec import Generated, Sources, load_spec
from agbot.errors import ConfigError
from agbot.units import NS_PER_S, to_units

DAY = 86_400 * NS_PER_S


@pytest.fixture
def written(tmp_path):
    """Return a writer of specifications beside a file `r.agh`."""
    (tmp_path / "r.agh").write_text("{}")

    def write(text):
        path = tmp_path / "b.yaml"
        path.write_text(text)
        return path

    return write


def test_everything_stands_where_the_bot_reads_it(written):
    path = written(
        "capital_usd: 500\nseed: 7\npaper: {order_latency_ms: 5}\nstrategies: [{name: quoter, params: {size: 30}}]\n"
        "backtest:\n  data: {recordings: [r.agh]}\n  queue: proportional\n  out: found\n"
    )
    spec = load_spec(path)
    assert (spec.settings.capital_usd, spec.settings.seed) == (to_units(500), 7)
    assert spec.settings.paper.order_latency_ns == 5_000_000
    assert spec.settings.strategies[0].params == {"size": 30}
    assert (spec.data, spec.queue) == (Sources(recordings=(path.parent / "r.agh",)), "proportional")
    assert spec.out == path.parent / "found"


def test_a_generated_history_may_last_part_of_a_day(written):
    spec = load_spec(written("backtest: {data: {generated: {seed: 3, days: 0.5, markets: 2}}}"))
    assert spec.data.generated == Generated(seed=3, span_ns=DAY // 2, markets=2)


def test_a_specification_travels_to_other_processes(written):
    spec = load_spec(written("strategies: [{name: quoter}]\nbacktest: {data: {generated: {}}}"))
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize(
    ("text", "error_id", "line", "key"),
    [
        ("seed: 1", "AGB-581", 1, ""),
        ("seed: 1\nbacktest:\n  queue: back", "AGB-105", 2, "backtest.data"),
        ("backtest:\n  data: {}", "AGB-582", 2, "backtest.data"),
        ("backtest:\n  data:\n    recordings: [r.agh]\n    generated: {}", "AGB-582", 2, "backtest.data"),
        ("backtest:\n  data:\n    recordings: []", "AGB-582", 3, "backtest.data.recordings"),
        ("backtest:\n  data: {generated: {}}\n  queue: fifo", "AGB-583", 3, "backtest.queue"),
        ("backtest:\n  data:\n    recordings:\n    - gone.agh", "AGB-584", 4, "backtest.data.recordings[0]"),
        ("backtest:\n  data: {generated: {days: 0}}", "AGB-107", 2, "backtest.data.generated.days"),
        ("backtest:\n  data: {generated: {markets: 99}}", "AGB-107", 2, "backtest.data.generated.markets"),
        ("backtest:\n  data: {generated: {}}\n  quue: back", "AGB-104", 3, "backtest.quue"),
        ("capital_usd: no\nbacktest:\n  data: {}", "AGB-106", 1, "capital_usd"),
        ("strategies:\n- name: nobody\nbacktest: {data: {generated: {}}}", "AGB-117", 2, "strategies[0].name"),
    ],
)
def test_a_fault_is_told_with_its_place(written, text, error_id, line, key):
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_spec(path)
    error = caught.value
    assert (error.id, str(error.path), error.line, error.key) == (error_id, str(path), line, key)
    assert error.remedy
