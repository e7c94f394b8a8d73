"""Carries commands to the venue and its answers back. Orders wait for journal and latch; cancels for nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from agbot.errors import (
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueNotFound,
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
    OrderRejected,
    OrderUnknown,
)
from agbot.model.ids import VenueOrderId
from agbot.model.order import OrderState
from agbot.run.inbox import Inbox
from agbot.venue.convert import to_order
from agbot.venue.ports import VenueAdapter

ON_THE_WIRE_S: Final = 3.0

log = get_logger(__name__)


class Gateway:
    """Sends commands, turns answers into evidence; holds no trading state.

    Args:
        durable: waits until a journal record is on disk.
        closed: the reason why nothing may leave (kill switch), empty when orders may; asked before every send.
        latency: told (venue, market, milliseconds) of each acknowledged order.
    """

    def __init__(
        self,
        venue: VenueAdapter,
        inbox: Inbox,
        commands: trio.MemoryReceiveChannel[tuple[int, Command]],
        *,
        durable: Callable[[int], Awaitable[None]],
        closed: Callable[[], str],
        now_ns: Callable[[], int],
        latency: Callable[[str, str, float], None] = lambda *_: None,
    ) -> None:
        self._venue = venue
        self._inbox = inbox
        self._commands = commands
        self._durable = durable
        self._closed = closed
        self._now_ns = now_ns
        self._latency = latency

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; orders on the wire finish under their own shield or become UNKNOWN."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            task_status.started()
            async for seq, command in self._commands:
                match command:
                    case PlaceOrder():
                        nursery.start_soon(self._place, seq, command)
                    case CancelOrder():
                        nursery.start_soon(self._cancel, command)
                    case CancelAll():
                        nursery.start_soon(self._cancel_all)

    async def _listen(self) -> None:
        async for evidence in self._venue.evidence():
            self._inbox.send_urgent(evidence)

    async def _place(self, seq: int, command: PlaceOrder) -> None:
        await self._durable(seq)
        if reason := self._closed():
            self._say(OrderRejected(command.client_order_id, f"not sent: kill switch ({reason})", self._now_ns()))
            return
        sent_at = trio.current_time()
        silence: OrderEvidence = OrderUnknown(command.client_order_id, "no answer in time", self._now_ns())
        with trio.move_on_after(ON_THE_WIRE_S, shield=True):
            silence = await self._send(command)
        if isinstance(silence, OrderAccepted):
            self._latency(command.venue, command.market, (trio.current_time() - sent_at) * 1000)
        self._say(silence)

    async def _send(self, command: PlaceOrder) -> OrderEvidence:
        order_id = command.client_order_id
        try:
            ack = await self._venue.place_order(to_order(command))
        except VenueDuplicate:
            return OrderUnknown(order_id, "the venue has it already", self._now_ns())
        except VenueAmbiguous as e:
            return OrderUnknown(order_id, str(e), self._now_ns())
        except (VenueRefused, VenueUnavailable, VenueThrottled, VenueAuthFailed, VenueNotFound) as e:
            return OrderRejected(order_id, e.reason, self._now_ns())
        return OrderAccepted(order_id, VenueOrderId(ack.order_id), ack.timestamp)

    async def _cancel(self, command: CancelOrder) -> None:
        said: OrderEvidence = OrderUnknown(command.client_order_id, "no answer to the cancel", self._now_ns())
        with trio.move_on_after(ON_THE_WIRE_S, shield=True):
            said = await self._ask_cancel(command)
        self._say(said)

    async def _ask_cancel(self, command: CancelOrder) -> OrderEvidence:
        order_id = command.client_order_id
        try:
            ack = await self._venue.cancel_order(order_id)
        except VenueAmbiguous as e:
            return OrderUnknown(order_id, e.reason, self._now_ns())
        except ExecutionError as e:
            return CancelRejected(order_id, e.reason, self._now_ns())
        if ack.status is OrderState.CANCELLED:
            return OrderCancelled(order_id, command.reason, ack.timestamp)
        return CancelRejected(order_id, f"it is {ack.status}", ack.timestamp)

    async def _cancel_all(self) -> None:
        with trio.move_on_after(ON_THE_WIRE_S, shield=True):
            try:
                acks = await self._venue.cancel_all()
            except ExecutionError as e:
                log.error("cancel_all.failed", error=str(e))
                return
            log.info("cancel_all.done", orders=len(acks))

    def _say(self, evidence: OrderEvidence) -> None:
        self._inbox.send_urgent(evidence)
