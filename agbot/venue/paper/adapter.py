"""The matching core behind the venue port, in real time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias, TypeVar

import attrs
import trio

from agbot.errors import VenueNotFound, VenueRefused
from agbot.matching.paper import PaperMatcher, PaperOrder
from agbot.model.commands import CancelOrder
from agbot.model.events import CancelRejected, MarketData, OrderAccepted, OrderCancelled, OrderEvidence, OrderRejected
from agbot.model.ids import ClientOrderId, VenueId
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.units import NS_PER_S, to_decimal
from agbot.venue.convert import to_command, to_order

EVIDENCE_MAX: Final = 4096

T = TypeVar("T")
_Placed: TypeAlias = OrderAccepted | OrderRejected
_Cancelled: TypeAlias = OrderCancelled | CancelRejected


class PaperVenue:
    """`VenueAdapter` over a `PaperMatcher`. `run` must be running for anything to be answered.

    `place_order` returns or raises the venue's answer; accepted and rejected are therefore not repeated by
    `evidence`, which yields fills, cancels and expiries.
    """

    venue_id: Final = VenueId("paper")
    supported: Final = frozenset(TimeInForce)

    def __init__(self, matcher: PaperMatcher, now_ns: Callable[[], int]) -> None:
        self.matcher = matcher
        self._now_ns = now_ns
        self._send, self._receive = trio.open_memory_channel[OrderEvidence](EVIDENCE_MAX)
        self._woken = trio.Event()
        self._advanced = trio.Event()
        self._placing: dict[ClientOrderId, _Placed | None] = {}
        self._cancelling: dict[ClientOrderId, _Cancelled | None] = {}
        self._amended: dict[ClientOrderId, int] = {}

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let things happen when they are due, until cancelled."""
        task_status.started()
        while True:
            self._advance()
            due = self.matcher.next_due()
            self._woken = trio.Event()
            with trio.CancelScope() as scope:
                if due is not None:
                    scope.deadline = trio.current_time() + max(0, due - self._now_ns()) / NS_PER_S
                await self._woken.wait()

    def on_market(self, batch: Iterable[MarketData]) -> None:
        """Let the market's messages take effect now."""
        now_ns = self._now_ns()
        for event in batch:
            self.matcher.on_market(now_ns, event)
        self._advance()
        self._woken.set()

    async def place_order(self, order: Order) -> OrderAck:
        """Send and wait for the answer; see the port."""
        order_id = order.client_order_id
        self.matcher.submit(self._now_ns(), to_command(order))
        answer: _Placed = await self._answer(self._placing, order_id)
        if isinstance(answer, OrderRejected):
            raise VenueRefused(answer.reason, venue=self.venue_id)
        return self._ack(self._known(order_id))

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel and wait for the answer; see the port."""
        known = ClientOrderId(order_id)
        self._known(known)
        self.matcher.cancel(self._now_ns(), CancelOrder(known, "cancelled by us"))
        answer: _Cancelled = await self._answer(self._cancelling, known)
        return CancelAck(order_id=order_id, status=self._known(known).state, timestamp=answer.ts_ns)

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel, then place as `<order_id>.rN`; nothing is placed when the old one could not be cancelled."""
        old = self._known(ClientOrderId(order_id))
        ack = await self.cancel_order(order_id)
        if ack.status is not OrderState.CANCELLED:
            raise VenueRefused(f"order {order_id} is {ack.status}: nothing to replace", venue=self.venue_id)
        root = ClientOrderId(order_id.partition(".r")[0])
        self._amended[root] = self._amended.get(root, 0) + 1
        new_id = ClientOrderId(f"{root}.r{self._amended[root]}")
        new = attrs.evolve(to_order(old.order), client_order_id=new_id, id=new_id, price=price, size=size)
        return await self.place_order(new)

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take off every order that rests when this arrives, and return what was taken."""
        before = self.matcher.pending_ids()
        due = self.matcher.cancel_all(self._now_ns())
        await self._until(lambda: True if self._now_ns() >= due and not self._due_by(due) else None)
        ended = (self.matcher.status(order_id) for order_id in before)
        return [
            CancelAck(order_id=o.order.client_order_id, status=o.state, timestamp=o.ts_ns)
            for o in ended
            if o is not None and o.state is OrderState.CANCELLED
        ]

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the venue's view of one order; VenueNotFound when it has none."""
        return self._ack(self._known(ClientOrderId(order_id)))

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every resting order, with `size` the remainder."""
        return [attrs.evolve(to_order(o.order), size=to_decimal(o.remaining)) for o in self.matcher.open_orders()]

    async def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Yield fills, cancels and expiries, in order."""
        async for evidence in self._receive:
            yield evidence

    def _advance(self) -> None:
        for evidence in self.matcher.advance(self._now_ns()):
            if not self._answers_somebody(evidence):
                self._send.send_nowait(evidence)
        advanced, self._advanced = self._advanced, trio.Event()
        advanced.set()

    def _answers_somebody(self, evidence: OrderEvidence) -> bool:
        """Hand an answer to its waiting caller; a caller that gave up finds it in `evidence` instead."""
        order_id = evidence.client_order_id
        if isinstance(evidence, _Placed) and order_id in self._placing:
            self._placing[order_id] = evidence
            return True
        if isinstance(evidence, _Cancelled) and order_id in self._cancelling:
            self._cancelling[order_id] = evidence
            return isinstance(evidence, CancelRejected)
        return False

    async def _answer(self, waiting: dict[ClientOrderId, T | None], order_id: ClientOrderId) -> T:
        waiting[order_id] = None
        try:
            return await self._until(lambda: waiting[order_id])
        finally:
            waiting.pop(order_id, None)

    def _due_by(self, at_ns: int) -> bool:
        due = self.matcher.next_due()
        return due is not None and due <= at_ns

    async def _until(self, look: Callable[[], T | None]) -> T:
        while (found := look()) is None:
            self._woken.set()
            await self._advanced.wait()
        return found

    def _known(self, order_id: ClientOrderId) -> PaperOrder:
        order = self.matcher.status(order_id)
        if order is None:
            raise VenueNotFound(f"no order {order_id}", venue=self.venue_id)
        return order

    @staticmethod
    def _ack(order: PaperOrder) -> OrderAck:
        return OrderAck(
            order_id=order.order.client_order_id,
            status=order.state,
            timestamp=order.ts_ns,
            filled=to_decimal(order.filled),
        )
