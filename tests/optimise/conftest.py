"""A search in this process, and plans for it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from agbot.located import loads
from agbot.optimise.log import TrialLog
from agbot.optimise.outcome import Evaluate, Params, Result, attempt
from agbot.optimise.plan import Plan, read_plan
from agbot.optimise.study import Study
from agbot.testing.trials import Noise

NOISE = Noise()


class Here:
    """Runs backtests at once, and counts them; stops at the one numbered `stop`."""

    def __init__(self, stop: int = -1) -> None:
        self.ran: list[Params] = []
        self.stop = stop

    def run(self, evaluate: Evaluate, jobs: Sequence[Params]) -> Generator[tuple[int, Result], None, None]:
        for place, params in enumerate(jobs):
            if len(self.ran) == self.stop:
                raise KeyboardInterrupt
            self.ran.append(params)
            yield place, attempt(evaluate, params)


def plan_of(text: str) -> Plan:
    return read_plan(loads(text, "x.yaml"))


@pytest.fixture
def here() -> type[Here]:
    return Here


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Callable[..., Study]]:
    """Return a maker of studies, one after the other; those with the same log are the same study again."""
    logs = ExitStack()

    def make(text: str, evaluate: Evaluate = NOISE, workers: object = None, **more: object) -> Study:
        logs.close()
        log = logs.enter_context(TrialLog(tmp_path / str(more.pop("log", "t.jsonl")), {"data": "d"}))
        return Study(plan=plan_of(text), evaluate=evaluate, workers=workers or Here(), log=log, **more)

    with logs:
        yield make
