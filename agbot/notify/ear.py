"""Hears every step of the core and keeps what may be worth telling. No await, no lock, no channel, no words yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from agbot.core.step import Decision, Step, StrategyFailed
from agbot.model.commands import PlaceOrder
from agbot.model.events import (
    BookTrust,
    Event,
    HaltRequested,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    OrderFilled,
    ReconcileDifference,
    VenueHealth,
)
from agbot.model.order import OrderState

HAPPENED_MAX: Final = 5000
"""Steps that wait for their words; further ones are counted."""
TOLD: Final = frozenset({BookTrust, HaltRequested, KillSwitchSet, LinkDown, LinkUp, ReconcileDifference, VenueHealth})


@attrs.frozen
class OrderTold:
    """An order as it was in the step: records live on, and change."""

    command: PlaceOrder
    state: OrderState
    reason: str


@attrs.frozen(kw_only=True)
class Happened:
    """What one step had that people may want to hear of."""

    now_ns: int
    events: Sequence[Event] = ()
    denied: Sequence[Decision] = ()
    failed: tuple[StrategyFailed, ...] = ()
    fills: tuple[tuple[PlaceOrder, OrderFilled], ...] = ()
    voided: tuple[tuple[PlaceOrder, OrderFilled], ...] = ()
    orders: tuple[OrderTold, ...] = ()


class Ear:
    """Observer of the engine.

    Args:
        wake: called when something waits.
        report_ns: when the next report is due; asked with each step.
    """

    def __init__(self, wake: Callable[[], None], report_ns: Callable[[], int]) -> None:
        self._wake = wake
        self._report_ns = report_ns
        self._waiting: deque[Happened] = deque()
        self.lost = 0

    def observe(self, batch: list[Event], step: Step) -> None:
        """Keep one step's news; most steps have none."""
        events = [event for event in batch if type(event) in TOLD]
        denied = [decision for decision in step.output.decisions if not decision.allowed]
        if not (events or denied or step.changed or step.failed or step.now_ns >= self._report_ns()):
            return
        if len(self._waiting) >= HAPPENED_MAX:
            self.lost += 1
            return
        self._waiting.append(
            Happened(
                now_ns=step.now_ns,
                events=events,
                denied=denied,
                failed=step.failed,
                fills=tuple((record.command, fill) for record, fill in step.fills),
                voided=tuple((record.command, fill) for record, fill in step.voided),
                orders=tuple(OrderTold(r.command, r.state, r.reason) for r in step.changed),
            )
        )
        self._wake()

    def take(self) -> list[Happened]:
        """Return what waits and forget it."""
        waiting, self._waiting = list(self._waiting), deque()
        return waiting
