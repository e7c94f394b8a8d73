"""What a check is, how it ends, and the register of all checks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from agbot.exchange.conformance.verdict import Need

if TYPE_CHECKING:
    from agbot.exchange.conformance.world import World

DEADLINE_S: Final = 15.0
_ID: Final = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)+-\d{3}")


Ask: TypeAlias = Callable[["World"], Awaitable[None]]


@attrs.frozen(kw_only=True)
class Check:
    """One question to a target.

    Args:
        id: group and number, such as ``CLOB-BOOK-003``; never given to another check.
        title: what must hold, in one line.
        needs: what the target must offer.
        source: where it is documented or was observed.
        ask: returns when it holds; raises Failed or Skipped.
        deadline_s: for the whole check.
    """

    id: str
    title: str
    needs: frozenset[Need]
    source: str
    ask: Ask
    deadline_s: float = DEADLINE_S

    @property
    def group(self) -> str:
        """Return the id without its number."""
        return self.id.rpartition("-")[0]


REGISTER: Final[dict[str, Check]] = {}
"""Every check by id, in the order they are defined; filled by importing the checks, see `catalogue.all_checks`."""


def check(
    id: str,  # noqa: A002 - what it is
    title: str,
    *,
    needs: Collection[str] = (),
    source: str,
    deadline_s: float = DEADLINE_S,
) -> Callable[[Ask], Ask]:
    """Register the decorated coroutine function as a check.

    Raises:
        ValueError: the id is malformed or taken, or a need is unknown.
    """

    def register(ask: Ask) -> Ask:
        if id in REGISTER or not _ID.fullmatch(id):
            raise ValueError(f"{id!r} is taken, or no id of a check")
        wanted = frozenset(map(Need, needs))
        REGISTER[id] = Check(id=id, title=title, needs=wanted, source=source, ask=ask, deadline_s=deadline_s)
        return ask

    return register
