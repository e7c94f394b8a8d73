"""`ExecutionEngine` over the running bot: the one way for people and programs to place an order beside strategies."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeVar

import trio

from agbot.core.admission import KILL_SWITCH, VENUE_TERMS
from agbot.core.engine import OPERATOR, Engine
from agbot.core.oms import OrderRecord
from agbot.core.step import Decision, Step
from agbot.core.translate import operator_place
from agbot.errors import (
    KillSwitchActiveError,
    NotFoundError,
    RiskRejected,
    TimedOutError,
    UnsupportedOrder,
    VenueRefused,
)
from agbot.model.events import Event, OperatorCancel, OperatorOrder
from agbot.model.order import CancelAck, Order, OrderAck, OrderState
from agbot.run.denials import figures
from agbot.run.inbox import Inbox
from agbot.units import to_decimal, to_text, to_units
from agbot.venue.ports import VenueAdapter

ANSWER_S: Final = 10.0
_T = TypeVar("_T")


class LocalExecution:
    """Submits into the engine's inbox and waits for what the core and the venue say. Also an observer of the engine.

    Satisfies `agbot.venue.ports.ExecutionEngine`.
    """

    def __init__(self, engine: Engine, inbox: Inbox, venue: VenueAdapter, now_ns: Callable[[], int]) -> None:
        self._engine = engine
        self._inbox = inbox
        self._venue = venue
        self._now_ns = now_ns
        self._requests = itertools.count(1)
        self._decided: dict[str, Decision] = {}
        self._stepped = trio.Event()
        self._waiting: set[str] = set()

    def observe(self, _batch: list[Event], step: Step) -> None:
        """Wake whoever waits for a decision or a change of an order."""
        for decision in step.output.decisions:
            if decision.request_id in self._waiting:
                self._decided[decision.request_id] = decision
        stepped, self._stepped = self._stepped, trio.Event()
        stepped.set()

    async def submit_order(self, order: Order, *, reduce_only: bool = False) -> OrderAck:
        """Send `order` through the gate; returns the venue's acknowledgement.

        One that is `reduce_only` may pass the closed kill switch while positions are unwound.

        The ack's `order_id` is the client order id the engine gave it; an order that never rests is acknowledged once
        it has ended, with what it filled. See the port for what is raised.
        """
        if order.time_in_force not in self._venue.supported:
            raise UnsupportedOrder(f"{self._venue.venue_id} has no {order.time_in_force} orders")
        request_id = f"{order.client_order_id}#{next(self._requests)}"
        self._waiting.add(request_id)
        try:
            self._inbox.send_urgent(self._event(order, request_id, reduce_only=reduce_only))
            decision = await self._until(lambda: self._decided.pop(request_id, None))
        finally:
            self._waiting.discard(request_id)
        if not decision.allowed:
            self._raise_denied(decision)
        record = await self._until(lambda: self._settled(decision.client_order_id))
        if record.state is OrderState.REJECTED:
            raise VenueRefused(record.reason, venue=self._venue.venue_id)
        return _ack(record)

    async def known(self, ack: OrderAck) -> OrderAck:
        """Return what is known of an order as soon as it is not UNKNOWN any more, at the latest after `ANSWER_S`."""
        record = self._known(ack.order_id)
        with trio.move_on_after(ANSWER_S):
            while record.state is OrderState.UNKNOWN:
                await self._stepped.wait()
                record = self._known(ack.order_id)
        return _ack(record)

    def denied(self, order: Order, *, reduce_only: bool = False) -> list[str]:
        """Return what would forbid `order` now, empty when it would be sent; nothing comes of asking."""
        return list(self._engine.would_deny(self._now_ns(), self._event(order, "", reduce_only=reduce_only)))

    def denials(self, order: Order) -> list[dict[str, str]]:
        """Return what would forbid `order` now, each with its figure and its limit; nothing comes of asking."""
        event = self._event(order, "")
        place = operator_place(event, self._engine.books.get(event.token))
        return figures(self._engine, self._now_ns(), event.market, OPERATOR, place)

    def spent(self, order_id: str) -> int:
        """Return the usd that an order's fills traded so far (10⁻⁶). NotFoundError when the engine has none."""
        return self._known(order_id).spent

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel one order; returns its final state. NotFoundError when the engine has none of that id."""
        self._known(order_id)
        self._inbox.send_urgent(OperatorCancel(order_id, "operator", self._now_ns()))
        record = await self._until(lambda: self._ended(order_id))
        return CancelAck(order_id=order_id, status=record.state, timestamp=record.changed_ns)

    async def cancel_all(self) -> list[CancelAck]:
        """Cancel every live order; returns how each of them ended. Strategies may quote again at once."""
        live = [record.command.client_order_id for record in self._engine.oms.all_live()]
        self._inbox.send_urgent(OperatorCancel("", "operator: cancel all", self._now_ns()))
        ended = [await self._until(functools.partial(self._ended, order_id)) for order_id in live]
        return [CancelAck(order_id=r.command.client_order_id, status=r.state, timestamp=r.changed_ns) for r in ended]

    async def get_status(self, order_id: str) -> OrderAck:
        """Return the engine's state of the order. NotFoundError when it has none."""
        return _ack(self._known(order_id))

    def _event(self, order: Order, request_id: str, *, reduce_only: bool = False) -> OperatorOrder:
        assert order.price is not None
        return OperatorOrder(
            request_id=request_id,
            market=order.market,
            token=order.token,
            side=order.side,
            order_type=order.order_type,
            price=to_units(order.price),
            size=to_units(order.size),
            time_in_force=order.time_in_force,
            post_only=order.post_only,
            expire_ns=order.expire_ns,
            ts_ns=self._now_ns(),
            reduce_only=reduce_only,
        )

    def _raise_denied(self, decision: Decision) -> None:
        if KILL_SWITCH in decision.violated:
            raise KillSwitchActiveError(self._engine.kill_switch)
        raise RiskRejected(decision.violated, remedy=self._terms(decision) if VENUE_TERMS in decision.violated else "")

    def _terms(self, decision: Decision) -> str:
        market, book = self._engine.markets[decision.market], self._engine.books[decision.token]
        sizes = f", sizes of {to_text(market.size_step)}" if market.size_step > 1 else ""
        return (
            f"prices are multiples of {to_text(book.tick)}{sizes}, the smallest order {to_text(market.min_size)} shares"
        )

    def _known(self, order_id: str) -> OrderRecord:
        record = self._engine.oms.get(order_id)
        if record is None:
            raise NotFoundError(f"no order {order_id}", id="AGB-531", remedy="agbot orders lists the open ones")
        return record

    def _settled(self, order_id: str) -> OrderRecord | None:
        record = self._known(order_id)
        if record.command.time_in_force.immediate:  # never rests: its fills, or its end, follow the acknowledgement
            return record if record.state.terminal or record.state is OrderState.UNKNOWN else None
        return None if record.state is OrderState.PENDING_NEW else record

    def _ended(self, order_id: str) -> OrderRecord | None:
        record = self._known(order_id)
        return record if record.state.terminal else None

    async def _until(self, look: Callable[[], _T | None]) -> _T:
        with trio.move_on_after(ANSWER_S):
            while (found := look()) is None:
                await self._stepped.wait()
            return found
        raise TimedOutError(
            f"no answer within {ANSWER_S:.0f} s; the order's fate is unknown",
            id="AGB-502",
            remedy="agbot status, then agbot cancel",
        )


def _ack(record: OrderRecord) -> OrderAck:
    filled: Decimal = to_decimal(record.filled)
    command = record.command
    return OrderAck(order_id=command.client_order_id, status=record.state, timestamp=record.changed_ns, filled=filled)
