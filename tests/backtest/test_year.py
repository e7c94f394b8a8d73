"""A made-up year from a configuration: the same on every machine and version, and what its keys may not say."""

from __future__ import annotations

import pytest

from agbot.backtest.run import run
from agbot.backtest.spec import load_spec
from agbot.errors import ConfigError

DIGEST = "84ca95b3ff0f95912bf0277b988a9b7e"


def test_a_year_decides_the_same_everywhere(root):
    result = run(load_spec(root / "examples" / "year.yaml"))
    assert result.digest == DIGEST
    assert result.latency.endswith("; strategies asked: price")
    assert result.last_ns - result.first_ns > 364 * 86_400 * 10**9


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        ("{markets: 9}", r"AGB-107.*markets: the demo has 8 → add changes_per_day"),
        ("{changes_per_day: 5, days: 1.5}", r"AGB-107.*days: with changes_per_day days are whole → 1 or more"),
        ("{changes_per_day: 0}", r"AGB-107.*changes_per_day: '0' is out of range"),
    ],
)
def test_what_a_made_up_history_may_not_be(made, fault, tmp_path):
    path = tmp_path / "b.yaml"
    path.write_text(f"backtest:\n  data:\n    generated: {made}\n")
    with pytest.raises(ConfigError, match=fault):
        load_spec(path)


def test_an_unknown_wake_is_named(tmp_path):
    path = tmp_path / "b.yaml"
    path.write_text("backtest:\n  wake: prices\n  data:\n    generated: {}\n")
    with pytest.raises(ConfigError, match=r"AGB-109.*wake: 'prices' is not known here → did you mean .price."):
        load_spec(path)
