"""Market makers through the whole core on simulated markets: what they do to the last share, and never do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agbot.units import SCALE
from tests.strategy.making_runs import CASES, MAX_POSITION, case

GOLDEN = Path(__file__).parents[1] / "vectors" / "market_making.json"
TOLD = json.loads(GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CASES)
def test_a_run_is_what_it_was(name: str) -> None:
    ended = case(name)
    assert ended.told() == TOLD[name]
    params, sizing = CASES[name]
    assert ended.watched.most <= int(params.get("max_position", MAX_POSITION)) * SCALE
    assert all(order.post_only and order.why for order in ended.placed)
    assert not ended.denied, "a maker asks for nothing that the core has to deny"
    if sizing:
        assert TOLD[name] != TOLD["cara"], f"{sizing['type']} changes nothing"


def test_the_table_is_of_the_cases_there_are_and_shows_two_sides() -> None:
    assert list(TOLD) == ["quoter", *CASES]
    assert all(row["fills"] > 5 for row in TOLD.values())
    assert all(row["bought"] != "0" for row in TOLD.values())
    assert all(row["two_sided"] > 0.5 for row in TOLD.values())


def test_aversion_holds_less_and_little_room_is_used_and_kept() -> None:
    assert TOLD["cara, two levels in little room"]["most_net"] == "30"
    assert float(TOLD["glft, averse"]["most_net"]) < float(TOLD["glft"]["most_net"])


def test_what_is_sized_is_shrunk_and_what_waits_is_counted() -> None:
    sized = {name: row for name, row in TOLD.items() if name in CASES and CASES[name][1]}
    assert len(sized) == 5
    assert all(row["shrunk"] > 0 for row in sized.values())
    assert sized["cara, VolTarget"]["not_placed"] > 0
