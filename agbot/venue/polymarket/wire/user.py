"""Frames of the CLOB user channel: our own orders and trades."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from agbot.model.order import Side
from agbot.venue.polymarket.wire.rest import Trade


class OrderUpdate(msgspec.Struct, frozen=True):
    """Something happened to an order of ours. `kind` is PLACEMENT, UPDATE or CANCELLATION; `status` in upper case.

    `reason` is the sentence some cancellations carry, `original_size`, `size_matched` and `price` are 10⁻⁶.
    """

    id: str
    kind: str
    status: str
    market: str
    token: str
    side: Side
    price: int
    original_size: int
    size_matched: int
    ts_ns: int
    owner: str
    order_type: str
    associate_trades: tuple[str, ...] = ()
    reason: str = ""
    outcome: str = ""
    maker_address: str = ""
    created_ns: int = 0
    expiration_s: int = 0


UserEvent: TypeAlias = OrderUpdate | Trade


class UserFrame(NamedTuple):
    """What one frame said: events in order, and one sentence for each message that could not be understood."""

    events: list[UserEvent]
    faults: list[str]
