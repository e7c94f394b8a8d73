"""The matching core behind the venue port, in real time.

Each request lets virtual time catch up by itself while it waits, so nothing that is asked depends on a task that may be
gone at shutdown; `run` is there for what nobody waits for: fills, expiries.

An answer is said once. What `place_order` returns or raises is the venue's word on the order, so OrderAccepted and
OrderRejected are not repeated on `evidence`, nor is a CancelRejected that `cancel_order` returns as the state it found.
Fills, cancels and expiries always come on `evidence`, also those that an acknowledgement already shows. An answer whose
caller gave up waiting comes on `evidence` too.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import attrs
import trio

from agbot.errors import (
    UnsupportedOrder,
    VenueAmbiguous,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueUnavailable,
)
from agbot.matching.outages import NO_ANSWER
from agbot.matching.paper import PaperMatcher, PaperOrder
from agbot.model.commands import CancelOrder
from agbot.model.events import (
    CancelRejected,
    MarketData,
    OrderAccepted,
    OrderEvidence,
    OrderRejected,
    OrderUnknown,
    Source,
    said_by,
)
from agbot.model.ids import ClientOrderId, VenueId
from agbot.model.order import CancelAck, Order, OrderAck, OrderState, TimeInForce
from agbot.units import NS_PER_S, to_decimal
from agbot.venue.convert import next_revision, to_command, to_order

EVIDENCE_MAX: Final = 100_000
"""Evidence that waits for its reader: a cancel-all of as many orders as the core remembers fits in one instant.

One more is a reader that is gone; from then on the stream is closed, so that a reader who is only late stops too.
"""
AMENDED_KEPT: Final = 10_000
_SHORTEST_NAP_NS: Final = 1_000

_Answer: TypeAlias = OrderAccepted | OrderRejected | OrderUnknown


class PaperVenue:
    """`VenueAdapter` over a `PaperMatcher`: real or simulated books, nobody else's money.

    Args:
        matcher: holds account, books and orders; its latencies pass in real time.
        now_ns: UTC nanoseconds.
        supported: the times in force it takes; all unless given.
    """

    def __init__(
        self,
        matcher: PaperMatcher,
        now_ns: Callable[[], int],
        *,
        supported: frozenset[TimeInForce] = frozenset(TimeInForce),
    ) -> None:
        self.matcher = matcher
        self._supported = supported
        self._now_ns = now_ns
        self._send, self._receive = trio.open_memory_channel[OrderEvidence](EVIDENCE_MAX)
        self._changed = trio.Event()
        self._reached_ns = 0
        self._placing: dict[ClientOrderId, _Answer | None] = {}
        self._cancelling: Counter[ClientOrderId] = Counter()
        self._silent: set[ClientOrderId] = set()
        self._previous: dict[str, str] = {}
        self._down = ""

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name."""
        return VenueId("paper")

    @property
    def supported(self) -> frozenset[TimeInForce]:
        """Return the times in force it takes."""
        return self._supported

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let things happen when they are due, until cancelled."""
        task_status.started()
        while True:
            self._catch_up()
            await self._nap()

    def on_market(self, batch: Iterable[MarketData]) -> None:
        """Let the market's messages take effect now."""
        now_ns = self._now_ns()
        for event in batch:
            self.matcher.on_market(now_ns, event)
        self._catch_up()
        self._wake()

    def lose_link(self, reason: str) -> None:
        """Answer every request with VenueUnavailable until `restore_link`; the venue itself goes on."""
        self._down = reason

    def restore_link(self) -> None:
        """Answer requests again."""
        self._down = ""

    async def place_order(self, order: Order) -> OrderAck:
        """Send the order and wait for the venue's word; see the port."""
        await self._enter()
        if order.time_in_force not in self._supported:
            raise UnsupportedOrder(f"{order.time_in_force} is not taken here", venue=self.venue_id)
        try:
            command = to_command(order)
        except ValueError as e:
            raise VenueRefused(str(e), venue=self.venue_id) from e
        self.matcher.submit(self._now_ns(), command)
        answer = await self._answer(command.client_order_id)
        if isinstance(answer, OrderRejected):
            raise VenueRefused(answer.reason, venue=self.venue_id)
        if isinstance(answer, OrderUnknown):
            raise VenueAmbiguous(answer.reason, venue=self.venue_id)
        return _ack(self._known(command.client_order_id))

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel and wait for the state the venue found; see the port."""
        await self._enter()
        name = self._known(order_id).order.client_order_id
        arrival = self.matcher.cancel(self._now_ns(), CancelOrder(name, "cancelled by us"))
        self._cancelling[name] += 1
        try:
            await self._hear(arrival)
            if name in self._silent:
                raise VenueAmbiguous(NO_ANSWER, venue=self.venue_id)
        finally:
            self._cancelling -= Counter([name])
            self._silent.discard(name)
        return _cancel_ack(self._known(order_id))

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel, then place as `<order_id>.rN`; `amendments` keeps the chain.

        Nothing is placed unless the cancel took the old order off. A new order that is refused leaves none.
        """
        await self._enter()
        new_id = next_revision(order_id)
        old = to_order(self._known(order_id).order)
        new = attrs.evolve(old, client_order_id=new_id, id=new_id, price=price, size=size)
        ack = await self.cancel_order(order_id)
        if ack.status is not OrderState.CANCELLED:
            raise VenueRefused(f"order {order_id} is {ack.status}: nothing to replace", venue=self.venue_id)
        self._previous[new_id] = order_id
        if len(self._previous) > AMENDED_KEPT:
            del self._previous[next(iter(self._previous))]
        return await self.place_order(new)

    def amendments(self, order_id: str) -> Sequence[str]:
        """Return the ids this order had, the first one first and `order_id` last."""
        chain = [order_id]
        while (before := self._previous.get(chain[-1])) is not None:
            chain.append(before)
        return tuple(reversed(chain))

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take off every order that rests when this arrives, and return what was taken."""
        await self._enter()
        before = self.matcher.pending_ids()
        arrival = self.matcher.cancel_all(self._now_ns())
        if self.matcher.cancels_from(arrival) > arrival:
            raise VenueUnavailable("it takes no cancels now", venue=self.venue_id)
        await self._hear(arrival)
        after = (self.matcher.status(name) for name in before)
        return [_cancel_ack(order) for order in after if order and order.state is OrderState.CANCELLED]

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the venue's view of one order; VenueNotFound when it has none."""
        await self._enter()
        return _ack(self._known(order_id))

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every resting order, with `size` the remainder."""
        await self._enter()
        return [to_order(order.order, order.remaining) for order in self.matcher.open_orders()]

    def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Return what happens to our orders, in order; one consumer."""
        return self._receive

    async def _enter(self) -> None:
        await trio.lowlevel.checkpoint()
        if reason := self._down or self.matcher.deaf(self._now_ns()):
            raise VenueUnavailable(reason, venue=self.venue_id)
        self._catch_up()

    def _known(self, order_id: str) -> PaperOrder:
        order = self.matcher.status(ClientOrderId(order_id))
        if order is None:
            raise VenueNotFound(f"no order {order_id}", venue=self.venue_id)
        return order

    async def _answer(self, name: ClientOrderId) -> _Answer:
        self._placing[name] = None
        self._wake()
        try:
            while True:
                self._catch_up()
                if (answer := self._placing[name]) is not None:
                    return answer
                await self._nap()
        finally:
            del self._placing[name]

    async def _hear(self, arrival_ns: int) -> None:
        """Wait until what a command did when it arrived is heard."""
        await self._reach(arrival_ns)
        await self._reach(self.matcher.told_ns)

    async def _reach(self, at_ns: int) -> None:
        self._wake()
        self._catch_up()
        while self._reached_ns < at_ns:
            await self._nap(at_ns)
            self._catch_up()

    async def _nap(self, at_ns: int | None = None) -> None:
        """Sleep until `at_ns`, until the matcher has something to do, or until somebody gives it something."""
        times = [due for due in (at_ns, self.matcher.next_due()) if due is not None]
        seconds = max(min(times) - self._now_ns(), _SHORTEST_NAP_NS) / NS_PER_S if times else math.inf
        with trio.move_on_after(seconds):
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _catch_up(self) -> None:
        now_ns = self._now_ns()
        heard = self.matcher.advance(now_ns)
        self._reached_ns = max(self._reached_ns, now_ns)
        for evidence in heard:
            self._pass_on(evidence)
        if heard:
            self._wake()

    def _pass_on(self, evidence: OrderEvidence) -> None:
        name = evidence.client_order_id
        if isinstance(evidence, OrderAccepted | OrderRejected | OrderUnknown) and name in self._placing:
            self._placing[name] = evidence
            return
        if isinstance(evidence, OrderUnknown) and self._cancelling[name]:
            self._silent.add(name)
            return
        if isinstance(evidence, CancelRejected) and self._cancelling[name]:
            return
        try:
            self._send.send_nowait(said_by(Source.SIMULATED, evidence))
        except (trio.WouldBlock, trio.ClosedResourceError):
            self._send.close()
            reason = f"nobody reads the evidence: {EVIDENCE_MAX} pieces wait"
            raise VenueProtocolError(reason, venue=self.venue_id) from None


def _ack(order: PaperOrder) -> OrderAck:
    name, filled = order.order.client_order_id, to_decimal(order.filled)
    return OrderAck(order_id=name, status=order.state, timestamp=order.ts_ns, filled=filled)


def _cancel_ack(order: PaperOrder) -> CancelAck:
    return CancelAck(order_id=order.order.client_order_id, status=order.state, timestamp=order.ts_ns)
