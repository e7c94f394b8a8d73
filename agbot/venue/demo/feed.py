"""The demo simulation as a feed, paced by trio's clock."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import trio

from agbot.model.events import MarketData
from agbot.units import NS_PER_S
from agbot.venue.demo.simulation import DemoSimulation

CATCH_UP: Final = 2.0
"""How much faster than its speed a late feed may go until it is on time again."""


class DemoFeed:
    """Delivers a `DemoSimulation`, one batch an instant, as its timestamps say.

    A consumer that was slow finds no burst: a late feed goes at most `CATCH_UP` times its speed until it is on time.

    Args:
        simulation: where the instants come from; one feed consumes it.
        speed: simulated seconds a second.
        now_ns: the clock that the simulation's timestamps are of; without one the first instant is now.
    """

    def __init__(
        self, simulation: DemoSimulation, *, speed: float = 1.0, now_ns: Callable[[], int] | None = None
    ) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"speed must be a positive number, not {speed}")
        self._simulation = simulation
        self._speed = speed
        self._now_ns = now_ns

    @property
    def name(self) -> str:
        """Return ``"demo"``."""
        return "demo"

    async def batches(self) -> AsyncIterator[Sequence[MarketData]]:
        """Yield one batch an instant, without end, the first at once."""
        origin = trio.current_time()
        start_ns = before_ns = -1
        for ts_ns, messages in self._simulation:
            if start_ns < 0:
                start_ns = before_ns = ts_ns
                late_ns = self._now_ns() - ts_ns if self._now_ns else 0
                origin -= max(0, late_ns) / NS_PER_S
            due = origin + (ts_ns - start_ns) / NS_PER_S / self._speed
            soonest = trio.current_time() + (ts_ns - before_ns) / NS_PER_S / self._speed / CATCH_UP
            await trio.sleep_until(max(due, soonest))
            before_ns = ts_ns
            yield messages
