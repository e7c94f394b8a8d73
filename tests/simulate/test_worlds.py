"""Seeds: nothing is lost, the same seed is the same world, and what is planted in the bot is found."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner

from agbot.cli.simulate import command
from agbot.errors import ConfigError
from agbot.simulate.defects import DEFECTS, planted
from agbot.simulate.schedule import ALL, FAULTS_MIN, Trouble, drawn
from agbot.simulate.seeds import Outcome, live, many, one, shrunk

SEEDS = int(os.environ.get("AGBOT_WORLDS", "100"))
FOUND_BY = {
    "new_salt": 3,
    "silence_is_no": 7,
    "timer_ends_unknown": 7,
    "fill_by_trade_only": 1,
    "fill_twice": 1,
    "failed_ignored": 15,
    "empty_on_failure": 545,
    "latch_in_memory": 20,
    "sent_before_disk": 3,
    "cancel_frees_at_once": 822,
    "cancel_believed": 4,
    "no_barrier": 264,
    "resting_not_counted": 1,
    "start_counts_balances": 1,
    "start_believes_silence": 1683,
    "start_leaves_orders": 3,
}
"""The first seed that finds each defect; `nox -s sim` looks for it from 1 on. Without them the bot passes."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_nothing_is_lost() -> None:
    outcomes = list(many(range(1, SEEDS + 1)))
    assert {o.seed: o.found for o in outcomes if o.found} == {}
    assert min(o.events for o in outcomes) >= 3000
    assert min(len(o.troubles) for o in outcomes) >= FAULTS_MIN >= 5
    assert sum(o.orders for o in outcomes) > 50 * SEEDS


def test_the_same_seed_is_the_same_world() -> None:
    first, again, other = one(3), one(3), one(4)
    assert first.digest == again.digest != other.digest
    assert first.events == again.events


def test_a_world_without_trouble_trades_and_ends_even() -> None:
    outcome = live(1, ())
    assert outcome.found == ()
    assert outcome.orders > 100
    assert outcome.lives == 1


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_defect_is_found(name: str) -> None:
    with planted(name):
        assert one(FOUND_BY[name]).found


def test_every_defect_has_a_seed() -> None:
    assert set(FOUND_BY) == set(DEFECTS)


def test_troubles_are_drawn_by_the_seed() -> None:
    assert drawn(5) == drawn(5) != drawn(6)
    assert {t.name for seed in range(300) for t in drawn(seed)} == set(ALL)
    assert {t.name for t in drawn(1, ["crash", "stop"])} <= {"crash", "stop"}


def test_only_the_troubles_that_are_needed_are_told() -> None:
    troubles = tuple(Trouble(name, at, 1.0) for at, name in enumerate("abcdefgh"))
    outcome = Outcome(1, ("x",), "", 0, 0, 1, troubles, 0.0)

    def fails(some: Sequence[Trouble]) -> bool:
        return {"b", "g"} <= {t.name for t in some}

    assert [t.name for t in shrunk(outcome, fails)] == ["b", "g"]
    assert shrunk(outcome, lambda _: True) == ()


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, [*arguments])


def test_the_command_tells_what_it_did() -> None:
    done = run("--seed", "3", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (told["worlds"], told["violations"], told["failed"]) == (1, 0, [])
    assert run("--list").stdout.split() == list(ALL)
    wrong = run("--faults", "crush")
    assert isinstance(wrong.exception, ConfigError)
    assert "crash" in wrong.exception.remedy


def test_a_world_that_fails_is_told_with_the_shortest_list() -> None:
    with planted("new_salt"):
        done = run("--seed", "7", "--workers", "1")
    assert done.exit_code == 1
    assert "seed 7 failed" in done.stdout
    assert "follows from no decision on disk" in done.stdout
    assert "agbot simulate --seed 7 --trace" in done.stdout
