"""Five strategies at once on thirty markets of one exchange: their parts are the whole, to the share and the 10⁻⁶."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agbot.cli.simulate import command
from agbot.simulate.day import Day


@pytest.mark.slow
def test_parts_add_up_to_the_ledger_and_denials_say_why() -> None:
    day = Day(3, 0.15)
    list(day.live())
    assert day.found == []
    told = day.told()
    assert [row["strategy"] for row in told["strategies"]] == ["maker", "arbitrage", "trend", "revert", "pairs"]
    assert sum(row["fills"] for row in told["strategies"]) > 20
    assert told["strategies_usd"] == told["account_usd"]
    assert day.denied
    assert all(row["denied"] and (row["said"] or row["rule"] not in RULE_NAMES) for row in told["denials"])
    engine = day.bot.engine
    assert engine is not None
    engine.portfolio.own = lambda _name, _market: (1, 0)  # type: ignore[method-assign]
    assert any("strategies hold" in fault for fault in day._unlike())


RULE_NAMES = {"PositionLimit", "InventoryLimit", "SelfTrade"}


def test_it_is_told_as_one_object() -> None:
    done = CliRunner().invoke(command, ["--day", "0.02", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["found"], told["strategies_usd"]) == ([], told["account_usd"])
