"""What every stream decoder counts: nothing that arrives is ignored in silence."""

from __future__ import annotations

from collections import Counter
from typing import Final

UNKNOWN_NAMES: Final = 32
"""How many distinct unknown message types are counted by name; the rest is counted as ``"other"``."""

SILENT: Final[tuple[bytes | str, ...]] = (b"PONG", "PONG", b"pong", "pong", b"", "")
"""Frames that say nothing: the text answer to a ping."""

_LONGEST_FAULT: Final = 300


class Counted:
    """Base of the stream decoders.

    Attributes:
        unknown: messages of other types, by name (at most `UNKNOWN_NAMES` names).
        malformed: messages that were set aside; each is a fault with a reason.
    """

    def __init__(self) -> None:
        self._understood: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.malformed = 0

    @property
    def messages(self) -> Counter[str]:
        """Return how many messages were understood, by type."""
        return self._understood

    def _count_unknown(self, kind: str) -> None:
        name = (kind or "unnamed")[:64]
        room = name in self.unknown or len(self.unknown) < UNKNOWN_NAMES
        self.unknown[name if room else "other"] += 1

    def _fault(self, faults: list[str], why: str) -> None:
        self.malformed += 1
        faults.append(why[:_LONGEST_FAULT])
