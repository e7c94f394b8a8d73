"""An order as the venue lists it, as the port returns it."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.model.ids import ClientOrderId, MarketId, TokenId, VenueId
from agbot.model.order import Order, TimeInForce
from agbot.units import NS_PER_S, to_decimal
from agbot.venue.polymarket.compose import EARLY_S, ORDER_TYPES, VENUE
from agbot.venue.polymarket.own import OwnOrder
from agbot.venue.polymarket.wire.rest import OpenOrder

_KINDS: Final = {text: kind for kind, text in ORDER_TYPES.items() if kind is not TimeInForce.IOC}


def order_of(found: OpenOrder, own: OwnOrder | None) -> Order:
    """Return a listed order with `size` the remainder; one that is not ours goes by the venue's id."""
    left = to_decimal(found.original_size - found.size_matched)
    if own is not None:
        return attrs.evolve(own.order, size=left)
    kind = _KINDS.get(found.order_type, TimeInForce.GTC)
    return Order(
        client_order_id=ClientOrderId(found.id),
        venue=VenueId(VENUE),
        market=MarketId(found.market),
        token=TokenId(found.token),
        side=found.side,
        price=to_decimal(found.price),
        size=left,
        time_in_force=kind,
        expire_ns=max(1, found.expiration_s - EARLY_S) * NS_PER_S if kind is TimeInForce.GTD else 0,
        created_ns=found.created_ns,
    )
