"""Seeded draws by number: what is drawn depends on the seed and the number alone, never on who asked first."""

from __future__ import annotations

from typing import Final

_MASK: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
TOP: Final = 2**64


def mixed(value: int) -> int:
    """Return 64 bits that depend on every bit of `value`: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def key(seed: int, stream: int) -> int:
    """Return what a stream's draws have in common: ``mixed(key(seed, stream) ^ number)`` is the `number`th."""
    return mixed(mixed(seed & _MASK) ^ stream)


def draw(seed: int, stream: int, number: int) -> int:
    """Return the `number`th uniform draw of a stream, within [0, 2⁶⁴)."""
    return mixed(key(seed, stream) ^ number)
