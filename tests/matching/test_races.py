"""The grid: an order in each state of its life, met by each thing that can happen to it at the venue."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agbot.matching.checks import Terms
from agbot.matching.conditions import Conditions
from agbot.matching.outages import Outage, OutageKind
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder
from agbot.model.events import BookSnapshot, MarketListed, MarketResolved, OrderFilled, TradePrint
from agbot.model.ids import ClientOrderId
from agbot.model.order import OrderState, Side, TimeInForce
from agbot.testing.builders import levels, make_market, place, shares
from agbot.units import NS_PER_S, to_units

S = NS_PER_S
MARKET = make_market()
NAME = ClientOrderId("o1")
NOW = 500 * S
"""When it happens; an order of the grid expires at 700 s, and reaches the venue one second after it was sent."""

Bench = PaperMatcher


def order(bench: Bench, at: int, **changes: object) -> None:
    gtd = {"time_in_force": TimeInForce.GTD, "expire_ns": 700 * S + bench.terms.gtd_early_ns}
    bench.submit(at, place(NAME, **{"price": "0.49", **gtd, **changes}))  # type: ignore[arg-type]


def sold(bench: Bench, at: int, size: int) -> None:
    bench.on_market(at, TradePrint(MARKET.yes, Side.SELL, to_units("0.49"), shares(size), at))


def cancel(bench: Bench, at: int) -> None:
    bench.cancel(at, CancelOrder(NAME, "test"))


def partly(bench: Bench) -> None:
    order(bench, 0)
    sold(bench, 2 * S, 4)


def filled(bench: Bench) -> None:
    order(bench, 0)
    sold(bench, 2 * S, 10)


def cancelled(bench: Bench) -> None:
    order(bench, 0)
    cancel(bench, 2 * S)


def fill_then_cancel(bench: Bench) -> None:
    sold(bench, NOW, 50)
    cancel(bench, NOW - S)


def cancel_then_fill(bench: Bench) -> None:
    cancel(bench, NOW - S)
    sold(bench, NOW, 50)


def cancel_all(bench: Bench) -> None:
    bench.cancel_all(NOW - S)


STATES: dict[str, Callable[[Bench], None]] = {
    "unknown to us": lambda _bench: None,
    "under way": lambda bench: order(bench, NOW - 1),
    "resting": lambda bench: order(bench, 0),
    "partly filled": partly,
    "filled": filled,
    "cancelled": cancelled,
    "refused": lambda bench: order(bench, 0, size="1"),
    "expired": lambda bench: order(bench, 0, expire_ns=200 * S + bench.terms.gtd_early_ns),
}
EVENTS: dict[str, Callable[[Bench], None]] = {
    "cancel": lambda bench: cancel(bench, NOW - S),
    "cancel all": cancel_all,
    "part": lambda bench: sold(bench, NOW, 3),
    "all of it": lambda bench: sold(bench, NOW, 50),
    "resolution": lambda bench: bench.on_market(NOW, MarketResolved(MARKET.id, MARKET.yes, NOW)),
    "fill, then cancel": fill_then_cancel,
    "cancel, then fill": cancel_then_fill,
    "lost cancel": lambda bench: cancel(bench, NOW - S),
    "refused cancel": lambda bench: cancel(bench, NOW - S),
    "wipe": lambda _bench: None,
}
OUTAGES = {
    "lost cancel": Outage(from_ns=NOW - S // 2, to_ns=NOW + 5 * S, kind=OutageKind.DOWN),
    "refused cancel": Outage(from_ns=NOW - S // 2, to_ns=NOW + S // 2, kind=OutageKind.DISABLED),
    "wipe": Outage(from_ns=NOW, to_ns=NOW + S // 2, kind=OutageKind.CANCEL_ONLY, wipes=True),
}

A, C, X, R, U, E = "Accepted", "Cancelled", "CancelRejected", "Rejected", "Unknown", "Expired"
F, P = "Filled", "Part"
LIVE = ("resting", "partly filled")
OVER = ("filled", "cancelled", "refused", "expired")
# What is heard from the event on, the end at 700 s included. An order under way was sent one nanosecond before.
GRID: dict[tuple[str, str], list[str]] = {
    **{("unknown to us", event): [] for event in EVENTS},
    **{("unknown to us", event): [X] for event in EVENTS if "cancel" in event and event != "cancel all"},
    ("unknown to us", "lost cancel"): [U, X],
    **{("under way", event): [A, E] for event in ("cancel all", "part", "all of it", "wipe")},
    **{("under way", event): [X, A, E] for event in ("cancel", "fill, then cancel", "cancel, then fill")},
    ("under way", "resolution"): [R],
    ("under way", "lost cancel"): [U, U, R],
    ("under way", "refused cancel"): [X, A, E],
    **{(state, "cancel"): [C] for state in LIVE},
    **{(state, "cancel all"): [C] for state in LIVE},
    **{(state, "part"): [P, E] for state in LIVE},
    **{(state, "all of it"): [F] for state in LIVE},
    **{(state, "resolution"): [C] for state in LIVE},
    **{(state, "fill, then cancel"): [F, X] for state in LIVE},
    **{(state, "cancel, then fill"): [C] for state in LIVE},
    **{(state, "lost cancel"): [U, A, E] for state in LIVE},
    **{(state, "refused cancel"): [X, E] for state in LIVE},
    **{(state, "wipe"): [C] for state in LIVE},
    **{(state, event): [] for state in OVER for event in ("cancel all", "part", "all of it", "resolution", "wipe")},
    **{(state, event): [X] for state in OVER for event in ("cancel", "fill, then cancel", "cancel, then fill")},
    **{(state, "lost cancel"): [U] for state in OVER},
    **{(state, "refused cancel"): [X] for state in OVER},
}


def told(bench: Bench, until: int) -> list[str]:
    heard = []
    while (due := bench.next_due()) is not None and due <= until:
        for evidence in bench.advance(due):
            part = isinstance(evidence, OrderFilled) and not evidence.final
            heard.append(P if part else type(evidence).__name__.removeprefix("Order"))
    heard += [type(e).__name__.removeprefix("Order") for e in bench.advance(until)]
    return heard


def test_the_grid_is_whole() -> None:
    assert set(GRID) == {(state, event) for state in STATES for event in EVENTS}


@pytest.mark.parametrize(("state", "event"), GRID)
def test_what_meets_what(state: str, event: str) -> None:
    outages = (OUTAGES[event],) if event in OUTAGES else ()
    bench = PaperMatcher(10**9, terms=Terms(order_latency_ns=S), conditions=Conditions(outages=outages))
    bench.on_market(0, MarketListed(MARKET, 0))
    bench.on_market(0, BookSnapshot(MARKET.yes, levels(("0.48", "100")), levels(("0.52", "100")), 0))
    before = []
    if state == "under way":  # what happens at the venue before it arrives was sent before it
        EVENTS[event](bench)
        STATES[state](bench)
    else:
        STATES[state](bench)
        before = told(bench, NOW - S - 1)
        EVENTS[event](bench)
    after = told(bench, 10_000 * S)
    assert after == GRID[state, event]
    ends = [word for word in (*before, *after) if word in (C, R, E, F)]
    assert len(ends) == (state != "unknown to us")
    status = bench.status(NAME)
    assert status is None or status.state.terminal
    assert status is None or status.state is {
        C: OrderState.CANCELLED,
        R: OrderState.REJECTED,
        E: OrderState.EXPIRED,
    }.get(ends[0], OrderState.FILLED)
    assert (bench.open_orders(), list(bench.pending_ids()), bench.reserved_cash) == ((), [], 0)
