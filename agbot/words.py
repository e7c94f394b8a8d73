"""Counts with their words, as people are told them."""

from __future__ import annotations


def many(count: int | str, one: str, more: str = "") -> str:
    """Return a count with its words: ``1 order``, ``2 orders``; `more` where it is not `one` and an s."""
    return f"{count} {one if str(count) == '1' else more or f'{one}s'}"
