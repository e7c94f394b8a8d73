"""Hours in one world: what is kept in memory stays within bounds, and a verdict that sees what grows."""

from __future__ import annotations

import json

import attrs
import pytest
from click.testing import CliRunner

from agbot.cli.simulate import command
from agbot.simulate.soak import KEPT_MAX, TASKS_MAX, Row, rss_mib, verdict


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_hour_keeps_nothing_it_needs_not() -> None:
    done = CliRunner().invoke(command, ["--hours", "1", "--json"])
    told = json.loads(done.stdout)
    wrong = [what for what in told["grown"] if not what.startswith("RSS")]  # other tests run in this process
    assert (told["found"], wrong) == ([], [])
    last = told["rows"][-1]
    assert [row["hours"] for row in told["rows"]] == [0.25, 0.5, 0.75, 1.0]
    assert last["orders"] > 1_800
    assert last["lives"] > 2
    assert max(row["disk"] for row in told["rows"]) == 0


def row(hours: float, **others: float) -> Row:
    names = [field.name for field in attrs.fields(Row)]
    plain = dict.fromkeys(names, 1) | {"hours": hours, "rss_mib": 100.0, "orders": int(hours * 10)}
    return Row(**{**plain, **others})  # type: ignore[arg-type]


def test_what_stays_is_flat() -> None:
    assert verdict([row(h, rss_mib=100.0 + min(h, 18) + h / 72) for h in range(6, 73, 6)]) == []


@pytest.mark.parametrize(
    ("grows", "says"),
    [
        ({"rss_mib": 106.0}, "RSS grew by 6.0 MiB"),
        ({"tasks": TASKS_MAX + 1}, "tasks"),
        ({"engine_orders": KEPT_MAX + 1}, "engine_orders"),
        ({"exchange_trades": KEPT_MAX + 1}, "exchange_trades"),
        ({"due": 10**6}, "due"),
        ({"orders": 660}, "no order was placed"),
    ],
)
def test_what_grows_is_told(grows: dict[str, float], says: str) -> None:
    rows = [row(float(h)) for h in range(6, 67, 6)]
    (wrong,) = verdict([*rows, row(72.0, **grows)])
    assert says in wrong


def test_nothing_measured_is_not_flat() -> None:
    assert verdict([]) == ["too short: nothing was measured"]


def test_memory_is_read() -> None:
    assert 5 < rss_mib() < 10_000
