"""Which ids were used before: a set that is made for hundreds of thousands of digests and never grows.

A Python set of as many integers takes ten times the memory and takes it in leaps.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Final

SLOTS_BITS: Final = 18
KEPT: Final = 1 << (SLOTS_BITS - 1)
"""So many of the latest are always known, and at most twice as many: then the older half goes at once."""
_SLOTS: Final = 1 << SLOTS_BITS
_MASK: Final = _SLOTS - 1


class Digests:
    """The latest ids, each 0x and 64 hexadecimal digits, of which 64 bits are kept: open addressing, two halves."""

    def __init__(self) -> None:
        self._old = _Half()
        self._young = _Half()

    def __contains__(self, digest: str) -> bool:
        bits = _bits(digest)
        return self._young.slot(bits) < 0 or self._old.slot(bits) < 0

    def add(self, digest: str) -> None:
        """Take an id in."""
        self._add(_bits(digest))

    def parts(self) -> list[bytes]:
        """Return what is known, the older half first, for `remember`."""
        return [array("Q", filter(None, half.table)).tobytes() for half in (self._old, self._young)]

    def remember(self, parts: Iterable[bytes]) -> None:
        """Take in what `parts` gave; ValueError when it is no such thing."""
        for part in parts:
            for bits in array("Q", part):
                self._add(bits)

    def _add(self, bits: int) -> None:
        slot = self._young.slot(bits)
        if slot < 0:
            return
        if self._young.count == KEPT:
            self._old, self._young = self._young, self._old
            self._young.clear()
            slot = self._young.slot(bits)
        self._young.table[slot] = bits
        self._young.count += 1


class _Half:
    """A table that is never more than half full; 0 is an empty slot."""

    def __init__(self) -> None:
        self.table = array("Q", bytes(8 * _SLOTS))
        self.count = 0

    def clear(self) -> None:
        """Forget everything, in place: a new table every day would be memory that the system gets back late."""
        memoryview(self.table).cast("B")[:] = bytes(8 * _SLOTS)
        self.count = 0

    def slot(self, bits: int) -> int:
        """Return where `bits` would go, -1 when they are there."""
        table, at = self.table, bits & _MASK
        while found := table[at]:
            if found == bits:
                return -1
            at = (at + 1) & _MASK
        return at


def _bits(digest: str) -> int:
    return int(digest[-16:], 16) or 1
