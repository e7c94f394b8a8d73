"""What one step of the core gives back: commands to carry out, decisions taken, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from agbot.core.oms import Heard, OrderRecord
from agbot.core.portfolio import Parts
from agbot.core.triggers import Trip
from agbot.model.commands import Command
from agbot.model.events import OrderFilled, TradePrint
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId, TradeId
from agbot.model.order import OrderType, Side

TradeKey: TypeAlias = tuple[ClientOrderId, TradeId]


class Decision(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Risk's answer to one intent. `violated` is empty when allowed; `request_id` is set for an operator's order.

    `correlation_id` is empty for the first order of a chain, else that first order's client order id.
    """

    market: MarketId
    token: TokenId
    side: Side
    order_type: OrderType
    price: int
    size: int
    strategy: StrategyId
    allowed: bool
    violated: tuple[str, ...]
    why: str
    client_order_id: str
    request_id: str = ""
    correlation_id: str = ""

    @property
    def correlation(self) -> str:
        """Return the one id that this wish's whole story goes by."""
        return self.correlation_id or self.client_order_id


class StrategyFailed(msgspec.Struct, frozen=True, gc=False):
    """A strategy raised while it was asked about a market, and is stopped; `details` is the traceback."""

    strategy: StrategyId
    market: MarketId
    reason: str
    details: str


class Output(msgspec.Struct, frozen=True, array_like=True):
    """The part of a step that is journaled, hashed and compared on replay."""

    commands: tuple[Command, ...]
    decisions: tuple[Decision, ...]
    anomalies: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to journal."""
        return not (self.commands or self.decisions or self.anomalies)


class Step(msgspec.Struct, frozen=True):
    """One step: the journaled output plus references for publishing (live objects, read at once or not at all).

    `voided` are fills of earlier steps that failed to settle and were taken back; `heard` is every fact about orders
    that came, also those that told nothing new or contradicted what is known. `tripped` is
    the limit that was passed and closed the gate; `failed` are strategies that were stopped.
    `sold_for` says by trade whose shares the flattener sold, of `fills` and of `voided`.
    """

    now_ns: int
    output: Output
    touched: tuple[MarketId, ...]
    changed: tuple[OrderRecord, ...]
    fills: tuple[tuple[OrderRecord, OrderFilled], ...]
    voided: tuple[tuple[OrderRecord, OrderFilled], ...] = ()
    heard: tuple[Heard, ...] = ()
    tripped: Trip | None = None
    failed: tuple[StrategyFailed, ...] = ()
    sold_for: Mapping[TradeKey, Parts] = {}


class Collected:
    """What a step gathers on its way. `prints` are the trades of each market, `second` says that one passed."""

    __slots__ = (
        "anomalies",
        "changed",
        "commands",
        "decisions",
        "failed",
        "fills",
        "heard",
        "prints",
        "second",
        "sold_for",
        "touched",
        "tripped",
        "voided",
    )

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.decisions: list[Decision] = []
        self.anomalies: list[str] = []
        self.touched: dict[MarketId, None] = {}
        self.changed: dict[ClientOrderId, OrderRecord] = {}
        self.fills: list[tuple[OrderRecord, OrderFilled]] = []
        self.voided: list[tuple[OrderRecord, OrderFilled]] = []
        self.tripped: Trip | None = None
        self.heard: list[Heard] = []
        self.prints: dict[MarketId, list[TradePrint]] = {}
        self.second = False
        self.sold_for: dict[TradeKey, Parts] = {}
        self.failed: list[StrategyFailed] = []

    def hear(self, heard: Heard, record: OrderRecord | None) -> None:
        """Keep a fact about an order; one that changed or contradicts it is told with the order."""
        self.heard.append(heard)
        if heard.contradiction:
            self.anomalies.append(heard.contradiction)
        if record is not None and (heard.news or heard.contradiction):
            self.changed[record.command.client_order_id] = record

    def step(self, now_ns: int) -> Step:
        """Return the step as it is given back."""
        output = Output(tuple(self.commands), tuple(self.decisions), tuple(self.anomalies))
        changed = tuple(self.changed.values())
        fills, voided = tuple(self.fills), tuple(self.voided)
        heard = tuple(self.heard)
        touched, failed = tuple(self.touched), tuple(self.failed)
        return Step(now_ns, output, touched, changed, fills, voided, heard, self.tripped, failed, self.sold_for)
