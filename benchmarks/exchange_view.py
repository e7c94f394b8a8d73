"""What a client of the exchange knows from its answers and sockets alone, and where that differs from the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from agbot.units import SCALE, to_units


class _Leg(msgspec.Struct, gc=False):
    order_id: str
    owner: str
    matched_amount: str
    asset_id: str
    side: str


class _Event(msgspec.Struct, gc=False):
    event_type: str = ""
    id: str = ""
    type: str = ""
    status: str = ""
    side: str = ""
    size_matched: str = "0"
    original_size: str = "0"
    asset_id: str = ""
    size: str = "0"
    trader_side: str = ""
    maker_orders: list[_Leg] = []


class _Rung(msgspec.Struct, gc=False):
    price: str
    size: str


class _Change(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: str


class _Message(msgspec.Struct, gc=False):
    event_type: str = ""
    asset_id: str = ""
    bids: list[_Rung] = []
    asks: list[_Rung] = []
    price_changes: list[_Change] = []


_events = msgspec.json.Decoder(_Event | list[_Event])
_messages = msgspec.json.Decoder(_Message | list[_Message])


class OrdersView:
    """A trader's orders and trades as the answers and the user socket tell them. `key` is its API key."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.open: dict[str, tuple[int, int]] = {}
        """(size, matched) by order id, 10⁻⁶, oldest first."""
        self.accepted: set[str] = set()
        self.cancel_told: set[str] = set()
        self.placed: set[str] = set()
        self.cancelled: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.duplicates = 0
        self.frames = 0
        self.shares: Counter[str] = Counter()
        """What can be sold, by token: bought and mined, less what was sold and matched."""
        self._seen: set[int] = set()
        """Hashes of what came: of millions of frames only these are kept, else the loader is what the load slows."""

    def take(self, frame: bytes) -> None:
        """Take a frame of the user socket."""
        if frame == b"PONG":
            return
        self.frames += 1
        told = _events.decode(frame)
        for event in told if isinstance(told, list) else (told,):
            part = hash((event.id, event.type, event.status, event.size_matched, event.trader_side))
            if part in self._seen:
                self.duplicates += 1
            self._seen.add(part)
            if event.event_type == "order":
                self._order(event)
            elif event.event_type == "trade":
                self._trade(event)

    def _order(self, event: _Event) -> None:
        size, matched = to_units(event.original_size), to_units(event.size_matched)
        if event.type == "CANCELLATION":
            self.counts["cancelled"] += 1
            self.cancelled.add(event.id)
            self.open.pop(event.id, None)
            return
        if event.type == "PLACEMENT":
            self.counts["placed"] += 1
            self.placed.add(event.id)
        if matched >= size:
            self.open.pop(event.id, None)
        else:
            self.open[event.id] = size, matched

    def _trade(self, event: _Event) -> None:
        for token, side, size in self._legs(event):
            self.counts[event.status.lower()] += 1
            if event.status == "MATCHED":
                self.counts["trades"] += 1
                self.counts["matched_size"] += size
            if (event.status, side) in {("MINED", "BUY"), ("FAILED", "SELL")}:
                self.shares[token] += size
            elif (event.status, side) == ("MATCHED", "SELL"):
                self.shares[token] -= size

    def _legs(self, event: _Event) -> Iterator[tuple[str, str, int]]:
        if event.trader_side == "TAKER":
            yield event.asset_id, event.side, to_units(event.size)
        else:
            for leg in event.maker_orders:
                if leg.owner == self.key:
                    yield leg.asset_id, leg.side, to_units(leg.matched_amount)

    def differences(self, address: str, ledger: dict[str, Any]) -> list[str]:
        """Return in words where the exchange's ledger says something else."""
        theirs = {row["id"]: to_units(row["matched"]) for row in ledger["orders"] if row["address"] == address}
        ours = {order_id: matched for order_id, (_, matched) in self.open.items()}
        tallies = {word: count for word, count in ledger["tallies"].get(address, {}).items() if count}
        found = {
            "accepted, but no PLACEMENT came": len(self.accepted - self.placed),
            "PLACEMENT of what was not accepted": len(self.placed - self.accepted),
            "cancelled by the answer, but no CANCELLATION came": len(self.cancel_told - self.cancelled),
            "told twice": self.duplicates,
            "open orders differ": len(set(theirs.items()) ^ set(ours.items())),
            **{
                f"{word}: {self.counts[word]} told, {tallies.get(word, 0)} happened": self.counts[word]
                != tallies.get(word, 0)
                for word in {*self.counts, *tallies}
            },
        }
        return [f"{what} ({int(number)})" for what, number in found.items() if number]


class BookView:
    """The book of one token as the market socket tells it."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.frames = 0

    def take(self, frame: bytes) -> None:
        """Take a frame of the market socket."""
        if frame == b"PONG":
            return
        self.frames += 1
        told = _messages.decode(frame)
        for message in told if isinstance(told, list) else (told,):
            if message.event_type == "book" and message.asset_id == self.token:
                self.bids, self.asks = _levels(message.bids), _levels(message.asks)
            for change in message.price_changes:
                if change.asset_id == self.token:
                    self._change(self.bids if change.side == "BUY" else self.asks, change)

    def _change(self, levels: dict[str, str], change: _Change) -> None:
        if to_units(change.size):
            levels[change.price] = change.size
        else:
            levels.pop(change.price, None)

    def middle(self, tick: int) -> int:
        """Return the price in the middle of the best bid and ask, on the tick; 0.5 when a side is empty."""
        bid = max(map(to_units, self.bids), default=0)
        ask = min(map(to_units, self.asks), default=0)
        middle = (bid + ask) // 2 if bid and ask else SCALE // 2
        return middle // tick * tick

    def differences(self, raw: bytes) -> list[str]:
        """Return in words where the REST book says something else."""
        told = _messages.decode(raw)
        assert isinstance(told, _Message)
        same = (_levels(told.bids), _levels(told.asks)) == (self.bids, self.asks)
        return [] if same else [f"the book of {self.token[:12]}… differs"]


def _levels(rungs: Iterable[_Rung]) -> dict[str, str]:
    return {rung.price: rung.size for rung in rungs}
