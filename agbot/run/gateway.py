"""Carries commands to the venue and its answers back. Orders wait for journal and latch; cancels for nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import trio

from agbot.errors import (
    ExecutionError,
    UnsupportedOrder,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.log import get_logger
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderRejected,
    OrderUnknown,
    Source,
    said_by,
)
from agbot.model.ids import ClientOrderId, VenueOrderId
from agbot.model.order import CancelAck, OrderState
from agbot.units import NS_PER_MS
from agbot.venue.convert import to_order
from agbot.venue.pace import TRIO, Nursery, Pace
from agbot.venue.ports import VenueAdapter

ON_THE_WIRE_S: Final = 3.0

# After these the venue has no such order. Everything else is silence of some kind: UNKNOWN, until evidence says more.
_NOTHING_RESTS: Final = (VenueRefused, VenueUnavailable, VenueThrottled, VenueNotFound, UnsupportedOrder)

log = get_logger(__name__)


class Ear(Protocol):
    """Who hears of orders; see `agbot.run.inbox.Inbox`."""

    def send_urgent(self, *events: OrderEvidence) -> None:
        """Take facts in."""


class Gateway:
    """Sends commands, turns answers into evidence; holds no trading state but the ids that wait for the journal.

    Args:
        commands: what `run` takes; None when commands come by `carry` alone.
        durable: waits until a journal record is on disk.
        closed: the reason why this order may not leave (kill switch), empty when it may; asked before every send.
        permit: the reason why this order may not leave (a cap), empty when it may; asked last, right before it is sent.
        latency: told (venue, market, milliseconds) of each acknowledged order.
        sent: told (venue, milliseconds) of each order that leaves: how long ago the bot took in what it was decided on.
        pace: what it waits with.
    """

    def __init__(
        self,
        venue: VenueAdapter,
        inbox: Ear,
        commands: trio.MemoryReceiveChannel[tuple[int, Command]] | None,
        *,
        durable: Callable[[int], Awaitable[None]],
        closed: Callable[[PlaceOrder], str],
        now_ns: Callable[[], int],
        permit: Callable[[PlaceOrder], str] = lambda _: "",
        latency: Callable[[str, str, float], None] = lambda *_: None,
        sent: Callable[[str, float], None] = lambda *_: None,
        pace: Pace = TRIO,
    ) -> None:
        self._venue = venue
        self._inbox = inbox
        self._commands = commands
        self._durable = durable
        self._closed = closed
        self._now_ns = now_ns
        self._permit = permit
        self._latency = latency
        self._sent = sent
        self._pace = pace
        self._unsent: dict[ClientOrderId, bool] = {}

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; orders on the wire finish under their own shield or become UNKNOWN."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            task_status.started()
            assert self._commands is not None
            async for seq, command in self._commands:
                self.carry(seq, command, nursery)

    def carry(self, seq: int, command: Command, nursery: Nursery) -> None:
        """Begin to carry one command out, in a task of its own."""
        match command:
            case PlaceOrder():
                self._unsent[command.client_order_id] = True
                nursery.start_soon(self._place, seq, command)
            case CancelOrder():
                nursery.start_soon(self._cancel, command)
            case CancelAll():
                self._unsent = dict.fromkeys(self._unsent, False)
                nursery.start_soon(self._cancel_all)

    async def _listen(self) -> None:
        async for evidence in self._venue.evidence():
            self._inbox.send_urgent(evidence)
        raise VenueProtocolError("its evidence ended: orders would fill unheard", venue=self._venue.venue_id)

    async def _place(self, seq: int, command: PlaceOrder) -> None:
        try:
            await self._durable(seq)
        finally:
            wanted = self._unsent.pop(command.client_order_id)
        if reason := self._closed(command):
            self._not_sent(OrderRejected(command.client_order_id, f"not sent: kill switch ({reason})", self._now_ns()))
            return
        if not wanted:  # its cancel did not wait for the journal and is gone: nobody would take this order off again
            self._not_sent(OrderCancelled(command.client_order_id, "cancelled before it was sent", self._now_ns()))
            return
        if reason := self._permit(command):
            log.error(
                "order.not_sent",
                client_order_id=command.client_order_id,
                correlation_id=command.correlation,
                reason=reason,
            )
            self._not_sent(OrderRejected(command.client_order_id, f"not sent: {reason}", self._now_ns()))
            return
        sent_at = self._pace.current_time()
        self._sent(command.venue, max(0, self._now_ns() - command.created_ns) / NS_PER_MS)
        silence: OrderEvidence = OrderUnknown(command.client_order_id, "no answer in time", self._now_ns())
        with self._pace.move_on_after(ON_THE_WIRE_S, shield=True):
            silence = await self._send(command)
        if isinstance(silence, OrderAccepted):
            self._latency(command.venue, command.market, (self._pace.current_time() - sent_at) * 1000)
        self._say(silence)

    async def _send(self, command: PlaceOrder) -> OrderEvidence:
        order_id = command.client_order_id
        try:
            ack = await self._venue.place_order(to_order(command))
        except VenueDuplicate:
            return OrderUnknown(order_id, "the venue has it already", self._now_ns())
        except VenueAuthFailed as e:  # no order will be taken until a person acts: the run ends
            self._say(OrderRejected(order_id, e.reason, self._now_ns()))
            raise
        except _NOTHING_RESTS as e:
            return OrderRejected(order_id, e.reason, self._now_ns())
        except ExecutionError as e:
            return OrderUnknown(order_id, str(e), self._now_ns())
        return OrderAccepted(order_id, VenueOrderId(ack.venue_order_id or ack.order_id), ack.timestamp)

    async def _cancel(self, command: CancelOrder) -> None:
        if command.client_order_id in self._unsent:
            self._unsent[command.client_order_id] = False
            return
        said: OrderEvidence | None = OrderUnknown(command.client_order_id, "no answer to the cancel", self._now_ns())
        with self._pace.move_on_after(ON_THE_WIRE_S, shield=True):
            said = await self._ask_cancel(command)
        if said is not None:
            self._say(said)

    async def _ask_cancel(self, command: CancelOrder) -> OrderEvidence | None:
        order_id = command.client_order_id
        try:
            ack = await self._venue.cancel_order(order_id)
        except (VenueAmbiguous, VenueProtocolError) as e:
            return OrderUnknown(order_id, e.reason, self._now_ns())
        except VenueAuthFailed as e:  # nor will any cancel: asked on and on, the venue hears hundreds a second
            self._say(CancelRejected(order_id, e.reason, self._now_ns()))
            raise
        except ExecutionError as e:
            return CancelRejected(order_id, e.reason, self._now_ns())
        return _found(ack, command) if ack.told else None

    async def _cancel_all(self) -> None:
        with self._pace.move_on_after(ON_THE_WIRE_S, shield=True) as scope:
            try:
                acks = await self._venue.cancel_all()
            except VenueAuthFailed as e:  # as of one cancel: nobody can take these orders off but a person
                log.critical("cancel_all.refused", error=str(e))
                raise
            except ExecutionError as e:
                log.error("cancel_all.failed", error=str(e))
                return
            log.info("cancel_all.done", orders=len(acks))
        if scope.cancelled_caught:
            log.critical("cancel_all.unconfirmed", after_s=ON_THE_WIRE_S)

    def _not_sent(self, evidence: OrderEvidence) -> None:
        self._inbox.send_urgent(said_by(Source.OURS, evidence))

    def _say(self, evidence: OrderEvidence) -> None:
        """Pass on what a request brought: the venue's reply, or our word that none came."""
        source = Source.OURS if isinstance(evidence, OrderUnknown) else Source.REPLY
        self._inbox.send_urgent(said_by(source, evidence))


def _found(ack: CancelAck, command: CancelOrder) -> OrderEvidence:
    """Return the state a cancel found as evidence: an end is told as what it is. Fills tell themselves."""
    order_id, found = command.client_order_id, f"it is {ack.status}"
    match ack.status:
        case OrderState.CANCELLED:
            return OrderCancelled(order_id, command.reason, ack.timestamp)
        case OrderState.REJECTED:
            return OrderRejected(order_id, found, ack.timestamp)
        case OrderState.EXPIRED:
            return OrderExpired(order_id, ack.timestamp)
        case _:
            return CancelRejected(order_id, found, ack.timestamp)
