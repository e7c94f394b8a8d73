"""What is kept of trades that other programs approve, beside the orders themselves: it changes nothing in the core.

As `agbot.model.events`: fields are only ever appended.
"""

from __future__ import annotations

import msgspec


class TradeRefused(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """An approved trade could not be read, so no gate saw it. `error` names the field and what is wrong with it."""

    request_id: str
    source: str
    error: str
    ts_ns: int


class ResultTold(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    """Who approved a trade was told this result of it; quantities in 10⁻⁶."""

    request_id: str
    status: str
    final: bool
    filled: int
    spent: int
    ts_ns: int
