"""Metrics and events inside the bot: recording is synchronous, cheap and never fails; `push` drains it.

Counters and gauges hold one slot each: recorded ten times between two drains they make one line with the newest value.
Histograms and `gauge_each` make a line an observation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from agbot.store.rows import MetricRow
from agbot.telemetry.instruments import NEVER, Counter, Gauge, Histogram, Instrument, Observation
from agbot.telemetry.protocol import (
    DECISIONS_KEPT,
    FILLS_KEPT,
    LINE_BYTES_MAX,
    LOGS_KEPT,
    MARKETS_KEPT,
    ORDERS_KEPT,
    EventLine,
    MetricType,
    encode,
    series_key,
)
from agbot.units import NS_PER_MS, NS_PER_S

METRICS_BUFFER_MAX: Final = 1000
"""Observations that wait for the monitor; beyond, the oldest goes and is counted."""
EVENTS_BUFFER_MAX: Final = 5000
"""Events that wait for the monitor; beyond, the oldest goes and is counted."""
INSTRUMENTS_MAX: Final = 10_000
"""Distinct names and label sets; what is recorded beyond is counted as dropped."""

OBSERVATIONS_MAX: Final = 10_000
"""Observations that wait for the next sample; what comes beyond is not in the history, only on the page."""

EVENTS: Final = "agbot.events"
DROPPED: Final = "agbot.telemetry.dropped"
# Sent again to a monitor that comes back: it has lost its memory, or the last frames were in flight when it died.
# The value says which field makes a newer event replace an older one; "" keeps them all.
_KEPT: Final[dict[str, tuple[int, str]]] = {
    "market": (MARKETS_KEPT, "market_id"),
    "order": (ORDERS_KEPT, "client_order_id"),
    "kill_switch": (64, "name"),
    "fill": (FILLS_KEPT, ""),
    "decision": (DECISIONS_KEPT, ""),
    "log": (LOGS_KEPT, ""),
    "position_opened": (LOGS_KEPT, ""),
    "position_closed": (LOGS_KEPT, ""),
}


_Waiting: TypeAlias = Counter | Gauge | Observation
_Made = TypeVar("_Made", Counter, Gauge, Histogram)


@attrs.frozen
class Batch:
    """What one drain took out. Hand it to `Registry.restore` when it could not be sent."""

    lines: list[bytes] = attrs.field(factory=list)
    events: list[tuple[int, bytes]] = attrs.field(factory=list)
    observations: list[Observation] = attrs.field(factory=list)


class Registry:
    """All instruments and events of one run. Used by one thread.

    Args:
        now_ns: tells UTC nanoseconds. It is called for every value, so a function of C is worth having here.
        run_id: stands in every event line.
    """

    def __init__(
        self,
        now_ns: Callable[[], int],
        *,
        run_id: str = "",
        metrics_max: int = METRICS_BUFFER_MAX,
        events_max: int = EVENTS_BUFFER_MAX,
        instruments_max: int = INSTRUMENTS_MAX,
    ) -> None:
        self.run_id = run_id
        self.now_ns = now_ns
        self.closed = False
        self.on_pressure: Callable[[], None] | None = None
        """Called when the metrics buffer is half full, and by `close`: drain now."""
        self._metrics_max = metrics_max
        self._events_max = events_max
        self._instruments_max = instruments_max
        self.fresh: list[Observation] = []
        """Observations that do not wait yet: `settle` sees to what they owe the monitor and the history."""
        self.fresh_max = max(1, metrics_max // 2)
        self._instruments: dict[str, Instrument] = {}
        self._asked: dict[tuple[str, ...], Instrument] = {}  # the same, by labels in whatever order they were given
        self._waiting: deque[_Waiting] = deque()
        self._events: deque[tuple[int, bytes]] = deque()
        self._kept: dict[str, dict[object, tuple[int, bytes]]] = {kind: {} for kind in _KEPT}
        self._seq = 0
        self._slot_lost = False
        self._owed: list[Counter | Gauge] = []  # slots that a burst pushed out: their newest values still go out
        self._observations: list[Observation] | None = None
        self._dropped = {kind: Counter(self, "counter", DROPPED, {"kind": kind}) for kind in ("metric", "event")}

    def counter(self, name: str, /, **labels: str) -> Counter:
        """Return the counter of this name and these labels, the same one each time."""
        return self._instrument(Counter, "counter", name, labels)

    def gauge(self, name: str, /, **labels: str) -> Gauge:
        """Return the gauge of this name and these labels; only its newest value is sent."""
        return self._instrument(Gauge, "gauge", name, labels)

    def gauge_each(self, name: str, /, **labels: str) -> Histogram:
        """Return a gauge whose every value makes a line, such as `polymarket.risk.decision`."""
        return self._instrument(Histogram, "gauge", name, labels)

    def histogram(self, name: str, /, **labels: str) -> Histogram:
        """Return the histogram of this name and these labels."""
        return self._instrument(Histogram, "histogram", name, labels)

    def event(self, event_type: str, /, **fields: Any) -> None:
        """Record a fact for people, and count it in `agbot.events`.

        Decimals become text; a line over `LINE_BYTES_MAX` is dropped and counted as that.
        """
        self._seq += 1
        self.counter(EVENTS, event_type=event_type).add()
        line = encode(EventLine(self.now_ns() // NS_PER_MS, event_type, fields, self.run_id, self._seq))
        if len(line) > LINE_BYTES_MAX:
            self._drop("event")
            return
        entry = (self._seq, line)
        self._events.append(entry)
        if len(self._events) > self._events_max:
            self._events.popleft()
            self._drop("event")
        self._keep(event_type, fields, entry)

    def dropped(self, kind: str) -> int:
        """Return how many ("metric" or "event") were dropped so far."""
        self.settle()
        return int(self._dropped[kind].value)

    def observe_singly(self) -> None:
        """Keep every observation of what is not coalesced for `sample`, at most `OBSERVATIONS_MAX` between two."""
        self._observations = []

    def sample(self, now_ns: int) -> list[MetricRow]:
        """Return what was recorded since the last sample: of counters and gauges the value of now, of others each one.

        Counters and gauges are stamped with the whole second of `now_ns`, so that they lie side by side.
        """
        self.settle()
        observations, self._observations = self._observations or [], [] if self._observations is not None else None
        rows = [instrument.row(ts_ns, value) for instrument, ts_ns, value in observations]
        second_ns = now_ns // NS_PER_S * NS_PER_S
        for instrument in self._slots():
            newest = (instrument.ts_ns, instrument.value)
            if newest != instrument.sampled:
                instrument.sampled = newest
                rows.append(instrument.row(second_ns, instrument.value))
        return rows

    def close(self) -> None:
        """Say that nothing more comes: `push` sends what is left and returns."""
        self.closed = True
        self._press()

    def drain(self, max_bytes: int) -> Batch:
        """Take out the oldest lines, events first, up to about `max_bytes`; empty when nothing waits."""
        self.settle()
        batch = Batch()
        size = 0
        while self._events and size < max_bytes:
            entry = self._events.popleft()
            batch.events.append(entry)
            batch.lines.append(entry[1])
            size += len(entry[1]) + 1
        while size < max_bytes and (observation := self._next()) is not None:
            if isinstance(observation, tuple):
                instrument, ts_ns, value = observation
                batch.observations.append(observation)
                line = instrument.line(ts_ns, value)
            else:
                observation.queued = False
                line = observation.line(observation.ts_ns, observation.value)
            batch.lines.append(line)
            size += len(line) + 1
        return batch

    def restore(self, batch: Batch) -> None:
        """Put back what was not sent. Counters and gauges need no place: `resync` sends them."""
        self.settle()
        self._events.extendleft(reversed(batch.events))
        while len(self._events) > self._events_max:
            self._events.popleft()
            self._drop("event")
        self._waiting.extendleft(reversed(batch.observations))
        while len(self._waiting) > self._metrics_max:
            self._lose_oldest()

    def resync(self) -> list[bytes]:
        """Return what a monitor that may know nothing needs: kept events not waiting anyway, each counter and gauge."""
        self.settle()
        first_waiting = self._events[0][0] if self._events else self._seq + 1
        kept = merge(*(entries.values() for entries in self._kept.values()))
        lines = [line for seq, line in kept if seq < first_waiting]
        lines += [slot.line(slot.ts_ns, slot.value) for slot in self._slots()]
        self._unqueue()
        return lines

    def settle(self) -> None:
        """Let fresh observations wait for the monitor and, where there is one, for the history."""
        if not self.fresh:
            return
        fresh = self.fresh.copy()
        self.fresh.clear()
        if self._observations is not None:
            self._observations += fresh[: OBSERVATIONS_MAX - len(self._observations)]
        self._wait(fresh)

    def wait(self, slot: Counter | Gauge) -> None:
        """Let it wait for the monitor, behind what was observed before."""
        self.settle()
        self._wait([slot])

    def drop_metric(self) -> None:
        """Count a value that is not recorded."""
        self._drop("metric")

    def _instrument(self, made: type[_Made], kind: MetricType, name: str, labels: dict[str, str]) -> _Made:
        asked = (name, *labels, *labels.values())
        found = self._asked.get(asked)
        if found is None:
            found = self._asked_first(made, kind, name, labels)
            if not found.refused:
                self._asked[asked] = found
        assert found.kind == kind, f"{name} is a {found.kind}"
        assert isinstance(found, made), f"{name} is a {type(found).__name__}"
        return found

    def _asked_first(self, made: type[_Made], kind: MetricType, name: str, labels: dict[str, str]) -> Instrument:
        key = series_key(name, labels)
        found = self._instruments.get(key)
        if found is not None:
            return found
        instrument = made(self, kind, name, labels)
        instrument.refused = len(self._instruments) >= self._instruments_max
        if not instrument.refused:
            self._instruments[key] = instrument
        return instrument

    def _wait(self, more: Sequence[_Waiting]) -> None:
        before = len(self._waiting)
        self._waiting.extend(more)
        while len(self._waiting) > self._metrics_max:
            self._lose_oldest()
        if before < self._metrics_max // 2 <= len(self._waiting):
            self._press()

    def _lose_oldest(self) -> None:
        oldest = self._waiting.popleft()
        if not isinstance(oldest, tuple):
            oldest.queued = False
            self._slot_lost = True
        self._drop("metric")

    def _drop(self, kind: str) -> None:
        counter = self._dropped[kind]
        counter.value += 1
        counter.ts_ns = self.now_ns()
        counter.queued = True

    def _press(self) -> None:
        if self.on_pressure is not None:
            self.on_pressure()

    def _next(self) -> _Waiting | None:
        for counter in self._dropped.values():
            if counter.queued:
                return counter
        if not self._waiting and not self._owed and self._slot_lost:
            self._slot_lost = False
            self._owed = list(self._slots())
        if self._waiting:
            return self._waiting.popleft()
        return self._owed.pop() if self._owed else None

    def _slots(self) -> Iterator[Counter | Gauge]:
        for instrument in (*self._instruments.values(), *self._dropped.values()):
            if isinstance(instrument, Counter | Gauge) and instrument.ts_ns != NEVER:
                yield instrument

    def _unqueue(self) -> None:
        observations = [o for o in self._waiting if isinstance(o, tuple)]
        for instrument in (*self._instruments.values(), *self._dropped.values()):
            instrument.queued = False
        self._waiting = deque(observations)
        self._owed = []
        self._slot_lost = False

    def _keep(self, event_type: str, fields: dict[str, Any], entry: tuple[int, bytes]) -> None:
        if event_type not in _KEPT:
            return
        most, key_field = _KEPT[event_type]
        entries = self._kept[event_type]
        key = fields.get(key_field, entry[0]) if key_field else entry[0]
        entries.pop(key, None)
        entries[key] = entry
        if len(entries) > most:
            del entries[next(iter(entries))]
