"""Series of bounded length out of runs of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """Keeps the first of every `stride` items; at `limit` items every second one goes, and the stride doubles."""

    def __init__(self, limit: int) -> None:
        if limit < 2 or limit % 2:
            raise ValueError(f"a limit of {limit} cannot be halved")
        self.stride = 1
        self.seen = 0
        self._limit = limit
        self._kept: list[T] = []

    @property
    def wants(self) -> bool:
        """Return whether the next item would be kept."""
        return self.seen % self.stride == 0

    @property
    def next_kept(self) -> int:
        """Return the number of the next item that would be kept."""
        return -(-self.seen // self.stride) * self.stride

    def add(self, item: T) -> None:
        """Count an item, and keep it if it is its turn."""
        if self.wants:
            if len(self._kept) == self._limit:
                self._kept = self._kept[::2]
                self.stride *= 2
            if self.wants:
                self._kept.append(item)
        self.seen += 1

    def reach(self, seen: int, item: Callable[[int], T]) -> None:
        """Count items until `seen` are; ``item(number)`` is asked for those that are kept, numbers from 0."""
        while self.seen < seen:
            if self.wants:
                self.add(item(self.seen))
            else:
                self.seen = min(seen, self.next_kept)

    def kept(self) -> Iterable[T]:
        """Return what was kept, in order."""
        return tuple(self._kept)
