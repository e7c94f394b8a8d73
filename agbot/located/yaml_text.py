"""YAML text to `Located`, straight from the parser's events: no object is ever constructed from the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from agbot.errors import ConfigError
from agbot.located.value import NUMBER, Kind, Located, scalar, shown

MAX_DEPTH: Final = 32
MAX_REASON: Final = 160

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_REMEDY: Final = "check indentation, brackets and quotes; text with ': ' or '#' needs quotes"
_UNREADABLE: Final = "the YAML cannot be read from here on"

# What the parser itself raises on some inputs, such as the escape \\U00110000 or a version of 5,000 digits.
_STUMBLES: Final = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, AssertionError)


def parse(text: str, name: str) -> Located | None:
    """Return the one document in `text`, None when it holds only comments.

    Raises:
        ConfigError: AGB-101 bad syntax, AGB-102 a key twice, AGB-103 tags, anchors, aliases, too deep.
    """
    return _Reader(name, YAML(typ="safe", pure=True).parse(text)).document()


class _Reader:
    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self._name = name
        self._events = events
        self._line = 1

    def document(self) -> Located | None:
        self._next()
        if self._kind(self._next()) == "StreamEnd":
            return None
        root = self._node(self._next(), "", None, 0)
        self._next()
        if self._kind(extra := self._next()) != "StreamEnd":
            raise self._refuse("a second document starts here", "AGB-101", extra, "keep one document in a file")
        return root

    def _next(self) -> Any:  # the YAML library has no types
        try:
            event = next(self._events)
        except YAMLError as e:
            raise _syntax(e, self._name) from e
        except _STUMBLES as e:
            raise ConfigError(_UNREADABLE, id="AGB-101", path=self._name, line=self._line, remedy=_REMEDY) from e
        self._line = event.start_mark.line + 1
        return event

    @staticmethod
    def _kind(event: Any) -> str:
        return type(event).__name__.removesuffix("Event")

    def _node(self, event: Any, key: str, line: int | None, depth: int) -> Located:
        kind = self._kind(event)
        at = line or event.start_mark.line + 1
        if kind == "Alias" or event.anchor is not None:
            raise self._refuse("anchors and aliases are not accepted", "AGB-103", event, "write the value out")
        if event.ctag is not None:
            raise self._refuse(f"the tag '{shown(str(event.ctag))}' is not accepted", "AGB-103", event, "remove it")
        if depth > MAX_DEPTH:
            raise self._refuse(f"nested deeper than {MAX_DEPTH} levels", "AGB-103", event, "flatten it")
        if kind == "Scalar":
            return scalar(self._name, at, key, _scalar_kind(event), event.value)
        return self._sequence(key, at, depth) if kind == "SequenceStart" else self._mapping(key, at, depth)

    def _sequence(self, key: str, line: int, depth: int) -> Located:
        items: list[Located] = []
        while self._kind(event := self._next()) != "SequenceEnd":
            items.append(self._node(event, f"{key}[{len(items)}]", None, depth + 1))
        return Located(file=self._name, line=line, key=key, kind="list", items=tuple(items))

    def _mapping(self, key: str, line: int, depth: int) -> Located:
        place = Located(file=self._name, line=line, key=key, kind="mapping")
        fields: dict[str, Located] = {}
        while self._kind(event := self._next()) != "MappingEnd":
            name = self._node(event, key, None, depth + 1)
            if name.kind in ("list", "mapping"):
                raise name.fault(f"a key must be text, got {name}", id="AGB-101", remedy=_REMEDY)
            path = place.child_key(name.text)
            if name.text in fields:
                raise _twice(self._name, name.line, path, fields[name.text].line)
            fields[name.text] = self._node(self._next(), path, name.line, depth + 1)
        return Located(file=self._name, line=line, key=key, kind="mapping", fields=fields)

    def _refuse(self, reason: str, error_id: str, event: Any, remedy: str) -> ConfigError:
        line = event.start_mark.line + 1
        return ConfigError(reason, id=error_id, path=self._name, line=line, remedy=remedy)


def _twice(file: str, line: int, key: str, first: int) -> ConfigError:
    reason = f"the key is already set in line {first}"
    return ConfigError(reason, id="AGB-102", path=file, line=line, key=key, remedy="keep one of them")


def _scalar_kind(event: Any) -> Kind:
    if not event.implicit[0]:
        return "text"
    if event.value in _NULL:
        return "nothing"
    if event.value in _BOOL:
        return "boolean"
    return "number" if NUMBER.fullmatch(event.value) else "text"


def _syntax(error: YAMLError, name: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or _UNREADABLE
    remedy = _REMEDY
    if "'\\t'" in str(problem):
        problem, remedy = "a tab is used for indentation", "indent with spaces"
    reason = re.sub(r"\s+", " ", shown(str(problem), MAX_REASON))
    return ConfigError(reason, id="AGB-101", path=name, line=mark.line + 1 if mark else None, remedy=remedy)
