"""Reference prices: the latest one of each source and symbol, for strategies that look beyond the book."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from agbot.model.events import ReferencePrice

REFERENCES_MAX: Final = 256
"""Distinct (source, symbol) pairs that are kept; later ones are refused, known ones go on."""

ReferenceKey: TypeAlias = tuple[str, str]
"""(source, symbol)"""


class References:
    """Keeps the latest price by the source's own time; one that comes late changes nothing.

    Attributes:
        latest: read-only, by (source, symbol).
    """

    def __init__(self) -> None:
        self._latest: dict[ReferenceKey, ReferencePrice] = {}
        self.latest: Mapping[ReferenceKey, ReferencePrice] = MappingProxyType(self._latest)

    def __deepcopy__(self, _memo: object) -> References:
        copied = References()
        copied._latest.update(self._latest)
        return copied

    def take(self, event: ReferencePrice) -> str:
        """Keep a price; returns why it could not be kept, empty when it was or was late."""
        key = (event.source, event.symbol)
        known = self._latest.get(key)
        if event.value <= 0:
            return f"reference price {event.value} of {event.symbol} from {event.source} is not positive"
        if known is None and len(self._latest) >= REFERENCES_MAX:
            return f"more than {REFERENCES_MAX} reference prices; {event.symbol} from {event.source} is not kept"
        if known is None or event.ts_ns >= known.ts_ns:
            self._latest[key] = event
        return ""
