from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, final

E = TypeVar("E")

@final
class Scanner(Generic[E]):
    def __new__(
        cls,
        snapshot: Callable[..., E],
        delta: Callable[..., E],
        ticks: dict[Any, int],
        tops: dict[Any, tuple[int, int] | None],
        markets: dict[Any, Any],
        counts: dict[str, int],
        hashes: dict[Any, str] | None = None,
    ) -> Self: ...
    def scan(self, raw: bytes | str, /) -> list[E] | None: ...
