"""Faults in WebSocket messages: dropped, repeated, late, overtaken, cut, swollen, crossed, told wrong.

`Frames.change` is the filter of the channels' outlets: one frame in, any number of (seconds to wait, frame) out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, Protocol, TypeAlias

import attrs
import msgspec
import trio

from agbot.exchange.mischief import replies
from agbot.fault_plan import Plan
from agbot.units import complement, to_text, to_units

Json: TypeAlias = dict[str, Any]
Timed: TypeAlias = tuple[float, bytes]

APART_S: Final = 0.0001
"""Between late frames of one connection, so that they keep their order whatever the clock's grain."""
CROSSING_SIZE: Final = "5"
_BYTES_OF_PADDING: Final = b" "


class Connection(Protocol):
    """What of an outlet the faults use. `note` is theirs; `deaf` means that PINGs are not answered."""

    address: str
    silent: bool
    deaf: bool
    note: object

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with a code."""
        ...

    def drop(self, *, reset: bool = False) -> None:
        """Break at once."""
        ...


@attrs.define(eq=False)
class Note:
    """What is remembered of a connection: when its last late frame leaves, and which switches decided what."""

    due: float = 0.0
    decided: dict[str, tuple[int, ...]] = attrs.field(factory=dict)


def note_of(connection: Connection) -> Note:
    """Return the connection's note, a new one the first time."""
    if not isinstance(connection.note, Note):
        connection.note = Note()
    return connection.note


class Look:
    """One outgoing frame and what a fault may be bound to; decoded when somebody asks."""

    def __init__(self, plan: Plan, channel: str, connection: Connection, frame: bytes, now_ns: int) -> None:
        self.frame = frame
        self.now_ns = now_ns
        self._plan = plan
        self._fixed = {"channel": channel, "wallet": connection.address or None}

    @cached_property
    def events(self) -> list[Any]:
        """Return the events of the frame; none when it is no JSON."""
        try:
            told = msgspec.json.decode(self.frame)
        except msgspec.DecodeError:
            return []
        return told if isinstance(told, list) else [told]

    def hit(self, name: str) -> Mapping[str, Any] | None:
        """Return the parameters of a fault that strikes the frame as a whole."""
        if not self._plan.switches(name):
            return None
        kinds = tuple(kind for event in self.events for kind in event_types(event))
        markets = tuple(filter(None, (_market(event) for event in self.events)))
        return self._plan.strikes(name, self.now_ns, **self._fixed, event=kinds or None, market=markets or None)

    def hit_event(self, name: str, event: Any) -> Mapping[str, Any] | None:
        """Return the parameters of a fault that strikes one event of the frame."""
        kinds, market = event_types(event) or None, _market(event) or None
        return self._plan.strikes(name, self.now_ns, **self._fixed, event=kinds, market=market)

    def each(self, name: str, change: Callable[[Json, Mapping[str, Any]], Json | None]) -> None:
        """Let a fault change, or with None remove, each event it strikes."""
        if not self._plan.switches(name):
            return
        kept, changed = [], False
        for event in self.events:
            params = self.hit_event(name, event) if isinstance(event, dict) else None
            new = event if params is None else change(event, params)
            changed |= new is not event
            if new is not None:
                kept.append(new)
        if changed:
            self.become(kept)

    def become(self, events: list[Any]) -> None:
        """Make the frame hold these events; none makes it empty."""
        many = len(events) != 1 or self.frame.lstrip()[:1] == b"["
        self.events = events
        self.frame = msgspec.json.encode(events if many else events[0]) if events else b""


class Frames:
    """Changes frames as a plan says.

    Args:
        first_trade: a taker order's first trade id, empty when it is not known.
        now_ns: the exchange's clock.
        clock_s: what waiting is measured by; trio's by default.
    """

    def __init__(
        self,
        plan: Plan,
        first_trade: Callable[[str], str],
        now_ns: Callable[[], int],
        clock_s: Callable[[], float] = trio.current_time,
    ) -> None:
        self._clock_s = clock_s
        self._plan = plan
        self._first_trade = first_trade
        self._now_ns = now_ns

    def change(self, channel: str, connection: Connection, frame: bytes) -> Iterable[Timed]:
        """Return what leaves instead of a frame, and when."""
        if not self._plan.busy and connection.note is None:
            return ((0.0, frame),)
        look = Look(self._plan, channel, connection, frame, self._now_ns())
        note = note_of(connection)
        out: list[Timed] = []
        for after_s, changed in self._changed(look):
            delay_s, in_order = self._delay(look)
            out.append(
                (_in_order(note, delay_s + after_s, self._clock_s()) if in_order else delay_s + after_s, changed)
            )
        return out

    def _changed(self, look: Look) -> list[Timed]:
        """Return the frames that leave: with ``after_s`` above 0 for those that come by themselves later."""
        for name in _HIDDEN:
            look.each(name, lambda _event, _params: None)
        if not look.frame or look.hit("dropped_frames"):
            return []
        look.each("duplicate_trade_ids", lambda event, _: replies.same_trade_id(event, self._first_trade))
        look.each("clock_jump", _shifted)
        look.each("wrong_hash", lambda event, _: _wrong_hash(event))
        crossing = (
            [pair for event in list(look.events) if (pair := self._crossing(look, event))] if self._crosses else []
        )
        if unknown := look.hit("unknown_event_types"):
            look.become([*look.events, _unknown(unknown["type"], look.events)])
        frames: list[Timed] = [(0.0, look.frame)]
        frames += [timed for pair in crossing for timed in pair]
        if cut := look.hit("bad_json_frame"):
            broken = (0.0, look.frame[: max(1, len(look.frame) * 2 // 3)])
            frames = [broken, *frames[1:]] if cut["instead"] else [broken, *frames]
        if swollen := look.hit("oversize_frame_1009"):
            frames.append((0.0, look.frame.ljust(swollen["bytes"], _BYTES_OF_PADDING)))
        if again := look.hit("duplicated_frames"):
            frames += [(0.0, look.frame)] * again["copies"]
        return frames

    @property
    def _crosses(self) -> bool:
        return bool(self._plan.switches("crossed_book"))

    def _crossing(self, look: Look, event: Any) -> list[Timed]:
        """Return a bid at the best ask, and later its end."""
        found = _best_ask(event)
        if found is None or (params := look.hit_event("crossed_book", event)) is None:
            return []
        token, ask = found
        other = next((row["asset_id"] for row in event.get("price_changes", ()) if row["asset_id"] != token), "")
        frames = [
            _level_change(event, token, other, ask, CROSSING_SIZE),
            _level_change(event, token, other, ask, "0"),
        ]
        return [(0.0, frames[0]), (params["delay_s"], frames[1])]

    def _delay(self, look: Look) -> tuple[float, bool]:
        """Return how late the frame leaves, and whether those behind it must wait for it."""
        late = [look.hit("delayed_frames"), look.hit("late_user_events")]
        delay_s = max((float(params["delay_s"]) for params in late if params), default=0.0)
        overtaken = look.hit("reordered_frames")
        return (delay_s + overtaken["delay_s"], False) if overtaken else (delay_s, True)


_HIDDEN: Final = ("missing_market_resolved", "tick_change_unannounced", "missing_user_events")


def _in_order(note: Note, delay_s: float, now: float) -> float:
    due = now + delay_s
    if note.due >= due:
        due = note.due + APART_S
    elif delay_s <= 0:
        return 0.0
    note.due = due
    return due - now


def event_types(event: Any) -> tuple[str, ...]:
    """Return what an object says of its kind, on any of the channels: ``("order", "UPDATE")``."""
    if not isinstance(event, dict):
        return ()
    return tuple(str(event[key]) for key in ("event_type", "topic", "channel", "op", "type") if event.get(key))


def _market(event: Any) -> str:
    return str(event.get("market") or event.get("condition_id") or "") if isinstance(event, dict) else ""


def _shifted(event: Json, params: Mapping[str, Any]) -> Json:
    told = event.get("timestamp")
    if isinstance(told, int):
        return event | {"timestamp": told + round(params["jump_s"] * 1000)}
    moved = event | {"timestamp": replies.shifted_ms(told, params["jump_s"])}
    return replies.rehashed(moved) if "bids" in moved and "hash" in moved else moved


def _wrong_hash(event: Json) -> Json:
    changed = dict(event)
    if "hash" in event:
        changed["hash"] = replies.other_hash(str(event["hash"]))
    if rows := event.get("price_changes"):
        changed["price_changes"] = [row | {"hash": replies.other_hash(str(row.get("hash", "")))} for row in rows]
    return changed


def _unknown(kind: str, events: list[Any]) -> Json:
    market = next(filter(None, map(_market, events)), "")
    return {"event_type": kind, "market": market, "condition_id": market, "amount": "70", "legs": 0}


def _best_ask(event: Json) -> tuple[str, str] | None:
    """Return a token and its best ask, where the event tells them."""
    if event.get("asks"):
        return str(event["asset_id"]), str(event["asks"][-1]["price"])
    for row in event.get("price_changes", ()):
        if row.get("best_ask") not in (None, "", "0", "1"):
            return str(row["asset_id"]), str(row["best_ask"])
    return None


def _level_change(event: Json, token: str, other: str, price: str, size: str) -> bytes:
    """Return a price_change that sets one bid, told for the sibling too where it is known."""
    rows = [{"asset_id": token, "price": price, "size": size, "side": "BUY"}]
    if other:
        mirrored = to_text(complement(to_units(price)))
        rows.append({"asset_id": other, "price": mirrored, "size": size, "side": "SELL"})
    for row in rows:
        row |= {"hash": replies.NO_BOOK_HASH, "best_bid": "", "best_ask": ""}
    told = {"event_type": "price_change", "market": event.get("market", ""), "price_changes": rows}
    return msgspec.json.encode(told | {"timestamp": str(event.get("timestamp", ""))})
