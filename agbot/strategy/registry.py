"""Strategies by the name a configuration uses."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Final, cast

import attrs

from agbot.core.view import Intent, Strategy, View
from agbot.errors import ConfigError
from agbot.model.ids import StrategyId

GROUP: Final = "agbot.strategies"
"""The entry points under which an installed package offers strategies of its own."""
LOADING_FAILS: Final = (
    ImportError,
    OSError,
    SyntaxError,
    NameError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
)
"""What a module may raise while it is loaded."""
_KNOWN: Final[dict[str, str]] = {
    "quoter": "agbot.strategy.quoter:Quoter",
    "maker": "agbot.strategy.maker:Maker",
    "arbitrage": "agbot.strategy.arbitrage:Arbitrage",
    "trend": "agbot.strategy.trend:Trend",
    "revert": "agbot.strategy.revert:Revert",
    "pairs": "agbot.strategy.pairs:Pairs",
    "twap": "agbot.strategy.execution:Twap",
    "vwap": "agbot.strategy.execution:Vwap",
    "pov": "agbot.strategy.execution:Pov",
    "shortfall": "agbot.strategy.execution:Shortfall",
    "iceberg": "agbot.strategy.execution:Iceberg",
    "pegged": "agbot.strategy.execution:Pegged",
    "stop": "agbot.strategy.execution:Stop",
    "trailing": "agbot.strategy.execution:Trailing",
    "bracket": "agbot.strategy.execution:Bracket",
    "oco": "agbot.strategy.execution:Oco",
}
"""Where each of ours is; its parameters are the class of the same name with Params behind it."""


class Called:
    """A strategy under another id."""

    decide: Callable[[View], Sequence[Intent]]
    metadata: Callable[[], dict[str, Any]]
    waits: Callable[[], Mapping[str, str]]

    def __init__(self, strategy: Strategy, name: str) -> None:
        self.id = StrategyId(name)
        self.inner = strategy
        _as(self, strategy)


class OnlyIn:
    """A strategy that sees some markets only, by id or slug."""

    decide: Callable[[View], Sequence[Intent]]
    metadata: Callable[[], dict[str, Any]]
    waits: Callable[[], Mapping[str, str]]

    def __init__(self, strategy: Strategy, markets: Iterable[str]) -> None:
        self.id = strategy.id
        self.only_in = frozenset(markets)
        _as(self, strategy)


def _as(outer: Called | OnlyIn, strategy: Strategy) -> None:
    """Let what wraps a strategy decide, and say of itself, what the strategy does."""
    outer.decide = strategy.decide
    outer.metadata = getattr(strategy, "metadata", dict)
    outer.waits = getattr(strategy, "waits", dict)


def names() -> tuple[str, ...]:
    """Return the strategies there are."""
    return tuple(_KNOWN)


def build(
    name: str,
    params: Mapping[str, Any],
    *,
    id: str = "",  # noqa: A002 - the key's name
    sizing: Mapping[str, Any] | None = None,
) -> Strategy:
    """Return the strategy `name` with `params`: one of ours, one of an installed package (entry points of the group
    ``agbot.strategies``), or yours as ``module:Class`` or ``path/file.py:Class``; its orders go by `id`, and what it
    opens is no larger than `sizing` says.

    Your class takes its parameters by keyword.

    Raises:
        ConfigError: AGB-117 unknown name or class, AGB-118 unknown or impossible parameter.
    """
    make = _yours(_offered(name) or name, params) if ":" in name or _offered(name) else _ours(name, params)
    try:
        strategy = make() if sizing is None else _sized(make(), sizing)
        return Called(strategy, id) if id else strategy
    except (ValueError, TypeError, ArithmeticError) as e:
        key = f"strategies.{name}.params"
        raise ConfigError(f"impossible parameter: {e}", id="AGB-118", key=key, remedy="docs/strategies.md") from e


def _sized(strategy: Strategy, sizing: Mapping[str, Any]) -> Strategy:
    return cast("Strategy", importlib.import_module("agbot.strategy.sized").sized(strategy, sizing))


def _ours(name: str, params: Mapping[str, Any]) -> Callable[[], Strategy]:
    if name not in _KNOWN:
        raise ConfigError(f"unknown strategy {name!r}", id="AGB-117", key="strategies.name", remedy=_near(name, _KNOWN))
    make, kind = _ours_at(_KNOWN[name])
    known = [field.name for field in attrs.fields(kind)]
    for key in params:
        if key not in known:
            where = f"strategies.{name}.params.{key}"
            raise ConfigError("unknown parameter", id="AGB-118", key=where, remedy=_near(key, known))
    return lambda: make(kind(**params))


def _ours_at(where: str) -> tuple[Callable[[Any], Strategy], type[Any]]:
    """Return a strategy of ours and its parameters, imported only when it is chosen."""
    module, _, kind = where.partition(":")
    found = importlib.import_module(module)
    return getattr(found, kind), getattr(found, f"{kind}Params")


def _offered(name: str) -> str:
    """Return where an installed package has the strategy `name`, empty when none offers it."""
    return next((point.value for point in entry_points(group=GROUP, name=name)), "") if name not in _KNOWN else ""


def _yours(name: str, params: Mapping[str, Any]) -> Callable[[], Strategy]:
    where, _, attribute = name.rpartition(":")
    try:
        module = _load_file(where) if where.endswith(".py") else importlib.import_module(where)
        kind = getattr(module, attribute)
    except LOADING_FAILS as e:
        raise ConfigError(
            f"cannot load strategy {name!r}: {type(e).__name__}: {e}",
            id="AGB-117",
            key="strategies.name",
            remedy="module:Class with the module on PYTHONPATH, or path/file.py:Class",
        ) from e
    return lambda: cast("Strategy", kind(**params))


def _load_file(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.rpartition("/")[2].removesuffix(".py"), path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _near(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
