"""Walking forward: what is chosen knows nothing of what it is judged on."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.errors import ConfigError
from agbot.optimise.outcome import Outcome, Params, Part
from agbot.optimise.plan import EVENTS
from agbot.optimise.study import Study
from agbot.optimise.verdict import HOLDS, OVERFIT, UNKNOWN
from agbot.optimise.walk import Walk, folds_of, walk
from agbot.testing.trials import Noise

GRID = "parameters: {n: {low: 1, high: 8, step: 1}, skilled: {choices: [true, false]}}"


def outcome(*parts: tuple[str, int, int, int]) -> Outcome:
    found = tuple(Part(*part) for part in parts)
    return Outcome((0.0,) * sum(part.periods for part in found), 0, "", 0, found)


def test_an_event_trains_only_those_that_begin_after_it_was_over() -> None:
    events = outcome(("late", 2, 50, 90), ("first", 3, 0, 10), ("long", 2, 5, 60), ("next", 2, 10, 20))
    assert [(fold.name, fold.train, fold.test) for fold in folds_of(events, EVENTS)] == [
        ("next", (2, 3, 4), (7, 8)),
        ("late", (2, 3, 4, 7, 8), (0, 1)),
    ]


@given(st.integers(4, 200), st.integers(2, 10))
def test_windows_cover_all_but_the_first_once_and_train_on_all_before(periods: int, count: int) -> None:
    folds = folds_of(Outcome((0.0,) * periods, 0, "", 0), count) if periods >= 2 * count else ()
    tested = list(itertools.chain.from_iterable(fold.test for fold in folds))
    assert tested == list(range(periods // count, periods))[: len(tested)]
    for fold in folds:
        assert fold.train == tuple(range(fold.test[0]))


@pytest.mark.parametrize(
    ("found", "how", "says"),
    [
        (Outcome((0.0,) * 9, 0, "", 0), EVENTS, "no event begins after another is over → more data, or walk_forward"),
        (outcome(("a", 5, 0, 10), ("b", 5, 5, 15)), EVENTS, "no event"),
        (Outcome((0.0,), 0, "", 0), 2, "no window begins"),
    ],
)
def test_nothing_to_walk_over_is_said(found: Outcome, how: str | int, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        folds_of(found, how)
    assert caught.value.id == "AGB-577"


def walked(study: Study, how: str | int = 4) -> Walk:
    first = study.explore()[0].result
    assert isinstance(first, Outcome)
    return walk(folds_of(first, how), study.explore)


def test_noise_does_not_walk_forward_and_skill_does(study: Callable[..., Study]) -> None:
    assert walked(study(GRID, Noise(periods=200))).words.startswith(OVERFIT)
    found = walked(study(GRID, Noise(periods=200, skill=0.5), log="skill"))
    assert found.words.startswith(HOLDS)
    assert [step.chosen.params["skilled"] for step in found.steps] == [True] * 3
    assert sum(len(step.returns) for step in found.steps) == 150


@pytest.mark.parametrize("method", ["grid", "random", "tpe"])
def test_what_is_chosen_does_not_depend_on_what_comes_after(study: Callable[..., Study], method: str) -> None:
    text = f"method: {method}\ntrials: 12\n{GRID}"
    one = walked(study(text, Noise(periods=100), log="one"))
    other = walked(study(text, lambda params: after(params, 75), log="other"))
    assert [step.chosen.params for step in one.steps] == [step.chosen.params for step in other.steps]
    assert [step.tested for step in one.steps[:2]] == [step.tested for step in other.steps[:2]]
    assert one.steps[2].tested != other.steps[2].tested


def after(params: Params, cut: int) -> Outcome:
    """Return noise whose periods from `cut` on are others than those of `Noise`."""
    found = Noise(periods=100)(params)
    return Outcome(found.returns[:cut] + Noise(periods=100 - cut, seed=9)(params).returns, 0, "", 0)


def test_every_trial_of_every_fold_is_counted(study: Callable[..., Study]) -> None:
    found = study("method: tpe\ntrials: 24\nparameters: {n: {low: 1, high: 999, step: 1}}", Noise(periods=100))
    asked = len(found.explore())
    walked(found)
    assert len(found.log.trials) > asked


def test_nothing_to_judge_is_said(study: Callable[..., Study]) -> None:
    flat = Outcome((0.0,) * 20, 0, "", 0)
    assert walked(study(GRID, lambda _params: flat)).words.startswith(UNKNOWN)
