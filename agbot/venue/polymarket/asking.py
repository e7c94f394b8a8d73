"""Asking the venue what became of our orders: after every connect, and for each open question until it is answered.

Nothing here ever sends an order. A question is settled by what the venue shows: its list of open orders, its record of
one order, its trades, its answer to a cancel. Time alone settles nothing; it only spaces the questions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from agbot.errors import ExecutionError
from agbot.log import get_logger
from agbot.model.events import Source
from agbot.model.order import OrderState
from agbot.units import NS_PER_S
from agbot.venue.polymarket.desk import Desk
from agbot.venue.polymarket.own import OwnOrder, Stage

ABSENT_ENOUGH: Final = 3
"""How often in a row the venue must say that it has no such order before it is believed."""
QUIET_NS: Final = 60 * NS_PER_S
"""And how long after the last send: a copy that was on its way has arrived by then, or never will."""
ORPHAN_S: Final = 1.0
REGULARLY_S: Final = 10.0
LOOKS_FOR_TRADES: Final = 12
"""How often trades that the venue counted and does not list are looked for: about nine minutes."""

log = get_logger(__name__)


class Asking:
    """Merges what the venue shows into the ledger."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._news = desk.pace.event()
        self._reading = desk.pace.lock()

    def wake(self) -> None:
        """Look again at when the next question is due."""
        self._news.set()

    async def barrier(self) -> None:
        """Read open orders and trades, and settle every order that neither shows. Raises what the reads raise."""
        desk, ledger = self._desk, self._desk.ledger
        async with self._reading:
            began_ns = desk.now_ns()
            ours = [own for own in ledger.live() if own.stage is not Stage.SENDING]
            await self.read_trades([*ours, *(own for own in ledger if own.provisional)])
            listed = {order.id: order for order in await desk.clob.open_orders()}
            for order_id, order in listed.items():
                own = ledger.get(order_id)
                if own is None:
                    ledger.foreign += 1
                    log.warning("venue.foreign_order", order_id=order_id, remedy="agbot cancel --all takes it off")
                else:
                    desk.say(ledger.found(own, order))
            for own in ours:
                if own.order_id not in listed and own.stage is not Stage.ENDED:
                    ledger.doubt(own)
                    await self._look(own)
            ledger.synced_ns = began_ns
        await self._clear_away(ours)

    async def run(self) -> None:
        """Put open questions until cancelled; a failed read is put again by the schedule."""
        while True:
            await self._until_due()
            due = self._desk.ledger.due(self._desk.now_ns())
            try:
                await self.ask(due)
                await self._clear_away(due)
            except ExecutionError as e:
                log.warning("venue.not_answered", error=str(e), orders=[own.name for own in due][:10])
                for own in due:
                    self._desk.ledger.asked(own)

    async def regularly(self) -> None:
        """Read orders and trades every `REGULARLY_S` seconds while any may rest or settle, until cancelled.

        A socket that answers pings and tells nothing looks like a quiet market; only this finds it out.
        """
        desk = self._desk
        while True:
            await desk.pace.sleep(REGULARLY_S)
            if not desk.ledger.live() and desk.ledger.next_due() is None:
                continue
            try:
                await self.barrier()
            except ExecutionError as e:
                log.warning("venue.not_read", error=str(e), remedy="it is read again soon; each open question too")

    async def ask(self, owns: Sequence[OwnOrder]) -> None:
        """Ask about these orders once. Raises what the reads raise."""
        if not owns:
            return
        async with self._reading:
            await self.read_trades(owns)
            for own in owns:
                if own.puzzling:
                    await self._look(own)
                self._desk.ledger.asked(own)

    async def read_trades(self, owns: Sequence[OwnOrder]) -> None:
        """Read the trades these orders may have made that are not known yet."""
        if not owns:
            return
        desk = self._desk
        since = min(own.since_ns(desk.ledger.synced_ns) for own in owns)
        for trade in await desk.clob.trades(after_s=max(0, since // NS_PER_S - 1)):
            desk.say(desk.ledger.hear(trade, Source.READ))

    async def _look(self, own: OwnOrder) -> None:
        desk = self._desk
        desk.say(desk.ledger.release(own))
        found = await desk.look(own)
        if found is not None:
            desk.say(desk.ledger.found(own, found))
            if own.closed is not None and own.looks >= LOOKS_FOR_TRADES:
                self._give_up_on_trades(own)
            return
        own.absent += 1
        if own.stage is Stage.UNRESOLVED:
            await self._unknown_to_venue(own)
        elif not own.counted and own.absent >= ABSENT_ENOUGH:
            reason = "the venue no longer has it"
            desk.say(desk.ledger.gone(own, OrderState.CANCELLED, reason, counted=True, source=Source.READ))
        elif own.closed is not None and own.looks >= LOOKS_FOR_TRADES:
            self._give_up_on_trades(own)

    async def _unknown_to_venue(self, own: OwnOrder) -> None:
        """Write an order off that never arrived: asked often, long after it was sent, and nothing to cancel there."""
        desk = self._desk
        if own.absent < ABSENT_ENOUGH or desk.now_ns() - own.sent_ns < QUIET_NS:
            return
        reply = await desk.cancel(own)
        if own.order_id in reply.canceled:
            desk.say(desk.ledger.gone(own, OrderState.CANCELLED, "found and cancelled"))
        else:
            log.error("venue.order_never_arrived", client_order_id=own.name, asked=own.absent)
            desk.say(desk.ledger.write_off(own, f"the venue, asked {own.absent} times, has no such order"))

    def _give_up_on_trades(self, own: OwnOrder) -> None:
        log.error("venue.trades_never_told", client_order_id=own.name, matched=own.matched, heard=own.heard)
        reason = f"{own.reason or own.closed}; {own.matched - own.heard} of its shares (10⁻⁶) matched in no trade told"
        self._desk.say(self._desk.ledger.write_off(own, reason))

    async def _clear_away(self, owns: Sequence[OwnOrder]) -> None:
        """Cancel what rests although nobody wants it: written off and risen, or found after its cancel."""
        desk, ledger = self._desk, self._desk.ledger
        for own in [own for own in owns if own.unwanted and own.stage is Stage.PLACED and own.closed is None]:
            reply = await desk.cancel(own)
            if own.order_id in reply.canceled:
                desk.say(ledger.gone(own, OrderState.CANCELLED, "cancelled by us"))
        while ledger.orphans:
            own = ledger.orphans[0]
            log.critical("venue.order_written_off_rests", client_order_id=own.name, remedy="it is cancelled now")
            await desk.cancel(own)
            ledger.orphans.remove(own)

    async def _until_due(self) -> None:
        ledger = self._desk.ledger
        due_ns = ledger.next_due()
        seconds = math.inf if due_ns is None else max(0, due_ns - self._desk.now_ns()) / NS_PER_S
        if ledger.orphans:  # its cancel got no answer
            seconds = min(seconds, ORPHAN_S)
        with self._desk.pace.move_on_after(seconds):
            await self._news.wait()
        self._news = self._desk.pace.event()
