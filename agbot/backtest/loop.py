"""The event loop in virtual time: recording, paper venue and core on one clock; no trio, no wall clock.

The venue sees a message at its timestamp, the core one feed latency later; a command reaches the venue one order
latency after it was given. What reaches the core at one instant is one batch: market data, the venue's answers, timers.
Same inputs, same steps, bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from agbot.core.step import Step
from agbot.matching.latency import Line, Stream
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import Event, HaltRequested, MarketData, MarketListed, Source, Timer, said_by
from agbot.model.market import Market
from agbot.units import NS_PER_S

QUIET_INSTANTS_MAX: Final = 10_000_000

Stepper = Callable[[int, list[Event]], Step]
Moment = tuple[int, list[Event], Step]


class VirtualLoop:
    """Runs groups of market data against a paper venue.

    Args:
        step: journals and steps the core; the orders of the step it returns are durable.
        matcher: the paper venue; its latencies are virtual.
        markets: listed at the first timestamp.
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
        self._feed = Line(matcher.delays.feed, matcher.conditions.seed, Stream.FEED)
        self._on_the_way: deque[tuple[int, Sequence[MarketData]]] = deque()
        self._timer_ns = 0
        self.now_ns = 0

    def run(self) -> Iterator[Moment]:
        """Yield (virtual now, batch, step) until the recording ends."""
        for ts_ns, messages in self._groups:
            if not self._timer_ns:
                self._timer_ns = ts_ns + NS_PER_S
                self._publish(ts_ns, [MarketListed(market, ts_ns) for market in self._markets])
            yield from self._until(ts_ns)
            self._publish(ts_ns, messages)
        yield from self._until(None)

    def inject_and_settle(self, event: Event) -> Iterator[Moment]:
        """Step with an operator's event now, then yield until the venue has nothing more to say."""
        yield self._carry(self.now_ns, [event])
        yield from self._until(None)

    def finish(self, reason: str) -> Iterator[Moment]:
        """Halt the core and yield the steps until the venue has nothing more to say.

        It ends with no order left: where an outage is in the way of the cancels, the halt is asked for again behind it.
        """
        yield from self.inject_and_settle(HaltRequested(reason, self.now_ns))
        while self._matcher.pending_ids():
            again_ns = self._matcher.cancels_from(self.now_ns)
            yield from self._until(again_ns)
            self.now_ns = max(self.now_ns, again_ns)
            yield from self.inject_and_settle(HaltRequested(reason, self.now_ns))

    def _publish(self, ts_ns: int, messages: Sequence[MarketData]) -> None:
        for message in messages:
            self._matcher.on_market(ts_ns, message)
        self._on_the_way.append((self._feed.due(ts_ns), messages))

    def _until(self, limit_ns: int | None) -> Iterator[Moment]:
        """Yield every instant before `limit_ns`; with None, until nothing is under way."""
        for _ in range(QUIET_INSTANTS_MAX):
            under_way = self._next_under_way()
            if limit_ns is None and under_way is None:
                return
            at_ns = self._timer_ns if under_way is None else min(under_way, self._timer_ns)
            if limit_ns is not None and at_ns >= limit_ns:
                return
            if batch := self._arrivals(at_ns):
                yield self._carry(self.now_ns, batch)  # later than at_ns when an operator's event ran ahead
        raise AssertionError(f"{QUIET_INSTANTS_MAX} instants between two messages: a loop")

    def _next_under_way(self) -> int | None:
        times = [due] if (due := self._matcher.next_due()) is not None else []
        times += [self._on_the_way[0][0]] if self._on_the_way else []
        return min(times, default=None)

    def _arrivals(self, at_ns: int) -> list[Event]:
        self.now_ns = at_ns = max(at_ns, self.now_ns)
        batch: list[Event] = []
        while self._on_the_way and self._on_the_way[0][0] <= at_ns:
            batch.extend(self._on_the_way.popleft()[1])
        batch.extend(said_by(Source.SIMULATED, evidence) for evidence in self._matcher.advance(at_ns))
        if self._timer_ns <= at_ns:
            batch.append(Timer("second", self._timer_ns))
            self._timer_ns += NS_PER_S
        return batch

    def _carry(self, now_ns: int, batch: list[Event]) -> Moment:
        step = self._step(now_ns, batch)
        for command in step.output.commands:
            submit(self._matcher, now_ns, command)
        return now_ns, batch, step


def submit(matcher: PaperMatcher, now_ns: int, command: Command) -> None:
    """Send one command to the paper venue."""
    match command:
        case PlaceOrder():
            matcher.submit(now_ns, command)
        case CancelOrder():
            matcher.cancel(now_ns, command)
        case CancelAll():
            matcher.cancel_all(now_ns)
