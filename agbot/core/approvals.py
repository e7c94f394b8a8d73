"""Trades that other programs approve: request → decision → result, at most one order for each request id. Pure.

Theory of operation. A request id is registered before anything is journaled, and once: whatever comes later under it is
answered with what became of the first. What became of it is read off the order's record, never kept beside it, so a
result equals the OMS. The table is a fold over facts of the journal; the next run begins with what it folds to.

A request that is forgotten could be asked again, so it is kept for `KEPT_NS`, longer than any trade may stand before it
is too late.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from itertools import islice
from typing import Final, TypeAlias

import msgspec

from agbot.core.lifecycle import PROVISIONAL
from agbot.core.oms import OrderRecord
from agbot.core.step import Decision
from agbot.model.events import Event, OperatorOrder
from agbot.model.notes import ResultTold, TradeRefused
from agbot.model.order import OrderState
from agbot.units import NS_PER_S, SCALE

VALID_MAX_NS: Final = 86_400 * NS_PER_S
"""How far ahead a trade may say that it will be too late."""
KEPT_NS: Final = 7 * VALID_MAX_NS
KEPT_MAX: Final = 20_000
"""Requests; beyond, the oldest that have a final result and are too late to be asked again make room."""
NEVER_DECIDED: Final = "the run ended before it was decided: nothing was sent"
PERHAPS_DECIDED: Final = "the run was cut off and its journal is damaged: what became of it is not known"
VENUE_ENDED: Final = "the simulated venue ended with its run"

Mark: TypeAlias = tuple[str, bool, int, int]
"""What a result said: status, final, filled, spent."""


class Status(enum.StrEnum):
    """What became of a trade, in the words of who approved it.

    Nothing traded in one that is CANCELLED; one that ended after it traded in part is PARTIAL and final. UNKNOWN is
    silence: neither success nor failure.
    """

    FILLED = "filled"
    PARTIAL = "partial"
    OPEN = "open"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


_WORKING: Final = (OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.PENDING_CANCEL)
_OVER: Final = (OrderState.CANCELLED, OrderState.EXPIRED)
_REFUSED: Final = (OrderState.REJECTED, OrderState.DENIED)


class Request(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An approved trade and what is known of it; quantities in 10⁻⁶.

    `asked` is None for one that could not be read. `state` is the order's, empty before the decision; `acknowledged`
    tells whether the venue ever said that it has it, and `settled` whether every fill is beyond being taken back.
    `told` is the last result that who approved it was told.
    """

    request_id: str
    source: str
    ts_ns: int
    asked: OperatorOrder | None = None
    order_id: str = ""
    violated: tuple[str, ...] = ()
    state: str = ""
    acknowledged: bool = False
    filled: int = 0
    spent: int = 0
    settled: bool = True
    error: str = ""
    told: Mark | None = None

    @property
    def decided(self) -> bool:
        """Return whether there is a decision."""
        return bool(self.state)

    @property
    def allowed(self) -> bool:
        """Return whether the gate let it pass."""
        return bool(self.order_id) and not self.violated

    @property
    def status(self) -> Status:
        """Return what became of it."""
        if self.state == OrderState.FILLED:
            return Status.FILLED
        if self.state in _REFUSED:
            return Status.REJECTED
        if self.state in _OVER:
            return Status.PARTIAL if self.filled else Status.CANCELLED
        if self.state not in _WORKING:
            return Status.UNKNOWN
        if self.filled:
            return Status.PARTIAL
        return Status.OPEN if self.acknowledged else Status.UNKNOWN

    @property
    def final(self) -> bool:
        """Return whether nothing more can happen: the order has ended and its fills have settled."""
        return self.settled and bool(self.state) and OrderState(self.state).terminal

    @property
    def average_price(self) -> int | None:
        """Return what a share traded at (10⁻⁶ usd, to the nearest), None while none did."""
        return (2 * self.spent * SCALE + self.filled) // (2 * self.filled) if self.filled else None

    @property
    def mark(self) -> Mark:
        """Return what a result says now; it is told again when this changes."""
        return self.status, self.final, self.filled, self.spent

    @property
    def untold(self) -> bool:
        """Return whether who approved it has not been told what is known."""
        return self.decided and self.told != self.mark


class Approvals:
    """Every request by its id, oldest first.

    Args:
        kept: what the run before left; see `carried`.
    """

    def __init__(self, kept: Iterable[Request] = ()) -> None:
        self._requests: dict[str, Request] = {}
        self._by_order: dict[str, str] = {}
        self._untold: dict[str, None] = {}
        self.take_over(kept)

    def __len__(self) -> int:
        return len(self._requests)

    def get(self, request_id: str) -> Request | None:
        """Return what is known under an id."""
        return self._requests.get(request_id)

    def of_order(self, order_id: str) -> Request | None:
        """Return the request an order came of."""
        return self._requests.get(self._by_order.get(order_id, ""))

    def untold(self, most: int) -> list[str]:
        """Return at most so many ids whose result was not told as it is, the longest untold first."""
        return list(islice(self._untold, most))

    # -- facts; each returns the request that changed, None when nothing did ----------------------------------------

    def fold(self, event: Event) -> Request | None:
        """Take what was asked, could not be read, or was told; anything else, and what is known, changes nothing."""
        match event:
            case OperatorOrder(request_id=name, source=source) if source and name not in self._requests:
                return self._keep(Request(name, source, event.ts_ns, asked=event))
            case TradeRefused(request_id=name) if name not in self._requests:
                state = str(OrderState.DENIED)
                return self._keep(Request(name, event.source, event.ts_ns, state=state, error=event.error))
            case ResultTold(request_id=name) if known := self._requests.get(name):
                told = (event.status, event.final, event.filled, event.spent)
                return self._keep(msgspec.structs.replace(known, told=told))
        return None

    def decided(self, decision: Decision) -> Request | None:
        """Take the gate's answer; only the first one counts."""
        known = self._requests.get(decision.request_id)
        if known is None or known.decided:
            return None
        state = OrderState.PENDING_NEW if decision.allowed else OrderState.DENIED
        self._by_order[decision.client_order_id] = known.request_id
        return self._keep(
            msgspec.structs.replace(
                known,
                order_id=decision.client_order_id,
                violated=decision.violated,
                state=str(state),
                error=f"denied by {', '.join(decision.violated)}" if decision.violated else "",
            )
        )

    def follow(self, record: OrderRecord) -> Request | None:
        """Take what is known of an order of ours."""
        known = self.of_order(record.command.client_order_id)
        if known is None or record.state is OrderState.DENIED:
            return None
        now = msgspec.structs.replace(
            known,
            state=str(record.state),
            acknowledged=record.acknowledged,
            filled=record.filled,
            spent=record.spent,
            settled=not any(fill.settlement in PROVISIONAL for fill in record.trades.values()),
            error=record.reason,
        )
        return None if now == known else self._keep(now)

    def _keep(self, request: Request) -> Request:
        self._requests[request.request_id] = request
        if request.untold:
            self._untold[request.request_id] = None
        else:
            self._untold.pop(request.request_id, None)
        return request

    # -- room, and the next run ------------------------------------------------------------------------------------

    def room(self, now_ns: int) -> bool:
        """Forget what may be forgotten; returns whether there is room for one more request."""
        oldest = next(iter(self._requests.values()), None)
        if oldest is not None and _old(oldest, now_ns):
            self._forget(oldest)
        if len(self._requests) >= KEPT_MAX:
            ended = next((r for r in self._requests.values() if r.final and now_ns > _valid_until(r)), None)
            if ended is None:
                return False
            self._forget(ended)
        return True

    def take_over(self, kept: Iterable[Request]) -> None:
        """Begin with what another run left; what is known here already stays."""
        for request in kept:
            if request.request_id not in self._requests:
                self._keep(request)
                if request.order_id:
                    self._by_order[request.order_id] = request.request_id

    def carried(self, now_ns: int, *, whole: bool, venue_ended: bool) -> tuple[Request, ...]:
        """Return what the next run begins with.

        Args:
            whole: whether the journals could be read to their end: a decision that is not there was not made.
            venue_ended: the venue lived in the run's process: what rested there is gone.
        """
        kept = (r for r in self._requests.values() if not _old(r, now_ns))
        return tuple(_carried(r, whole=whole, venue_ended=venue_ended) for r in kept)

    def _forget(self, request: Request) -> None:
        del self._requests[request.request_id]
        self._by_order.pop(request.order_id, None)
        self._untold.pop(request.request_id, None)


def _carried(request: Request, *, whole: bool, venue_ended: bool) -> Request:
    if not request.decided:
        state, error = (OrderState.DENIED, NEVER_DECIDED) if whole else (OrderState.UNKNOWN, PERHAPS_DECIDED)
        return msgspec.structs.replace(request, state=str(state), error=error)
    if not venue_ended or OrderState(request.state).terminal:
        return request
    state, error = (OrderState.CANCELLED, VENUE_ENDED) if whole else (OrderState.UNKNOWN, PERHAPS_DECIDED)
    return msgspec.structs.replace(request, state=str(state), settled=True, error=error)


def _valid_until(request: Request) -> int:
    return request.asked.valid_until_ns if request.asked else request.ts_ns + VALID_MAX_NS


def _old(request: Request, now_ns: int) -> bool:
    return now_ns > request.ts_ns + KEPT_NS
