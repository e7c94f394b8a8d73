"""Copies of a player's core and screens along the way, so that going back need not begin at the start.

Theory of operation. A copy costs time that grows with what the core knows, so one is made once the steps since the last
have taken `WORTH` times as long as that one did: copies cost a tenth of the way at most, and the way back to a step is
about ten copies long. When there are too many every other one is let go. A core with a strategy that cannot be copied
has none: then back is from the start.
"""

from __future__ import annotations

import copy
from typing import Any, Final

import attrs

from agbot.core.engine import Engine
from agbot.monitor.state import RunState
from agbot.run.publish import Publisher
from agbot.telemetry.registry import Registry

WORTH: Final = 10
STEPS_MIN: Final = 100
KEPT_MAX: Final = 16
UNCOPIABLE: Final = (TypeError, ValueError, AttributeError, NotImplementedError, RecursionError, copy.Error)


@attrs.frozen(kw_only=True)
class Standing:
    """Where a player stands, and all that knows it. `taken` is the last record of the journal that was used."""

    number: int
    taken: int
    now_ns: int
    engine: Engine
    publisher: Publisher
    registry: Registry
    run: RunState
    seen_ns: dict[str, int]
    second_ns: int

    def copied(self, run_id: str) -> Standing:
        """Return one that shares nothing with this but what never changes, under another run id."""
        memo: dict[int, Any] = {}
        run = self.run.copy(run_id, memo)
        engine, publisher, registry = copy.deepcopy((self.engine, self.publisher, self.registry), memo)
        registry.run_id = run_id
        return attrs.evolve(
            self, engine=engine, publisher=publisher, registry=registry, run=run, seen_ns=dict(self.seen_ns)
        )


class Checkpoints:
    """Those that are kept, by the step they stand at."""

    def __init__(self) -> None:
        self._kept: list[Standing] = []
        self._stepped_s = 0.0
        self._copy_s = 0.0
        self.possible = True

    def __len__(self) -> int:
        return len(self._kept)

    def best(self, number: int) -> Standing | None:
        """Return the last one at or before a step, None when back is from the start."""
        return max((s for s in self._kept if s.number <= number), key=lambda s: s.number, default=None)

    def far(self, number: int) -> int:
        """Return how many steps the last one lies behind; 0 where none is possible."""
        last = self.best(number)
        return number - (last.number if last else 0) if self.possible else 0

    def worth(self, number: int, stepped_s: float) -> bool:
        """Return whether one is to be made at a step, to which the way took `stepped_s` seconds since last asked."""
        self._stepped_s += stepped_s
        return self.far(number) >= STEPS_MIN and self._stepped_s >= WORTH * self._copy_s

    def add(self, standing: Standing, clock_s: Any) -> None:
        """Keep a copy of where a player stands; `clock_s` tells seconds."""
        began_s = clock_s()
        try:
            self._kept.append(standing.copied(""))
        except UNCOPIABLE:
            self.possible = False
            return
        self._copy_s, self._stepped_s = clock_s() - began_s, 0.0
        self._kept.sort(key=lambda kept: kept.number)
        if len(self._kept) > KEPT_MAX:
            del self._kept[::2]
