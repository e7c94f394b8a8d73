"""The paper venue's memory of our orders: each id once, the live ones, and a bounded tail of those that ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from agbot.errors import VenueDuplicate
from agbot.model.commands import PlaceOrder
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.order import OrderState, Side

ENDED_KEPT: Final = 10_000
"""Finished orders that can still be asked for and whose ids are still refused as duplicates."""


@attrs.define
class Ticket:
    """One order's life at the venue; `filled` in 10⁻⁶ shares, `fills` counts its executions.

    `accepted_ns` is when the venue took it, 0 when it did not.
    """

    order: PlaceOrder
    state: OrderState
    ts_ns: int
    filled: int = 0
    fills: int = 0
    accepted_ns: int = 0

    @property
    def id(self) -> ClientOrderId:
        """Return the client order id."""
        return self.order.client_order_id

    @property
    def live(self) -> bool:
        """Return whether the venue took it and it has not ended."""
        return self.state is not OrderState.PENDING_NEW and not self.state.terminal

    @property
    def remaining(self) -> int:
        """Return the shares not traded yet."""
        return self.order.size - self.filled


class Register:
    """Tickets by client order id. `live` are those the venue accepted and that have not ended, oldest first."""

    def __init__(self) -> None:
        self._tickets: dict[ClientOrderId, Ticket] = {}
        self._live: dict[ClientOrderId, Ticket] = {}
        self._ended: deque[ClientOrderId] = deque()

    def add(self, order: PlaceOrder, now_ns: int) -> Ticket:
        """Note an order that was sent.

        Raises:
            VenueDuplicate: the id was used before; the earlier order is what it was.
        """
        if order.client_order_id in self._tickets:
            raise VenueDuplicate(f"order {order.client_order_id} is invalid. Duplicated.", venue=order.venue)
        ticket = Ticket(order, OrderState.PENDING_NEW, now_ns)
        self._tickets[ticket.id] = ticket
        return ticket

    def get(self, order_id: ClientOrderId) -> Ticket | None:
        """Return a ticket; None when the id was never used or is forgotten."""
        return self._tickets.get(order_id)

    def accept(self, ticket: Ticket, now_ns: int) -> None:
        """Make it live."""
        ticket.state, ticket.ts_ns = OrderState.OPEN, now_ns
        ticket.accepted_ns = now_ns
        self._live[ticket.id] = ticket

    def accepted_ns(self, order_id: ClientOrderId) -> int:
        """Return when the venue took a live order."""
        return self._live[order_id].accepted_ns

    def close(self, ticket: Ticket, state: OrderState, now_ns: int) -> None:
        """End it, and forget the one that ended longest ago when more than `ENDED_KEPT` are held."""
        ticket.state, ticket.ts_ns = state, now_ns
        self._live.pop(ticket.id, None)
        self._ended.append(ticket.id)
        if len(self._ended) > ENDED_KEPT:
            del self._tickets[self._ended.popleft()]

    def live(self, market: MarketId | None = None) -> Sequence[Ticket]:
        """Return the live tickets, of one market if given."""
        return tuple(t for t in self._live.values() if market is None or t.order.market == market)

    def pending(self) -> Iterator[ClientOrderId]:
        """Yield the ids of all orders that have not ended, in flight or live."""
        return (name for name, ticket in self._tickets.items() if not ticket.state.terminal)

    def reserved_shares(self, token: TokenId) -> int:
        """Return the shares of `token` that live sells would deliver."""
        sells = (t for t in self._live.values() if t.order.side is Side.SELL and t.order.token == token)
        return sum(ticket.remaining for ticket in sells)
