"""Everything the core may *ask*. The gateway carries it out; its outcome comes back as an event."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId, VenueId
from agbot.model.order import OrderType, Side, TimeInForce


class _Wish(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=True):
    pass


class PlaceOrder(_Wish, frozen=True):
    """Send this order. `price` and `size` in 10⁻⁶.

    `budget` (10⁻⁶ usd, MARKET BUY only, else 0) is the most to spend; `size` is then the shares expected.
    `why` is the one line that explains the order to a person. `created_ns` is the `now` of the step that decided it:
    with the client order id it fixes salt and timestamp: the signed bytes and the venue's id follow from the journal.
    `correlation_id` is empty for the first order of a chain, else that first order's client order id.
    """

    client_order_id: ClientOrderId
    venue: VenueId
    market: MarketId
    token: TokenId
    side: Side
    order_type: OrderType
    price: int
    size: int
    time_in_force: TimeInForce
    post_only: bool
    expire_ns: int
    budget: int
    strategy: StrategyId
    why: str
    replaces: str = ""
    created_ns: int = 0
    correlation_id: str = ""

    @property
    def correlation(self) -> str:
        """Return the one id that this order's whole story goes by: the client order id that began its chain."""
        return self.correlation_id or self.client_order_id


class CancelOrder(_Wish, frozen=True):
    """Take this order off the book."""

    client_order_id: ClientOrderId
    reason: str


class CancelAll(_Wish, frozen=True):
    """Take every order of ours off the book."""

    reason: str


Command: TypeAlias = PlaceOrder | CancelOrder | CancelAll
