"""Which combinations to try next: a search is asked for a batch and told how it went; timing plays no part."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final, Protocol

from agbot.errors import ConfigError
from agbot.optimise.outcome import Params
from agbot.optimise.plan import Plan
from agbot.optimise.space import Dimension, Space

BATCH: Final = 8
"""What TPE proposes before it is told anything: the same for one worker and for many, so that results are too."""


class Search(Protocol):
    """Proposes combinations."""

    def ask(self) -> Sequence[Params]:
        """Return the next batch, empty when the search is over."""

    def tell(self, scores: Sequence[float | None]) -> None:
        """Say how the batch did, in its order; None for what failed or has no score."""


def search_of(plan: Plan) -> Search:
    """Return a fresh search as the plan wants it. ConfigError AGB-574 when what it needs is not installed."""
    if plan.method == "tpe":
        return Tpe(plan.space, plan.trials, plan.seed)
    size = plan.space.size
    numbers = range(size) if plan.method == "grid" else drawn(size, min(plan.trials, size), plan.seed)
    return Listed([plan.space.at(number) for number in numbers])


class Listed:
    """A search that knows beforehand what it will try: a grid, or a random sample of it."""

    def __init__(self, batch: Sequence[Params]) -> None:
        self._batch = batch

    def ask(self) -> Sequence[Params]:
        """Return everything, then nothing."""
        batch, self._batch = self._batch, ()
        return batch

    def tell(self, scores: Sequence[float | None]) -> None:
        """Learn nothing."""


def drawn(size: int, count: int, seed: int) -> list[int]:
    """Return `count` different numbers below `size`; a larger count begins with what a smaller one gives."""
    found: dict[int, None] = {}
    throws = itertools.count()
    while len(found) < count:
        found[int.from_bytes(sha256(f"{seed}/{next(throws)}".encode()).digest()) % size] = None
    return list(found)


class Tpe:
    """Tree-structured Parzen estimators (Bergstra et al. 2011), by Optuna: tries more where it went well."""

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        try:
            import optuna  # noqa: PLC0415 - optional, and takes half a second
        except ImportError as e:
            raise missing("method: tpe", "optuna", "optimise") from e
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._pruned = optuna.trial.TrialState.FAIL
        self._space = space
        self._left = trials
        self._asked: list[Any] = []

    def ask(self) -> Sequence[Params]:
        """Return the next few combinations; one may come again."""
        self._asked = [self._study.ask() for _ in range(min(BATCH, self._left))]
        self._left -= len(self._asked)
        return [
            self._space.chosen(tuple(_index(trial, dimension) for dimension in self._space.dimensions))
            for trial in self._asked
        ]

    def tell(self, scores: Sequence[float | None]) -> None:
        """Learn from the batch."""
        for trial, score in zip(self._asked, scores, strict=True):
            if score is None:
                self._study.tell(trial, state=self._pruned)
            else:
                self._study.tell(trial, score)


def _index(trial: Any, dimension: Dimension) -> int:
    last = len(dimension.values) - 1
    if dimension.ordered:
        return int(trial.suggest_int(dimension.name, 0, last))
    return int(trial.suggest_categorical(dimension.name, range(last + 1)))


def missing(what: str, package: str, extra: str) -> ConfigError:
    """Return the error for an optional package that is not there."""
    remedy = f"pip install 'agbot[{extra}]'"
    return ConfigError(f"{what} needs the package {package}, which is not installed", id="AGB-574", remedy=remedy)
