"""Processes of this machine: same results, and neither a kill nor Ctrl-C costs a trial."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from agbot.optimise.outcome import Failed, Outcome, Params
from agbot.optimise.pool import Pool
from agbot.optimise.study import Study
from agbot.testing.trials import Deadly, Noise

Make = Callable[..., Study]
GRID = "parameters: {n: {low: 1, high: 12, step: 1}}"
JOBS: list[Params] = [{"n": Decimal(n)} for n in range(1, 13)]


def test_a_pool_gives_what_one_process_gives(study: Make) -> None:
    assert study(GRID, workers=Pool(2)).explore() == study(GRID, log="here").explore()


def test_a_killed_process_costs_no_trial(study: Make, tmp_path: Path) -> None:
    expected = study(GRID, log="here").explore()
    assert study(GRID, Deadly(tmp_path, victim=5), workers=Pool(2)).explore() == expected
    assert (tmp_path / "killed").exists()


def test_a_trial_that_kills_its_process_twice_has_failed_and_no_other_has(tmp_path: Path) -> None:
    results = dict(Pool(2).run(Deadly(tmp_path, victim=5, always=True), JOBS))
    assert results.pop(4) == Failed("its process ended 2 times, at last with exit code -9")
    assert len(results) == 11
    assert all(isinstance(result, Outcome) for result in results.values())


def test_a_process_that_ends_while_it_has_nothing_to_do_is_not_missed() -> None:
    results = Pool(2).run(Noise(), JOBS[:3])
    found = [next(results), next(results)]
    for process in multiprocessing.active_children():
        process.kill()
        process.join()
    found += results
    assert sorted(place for place, _ in found) == [0, 1, 2]
    assert all(isinstance(result, Outcome) for _, result in found)


def test_ctrl_c_keeps_what_is_finished_and_leaves_no_process_behind(study: Make) -> None:
    def interrupt(known: int, _wanted: int) -> None:
        if known == 4:
            raise KeyboardInterrupt

    stopped = study(GRID, workers=Pool(2), on_trials=interrupt)
    with pytest.raises(KeyboardInterrupt):
        stopped.explore()
    assert multiprocessing.active_children() == []
    assert len(stopped.log.trials) == 4
