"""How well orders are carried out: fill rate, slippage, rejections, and how long the oldest doubt has lasted."""

from __future__ import annotations

from collections import Counter
from typing import Final

from agbot.core.engine import Engine
from agbot.core.oms import Heard, OrderRecord
from agbot.core.step import Step
from agbot.model.commands import PlaceOrder
from agbot.model.events import OrderFilled, Source
from agbot.model.ids import ClientOrderId, VenueId
from agbot.model.order import OrderState
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_S, SCALE

ARRIVALS_KEPT: Final = 10_000
"""Orders whose price of arrival is remembered; the oldest go first."""


class Quality:
    """Measures execution, step by step.

    * fill rate: shares filled of shares ordered, over the orders that ended; 0 to 1. Denied orders were never sent.
    * rejection rate: orders the venue refused, of those it ended; 0 to 1.
    * slippage: usd a share that a fill was worse than the middle of its book when the order was decided; earned spread
      is negative.
    """

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry
        self._arrival: dict[ClientOrderId, int] = {}
        self._ended: Counter[VenueId] = Counter()
        self._rejected: Counter[VenueId] = Counter()
        self._ordered: Counter[VenueId] = Counter()
        self._filled: Counter[VenueId] = Counter()

    def observe(self, step: Step) -> None:
        """Count one step."""
        for record, fill in step.fills:
            self._slippage(record, fill)
        for heard in step.heard:
            if heard.news and _ends(heard):
                self._end(heard.event.client_order_id)
        for command in step.output.commands:
            if isinstance(command, PlaceOrder):
                self._arrive(command)

    def second(self, now_ns: int) -> None:
        """Publish the age of the oldest order whose fate is not known (seconds, 0 when there is none)."""
        since = (r.changed_ns for r in self._engine.oms.all_live() if r.state is OrderState.UNKNOWN)
        age = max(0, now_ns - min(since, default=now_ns)) / NS_PER_S
        self._registry.gauge("exec.unknown_age_s").set(age)

    def _arrive(self, command: PlaceOrder) -> None:
        book = self._engine.books[command.token]
        if book.best_bid > 0 and book.best_ask < SCALE:
            self._arrival[command.client_order_id] = (book.best_bid + book.best_ask) // 2
        if len(self._arrival) > ARRIVALS_KEPT:
            del self._arrival[next(iter(self._arrival))]

    def _slippage(self, record: OrderRecord, fill: OrderFilled) -> None:
        command = record.command
        middle = self._arrival.get(command.client_order_id)
        if middle is not None:
            worse = command.side.sign * (fill.price - middle)
            self._registry.histogram("exec.slippage", venue=command.venue, side=command.side).observe(worse / SCALE)

    def _end(self, order_id: ClientOrderId) -> None:
        record = self._engine.oms.get(order_id)
        if record is None:
            return
        venue = record.command.venue
        self._arrival.pop(order_id, None)
        self._ended[venue] += 1
        self._rejected[venue] += record.state is OrderState.REJECTED
        self._ordered[venue] += record.command.size
        self._filled[venue] += min(record.filled, record.command.size)
        rate = self._filled[venue] / max(1, self._ordered[venue])
        self._registry.gauge("exec.fill_rate", venue=venue).set(rate)
        self._registry.gauge("exec.rejection_rate", venue=venue).set(self._rejected[venue] / self._ended[venue])


def _ends(heard: Heard) -> bool:
    """Return whether a fact ended an order that was live and sent. What becomes of it later is not counted again."""
    before, after = OrderState(heard.before), OrderState(heard.after)
    never_sent = before is OrderState.PENDING_NEW and heard.event.source is Source.OURS
    return after.terminal and not before.terminal and not never_sent
