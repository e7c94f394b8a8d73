"""A run once more: what the world said as it was, and the paper venue in place of the one that was traded at."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

import msgspec

from agbot.backtest.lived import Lived, Ways
from agbot.backtest.loop import Moment
from agbot.backtest.turns import Message, Turn, is_evidence
from agbot.core.engine import Engine
from agbot.core.step import Step
from agbot.matching.paper import PaperMatcher
from agbot.matching.queue import QueueRule
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import (
    NOTES,
    Event,
    KillSwitchSet,
    OperatorCancel,
    OperatorOrder,
    OrderEvidence,
    Source,
    Timer,
    said_by,
)
from agbot.model.ids import TokenId
from agbot.units import NS_PER_S

OURS: Final = "agbot"
"""Who closed the kill switch when its own limits did: the core does that again by itself, or has no reason to."""

ROUNDS_MAX: Final = 16
"""Decisions at one instant, one upon the answer to the other. A recorded book holds the orders of then, not of now: a
strategy that takes its own out of it may chase them for ever where answers take no time."""
HOLD_NS: Final = NS_PER_S // 10
"""So long further commands take then."""


class Again:
    """Steps `engine` through a run's own batches, without what its venue said of orders.

    Args:
        engine: asked for commands where it `decides`; else the journal's are sent, and it only keeps the money.
        messages: market data as the venue has it, in time order.
        there: delays of commands; `back` of news. None for no delay.
    """

    def __init__(
        self,
        run: Lived,
        engine: Engine,
        turns: Iterable[Turn],
        messages: Iterable[Message],
        *,
        queue: QueueRule,
        decides: bool = True,
        there: Ways | None = None,
        back: Ways | None = None,
    ) -> None:
        listed = {market.id: market for market in run.markets}
        positions: Counter[TokenId] = Counter()
        for carried in run.header.carried:
            if carried.market in listed:
                positions[listed[carried.market].token(carried.outcome)] += carried.size
        self._engine = engine
        self._matcher = PaperMatcher(run.header.capital, positions=positions, queue_rule=queue)
        self._turns = turns
        self._messages = iter(messages)
        self._decides = decides
        self._there, self._back = there, back
        self._commands: list[tuple[int, int, Command]] = []
        self._news: list[tuple[int, int, OrderEvidence]] = []
        self._sequence = count()
        self._told_ns = 0
        self._rounds = 0
        self._message = next(self._messages, None)
        self.now_ns = 0

    def run(self) -> Iterator[Moment]:
        """Yield every instant of the run, then until nothing of ours is under way."""
        for turn in self._turns:
            yield from self._until(turn.now_ns)
            self._venue(turn.now_ns)
            news = self._heard(turn.now_ns)
            batch = _together([event for event in turn.batch if not self._dropped(event)], news)
            if batch or not (self._decides or turn.output.empty):  # what the journal sent is sent, whatever is heard
                yield self._step(turn.now_ns, batch, turn)
        while heaps := [heap for heap in (self._commands, self._news) if heap]:
            yield from self._until(min(heap[0][0] for heap in heaps) + 1)

    def _until(self, limit_ns: int) -> Iterator[Moment]:
        """Let everything happen before `limit_ns`; yield the instants in which we hear something."""
        while (at_ns := self._next()) is not None and at_ns < limit_ns:
            self._venue(at_ns)
            if news := self._heard(at_ns):
                yield self._step(at_ns, [*news], None)

    def _next(self) -> int | None:
        times = [self._message[0]] if self._message else []
        times += [heap[0][0] for heap in (self._commands, self._news) if heap]
        due = self._matcher.next_due()
        return min([*times, *([] if due is None else [due])], default=None)

    def _venue(self, at_ns: int) -> None:
        """Let what is due at the venue happen: commands that were under way, then the market's messages."""
        while self._commands and self._commands[0][0] <= at_ns:
            self._submit(at_ns, heapq.heappop(self._commands)[2])
        while self._message and self._message[0] <= at_ns:
            self._matcher.on_market(at_ns, self._message[1])
            self._message = next(self._messages, None)
        for evidence in self._matcher.advance(at_ns):
            told_ns = evidence.ts_ns + (self._back.ns(evidence) if self._back else 0)
            self._told_ns = max(told_ns, self._told_ns)
            heapq.heappush(self._news, (self._told_ns, next(self._sequence), said_by(Source.SIMULATED, evidence)))

    def _submit(self, at_ns: int, command: Command) -> None:
        match command:
            case PlaceOrder():
                self._matcher.submit(at_ns, command)
            case CancelOrder():
                self._matcher.cancel(at_ns, command)
            case CancelAll():
                self._matcher.cancel_all(at_ns)

    def _heard(self, at_ns: int) -> list[Event]:
        news: list[Event] = []
        while self._news and self._news[0][0] <= at_ns:
            news.append(heapq.heappop(self._news)[2])
        return news

    def _step(self, now_ns: int, batch: list[Event], turn: Turn | None) -> Moment:
        self._rounds = self._rounds + 1 if now_ns == self.now_ns else 1
        held_ns = HOLD_NS if self._rounds > ROUNDS_MAX else 0
        self.now_ns = now_ns
        step = self._engine.step(now_ns, batch)
        if not self._decides:
            step = self._as_journaled(now_ns, step, turn)
        for command in step.output.commands:
            arrives = now_ns + held_ns + (self._there.ns(command) if self._there else 0)
            heapq.heappush(self._commands, (arrives, next(self._sequence), command))
        return now_ns, batch, step

    def _dropped(self, event: Event) -> bool:
        """Return whether it comes of the venue that was traded at, or of what was decided then.

        Where nothing is decided anew, an operator's order is the journal's already.
        """
        if not self._decides and isinstance(event, OperatorOrder | OperatorCancel):
            return True
        return is_evidence(event) or isinstance(event, NOTES) or (isinstance(event, KillSwitchSet) and event.by == OURS)

    def _as_journaled(self, now_ns: int, step: Step, turn: Turn | None) -> Step:
        if turn is None:
            return msgspec.structs.replace(step, output=type(step.output)((), (), ()))
        for command in turn.output.commands:
            if isinstance(command, PlaceOrder):
                self._engine.oms.begin(now_ns, command)
        return msgspec.structs.replace(step, output=turn.output)


def _together(world: list[Event], news: list[Event]) -> list[Event]:
    """Put news where the virtual loop has it: behind market data, before the second's timer."""
    at = next((place for place, event in enumerate(world) if type(event) is Timer), len(world))
    return [*world[:at], *news, *world[at:]]
