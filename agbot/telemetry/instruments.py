"""What values are recorded with: counters, gauges and histograms. Trading calls them, so each is one short call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from agbot.store.rows import MetricRow
from agbot.telemetry.protocol import MetricLine, MetricType, encode
from agbot.units import NS_PER_MS

NEVER: Final = -1
"""When nothing was recorded yet."""


class Sink(Protocol):
    """What instruments ask of the registry that they belong to."""

    now_ns: Callable[[], int]
    fresh: list[Observation]
    fresh_max: int

    def settle(self) -> None:
        """See to what is fresh."""

    def wait(self, slot: Counter | Gauge, /) -> None:
        """Let it wait for the monitor."""

    def drop_metric(self) -> None:
        """Count a value that is not recorded."""


class Instrument:
    """What is recorded, and its newest value. What trading calls makes no call that it can do without."""

    __slots__ = (
        "fresh",
        "fresh_max",
        "kind",
        "labels",
        "name",
        "now_ns",
        "queued",
        "refused",
        "registry",
        "sampled",
        "sampled_ns",
        "sorted_labels",
        "ts_ns",
        "value",
    )

    def __init__(self, registry: Sink, kind: MetricType, name: str, labels: dict[str, str]) -> None:
        self.registry = registry
        self.now_ns = registry.now_ns
        self.fresh = registry.fresh
        self.fresh_max = registry.fresh_max
        self.kind = kind
        self.name = name
        self.labels = labels
        self.refused = False
        self.queued = False
        self.value = 0.0
        self.ts_ns = NEVER
        self.sampled = (NEVER, 0.0)
        self.sampled_ns = 0
        self.sorted_labels = tuple(sorted(labels.items()))

    def line(self, ts_ns: int, value: float) -> bytes:
        """Return an observation as the monitor is told it."""
        return encode(MetricLine(ts_ns // NS_PER_MS, self.kind, self.name, value, self.labels))

    def row(self, ts_ns: int, value: float) -> MetricRow:
        """Return an observation for the history, later than the one before: two of one instant would be one row."""
        self.sampled_ns = max(ts_ns, self.sampled_ns + 1)
        return MetricRow(self.sampled_ns, self.name, self.sorted_labels, value)


class Counter(Instrument):
    """A number that only rises."""

    __slots__ = ()

    def add(self, n: float = 1) -> None:
        """Add `n` ≥ 0."""
        assert n >= 0, "a counter only rises"
        value = self.value + n
        if value - value or self.refused:  # true of what is not finite
            self.registry.drop_metric()
            return
        self.value = value
        self.ts_ns = self.now_ns()
        if not self.queued:
            self.queued = True
            self.registry.wait(self)


class Gauge(Instrument):
    """A number that moves: `set` records the value of now; one that is not finite is dropped and counted."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Record the value of now."""
        if value - value or self.refused:
            self.registry.drop_metric()
            return
        self.value = value
        self.ts_ns = self.now_ns()
        if not self.queued:
            self.queued = True
            self.registry.wait(self)


class Histogram(Instrument):
    """Single observations: `observe` records one; one that is not finite is dropped and counted."""

    __slots__ = ()

    def observe(self, value: float) -> None:
        """Record one."""
        if value - value or self.refused:
            self.registry.drop_metric()
            return
        fresh = self.fresh
        fresh.append((self, self.now_ns(), value))
        if len(fresh) >= self.fresh_max:
            self.registry.settle()


Observation: TypeAlias = tuple[Histogram, int, float]
"""Of what, when (ns), and which value."""
