"""What an operator may ask of the strategies: whether they run, what they follow, what they say of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from agbot.core.coordinator import FAILED_SCOPE
from agbot.core.engine import Engine
from agbot.model.ids import StrategyId

VALUES_MAX: Final = 200
DEPTH_MAX: Final = 4
TEXT_MAX: Final = 200


def strategies(engine: Engine) -> dict[str, Any]:
    """Return a row a strategy, in the order they are asked; `stopped` is why it is not asked, empty while it is."""
    coordinator, scopes = engine.coordinator, engine.state.gate.scopes
    rows = []
    for strategy_id in coordinator.strategies:
        strategy = coordinator.strategy(strategy_id)
        rows.append(
            {
                "id": strategy_id,
                "kind": type(strategy).__name__,
                "stopped": scopes.get((FAILED_SCOPE, strategy_id), ""),
                "markets": [market.id for market in coordinator.markets_of(strategy_id)],
                "metadata": metadata(engine, strategy_id),
            }
        )
    return {"run_id": engine.settings.run_id, "strategies": rows}


def metadata(engine: Engine, strategy_id: StrategyId) -> dict[str, Any]:
    """Return what a strategy says of itself as JSON values, at most VALUES_MAX of them; markets by their names.

    What is asked belongs to the strategy's author: if it fails, that is what is told, and the bot goes on.
    """
    names = {market.id: market.name for market in engine.markets.values()}
    ask = getattr(engine.coordinator.strategy(strategy_id), "metadata", dict)
    try:
        told = _Plain(names).of(ask())
    except Exception as e:  # noqa: BLE001 - a screen that asks must not stop the bot over its author's code
        return {"metadata failed": type(e).__name__}
    return told if isinstance(told, dict) else {"metadata": told}


class _Plain:
    """Turns values into such as JSON has, up to a bound."""

    def __init__(self, names: Mapping[Any, str]) -> None:
        self._names = names
        self._left = VALUES_MAX

    def of(self, value: object, depth: int = 0) -> Any:
        """Return a value as it is told."""
        self._left -= 1
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else str(value)
        if isinstance(value, Decimal):
            return f"{value:f}"
        if depth < DEPTH_MAX and isinstance(value, Mapping):
            return {self._name(k): self.of(v, depth + 1) for k, v in value.items() if self._left > 0}
        if depth < DEPTH_MAX and isinstance(value, list | tuple):
            return [self.of(v, depth + 1) for v in value if self._left > 0]
        return str(value)[:TEXT_MAX]

    def _name(self, key: object) -> str:
        return self._names.get(key, str(key)[:TEXT_MAX])
