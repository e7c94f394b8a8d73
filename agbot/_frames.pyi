from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, final

D = TypeVar("D", bound=tuple[Any, ...])

@final
class Scanner(Generic[D]):
    def __new__(
        cls,
        snapshot: Callable[..., Any],
        delta: Callable[..., Any],
        decoded: type[D],
        ticks: dict[Any, int],
        said: dict[Any, tuple[Any, int | None, int | None]],
        hashes: dict[Any, str] | None = None,
    ) -> Self: ...
    @property
    def books(self) -> int: ...
    @property
    def changes(self) -> int: ...
    def scan(self, raw: bytes | str, /) -> D | None: ...
