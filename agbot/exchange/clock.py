"""The exchange's own clock: UTC nanoseconds that follow the wall clock, may run faster, and may be made to jump."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import trio

from agbot.units import NS_PER_S

LOOK_S: Final = 0.25
"""How often a clock that may be scaled or jump is looked at by who waits for its seconds."""


async def each_second(now_ns: Callable[[], int], tick: Callable[[int], None]) -> None:
    """Call `tick` with the time once in every second of the exchange's clock, until cancelled."""
    last = 0
    while True:
        at_ns = now_ns()
        if at_ns // NS_PER_S != last:
            last = at_ns // NS_PER_S
            tick(at_ns)
        await trio.sleep(LOOK_S)


class ExchangeClock:
    """Exchange time. At speed 1 without a jump it is the wall clock.

    Args:
        wall_ns: the wall clock, UTC nanoseconds, such as `time.time_ns`. Exchange time starts at what it says first.
        speed: exchange seconds in one second of the wall.

    Raises:
        ValueError: `speed` is not a positive, finite number.
    """

    def __init__(self, wall_ns: Callable[[], int], speed: float = 1.0) -> None:
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"speed must be a positive number, not {speed}")
        self.speed = speed
        self._wall_ns = wall_ns
        self._origin_ns = wall_ns()
        self._jumped_ns = 0
        self._watchers: list[Callable[[], None]] = []

    def now_ns(self) -> int:
        """Return the exchange time. It steps back only when it is made to, or the wall clock does."""
        passed_ns = self._wall_ns() - self._origin_ns
        scaled_ns = passed_ns if self.speed == 1.0 else int(passed_ns * self.speed)
        return self._origin_ns + scaled_ns + self._jumped_ns

    def jump(self, ns: int) -> None:
        """Move the exchange time by `ns`, forwards or backwards, and tell the watchers."""
        self._jumped_ns += ns
        for watcher in self._watchers:
            watcher()

    def set_speed(self, speed: float) -> None:
        """Go on from the exchange time of now at another speed, and tell the watchers.

        Raises:
            ValueError: `speed` is not a positive, finite number.
        """
        if not (speed > 0 and math.isfinite(speed)):
            raise ValueError(f"speed must be a positive number, not {speed}")
        self._origin_ns, self._jumped_ns = self._wall_ns(), self.now_ns() - self._wall_ns()
        self.speed = speed
        for watcher in self._watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` after each jump: what it slept for may be due."""
        self._watchers.append(watcher)

    def to_trio_deadline(self, ns: int) -> float:
        """Return when exchange time `ns` comes, in trio's time, provided nothing jumps; now when it has passed."""
        return trio.current_time() + max(0, ns - self.now_ns()) / NS_PER_S / self.speed
