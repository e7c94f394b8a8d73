"""Strategies by the name a configuration uses."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from agbot.core.view import Strategy
from agbot.errors import ConfigError
from agbot.strategy.quoter import Quoter, QuoterParams

_KNOWN: Final[dict[str, tuple[Callable[[Any], Strategy], type[Any]]]] = {"quoter": (Quoter, QuoterParams)}


def names() -> tuple[str, ...]:
    """Return the strategies there are."""
    return tuple(_KNOWN)


def build(name: str, params: Mapping[str, Any]) -> Strategy:
    """Return the strategy `name` with `params`.

    Raises:
        ConfigError: AGB-117 unknown name, AGB-118 unknown or impossible parameter.
    """
    if name not in _KNOWN:
        raise ConfigError(f"unknown strategy {name!r}", id="AGB-117", key="strategies.name", remedy=_near(name, _KNOWN))
    make, kind = _KNOWN[name]
    known = [field.name for field in attrs.fields(kind)]
    for key in params:
        if key not in known:
            where = f"strategies.{name}.params.{key}"
            raise ConfigError("unknown parameter", id="AGB-118", key=where, remedy=_near(key, known))
    try:
        return make(kind(**params))
    except (ValueError, TypeError) as e:
        raise ConfigError(
            f"impossible parameter: {e}", id="AGB-118", key=f"strategies.{name}.params", remedy="see policies/README.md"
        ) from e


def _near(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]}?" if close else f"use one of {', '.join(known)}"
