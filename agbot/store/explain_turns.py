"""Facts of a journal as lines of a story."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from agbot.core.oms import Heard
from agbot.model.events import (
    Event,
    HaltRequested,
    KillSwitchSet,
    MarketResolved,
    OperatorCancel,
    OrderAccepted,
    OrderAttempted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    PoliciesSet,
    Source,
)
from agbot.units import NS_PER_MS, to_text


@attrs.frozen(kw_only=True)
class Turn:
    """One line of the story. `source` is who said it, `effect` what it did; `realised` 10⁻⁶ usd, of a fill.

    `run` is set when a later run heard it.
    """

    now_ns: int
    said_ns: int
    order: str
    source: str
    what: str
    effect: str
    realised: int = 0
    contradiction: bool = False
    run: str = ""


def attempt_of(now_ns: int, event: OrderAttempted) -> Turn:
    """Return one request to the venue as a line."""
    copy = " again, the same bytes" if event.operation == "post" else f" no. {event.number}"
    nth = copy if event.number > 1 else ""
    return Turn(
        now_ns=now_ns,
        said_ns=now_ns,
        order=event.client_order_id,
        source=Source.OURS,
        what=f"{event.operation}{nth}: {event.said}",
        effect=f"after {event.took_ns // NS_PER_MS} ms",
    )


def turn_of(now_ns: int, heard: Heard, run: str = "") -> Turn:
    """Return one fact about an order as a line."""
    if heard.contradiction:
        effect = f"CONTRADICTION, changes nothing: {heard.contradiction}"
    elif heard.before != heard.after:
        effect = f"{heard.before} → {heard.after}"
    else:
        effect = f"stays {heard.after}" if heard.news else "nothing new"
    return Turn(
        now_ns=now_ns,
        said_ns=heard.event.ts_ns,
        order=heard.event.client_order_id,
        source=heard.event.source or "not noted",
        what=_what(heard.event),
        effect=effect,
        contradiction=bool(heard.contradiction),
        run=run,
    )


def _what(event: OrderEvidence) -> str:  # noqa: PLR0911 - one return a kind
    match event:
        case OrderAccepted(venue_order_id=venue):
            return f"accepted as {venue}"
        case OrderFilled():
            return f"fill {to_text(event.size)} at {to_text(event.price)}, {event.liquidity}, {event.settlement}"
        case OrderExpired():
            return "expired"
        case OrderCancelled(reason=reason):
            return f"cancelled: {reason}"
        case OrderUnknown(reason=reason):
            return f"silence: {reason}"
        case OrderRejected(reason=reason):
            return f"rejected: {reason}"
        case _:
            return f"cancel refused: {event.reason}"


def of_all(event: Event, ids: Sequence[str]) -> str:
    """Return what an operator or the world said about the orders, empty when it was something else."""
    match event:
        case OperatorCancel(client_order_id=order, reason=reason) if not order or order in ids:
            return f"asks to cancel {'it' if order else 'everything'}: {reason}"
        case KillSwitchSet(on=True, reason=reason, by=by):
            return f"kill switch on by {by}: {reason}"
        case PoliciesSet(reason=reason, by=by):
            return f"other policies by {by}: {reason}"
        case HaltRequested(reason=reason):
            return f"the run stops: {reason}"
        case MarketResolved(winner=winner):
            return f"the market resolved, token {winner} pays"
        case _:
            return ""
