"""A venue whose cancel-all spares what is not this run's while it must: the wallet was taken, or others' stay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from decimal import Decimal
from typing import Final

from agbot.errors import VenueAmbiguous
from agbot.log import get_logger
from agbot.model.events import OrderEvidence
from agbot.model.ids import VenueId
from agbot.model.order import CancelAck, Order, OrderAck, TimeInForce
from agbot.run.sweep import cancel_until_none, each, looked
from agbot.venue.ports import VenueAdapter
from agbot.words import many

WITHIN_S: Final = 4.0
"""Shorter than the backstop's patience, which asks once more."""

LEFT: Final = "orders that no journal explains are left"

log = get_logger(__name__)


class OursOnly:
    """`VenueAdapter` over another one.

    Args:
        sparing: why orders that this run did not place are left alone, empty when all of the key are taken off.
        leaves: whether they are left alone as well where any of them rest, whenever they came.
        is_ours: whether a client order id is one of this run's.
    """

    def __init__(
        self,
        venue: VenueAdapter,
        *,
        sparing: Callable[[], str],
        is_ours: Callable[[str], bool],
        leaves: Callable[[], bool] = lambda: False,
    ) -> None:
        self._venue = venue
        self._leaves = leaves
        self._sparing = sparing
        self._is_ours = is_ours

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name."""
        return self._venue.venue_id

    @property
    def supported(self) -> frozenset[TimeInForce]:
        """Return the times in force it takes."""
        return self._venue.supported

    async def place_order(self, order: Order) -> OrderAck:
        """Send the order; see the port."""
        return await self._venue.place_order(order)

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel one order; see the port."""
        return await self._venue.cancel_order(order_id)

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel and place anew; see the port."""
        return await self._venue.replace_order(order_id, price=price, size=size)

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take every order of the key off, or of this run only while others are spared.

        Raises:
            VenueAmbiguous: orders of this run still rest, or whether they do is not known. ExecutionError: what the
                venue's own cancel-all raises.
        """
        reason = self._sparing() or (LEFT if self._leaves() and await self._others() else "")
        if not reason:
            return await self._venue.cancel_all()
        log.warning("cancel_all.ours_only", reason=reason)
        taken: dict[str, CancelAck] = {}

        async def cancel(name: str) -> None:
            taken[name] = await self._venue.cancel_order(name)

        left = await cancel_until_none(self._resting, lambda names: each(cancel, names), within_s=WITHIN_S)
        if left is None:
            raise VenueAmbiguous("whether orders of this run still rest is not known", venue=self.venue_id)
        if left:
            rest = many(len(left), "order of this run still rests", "orders of this run still rest")
            raise VenueAmbiguous(rest, venue=self.venue_id)
        return list(taken.values())

    async def _others(self) -> bool:
        """Return whether an order rests that is not ours; where that cannot be read, one may."""
        listed = await looked(self._venue.get_open_orders)
        return listed is None or any(not self._is_ours(order.client_order_id) for order in listed)

    async def _resting(self) -> list[str]:
        listed = await self._venue.get_open_orders()
        return [order.client_order_id for order in listed if self._is_ours(order.client_order_id)]

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the venue's view of one order; see the port."""
        return await self._venue.get_order_status(order_id)

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every resting order of the key."""
        return await self._venue.get_open_orders()

    def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Return what happens to our orders; one consumer."""
        return self._venue.evidence()
