"""One study: proposals are looked up among the trials that were run, and run where they are new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import attrs

from agbot.optimise.log import TrialLog
from agbot.optimise.outcome import Evaluate, Failed, Outcome, Params, Result, Trial, key_of
from agbot.optimise.plan import Plan
from agbot.optimise.pool import Workers
from agbot.optimise.search import search_of
from agbot.quant.performance import sharpe

Score = Callable[[Result], float | None]


def whole(result: Result) -> float | None:
    """Return the Sharpe ratio over all periods, None for a failure or without variance."""
    return sharpe(result.returns) if isinstance(result, Outcome) else None


@attrs.define(kw_only=True)
class Study:
    """Runs a search and keeps every trial.

    Attributes:
        again: run those once more that have failed.
        on_trials: told how many trials are known and how many are wanted so far, after each.
    """

    plan: Plan
    evaluate: Evaluate
    workers: Workers
    log: TrialLog
    again: bool = False
    on_trials: Callable[[int, int], None] = lambda _known, _wanted: None
    _settled: set[Any] = attrs.field(factory=set, init=False)

    def explore(self, score: Score = whole) -> list[Trial]:
        """Search from the beginning and return what was proposed, each once; what is in the log is not run again.

        The same plan proposes the same, whatever the workers and however often it was stopped.
        """
        search = search_of(self.plan)
        found: dict[Any, Trial] = {}
        while batch := search.ask():
            trials = self._run(batch)
            search.tell([score(trial.result) for trial in trials])
            found |= {trial.key: trial for trial in trials}
        return list(found.values())

    def _run(self, batch: Sequence[Params]) -> list[Trial]:
        new = {key_of(params): params for params in batch if self._known(params) is None}
        jobs = list(new.values())
        left = len(jobs)
        self._tell(left)
        if jobs:
            with closing(self.workers.run(self.evaluate, jobs)) as results:
                for place, result in results:
                    trial = Trial(jobs[place], result)
                    self.log.append(trial, seed=self.plan.seed, method=self.plan.method)
                    self._settled.add(trial.key)
                    left -= 1
                    self._tell(left)
        return [Trial(params, self._found(params)) for params in batch]

    def _known(self, params: Params) -> Result | None:
        result = self.log.find(params)
        retried = self.again and isinstance(result, Failed) and key_of(params) not in self._settled
        return None if retried else result

    def _found(self, params: Params) -> Result:
        result = self.log.find(params)
        assert result is not None, "workers give a result for every job"
        return result

    def _tell(self, left: int) -> None:
        known = self.log.count
        self.on_trials(known, known + left)
