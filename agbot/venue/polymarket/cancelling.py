"""Taking orders off: one, or all. A cancel may be sent twice, so a lost answer is asked for again, then looked up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agbot.errors import VenueAmbiguous, VenueProtocolError, VenueRefused, VenueThrottled
from agbot.log import get_logger
from agbot.model.ids import ClientOrderId
from agbot.model.order import CancelAck, OrderState
from agbot.venue.polymarket.asking import Asking
from agbot.venue.polymarket.compose import VENUE
from agbot.venue.polymarket.desk import CANCEL, Desk, not_cancelled
from agbot.venue.polymarket.own import OwnOrder, Stage
from agbot.venue.polymarket.placing import Placing
from agbot.venue.polymarket.wire.rest import CancelReply
from agbot.words import many

CANCELS_MAX: Final = 5
"""How often one order is asked off: it cannot be cancelled while it waits in a delay window."""
PAUSE_S: Final = 0.15
"""Before the second time, doubling: five times span a window of two seconds."""
AT_ONCE: Final = 100
"""Orders in one cancel. The smallest tier's burst is 120 and the venue takes 1000; what costs more never succeeds."""
ROUNDS_MAX: Final = 5

log = get_logger(__name__)


class Cancelling:
    """Cancels, and proves it by what the venue shows."""

    def __init__(self, desk: Desk, placing: Placing, asking: Asking) -> None:
        self._desk = desk
        self._placing = placing
        self._asking = asking

    async def cancel(self, own: OwnOrder) -> CancelAck:
        """Cancel one order and return the state it was found in."""
        proven = False
        try:
            for again in range(CANCELS_MAX):
                if own.stage is Stage.ENDED or own.closed is not None:
                    break
                if again:
                    await self._desk.pace.sleep(PAUSE_S * 2 ** (again - 1))
                await self._once(own)
            proven = own.stage is Stage.ENDED or own.closed is not None or not own.doubtful
        finally:
            if not proven:  # the caller is told so; asking goes on until it is off
                self._desk.ledger.want(own, wanted=False)
                self._desk.ledger.doubt(own, told_unknown=True)
                self._desk.woken()
        if not proven:
            raise VenueAmbiguous("the venue neither cancels it nor shows it", venue=VENUE)
        return self._desk.cancel_ack(own)

    async def _once(self, own: OwnOrder) -> None:
        """Ask it off once; where the venue does not say that it is off, look what it is."""
        desk = self._desk
        try:
            reply = await desk.cancel(own)
        except (VenueAmbiguous, VenueProtocolError) as e:
            log.warning("venue.cancel_not_answered", client_order_id=own.name, error=e.reason)
        else:
            if {own.order_id, own.alias} & set(reply.canceled):
                desk.say(desk.ledger.gone(own, OrderState.CANCELLED, "cancelled by us"))
                return
            log.info("venue.not_cancelled", client_order_id=own.name, reason=not_cancelled(reply, own))
        desk.ledger.doubt(own)
        await self._asking.ask([own])

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Cancel everything, look what is left, and cancel that, until the venue lists nothing older than this call.

        Raises:
            VenueAmbiguous: orders still rest after several rounds.
        """
        ledger = self._desk.ledger
        names = {*self._placing.withdraw_all(), *(own.name for own in ledger.live())}
        try:
            return await self._sweep(names)
        finally:
            for own in (ledger.get(name) for name in sorted(names)):
                if own is not None and own.stage is not Stage.ENDED:  # not proven to be off: asking goes on
                    ledger.want(own, wanted=False)
            self._desk.woken()

    async def _sweep(self, names: set[ClientOrderId]) -> list[CancelAck]:
        desk = self._desk
        taken: dict[str, CancelAck] = {}
        if len(names) <= AT_ONCE:
            try:
                with desk.attempt(CANCEL, desk.ledger.live()) as attempt:
                    reply = await desk.clob.cancel_all()
                    attempt.said = f"{len(reply.canceled)} cancelled, of all"
                self._take(reply, taken)
            except (VenueThrottled, VenueRefused, VenueAmbiguous) as e:
                log.warning("venue.cancel_all_not_taken", error=e.reason, remedy="orders are cancelled by id")
        await self._placing.all_settled()
        blind: set[str] = set()
        rest = await self._rest(names, blind)
        for again in range(ROUNDS_MAX):
            if not rest:
                return list(taken.values())
            if again:
                await self._desk.pace.sleep(PAUSE_S * 2 ** (again - 1))
            await self._by_id(rest, taken)
            rest = await self._rest(names, blind)
        if rest:
            raise VenueAmbiguous(
                f"{many(len(rest), 'order still rests', 'orders still rest')} although cancelled", venue=VENUE
            )
        return list(taken.values())

    async def _rest(self, names: set[ClientOrderId], blind: set[str]) -> list[str]:
        """Return the ids the venue still lists; and, once each, those in doubt: a cancel may find them."""
        desk = self._desk
        listed = [order.id for order in await desk.clob.open_orders()]
        newer = {own.order_id for own in desk.ledger.live() if own.name not in names}
        listed = [order_id for order_id in listed if order_id not in newer]
        doubtful = [o.order_id for o in desk.ledger.live() if o.stage is Stage.UNRESOLVED and o.name in names]
        unseen = [order_id for order_id in doubtful if order_id not in listed and order_id not in blind]
        blind.update(unseen)
        return listed + unseen

    async def _by_id(self, ids: Sequence[str], taken: dict[str, CancelAck]) -> None:
        for start in range(0, len(ids), AT_ONCE):
            try:
                await self._many(ids[start : start + AT_ONCE], taken)
            except (VenueAmbiguous, VenueProtocolError) as e:
                log.warning("venue.cancel_not_answered", orders=len(ids), error=e.reason)

    async def _many(self, ids: Sequence[str], taken: dict[str, CancelAck]) -> None:
        owns = [own for order_id in ids if (own := self._desk.ledger.get(order_id)) is not None]
        with self._desk.attempt(CANCEL, owns) as attempt:
            reply = await self._desk.clob.cancel_many(ids)
            attempt.said = f"{len(reply.canceled)} of {len(ids)} cancelled"
        self._take(reply, taken)

    def _take(self, reply: CancelReply, taken: dict[str, CancelAck]) -> None:
        desk = self._desk
        for order_id in reply.canceled:
            own = desk.ledger.get(order_id)
            if own is None:
                taken[order_id] = CancelAck(order_id=order_id, status=OrderState.CANCELLED, timestamp=desk.now_ns())
                continue
            desk.say(desk.ledger.gone(own, OrderState.CANCELLED, "cancelled by us"))
            taken[order_id] = desk.cancel_ack(own)
