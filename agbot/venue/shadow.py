"""The venue of shadow mode: takes orders, keeps them, cancels them, and sends nothing to anybody."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Final

import attrs
import trio

from agbot.errors import VenueDuplicate, VenueNotFound, VenueProtocolError, VenueRefused
from agbot.log import get_logger
from agbot.model.events import OrderCancelled, OrderEvidence, OrderExpired, Source, said_by
from agbot.model.ids import ClientOrderId, VenueId
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.units import NS_PER_S

EVIDENCE_MAX: Final = 100_000
ENDED_KEPT: Final = 100_000

log = get_logger(__name__)


@attrs.define
class _Shadow:
    order: Order
    state: OrderState
    ts_ns: int


class ShadowVenue:
    """`VenueAdapter` that says yes to everything and fills nothing; its log tells what would have been sent.

    An order that never rests is acknowledged and then cancelled, one with a time expires at it. It refuses nothing, so
    what only a venue can refuse (a post-only order that crosses, too little money) is not seen here.

    Args:
        now_ns: UTC nanoseconds.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._resting: dict[str, _Shadow] = {}
        self._ended: dict[str, _Shadow] = {}
        self._revisions = itertools.count(1)
        self._changed = trio.Event()
        self._send, self._receive = trio.open_memory_channel[OrderEvidence](EVIDENCE_MAX)

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name."""
        return VenueId("shadow")

    @property
    def supported(self) -> frozenset[TimeInForce]:
        """Return every time in force."""
        return frozenset(TimeInForce)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let orders expire at their time, until cancelled."""
        task_status.started()
        while True:
            now_ns = self._now_ns()
            for shadow in [s for s in self._resting.values() if 0 < s.order.expire_ns <= now_ns]:
                self._end(shadow, OrderState.EXPIRED)
                self._say(OrderExpired(shadow.order.client_order_id, now_ns))
            due = min((s.order.expire_ns for s in self._resting.values() if s.order.expire_ns), default=None)
            with trio.move_on_after(math.inf if due is None else (due - now_ns) / NS_PER_S):
                await self._changed.wait()
            self._changed = trio.Event()

    async def place_order(self, order: Order) -> OrderAck:
        """Keep the order as if it rested; VenueDuplicate for one that is known."""
        await trio.lowlevel.checkpoint()
        if order.client_order_id in self._resting or order.client_order_id in self._ended:
            raise VenueDuplicate(f"order {order.client_order_id} was here before", venue=self.venue_id)
        shadow = _Shadow(order, OrderState.OPEN, self._now_ns())
        self._resting[order.client_order_id] = shadow
        log.info("shadow.order", **_told(order))
        if order.time_in_force.immediate:
            self._cancel(shadow, "shadow: nothing is sent, so nothing fills")
        self._changed.set()
        return OrderAck(order_id=order.client_order_id, status=shadow.state, timestamp=shadow.ts_ns)

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Take the order off, or return the end it has found before."""
        await trio.lowlevel.checkpoint()
        shadow = self._known(order_id)
        if not shadow.state.terminal:
            log.info("shadow.cancel", order_id=order_id)
            self._cancel(shadow, "cancelled by us")
        return _cancel_ack(shadow)

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel, then place under a new id."""
        ack = await self.cancel_order(order_id)
        if ack.status is not OrderState.CANCELLED:
            raise VenueRefused(f"order {order_id} is {ack.status}: nothing to replace", venue=self.venue_id)
        new_id = ClientOrderId(f"{order_id}.s{next(self._revisions)}")
        old = self._known(order_id).order
        return await self.place_order(attrs.evolve(old, client_order_id=new_id, id=new_id, price=price, size=size))

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take every order off and return what was taken."""
        await trio.lowlevel.checkpoint()
        taken = list(self._resting.values())
        log.info("shadow.cancel_all", orders=len(taken))
        for shadow in taken:
            self._cancel(shadow, "cancelled by us")
        return [_cancel_ack(shadow) for shadow in taken]

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the state of one order; VenueNotFound when there is none."""
        await trio.lowlevel.checkpoint()
        shadow = self._known(order_id)
        return OrderAck(order_id=order_id, status=shadow.state, timestamp=shadow.ts_ns)

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every order that would rest."""
        await trio.lowlevel.checkpoint()
        return [shadow.order for shadow in self._resting.values()]

    def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Return what happens to our orders; one consumer."""
        return self._receive

    def _known(self, order_id: str) -> _Shadow:
        shadow = self._resting.get(order_id) or self._ended.get(order_id)
        if shadow is None:
            raise VenueNotFound(f"no order {order_id}", venue=self.venue_id)
        return shadow

    def _cancel(self, shadow: _Shadow, reason: str) -> None:
        self._end(shadow, OrderState.CANCELLED)
        self._say(OrderCancelled(shadow.order.client_order_id, reason, shadow.ts_ns))

    def _end(self, shadow: _Shadow, state: OrderState) -> None:
        shadow.state, shadow.ts_ns = state, self._now_ns()
        name = shadow.order.client_order_id
        self._ended[name] = self._resting.pop(name)
        if len(self._ended) > ENDED_KEPT:
            del self._ended[next(iter(self._ended))]

    def _say(self, evidence: OrderEvidence) -> None:
        try:
            self._send.send_nowait(said_by(Source.SIMULATED, evidence))
        except trio.WouldBlock:
            raise VenueProtocolError(f"nobody reads the evidence: {EVIDENCE_MAX} pieces wait", venue="shadow") from None


def _cancel_ack(shadow: _Shadow) -> CancelAck:
    return CancelAck(order_id=shadow.order.client_order_id, status=shadow.state, timestamp=shadow.ts_ns)


def _told(order: Order) -> dict[str, object]:
    assert order.price is not None
    return {
        "order_id": order.client_order_id,
        "market": order.market,
        "token": order.token,
        "side": str(order.side),
        "price": f"{order.price:f}",
        "size": f"{order.size:f}",
        "tif": str(order.time_in_force),
        "post_only": order.post_only,
    }
