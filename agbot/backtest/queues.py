"""Queue rules by the name a configuration uses, from the fewest fills to the most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agbot.matching.queue import (
    BackOfQueue,
    FrontOfQueue,
    LogQueue,
    PowerQueue,
    ProportionalQueue,
    QueueRule,
)

QUEUES: Final[dict[str, Callable[[], QueueRule]]] = {
    "back": BackOfQueue,
    "power": PowerQueue,
    "log": LogQueue,
    "proportional": ProportionalQueue,
    "front": FrontOfQueue,
}
DEFAULT: Final = "back"
LOWEST: Final = next(iter(QUEUES))
HIGHEST: Final = next(reversed(QUEUES))
