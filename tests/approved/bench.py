"""A core, its journal in memory, and the desk in front of it: killed wherever the test says, and begun again."""

from __future__ import annotations

from typing import Any

import msgspec

from agbot.model.commands import PlaceOrder
from agbot.model.events import BookSnapshot, Event, MarketListed
from agbot.model.order import TimeInForce
from agbot.run.desk import Desk
from agbot.run.engine import Recorder
from agbot.run.inbox import Inbox
from agbot.settings import Settings
from agbot.store.carry import Past
from agbot.store.codec import decode_output
from agbot.store.journal import STEP, Header, Record
from agbot.store.rebuild import engine_of, header_of
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_S, to_units

MARKET = make_market(slug="will-it-rain")
AT_NS = 1_700_000_000 * NS_PER_S
TRADE: dict[str, Any] = {
    "request_id": "r1",
    "source": "model",
    "market": "will-it-rain",
    "side": "buy",
    "size": "10",
    "price": "0.40",
    "expires_ms": AT_NS // 10**6 + 60_000,
}


def trade(request_id: str = "r1", **changes: Any) -> dict[str, Any]:
    """Return an approved trade as a program writes it."""
    return {**TRADE, "request_id": request_id, **changes}


class Memory:
    """A journal that keeps its records here."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def append(self, kind: str, now_ns: int, body: bytes) -> int:
        self.records.append(Record(len(self.records) + 1, kind, now_ns, body))
        return len(self.records)


class Run:
    """One run. Nothing happens by itself: `drain` steps the core with what the desk sent."""

    def __init__(self, past: Past | None = None, number: int = 1, *, venue_ended: bool = True) -> None:
        requests = past.requests(venue_ended=venue_ended) if past else ()
        header: Header = header_of(
            Settings(strategies=()),
            run_id=f"run{number}",
            mode="PAPER",
            started_ns=AT_NS,
            source="test",
            capital=to_units("1000"),
        )
        self.header = msgspec.structs.replace(header, requests=requests)
        self.journal = Memory()
        self.engine = engine_of(self.header)
        self.recorder = Recorder(self.engine, self.journal, self.header)
        self.inbox = Inbox()
        self.now = AT_NS
        self.on_disk = 0
        self.desk = Desk(
            self.engine,
            self.inbox,
            requests,
            supported=frozenset(TimeInForce) - {TimeInForce.GTD},
            written=lambda: len(self.journal.records),
            durable=self.durable,
            now_ns=lambda: self.now,
        )
        sides = (("0.48", "100"),), (("0.52", "100"),)
        books = [BookSnapshot(token, *(levels(*s) for s in sides), AT_NS) for token in (MARKET.yes, MARKET.no)]
        self.step(MarketListed(MARKET, AT_NS), *books)

    async def durable(self, seq: int) -> None:
        self.on_disk = max(self.on_disk, seq)

    def step(self, *events: Event) -> None:
        batch = list(events)
        self.now += 1
        step, _ = self.recorder.step(self.now, batch)
        self.desk.observe(batch, step)

    def drain(self) -> None:
        if self.inbox._urgent:
            batch = list(self.inbox._urgent)
            self.inbox._urgent.clear()
            self.step(*batch)

    def past(self, cut: int | None = None) -> Past:
        """Return what the journal says, up to a record."""
        return Past.after(None, self.header, self.journal.records[:cut])

    def orders(self, cut: int | None = None) -> list[PlaceOrder]:
        """Return the orders that may have left: those whose record the journal kept."""
        steps = (decode_output(r.body) for r in self.journal.records[:cut] if r.kind == STEP)
        return [command for output in steps for command in output.commands if isinstance(command, PlaceOrder)]
