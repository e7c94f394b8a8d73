"""What happened to orders as rows of the audit log: plain values, money and sizes as decimal text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import attrs
import msgspec

from agbot.core.oms import Heard
from agbot.core.step import Decision, Output
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import (
    CancelRejected,
    DifferenceAccepted,
    Event,
    HaltRequested,
    KillSwitchSet,
    OrderAccepted,
    OrderAttempted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PoliciesSet,
)
from agbot.model.notes import TradeRefused
from agbot.units import to_text

Row = dict[str, Any]
Said: TypeAlias = KillSwitchSet | PoliciesSet | HaltRequested | DifferenceAccepted | OrderAttempted | TradeRefused

_KINDS: Final[dict[type, str]] = {
    OrderAccepted: "ack",
    OrderRejected: "reject",
    OrderFilled: "fill",
    OrderCancelled: "cancelled",
    OrderExpired: "expired",
    CancelRejected: "cancel_refused",
    OrderUnknown: "unknown",
}


@attrs.frozen(kw_only=True)
class Happened:
    """One step's part of the audit log: immutable, so that rows can be made of it later and elsewhere."""

    now_ns: int
    operator: Sequence[Said]
    heard: Sequence[Heard]
    output: Output

    @property
    def empty(self) -> bool:
        """Return whether there is nothing to write."""
        return not (self.operator or self.heard or self.output.commands or self.output.decisions)


def operator_events(batch: Sequence[Event]) -> list[Said]:
    """Return what the operator or a trigger said about all orders or the account, and what was asked of the venue."""
    return [event for event in batch if isinstance(event, Said)]


def rows_of(happened: Happened, run_id: str) -> Iterator[Row]:
    """Yield the rows of one step: facts first, then what was decided and asked."""
    stamp = {"at_ns": happened.now_ns, "time": moment(happened.now_ns), "run": run_id}
    for event in happened.operator:
        yield _operator(event) | stamp
    for heard in happened.heard:
        yield heard_row(heard) | stamp
    for decision in happened.output.decisions:
        yield _decision(decision) | stamp
    for command in happened.output.commands:
        yield _command(command) | stamp


def moment(ns: int) -> str:
    """Return a time as text, UTC to the microsecond."""
    seconds, rest = divmod(ns, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06}Z"


def heard_row(heard: Heard) -> Row:
    """Return a fact about an order, who said it and what it did."""
    event = heard.event
    row: Row = {
        "kind": _KINDS[type(event)],
        "client_order_id": event.client_order_id,
        "correlation_id": heard.correlation,
        "source": str(event.source),
        "said_ns": event.ts_ns,
        "before": heard.before,
        "after": heard.after,
        "news": heard.news,
    }
    if heard.contradiction:
        row["contradiction"] = heard.contradiction
    if isinstance(event, OrderFilled):
        row |= _fill(event)
    elif isinstance(event, OrderAccepted):
        row["venue_order_id"] = event.venue_order_id
    elif not isinstance(event, OrderExpired):
        row["reason"] = event.reason
    return row


def _fill(event: OrderFilled) -> Row:
    return {
        "trade_id": event.trade_id,
        "price": to_text(event.price),
        "size": to_text(event.size),
        "fee_usd": to_text(event.fee),
        "liquidity": str(event.liquidity),
        "match": event.match,
        "settlement": str(event.settlement),
    }


def _decision(decision: Decision) -> Row:
    return {
        "kind": "decision" if decision.allowed else "denial",
        "client_order_id": decision.client_order_id,
        "correlation_id": decision.correlation,
        "strategy": decision.strategy,
        "market": decision.market,
        "token": decision.token,
        "side": str(decision.side),
        "price": to_text(decision.price),
        "size": to_text(decision.size),
        "violated": list(decision.violated),
        "why": decision.why,
        **({"request_id": decision.request_id} if decision.request_id else {}),
    }


def _command(command: Command) -> Row:
    match command:
        case PlaceOrder():
            return _place(command)
        case CancelOrder():
            return {"kind": "cancel", "client_order_id": command.client_order_id, "reason": command.reason}
        case CancelAll():
            return {"kind": "cancel_all", "reason": command.reason}


def _place(command: PlaceOrder) -> Row:
    return {
        "kind": "submit",
        "client_order_id": command.client_order_id,
        "correlation_id": command.correlation,
        "venue": command.venue,
        "market": command.market,
        "token": command.token,
        "side": str(command.side),
        "type": str(command.order_type),
        "tif": str(command.time_in_force),
        "post_only": command.post_only,
        "price": to_text(command.price),
        "size": to_text(command.size),
        "budget_usd": to_text(command.budget),
        "created_ns": command.created_ns,
    }


def _operator(event: Said) -> Row:
    told = msgspec.structs.asdict(event)
    told |= {name: to_text(told[name]) for name in ("change", "venue", "price") if name in told}
    return {
        "kind": _said(event),
        **{name: value for name, value in told.items() if name not in ("on", "ts_ns") and value != ""},
    }


def _said(event: Said) -> str:
    match event:
        case HaltRequested():
            return "halt"
        case DifferenceAccepted():
            return "accept"
        case OrderAttempted():
            return "attempt"
        case PoliciesSet():
            return "policies"
        case TradeRefused():
            return "refused"
        case KillSwitchSet(on=on):
            return "kill" if on else "release"
