"""The two ports: where orders go (`VenueAdapter`) and how a caller gives them (`ExecutionEngine`), and the feed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable

from agbot.model.events import MarketData, OrderEvidence
from agbot.model.ids import VenueId
from agbot.model.order import CancelAck, Order, OrderAck, TimeInForce


@runtime_checkable
class VenueAdapter(Protocol):
    """A place that takes orders. Every adapter passes `agbot.testing.conformance`.

    Failures are the `ExecutionError` tree, by what the caller does next: VenueUnavailable (nothing was accepted),
    VenueThrottled, VenueRefused, VenueAuthFailed, VenueAmbiguous (sent, no answer), VenueDuplicate, VenueNotFound.
    A failed read raises; it never returns empty.
    """

    @property
    def venue_id(self) -> VenueId:
        """Return the venue's name."""
        ...

    @property
    def supported(self) -> frozenset[TimeInForce]:
        """Return the times in force it can express; others are refused before the risk gate."""
        ...

    async def place_order(self, order: Order) -> OrderAck:
        """Send `order`. Idempotent on `client_order_id`: a second send raises VenueDuplicate."""
        ...

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Take the order off the book. VenueNotFound when the venue never saw it, else the state it found."""
        ...

    async def replace_order(self, order_id: str, *, price: Decimal, size: Decimal) -> OrderAck:
        """Cancel and place anew with another price and size; the ack names the new order."""
        ...

    async def cancel_all(self) -> Sequence[CancelAck]:
        """Take every order of ours off the book and return what was taken."""
        ...

    async def get_order_status(self, order_id: str) -> OrderAck:
        """Return the venue's view of one order; VenueNotFound when it has none."""
        ...

    async def get_open_orders(self) -> Sequence[Order]:
        """Return every resting order of ours, with `size` the remainder."""
        ...

    def evidence(self) -> AsyncIterator[OrderEvidence]:
        """Yield what happens to our orders (the user stream) until cancelled. One consumer."""
        ...


class ExecutionEngine(Protocol):
    """What user code calls to trade; every order passes the same gate and journal as a strategy's."""

    async def submit_order(self, order: Order) -> OrderAck:
        """Send `order` through risk to its venue.

        Raises:
            RiskRejected: our risk denied it; `violated_policies` says which.
            KillSwitchActiveError: the latch is on.
            ExecutionError: the venue's answer, by subclass.
        """
        ...

    async def cancel_order(self, order_id: str) -> CancelAck:
        """Cancel; never waits for the journal."""
        ...

    async def get_status(self, order_id: str) -> OrderAck:
        """Return the engine's state of the order; NotFoundError when it has none."""
        ...


class Feed(Protocol):
    """A source of market data, delivered in batches (one per socket read or instant)."""

    @property
    def name(self) -> str:
        """Return the feed's name, as used in LinkUp and LinkDown."""
        ...

    def batches(self) -> AsyncIterator[Sequence[MarketData]]:
        """Yield batches until the feed ends. Raises VenueUnavailable when the link is lost."""
        ...


@runtime_checkable
class LinkedFeed(Feed, Protocol):
    """A feed with tasks of its own: `batches` yields while `run` runs, and tells itself when its links go and come."""

    async def run(self, *, task_status: Any = ...) -> None:
        """Keep the links open until cancelled."""
        ...
