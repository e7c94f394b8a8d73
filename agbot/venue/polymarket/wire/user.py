"""Frames of the CLOB user channel: our own orders and trades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

import msgspec

from agbot.model.order import Side
from agbot.units import NS_PER_S
from agbot.venue.polymarket.wire.counted import SILENT, Counted
from agbot.venue.polymarket.wire.fields import Fields, from_json
from agbot.venue.polymarket.wire.rest import Trade, trade
from agbot.venue.polymarket.wire.words import status


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


class UserDecoder(Counted):
    """Turns user-channel frames into what happened to our orders and trades; counts as `Counted` says."""

    def decode(self, raw: bytes | str) -> UserFrame:
        """Return what `raw` says. Never raises on bad input: a bad message is a fault, the others are read."""
        out = UserFrame([], [])
        if raw in SILENT:
            return out
        try:
            frame = from_json(raw)
        except ValueError as e:
            self._fault(out.faults, str(e))
            return out
        for item in frame if isinstance(frame, list) else [frame]:
            self._take(item, out)
        return out

    def _take(self, item: object, out: UserFrame) -> None:
        kind = ""
        try:
            f = Fields(item)
            kind = _kind(f)
            if kind not in _READERS:
                self._count_unknown(kind)
                return
            out.events.append(_READERS[kind](f))
        except ValueError as e:
            self._fault(out.faults, f"{kind or 'frame'}: {e}")
            return
        self._understood[kind] += 1


def _kind(f: Fields) -> str:
    """Return order or trade: some captures lack event_type, and `type` or the fields decide."""
    named = f.text("event_type", default="").lower()
    if named:
        return named
    kind = f.text("type", default="").upper()
    if kind == "TRADE" or "taker_order_id" in f:
        return "trade"
    return "order" if kind in _KINDS else kind


def order_update(f: Fields) -> OrderUpdate:
    """Return what happened to an order; ValueError when it cannot be read."""
    kind = f.name("type").upper()
    if kind not in _KINDS:
        raise ValueError(f"type {kind[:40]!r} is none of {', '.join(_KINDS)}")
    # A killed FOK says "" for what it matched; in an UPDATE that is a number we do not know.
    nothing = kind != "UPDATE" and f.plain.get("size_matched") == ""
    word, reason = status(f.text("status", default=""))
    return OrderUpdate(
        id=f.name("id"),
        kind=kind,
        status=word,
        market=f.text("market"),
        token=f.name("asset_id"),
        side=f.side("side"),
        price=f.price("price"),
        original_size=f.units("original_size"),
        size_matched=0 if nothing else f.units("size_matched"),
        ts_ns=f.time("timestamp", "created_at", default=0),
        owner=f.text("owner", "order_owner", default=""),
        order_type=f.text("order_type", default="").upper(),
        associate_trades=f.texts("associate_trades"),
        reason=reason,
        outcome=f.text("outcome", default=""),
        maker_address=f.text("maker_address", default=""),
        created_ns=f.time("created_at", default=0),
        expiration_s=f.time("expiration", default=0) // NS_PER_S,
    )


_KINDS: Final = ("PLACEMENT", "UPDATE", "CANCELLATION")
_READERS: Final[dict[str, Callable[[Fields], UserEvent]]] = {"order": order_update, "trade": trade}
