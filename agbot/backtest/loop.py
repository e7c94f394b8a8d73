"""The event loop in virtual time: recording, paper venue and core on one clock; no trio, no wall clock.

A batch is everything of one instant: the market's messages, then what the venue says to us. Commands reach the venue
after the order latency; its answers come back on the same clock. Same inputs, same steps, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from agbot.core.step import Step
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import Event, HaltRequested, MarketData, MarketListed, Timer
from agbot.model.market import Market
from agbot.units import NS_PER_S

QUIET_STEPS_MAX: Final = 10_000_000

Stepper = Callable[[int, list[Event]], Step]


class VirtualLoop:
    """Runs groups of market data against a paper venue.

    Args:
        step: journals and steps the core; orders in the returned step are durable.
        matcher: the paper venue; its latencies are virtual.
        groups: (timestamp ns, messages of that instant), in time order.
    """

    def __init__(
        self,
        step: Stepper,
        matcher: PaperMatcher,
        markets: Sequence[Market],
        groups: Iterable[tuple[int, Sequence[MarketData]]],
    ) -> None:
        self._step = step
        self._matcher = matcher
        self._markets = markets
        self._groups = groups
        self._timer_ns = 0
        self.now_ns = 0

    def run(self) -> Iterator[tuple[int, list[Event], Step]]:
        """Yield (virtual now, batch, step) until the recording ends."""
        for ts_ns, events in self._groups:
            if not self._timer_ns:
                self._timer_ns = ts_ns + NS_PER_S
                yield self._instant(ts_ns, [MarketListed(market, ts_ns) for market in self._markets])
            yield from self._until(ts_ns)
            yield self._instant(max(ts_ns, self.now_ns), events)

    def inject_and_settle(self, event: Event) -> Iterator[tuple[int, list[Event], Step]]:
        """Step with an operator's event now, then yield until the venue has nothing more to say."""
        yield self._carry(self.now_ns, [event])
        yield from self._until(None)

    def finish(self, reason: str) -> Iterator[tuple[int, list[Event], Step]]:
        """Halt the core and yield the steps until the venue has nothing more to say."""
        return self.inject_and_settle(HaltRequested(reason, self.now_ns))

    def _until(self, ts_ns: int | None) -> Iterator[tuple[int, list[Event], Step]]:
        """Yield what happens before `ts_ns` (None: until the venue is silent): its answers, and a timer a second."""
        for _ in range(QUIET_STEPS_MAX):
            due = self._matcher.next_due()
            if ts_ns is None and due is None:
                return
            if ts_ns is not None and min(self._timer_ns, ts_ns if due is None else due) >= ts_ns:
                return
            if due is not None and due < self._timer_ns:
                yield self._instant(max(due, self.now_ns), ())
            else:
                yield self._tick()
        raise AssertionError(f"{QUIET_STEPS_MAX} steps between two messages: a loop")

    def _tick(self) -> tuple[int, list[Event], Step]:
        self.now_ns = self._timer_ns
        self._timer_ns += NS_PER_S
        return self._carry(self.now_ns, [Timer("second", self.now_ns), *self._matcher.advance(self.now_ns)])

    def _instant(self, now_ns: int, market: Sequence[MarketData]) -> tuple[int, list[Event], Step]:
        self.now_ns = now_ns
        for event in market:
            self._matcher.on_market(now_ns, event)
        return self._carry(now_ns, [*market, *self._matcher.advance(now_ns)])

    def _carry(self, now_ns: int, batch: list[Event]) -> tuple[int, list[Event], Step]:
        step = self._step(now_ns, batch)
        for command in step.output.commands:
            self._submit(now_ns, command)
        return now_ns, batch, step

    def _submit(self, now_ns: int, command: Command) -> None:
        match command:
            case PlaceOrder():
                self._matcher.submit(now_ns, command)
            case CancelOrder():
                self._matcher.cancel(now_ns, command)
            case CancelAll():
                self._matcher.cancel_all(now_ns)
