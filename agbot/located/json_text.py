"""JSON text to `Located`: strict JSON, with lines, and numbers kept as written."""

from __future__ import annotations

import json
import re
from typing import Final

from agbot.errors import ConfigError
from agbot.located.value import Kind, Located, scalar, shown

MAX_DEPTH: Final = 32

_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
_WORDS: Final[dict[str, Kind]] = {"true": "boolean", "false": "boolean", "null": "nothing"}
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_REMEDY: Final = "write strict JSON: keys in double quotes, no comments, no trailing comma"


def parse(text: str, name: str) -> Located:
    """Return the one value in `text`.

    Raises:
        ConfigError: AGB-101 bad syntax, AGB-102 a key twice, AGB-103 too deep.
    """
    reader = _Reader(text, name)
    root = reader.value("", None, 0)
    if reader.peek():
        raise reader.fault("text after the end of the value")
    return root


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self._text = text
        self._name = name
        self._at = 0
        self._counted = 0
        self._lines = 1
        self._strings = json.JSONDecoder()

    def peek(self) -> str:
        match = _SPACE.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return self._text[self._at : self._at + 1]

    def fault(self, reason: str, error_id: str = "AGB-101", remedy: str = _REMEDY) -> ConfigError:
        return ConfigError(reason, id=error_id, path=self._name, line=self._line(), remedy=remedy)

    def value(self, key: str, line: int | None, depth: int) -> Located:
        first = self.peek()
        at = line or self._line()
        if depth > MAX_DEPTH:
            raise self.fault(f"nested deeper than {MAX_DEPTH} levels", "AGB-103", "flatten it")
        if first == "{":
            return self._mapping(key, at, depth)
        if first == "[":
            return self._list(key, at, depth)
        if first == '"':
            return scalar(self._name, at, key, "text", self._string())
        return self._bare(key, at)

    def _line(self) -> int:
        self._lines += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._lines

    def _expected(self, what: str) -> ConfigError:
        found = self.peek()
        return self.fault(f"expected {what}, found " + (f"'{shown(found)}'" if found else "the end of the file"))

    def _take(self, sign: str, what: str) -> None:
        if self.peek() != sign:
            raise self._expected(what)
        self._at += 1

    def _more(self, end: str, empty: bool) -> bool:
        """Step over the comma before the next element, or over the closing sign."""
        if self.peek() == end:
            self._at += 1
            return False
        if not empty:
            self._take(",", f"',' or '{end}'")
        return True

    def _string(self) -> str:
        if self.peek() != '"':
            raise self._expected("a key in double quotes")
        try:
            text, self._at = self._strings.raw_decode(self._text, self._at)
        except json.JSONDecodeError as e:
            self._at = e.pos
            raise self.fault(shown(e.msg)) from e
        return str(text)

    def _bare(self, key: str, line: int) -> Located:
        if match := _NUMBER.match(self._text, self._at):
            self._at = match.end()
            return scalar(self._name, line, key, "number", match.group())
        for word, kind in _WORDS.items():
            if self._text.startswith(word, self._at):
                self._at += len(word)
                return scalar(self._name, line, key, kind, word)
        raise self._expected("a value")

    def _list(self, key: str, line: int, depth: int) -> Located:
        self._at += 1
        items: list[Located] = []
        while self._more("]", not items):
            items.append(self.value(f"{key}[{len(items)}]", None, depth + 1))
        return Located(file=self._name, line=line, key=key, kind="list", items=tuple(items))

    def _mapping(self, key: str, line: int, depth: int) -> Located:
        self._at += 1
        place = Located(file=self._name, line=line, key=key, kind="mapping")
        fields: dict[str, Located] = {}
        while self._more("}", not fields):
            self.peek()
            at = self._line()
            name = scalar(self._name, at, key, "text", self._string()).text
            path = place.child_key(name)
            if name in fields:
                reason = f"the key is already set in line {fields[name].line}"
                remedy = "keep one of them"
                raise ConfigError(reason, id="AGB-102", path=self._name, line=at, key=path, remedy=remedy)
            self._take(":", "':' after the key")
            fields[name] = self.value(path, at, depth + 1)
        return Located(file=self._name, line=line, key=key, kind="mapping", fields=fields)
