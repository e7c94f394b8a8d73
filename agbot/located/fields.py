"""Read a mapping key by key and collect every fault on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from agbot.errors import ConfigError
from agbot.located.value import Located, shown, suggest
from agbot.units import NS_PER_MS, NS_PER_S

T = TypeVar("T")

_SUFFIXES = {"sec": NS_PER_S, "s": NS_PER_S, "ms": NS_PER_MS}


class Fields:
    """The entries of one mapping. Faults go to the list `faults`; a faulty entry reads as its default.

    What was asked for is what is known: `close` reports every other key.
    """

    def __init__(self, node: Located, faults: list[ConfigError]) -> None:
        self.node = node
        self.faults = faults
        self._known: list[str] = []
        if node.kind != "mapping":
            remedy = "write 'key: value' lines"
            faults.append(node.fault(f"expected a mapping, got {node}", id="AGB-106", remedy=remedy))

    def get(self, name: str) -> Located | None:
        """Return the entry as it stands, None when it is absent."""
        if name not in self._known:
            self._known.append(name)
        return self.node.fields.get(name)

    def read(self, name: str, reader: Callable[[Located], T], default: T) -> T:
        """Return the entry through `reader`, or `default` when it is absent or faulty."""
        node = self.get(name)
        return default if node is None else self.attempt(reader, node, default)

    def require(self, name: str, reader: Callable[[Located], T], default: T) -> T:
        """Return the entry as `read` does; its absence is a fault."""
        if self.get(name) is None and self.node.kind == "mapping":
            self.faults.append(self._missing(name))
        return self.read(name, reader, default)

    def attempt(self, reader: Callable[[Located], T], node: Located, default: T) -> T:
        """Return ``reader(node)``, or record its fault and return `default`."""
        try:
            return reader(node)
        except ConfigError as e:
            self.faults.append(e)
            return default

    def duration(self, stem: str, default_ns: int, *, low_ns: int, high_ns: int) -> int:
        """Return ``<stem>_sec``, ``<stem>_s`` or ``<stem>_ms`` in nanoseconds; two spellings at once are a fault."""
        spelled = {f"{stem}_{suffix}": ns for suffix, ns in _SUFFIXES.items()}
        given = [name for name in spelled if self.get(name) is not None]
        if not given:
            return default_ns
        if len(given) > 1:
            self.faults.append(self._both(*given[:2]))
            return default_ns
        return self.read(given[0], lambda node: _duration(node, spelled[given[0]], low_ns, high_ns), default_ns)

    def close(self) -> None:
        """Report the keys nobody asked for."""
        for name, node in self.node.fields.items():
            if name not in self._known:
                remedy = suggest(name, self._known)
                self.faults.append(node.fault(f"unknown key '{shown(name)}'", id="AGB-104", remedy=remedy))

    def _both(self, first: str, second: str) -> ConfigError:
        later = max(self.node.fields[first], self.node.fields[second], key=lambda node: node.line)
        return later.fault(f"'{first}' and '{second}' set the same duration", id="AGB-108", remedy="keep one of them")

    def _missing(self, name: str) -> ConfigError:
        node = self.node
        key, remedy = node.child_key(name), f"add '{name}: …'"
        return ConfigError("the key is missing", id="AGB-105", path=node.file, line=node.line, key=key, remedy=remedy)


def _duration(node: Located, unit_ns: int, low_ns: int, high_ns: int) -> int:
    number = node.as_decimal()
    ns = number * unit_ns
    if not low_ns <= ns <= high_ns:
        limits = f"between {_unit_text(low_ns, unit_ns)} and {_unit_text(high_ns, unit_ns)}"
        raise node.fault(f"{node} is out of range", id="AGB-107", remedy=limits)
    return int(ns)


def _unit_text(ns: int, unit_ns: int) -> str:
    whole, part = divmod(ns, unit_ns)
    return f"{whole}.{part * 1000 // unit_ns:03d}".rstrip("0").rstrip(".")
