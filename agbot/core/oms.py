"""Order lifecycle as data.

Theory of operation: `NEXT` maps (state, evidence) to the next state and is the only place that decides legality. A
pair that is not in the table raises `IllegalTransition` and changes nothing. Two results depend on how much is filled
and are marked LIVE: such an order is PARTIALLY_FILLED by its filled size, OPEN once acknowledged, else PENDING_NEW.

* Facts arrive in any order: a fill may overtake the acknowledgement, an acknowledgement may arrive after the end. A
  late acknowledgement never revives a finished order; a late fill adjusts quantities only.
* Fills are keyed by (trade id, own order): a repeated one is never summed. It may tell how the trade settled: a fill
  counts from when it is first heard of, CONFIRMED makes it final, FAILED takes it back. After either nothing changes.
* An order that a failed fill had completed does not rest again: it ends as CANCELLED. One that is live keeps counting
  the failed size as resting, which never risks more than the venue's view, whatever that is.
* Silence is UNKNOWN. Only evidence leads out of it.
* `hear` is the fold: every fact is kept in the journal with who said it, and comes back with what it did. One that
  contradicts what is known is noted with its order and changes nothing else. Nothing here makes up a fill.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import attrs
import msgspec

from agbot.core.lifecycle import NEXT, PROVISIONAL, SETTLES, Evidence, Live
from agbot.model.commands import PlaceOrder
from agbot.model.events import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.order import OrderState, Settlement, Side
from agbot.units import NS_PER_S, notional

ORDERS_KEPT_MAX: Final = 100_000
CONTRADICTIONS_KEPT: Final = 8
"""Of one order; the journal has all of them."""
CANCEL_AGAIN_NS: Final = 5 * NS_PER_S
"""A cancel without an answer for this long was lost: it may leave again. Longer than the gateway waits for one."""


class IllegalTransition(Exception):  # noqa: N818 - it is a word of the table, not of the user
    """This evidence cannot be true of an order in that state; nothing was changed."""


class Heard(msgspec.Struct, frozen=True, gc=False):
    """One fact about an order, and what it did. States are empty when the order is not ours.

    `correlation` is the story the order belongs to. `news` is false for a fact that was known, or that was
    contradicted: then `contradiction` says what by, and nothing was changed.
    """

    event: OrderEvidence
    correlation: str
    before: str
    after: str
    news: bool
    contradiction: str = ""


@attrs.define(kw_only=True)
class OrderRecord:
    """One order of ours and what is known of it. Quantities in 10⁻⁶; `spent` is the filled notional.

    `cancel_ns` is when a cancel last left that nobody refused, 0 when none did. `contradictions` are the newest facts
    that could not be true of it.
    """

    command: PlaceOrder
    state: OrderState
    opened_ns: int
    venue_order_id: str = ""
    acknowledged: bool = False
    filled: int = 0
    spent: int = 0
    fees: int = 0
    reason: str = ""
    changed_ns: int = 0
    cancel_ns: int = 0
    trades: dict[str, OrderFilled] = attrs.Factory(dict)
    contradictions: list[str] = attrs.Factory(list)

    @property
    def remaining(self) -> int:
        """Return shares that may still fill; 0 once the order has ended."""
        return 0 if self.state.terminal else max(0, self.command.size - self.filled)

    @property
    def reserved_usd(self) -> int:
        """Return the cash that may still leave for it: buys only, at the limit price."""
        command = self.command
        if command.side is Side.SELL or self.state.terminal:
            return 0
        return max(0, command.budget - self.spent) if command.budget else notional(command.price, self.remaining)


class Oms:
    """Every order of ours by client order id; the live ones also by market. `ended` counts by final state."""

    def __init__(self) -> None:
        self._orders: dict[ClientOrderId, OrderRecord] = {}
        self._live: dict[MarketId, dict[ClientOrderId, OrderRecord]] = {}
        self.in_flight = 0
        self._reserved: int | None = 0
        """What all live buys may cost; None when it has to be added up again."""
        self.ended: Counter[OrderState] = Counter()
        self.unsettled: Counter[TokenId] = Counter()
        """Shares bought whose trades are provisional: counted as held, and not ours to sell yet."""

    @property
    def reserved_usd(self) -> int:
        """Return the cash that may still leave for all live orders (10⁻⁶ usd)."""
        if self._reserved is None:
            self._reserved = sum([record.reserved_usd for record in self.all_live()])
        return self._reserved

    def begin(self, now_ns: int, command: PlaceOrder, *, denied: str = "") -> OrderRecord:
        """Record a new order as PENDING_NEW, or as DENIED with the reason."""
        assert command.client_order_id not in self._orders, command.client_order_id
        state = OrderState.DENIED if denied else OrderState.PENDING_NEW
        record = OrderRecord(command=command, state=state, opened_ns=now_ns, reason=denied, changed_ns=now_ns)
        self._orders[command.client_order_id] = record
        self._reserved = None
        if not denied:
            self._live.setdefault(command.market, {})[command.client_order_id] = record
            self.in_flight += 1
        self._forget_oldest()
        return record

    def apply(self, now_ns: int, event: OrderEvidence) -> OrderRecord | None:
        """Fold one fact in; returns the record when it changed, None for a repeated fact.

        Raises:
            IllegalTransition: the order is not ours, or the fact contradicts what is known.
        """
        record = self._orders.get(event.client_order_id)
        if record is None:
            raise IllegalTransition(_not_ours(event))
        self._reserved = None
        match event:
            case OrderFilled():
                return self._fill(now_ns, record, event)
            case OrderAccepted():
                changed = self._move(now_ns, record, Evidence.ACCEPTED)
                record.venue_order_id = event.venue_order_id
                return changed
            case _:
                return self._move(now_ns, record, _EVIDENCE[type(event)], reason=getattr(event, "reason", ""))

    def hear(self, now_ns: int, event: OrderEvidence) -> Heard:
        """Fold one fact in, whatever it is, and return what it did."""
        record = self._orders.get(event.client_order_id)
        if record is None:
            return Heard(event, event.client_order_id, "", "", news=False, contradiction=_not_ours(event))
        before, contradiction = record.state, ""
        try:
            news = self.apply(now_ns, event) is not None
        except IllegalTransition as e:
            news, contradiction = False, str(e)
            record.contradictions = [*record.contradictions, contradiction][-CONTRADICTIONS_KEPT:]
        return Heard(event, record.command.correlation, before, record.state, news=news, contradiction=contradiction)

    def chain(self, replaces: str) -> str:
        """Return the correlation id of an order that `replaces` another one, empty when it replaces none."""
        record = self._orders.get(ClientOrderId(replaces))
        return record.command.correlation if record else replaces

    def counts(self, fill: OrderFilled) -> bool:
        """Return whether this trade is among the order's fills and was not taken back."""
        record = self._orders.get(fill.client_order_id)
        known = record.trades.get(fill.trade_id) if record else None
        return known is not None and known.settlement is not Settlement.FAILED

    def cancelling(self, now_ns: int, client_order_id: ClientOrderId) -> OrderRecord | None:
        """Note that a cancel leaves now; None when there is nothing to cancel or one is under way."""
        record = self._orders.get(client_order_id)
        if record is None or record.state.terminal:
            return None
        if record.cancel_ns and now_ns < record.cancel_ns + CANCEL_AGAIN_NS:
            return None
        self._move(now_ns, record, Evidence.CANCEL_SENT)
        record.cancel_ns = now_ns
        return record

    def unanswered(self, now_ns: int) -> Iterator[OrderRecord]:
        """Yield the orders whose cancel was lost: asked `CANCEL_AGAIN_NS` ago, and neither done nor refused."""
        return (r for r in self.all_live() if r.cancel_ns and now_ns >= r.cancel_ns + CANCEL_AGAIN_NS)

    def get(self, client_order_id: str) -> OrderRecord | None:
        """Return one order, None when it is not ours or long forgotten."""
        return self._orders.get(ClientOrderId(client_order_id))

    def live(self, market: MarketId) -> Iterator[OrderRecord]:
        """Yield the orders of `market` that may still fill, oldest first."""
        orders = self._live.get(market)
        return iter(tuple(orders.values()) if orders else ())

    def all_live(self) -> Iterator[OrderRecord]:
        """Yield every order that may still fill."""
        for orders in filter(None, tuple(self._live.values())):
            yield from tuple(orders.values())

    def all(self) -> Iterator[OrderRecord]:
        """Yield every order kept, oldest first."""
        return iter(self._orders.values())

    def _fill(self, now_ns: int, record: OrderRecord, fill: OrderFilled) -> OrderRecord | None:
        known = record.trades.get(fill.trade_id)
        if known is not None:
            return self._settle(now_ns, record, known, fill)
        if fill.settlement is Settlement.FAILED:  # it never counted here, so there is nothing to take back
            self._legal(record, Evidence.VOIDED)
            record.trades[fill.trade_id] = fill
            return record
        total = record.filled + fill.size
        if not _within(record, fill):
            raise IllegalTransition(
                f"{fill.client_order_id} filled {total} of {record.command.size}: more than was ordered"
            )
        full = fill.final or (not record.command.budget and total >= record.command.size)
        self._legal(record, Evidence.FULL_FILL if full else Evidence.PART_FILL)
        record.trades[fill.trade_id] = fill
        self._unsettle(record, fill, 1)
        record.filled = total
        record.spent += notional(fill.price, fill.size)
        record.fees += fill.fee
        self._move(now_ns, record, Evidence.FULL_FILL if full else Evidence.PART_FILL)
        return record

    def _settle(self, now_ns: int, record: OrderRecord, known: OrderFilled, told: OrderFilled) -> OrderRecord | None:
        if (told.price, told.size) != (known.price, known.size):
            raise IllegalTransition(
                f"trade {told.trade_id} of {told.client_order_id} was {known.size} at {known.price} and is now "
                f"{told.size} at {told.price}"
            )
        before, after = known.settlement, told.settlement
        if after not in SETTLES[before]:
            if after is before or after in PROVISIONAL:
                return None
            raise IllegalTransition(f"trade {told.trade_id} of {told.client_order_id} was {before} and is now {after}")
        if after is Settlement.FAILED:
            self._legal(record, Evidence.VOIDED)
            record.filled -= known.size
            record.spent -= notional(known.price, known.size)
            record.fees -= known.fee
            self._move(now_ns, record, Evidence.VOIDED, reason=f"trade {told.trade_id} failed to settle")
        self._unsettle(record, known, -1)
        record.trades[told.trade_id] = msgspec.structs.replace(known, settlement=after)
        self._unsettle(record, record.trades[told.trade_id], 1)
        return record

    def _unsettle(self, record: OrderRecord, fill: OrderFilled, sign: int) -> None:
        """Count a buy's provisional fill in, or out again."""
        if record.command.side is Side.BUY and fill.settlement in PROVISIONAL:
            self.unsettled[record.command.token] += sign * fill.size

    def _legal(self, record: OrderRecord, evidence: Evidence) -> OrderState:
        after = NEXT[record.state].get(evidence)
        if after is None:
            raise IllegalTransition(f"{evidence} for {record.command.client_order_id} in state {record.state}")
        if isinstance(after, Live):
            return _live_state(record, evidence)
        return after

    def _move(self, now_ns: int, record: OrderRecord, evidence: Evidence, *, reason: str = "") -> OrderRecord | None:
        after = self._legal(record, evidence)
        if evidence is Evidence.CANCEL_REFUSED:
            record.cancel_ns = 0
        if after is record.state and evidence not in (Evidence.PART_FILL, Evidence.FULL_FILL, Evidence.VOIDED):
            return None
        self.in_flight += (after in _IN_FLIGHT) - (record.state in _IN_FLIGHT)
        before, record.state = record.state, after
        record.changed_ns = now_ns
        record.acknowledged |= evidence is Evidence.ACCEPTED
        record.reason = reason or record.reason
        if after.terminal:
            self.ended[after] += 1
            self.ended[before] -= before.terminal
            self._live.get(record.command.market, {}).pop(record.command.client_order_id, None)
        return record

    def _forget_oldest(self) -> None:
        if len(self._orders) > ORDERS_KEPT_MAX:
            ended = next((key for key, record in self._orders.items() if record.state.terminal), None)
            if ended is not None:
                record = self._orders.pop(ended)
                for fill in record.trades.values():
                    self._unsettle(record, fill, -1)


def _not_ours(event: OrderEvidence) -> str:
    return f"{type(event).__name__} for {event.client_order_id!r}, which is not an order of ours"


def _within(record: OrderRecord, fill: OrderFilled) -> bool:
    """Return whether the order gave leave for this fill.

    A BUY that never rests may spend its usd: at a better price than its limit that is more shares than its size.
    """
    command = record.command
    if command.budget or record.filled + fill.size <= command.size:
        return True
    spent = record.spent + notional(fill.price, fill.size)
    return (
        command.side is Side.BUY and command.time_in_force.immediate and spent <= notional(command.price, command.size)
    )


def _live_state(record: OrderRecord, evidence: Evidence) -> OrderState:
    """Return what a live order is. A refused cancel tells nothing of an order that nobody acknowledged yet."""
    if record.filled:
        return OrderState.PARTIALLY_FILLED
    known = record.acknowledged or evidence is Evidence.ACCEPTED
    return OrderState.OPEN if known else OrderState.PENDING_NEW


_IN_FLIGHT = frozenset({OrderState.PENDING_NEW, OrderState.PENDING_CANCEL})
_EVIDENCE: Final[dict[type, Evidence]] = {
    OrderRejected: Evidence.REJECTED,
    OrderCancelled: Evidence.CANCELLED,
    OrderExpired: Evidence.EXPIRED,
    CancelRejected: Evidence.CANCEL_REFUSED,
    OrderUnknown: Evidence.SILENCE,
}
