"""What the strategies that take do on a generated history is pinned, with and without sizing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.strategy.reference_runs import CASES, case

TOLD = json.loads((Path(__file__).parents[1] / "vectors" / "reference_runs.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_what_it_was(name: str) -> None:
    assert case(name) == TOLD[name]


def test_each_of_them_trades_and_sizing_makes_a_difference() -> None:
    assert list(TOLD) == list(CASES)
    assert all(row["fills"] > 0 for row in TOLD.values())
    assert len({row["digest"] for row in TOLD.values()}) == len(TOLD)
