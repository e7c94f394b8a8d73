"""A run that is told what happens, and its journal, for tests of what is told of orders."""

from __future__ import annotations

from agbot.model.events import (
    BookSnapshot,
    MarketListed,
    OperatorOrder,
    OrderFilled,
    Source,
)
from agbot.model.order import Liquidity, OrderType, Settlement, Side, TimeInForce
from agbot.run.engine import Recorder
from agbot.settings import Settings
from agbot.store.explain import explain
from agbot.store.journal import Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_S, to_units

MARKET = make_market()
VENUE_ID = "0x" + "ab" * 32


class Wishes:
    id = "script"

    def __init__(self):
        self.next = []

    def decide(self, view):
        wishes, self.next = self.next, []
        return wishes


class Run:
    """A run that is told what happens, with its journal. Orders come from the operator."""

    def __init__(self, directory, run_id="20261127T000000000-live", **more):
        header = header_of(
            Settings(strategies=()), run_id=run_id, mode="LIVE", started_ns=NS_PER_S, source="t", capital=10**9, **more
        )
        self.engine = engine_of(header)
        self.journal = Journal(directory / f"{run_id}.agj")
        self.recorder = Recorder(self.engine, self.journal, header)
        self.path = self.journal.path
        self.now = NS_PER_S
        books = [(MARKET.yes, "0.48", "0.52"), (MARKET.no, "0.48", "0.52")]
        self.step(
            MarketListed(MARKET, 1), *(BookSnapshot(t, levels((b, "100")), levels((a, "70")), 1) for t, b, a in books)
        )

    def step(self, *events):
        self.now += NS_PER_S
        return self.recorder.step(self.now, list(events))[0]

    def order(self, price="0.50", size="10", side=Side.BUY, tif=TimeInForce.GTC):
        amounts = (to_units(price), to_units(size))
        wish = OperatorOrder(
            f"q{self.now}", MARKET.id, MARKET.yes, side, OrderType.LIMIT, *amounts, tif, False, 0, 1
        )  # fmt: skip
        return self.step(wish).output.decisions[0].client_order_id

    def fill(self, order, size="10", price="0.50", trade="t1", settlement=Settlement.MATCHED, source=Source.SOCKET):
        amounts = (to_units(price), to_units(size), 0)
        told = OrderFilled(order, trade, *amounts, Liquidity.MAKER, self.now, settlement=settlement, source=source)
        return self.step(told)

    def close(self, *, ended=True):
        if ended:
            self.recorder.end(self.now, "enough")
        self.journal.close()
        return self.path


def story_of(path, key):
    return explain([path], key)


def turns(story):
    return [(turn.source, turn.what, turn.effect) for turn in story.turns]
