"""The tools of a conformance check: a venue under test, order ids, the evidence so far, and expectations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

import attrs
import trio

from agbot.errors import ExecutionError
from agbot.model.events import OrderEvidence, OrderFilled
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market
from agbot.model.order import Order, Side
from agbot.units import to_decimal
from agbot.venue.ports import VenueAdapter

PATIENCE_S: Final = 5.0

Rows: TypeAlias = Sequence[tuple[str, str]]
"""Book levels as (price, size) in decimal text."""


class NotConforming(AssertionError):  # noqa: N818 - reads as what it says
    """The adapter broke a promise of the port; the text says which."""


class NotApplicable(Exception):  # noqa: N818
    """The check is about something this venue does not have."""


@attrs.frozen(kw_only=True)
class VenueUnderTest:
    """A venue with what the checks need around it.

    Args:
        market: tick 0.01, minimum size 5, listed; the account holds at least 1000 usd and 100 YES.
        set_book: makes these levels the whole YES book and returns when the venue has them.
        break_reads: makes the next reads fail; None when the venue's reads cannot be made to.
    """

    venue: VenueAdapter
    market: Market
    set_book: Callable[[Rows, Rows], Awaitable[None]]
    break_reads: Callable[[], None] | None = None


@attrs.define
class Bench:
    """One check's tools: order ids, the evidence so far, and expectations that say what was expected."""

    under_test: VenueUnderTest
    heard: list[OrderEvidence] = attrs.field(factory=list)
    _count: int = 0
    _news: trio.Event = attrs.field(factory=trio.Event)

    @property
    def venue(self) -> VenueAdapter:
        """Return the adapter."""
        return self.under_test.venue

    def order(self, side: Side = Side.BUY, price: str = "0.50", size: str = "10", **changes: Any) -> Order:
        """Return a new order for YES."""
        self._count += 1
        fields: dict[str, Any] = {
            "client_order_id": ClientOrderId(f"conformance-{self._count}"),
            "venue": self.venue.venue_id,
            "market": self.under_test.market.id,
            "token": self.under_test.market.yes,
            "side": side,
            "price": Decimal(price),
            "size": Decimal(size),
        }
        return Order(**{**fields, **changes})

    async def book(self) -> None:
        """Show 0.45 × 100 bid, 0.55 × 20 and 0.56 × 20 asked."""
        await self.under_test.set_book([("0.45", "100")], [("0.55", "20"), ("0.56", "20")])

    async def open_ids(self) -> set[str]:
        """Return the client order ids the venue says are open."""
        return {order.client_order_id for order in await self.venue.get_open_orders()}

    async def filled_to(self, order_id: str, size: str) -> None:
        """Wait until the evidence and the venue's view both show this much filled."""
        await self.until(lambda: self.filled(order_id) >= Decimal(size))
        expect(self.filled(order_id) == Decimal(size), f"evidence of {size} filled, got {self.filled(order_id)}")
        status = await self.venue.get_order_status(order_id)
        expect(status.filled == Decimal(size), f"the status shows {size} filled, got {status.filled}")

    def filled(self, order_id: str) -> Decimal:
        """Return the size of all fills heard of."""
        fills = {e.trade_id: e for e in self.heard if isinstance(e, OrderFilled) and e.client_order_id == order_id}
        return sum((to_decimal(fill.size) for fill in fills.values()), Decimal(0))

    async def only_open(self) -> Order:
        """Return the one open order there must be."""
        found = await self.venue.get_open_orders()
        expect(len(found) == 1, f"one open order, got {found}")
        return found[0]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait, not for ever, until the evidence heard meets a condition; the caller looks whether it did."""
        with trio.move_on_after(PATIENCE_S):
            while not condition():
                await self._news.wait()

    async def listen(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Collect evidence until cancelled."""
        task_status.started()
        async for evidence in self.venue.evidence():
            self.heard.append(evidence)
            self._news.set()
            self._news = trio.Event()


def expect(condition: bool, expected: str) -> None:
    """Raise NotConforming unless the condition holds."""
    if not condition:
        raise NotConforming(f"expected {expected}")


async def expect_raises(kind: type[ExecutionError], call: Awaitable[object], expected: str) -> ExecutionError:
    """Await `call`, which must raise exactly this kind of venue error with a reason."""
    try:
        result = await call
    except kind as e:
        expect(bool(e.reason), f"{expected}: the error has a reason")
        return e
    except ExecutionError as e:
        raise NotConforming(f"expected {expected}: {kind.__name__}, got {type(e).__name__}: {e.reason}") from e
    raise NotConforming(f"expected {expected}: {kind.__name__}, got {result!r}")
