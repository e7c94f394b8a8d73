"""Strategies by the name a configuration uses."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Final, cast

import attrs

from agbot.core.view import Strategy
from agbot.errors import ConfigError
from agbot.strategy.quoter import Quoter, QuoterParams

_KNOWN: Final[dict[str, tuple[Callable[[Any], Strategy], type[Any]]]] = {"quoter": (Quoter, QuoterParams)}


class OnlyIn:
    """A strategy that sees some markets only, by id or slug."""

    def __init__(self, strategy: Strategy, markets: Iterable[str]) -> None:
        self.id = strategy.id
        self.only_in = frozenset(markets)
        self.decide = strategy.decide


def names() -> tuple[str, ...]:
    """Return the strategies there are."""
    return tuple(_KNOWN)


def build(name: str, params: Mapping[str, Any]) -> Strategy:
    """Return the strategy `name` with `params`: one of ours, or yours as ``module:Class`` or ``path/file.py:Class``.

    Your class takes its parameters by keyword.

    Raises:
        ConfigError: AGB-117 unknown name or class, AGB-118 unknown or impossible parameter.
    """
    make = _yours(name, params) if ":" in name else _ours(name, params)
    try:
        return make()
    except (ValueError, TypeError, ArithmeticError) as e:
        key = f"strategies.{name}.params"
        raise ConfigError(f"impossible parameter: {e}", id="AGB-118", key=key, remedy="docs/strategies.md") from e


def _ours(name: str, params: Mapping[str, Any]) -> Callable[[], Strategy]:
    if name not in _KNOWN:
        raise ConfigError(f"unknown strategy {name!r}", id="AGB-117", key="strategies.name", remedy=_near(name, _KNOWN))
    make, kind = _KNOWN[name]
    known = [field.name for field in attrs.fields(kind)]
    for key in params:
        if key not in known:
            where = f"strategies.{name}.params.{key}"
            raise ConfigError("unknown parameter", id="AGB-118", key=where, remedy=_near(key, known))
    return lambda: make(kind(**params))


def _yours(name: str, params: Mapping[str, Any]) -> Callable[[], Strategy]:
    where, _, attribute = name.rpartition(":")
    try:
        module = _load_file(where) if where.endswith(".py") else importlib.import_module(where)
        kind = getattr(module, attribute)
    except (ImportError, FileNotFoundError, AttributeError) as e:
        raise ConfigError(
            f"cannot load strategy {name!r}: {e}",
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
