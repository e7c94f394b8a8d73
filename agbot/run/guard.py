"""Carries out what the core's triggers ask, and keeps on disk what they measure losses from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import trio

from agbot.core.coordinator import FAILED_SCOPE
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.core.triggers import Baseline
from agbot.log import get_logger
from agbot.model.events import Event
from agbot.run.baseline import BaselineFile
from agbot.run.clock import OURS
from agbot.run.flatten import Flattener
from agbot.run.killing import Killer
from agbot.settings import Settings

KEEP_S: Final = 1.0
REST_S: Final = 0.05
"""Between two writes, however many fills there are."""

log = get_logger(__name__)


def floors_of(settings: Settings, engine: Engine) -> dict[str, str]:
    """Return the strategies whose shares are sold once they raised, by id, and down to what fraction of the bid."""
    chosen = zip(engine.coordinator.strategies, settings.strategies, strict=True)
    return {name: each.failing_floor for name, each in chosen if each.failing_floor}


class Guard:
    """Observer of the engine and a service.

    Theory of operation: the latch is closed in the very step that passed a limit, or in which a strategy raised (then
    for that strategy alone), before its commands leave; cancelling and the receipt follow in the service. The baseline
    is written when it changed: at once after a trip or a fill, so that the next run does not take what was lost for
    money that left, else within `KEEP_S`, which is what a kill -9 can cost of a rise of the peak. A fall costs nothing:
    it is measured anew.

    Args:
        floors: which strategies' shares are sold once they have raised, down to what fraction of the bid.
    """

    def __init__(
        self, engine: Engine, killer: Killer, file: BaselineFile, flattener: Flattener, floors: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._flattener = flattener
        self._floors = floors
        self._killer = killer
        self._file = file
        self._kept: Baseline | None = engine.settings.baseline
        self._closed: list[tuple[str, str, str]] = []
        """What the service still has to see off the book: reason, scope and name."""
        self._woken = trio.Event()
        self._traded = trio.Event()
        self._disk = trio.CapacityLimiter(1)

    def observe(self, _batch: list[Event], step: Step) -> None:
        """Look at one step; closes the latch when a limit was passed or a strategy raised."""
        for failed in step.failed:
            log.critical("strategy.failed", strategy=failed.strategy, market=failed.market, details=failed.details)
            self._close(failed.reason, FAILED_SCOPE, failed.strategy)
        if step.tripped is not None:
            self._close(str(step.tripped), "", "")
            self._write(self._engine.baseline())
        if step.tripped is not None or step.fills or step.voided:  # again after a trip: a write under way may be older
            self._traded.set()

    async def run(self) -> None:
        """Take off what was closed, and keep the baseline, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep)
            while True:
                await self._woken.wait()
                self._woken = trio.Event()
                while self._closed:
                    reason, scope, name = self._closed.pop(0)
                    log.critical("killswitch.tripped", reason=reason, scope=scope, name=name)
                    await self._killer.on(reason, OURS, scope, name)
                    if scope == FAILED_SCOPE and name in self._floors:
                        nursery.start_soon(self._flattener.sell, self._floors[name], name)

    def close(self) -> None:
        """Write the baseline at the end of a run."""
        self._write(self._engine.baseline())

    def _close(self, reason: str, scope: str, name: str) -> None:
        self._killer.close_latch(reason, OURS, scope, name)
        self._closed.append((reason, scope, name))
        self._woken.set()

    async def _keep(self) -> None:
        while True:
            baseline = self._engine.baseline()
            if baseline != self._kept:
                await trio.to_thread.run_sync(self._write, baseline, limiter=self._disk)
            await trio.sleep(REST_S)
            with trio.move_on_after(KEEP_S):
                await self._traded.wait()
            self._traded = trio.Event()

    def _write(self, baseline: Baseline | None) -> None:
        if baseline is None or baseline == self._kept:
            return
        try:
            self._file.write(baseline)
        except OSError as e:
            log.error("baseline.not_written", path=str(self._file.path), error=e.strerror or str(e))
        else:
            self._kept = baseline
