"""A bot that traded on an exchange in a box, held against the simulation of the same time: every cent has a name."""

from __future__ import annotations

import json

import pytest

PARTS = ["fees", "queue", "decision drift", "missed data", "latency"]


@pytest.mark.slow
def test_the_gap_of_a_run_on_the_exchange_is_accounted_for_to_the_cent(bot, until):
    bot.start("--exchange", "--seed", "1")
    until(lambda: json.loads(bot.run("positions", "--json").stdout)["positions"], what="a fill", seconds=60)
    bot.run("stop")
    until(lambda: bot.process.poll() is not None, what="its end")
    assert bot.run("replay", "--verify").returncode == 0
    told = bot.run("compare", "--json")
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["live"]["trades"] > 0
    assert sorted(found["parts"]) == sorted(PARTS)
    assert sum(found["parts"].values()) == found["gap"] == found["ideal"]["equity"] - found["live"]["equity"]
    assert found["decisions"] > 0
