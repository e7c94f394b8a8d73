"""The ways between us and the paper venue, on one virtual clock: what is due when, and what an outage does to it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from functools import partial

from agbot.matching.conditions import Conditions
from agbot.matching.latency import Delays, Line, Stream
from agbot.matching.outages import NO_ANSWER, SILENCE_NS, Outage, OutageKind, Outages
from agbot.model.events import OrderEvidence, OrderUnknown, Source
from agbot.model.ids import ClientOrderId

Action = Callable[[int], None]


class Transit:
    """Commands on their way in, news on its way out. At one instant things happen in the order they were handed over.

    While the venue is down nothing gets through: what is under way to it then is lost, what is under way from it is
    heard when it is over. Who asked and hears nothing for `SILENCE_NS` knows as much: OrderUnknown.
    """

    def __init__(self, conditions: Conditions, delays: Delays) -> None:
        self.now_ns = 0
        self.told_ns = 0
        """When everything that was said so far is heard."""
        self._outages = Outages(conditions.outages)
        self._orders = Line(delays.order, conditions.seed, Stream.ORDER, overtaking=delays.overtaking)
        self._answers = Line(delays.answer, conditions.seed, Stream.ANSWER)
        self._heap: list[tuple[int, int, Action]] = []
        self._outbox: list[tuple[int, int, OrderEvidence]] = []
        self._seq = 0

    def send(self, now_ns: int, action: Callable[[int, int], None]) -> int:
        """Let ``action(sent, arrived)`` happen when a command that is sent now arrives, and return when that is."""
        sent_ns = max(now_ns, self.now_ns)
        arrival = self._orders.due(sent_ns)
        self.schedule(arrival, partial(action, sent_ns))
        return arrival

    def schedule(self, at_ns: int, action: Action) -> None:
        """Let something happen at a time."""
        self._seq += 1
        heapq.heappush(self._heap, (at_ns, self._seq, action))

    def tell(self, evidence: OrderEvidence, asked_ns: int | None = None) -> None:
        """Let the venue say something at the time it names; `asked_ns` is when the command left that it answers."""
        through = self._answers.due(evidence.ts_ns)
        if not self._outages:
            self._push(through, evidence)
            return
        due = self._outages.down_until(through)
        if asked_ns is not None and due > max(through, asked_ns + SILENCE_NS):
            self.silence(evidence.client_order_id, asked_ns)
        self._push(due, evidence)

    def reply(self, now_ns: int) -> None:
        """Let the venue answer a request that is about no one order."""
        self.told_ns = max(self.told_ns, self._outages.down_until(self._answers.due(now_ns)))

    def silence(self, order_id: ClientOrderId, asked_ns: int) -> int:
        """Let us give up waiting for an answer, and return when."""
        gives_up = max(asked_ns + SILENCE_NS, self.now_ns)
        self._push(gives_up, OrderUnknown(order_id, NO_ANSWER, gives_up, Source.OURS))
        return gives_up

    def outage(self, now_ns: int) -> Outage | None:
        """Return how the venue is out."""
        return self._outages.at(now_ns)

    def down(self, now_ns: int) -> Outage | None:
        """Return the outage in which nothing gets through at a time."""
        outage = self._outages.at(now_ns)
        return outage if outage and outage.kind is OutageKind.DOWN else None

    def cancels_from(self, now_ns: int) -> int:
        """Return when a cancel is taken again, `now_ns` when it is now."""
        return self._outages.cancels_from(now_ns)

    def next_wipe(self, until_ns: int) -> int | None:
        """Return, once each, the earliest time up to `until_ns` at which an outage cancels what rests."""
        return self._outages.next_wipe(until_ns)

    def next_due(self) -> int | None:
        """Return when something happens or is heard next."""
        if self._heap and self._outbox:
            return min(self._heap[0][0], self._outbox[0][0])
        queue = self._heap or self._outbox
        return queue[0][0] if queue else None

    def actions(self, until_ns: int) -> Iterator[tuple[int, Action]]:
        """Yield what happens up to `until_ns`, also what comes of it meanwhile."""
        while self._heap and self._heap[0][0] <= until_ns:
            at_ns, _, action = heapq.heappop(self._heap)
            yield max(self.now_ns, at_ns), action

    def heard(self) -> list[OrderEvidence]:
        """Return the news that has reached us by now, in order."""
        evidence: list[OrderEvidence] = []
        while self._outbox and self._outbox[0][0] <= self.now_ns:
            evidence.append(heapq.heappop(self._outbox)[2])
        return evidence

    def _push(self, due_ns: int, evidence: OrderEvidence) -> None:
        self._seq += 1
        self.told_ns = max(self.told_ns, due_ns)
        heapq.heappush(self._outbox, (due_ns, self._seq, evidence))
