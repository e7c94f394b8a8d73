"""What of a strategy waits for a person, told once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agbot.core.engine import Engine
from agbot.model.ids import StrategyId
from agbot.notify.notice import Notice, Severity


class Waits:
    """Asks the strategies that have a hook `waits`; called from time to time, never by the core.

    Args:
        engine: whose strategies are asked.
    """

    def __init__(self, engine: Engine) -> None:
        coordinator = engine.coordinator
        hooks = {name: getattr(coordinator.strategy(name), "waits", None) for name in coordinator.strategies}
        self._hooks: dict[StrategyId, Callable[[], Any]] = {name: hook for name, hook in hooks.items() if hook}
        self._told: set[tuple[StrategyId, str]] = set()

    def __bool__(self) -> bool:
        """Return whether there is anybody to ask."""
        return bool(self._hooks)

    def notices(self, now_ns: int) -> Iterator[Notice]:
        """Yield what waits since the last call, and what does no more."""
        waiting = {(name, key): text for name, hook in self._hooks.items() for key, text in _asked(hook).items()}
        for (name, key), text in waiting.items():
            if (name, key) not in self._told:
                yield _notice(f"{name} {key}", f"strategy {name} waits: {text}", now_ns)
        for name, key in sorted(self._told - waiting.keys()):
            yield _notice(f"{name} {key} over", f"strategy {name} waits no more: {key}", now_ns)
        self._told = set(waiting)


def _asked(hook: Callable[[], Any]) -> Mapping[str, str]:
    try:
        return {str(key): str(text) for key, text in dict(hook()).items()}
    except Exception as e:  # noqa: BLE001 - a strategy's author wrote it; the other notices go on
        return {"waits()": f"it cannot say what for: {type(e).__name__}"}


def _notice(key: str, text: str, now_ns: int) -> Notice:
    return Notice(severity=Severity.WARNING, kind="waits", key=f"waits {key}", text=text, at_ns=now_ns)
