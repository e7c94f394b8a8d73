"""What the monitor knows of one run: newest metrics, 60 s of the charted gauges, bounded lists of events. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, TypeVar

import attrs

from agbot.telemetry.protocol import (
    DECISIONS_KEPT,
    FILLS_KEPT,
    LOGS_KEPT,
    MARKETS_KEPT,
    ORDERS_KEPT,
    SERIES_WINDOW_MS,
    TICK_MS,
    Event,
    EventLine,
    HistogramValue,
    MetricEntry,
    MetricLine,
    Snapshot,
    bucket,
    series_key,
)
from agbot.timeseries import TimeSeries

_T = TypeVar("_T")

METRICS_MAX: Final = 20_000
"""Distinct names and label sets of a run; a line beyond is malformed."""
TICK_EVENTS_MAX: Final = 2000
"""Events in one delta; when more come in a tick, readers get a fresh snapshot instead."""
CHARTED: Final = frozenset(
    {
        "polymarket.rtds.lag_ms",
        "polymarket.rtds.msgs_per_second",
        "polymarket.inventory.value_usd",
        "strategy.pnl_usd",
        "agbot.equity_usd",
        "risk.current_drawdown",
    }
)
LIVE: Final = "LIVE"
"""The mode of a run that trades real money."""
PRICES: Final = frozenset({"polymarket.book.best_bid", "polymarket.book.best_ask"})
CHARTED_MAX: Final = 64
"""Series of `CHARTED`, and as many of `PRICES`, with a ring; the charts show no more."""
CHART_TICKS: Final = 2
"""A ring gets a point every so many ticks."""


class _Tally:
    __slots__ = ("buckets", "count", "last", "max", "min", "sum")

    def __init__(self, value: float) -> None:
        self.count = 1
        self.sum = self.min = self.max = self.last = value
        self.buckets = {bucket(value): 1}

    def add(self, value: float) -> None:
        self.count += 1
        self.sum += value
        self.min = min(self.min, value)
        self.max = max(self.max, value)
        self.last = value
        where = bucket(value)
        self.buckets[where] = self.buckets.get(where, 0) + 1

    def value(self) -> HistogramValue:
        return HistogramValue(self.count, self.sum, self.min, self.max, self.last, tuple(sorted(self.buckets.items())))


class Metric:
    """The newest state of one name and label set. `total` and `recent` are set on histograms only."""

    __slots__ = ("key", "kind", "labels", "name", "recent", "ring", "timestamp", "total", "value")

    def __init__(self, key: str, line: MetricLine) -> None:
        self.key = key
        self.name = line.metric_name
        self.kind = line.metric_type
        self.labels = line.labels
        self.value = 0.0
        self.timestamp = 0
        self.total: _Tally | None = None
        self.recent: _Tally | None = None
        self.ring: TimeSeries | None = None

    def take(self, line: MetricLine) -> None:
        """Apply one line."""
        self.value = line.value
        self.timestamp = line.timestamp
        if self.kind == "histogram":
            self.total = _tallied(self.total, line.value)
            self.recent = _tallied(self.recent, line.value)

    def entry(self) -> MetricEntry:
        """Return the entry of a snapshot."""
        value = self.value if self.total is None else self.total.value()
        return (self.name, self.labels, self.kind, value, self.timestamp)

    def turn(self) -> MetricEntry:
        """Return the entry of this tick's delta and begin the next tick."""
        value = self.value if self.recent is None else self.recent.value()
        self.recent = None
        return (self.name, self.labels, self.kind, value, self.timestamp)


def _copied(ring: TimeSeries) -> TimeSeries:
    copied = TimeSeries(ring.capacity)
    times, values = ring.view(len(ring))
    for at_ms, value in zip(times.tolist(), values.tolist(), strict=True):
        copied.append(at_ms, value)
    return copied


def _tallied(tally: _Tally | None, value: float) -> _Tally:
    if tally is None:
        return _Tally(value)
    tally.add(value)
    return tally


@attrs.frozen
class Changes:
    """What one tick brought. `overflow`: too much for a delta, send a snapshot."""

    metrics: list[MetricEntry]
    events: list[EventLine]
    overflow: bool


class RunState:
    """One run as its lines told it.

    Args:
        run_id: empty for a sender that never sent a run line.
    """

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.bots = 0
        self.run: Event | None = None
        self.kill_switch: EventLine | None = None
        self.metrics: dict[str, Metric] = {}
        self.markets: dict[str, Event] = {}
        self.orders: dict[str, EventLine] = {}
        self.fills: deque[EventLine] = deque(maxlen=FILLS_KEPT)
        self.decisions: deque[EventLine] = deque(maxlen=DECISIONS_KEPT)
        self.logs: deque[EventLine] = deque(maxlen=LOGS_KEPT)
        self._charted: list[Metric] = []
        self._changed: dict[str, Metric] = {}
        self._events: deque[EventLine] = deque()
        self._overflow = False
        self._last_seq = 0
        self._ticks = 0
        self._charted_ms = -1

    @property
    def live(self) -> bool:
        """Return whether it trades real money, as its run line says."""
        return self.run is not None and self.run.get("mode") == LIVE

    def copy(self, run_id: str, memo: dict[int, Any]) -> RunState:
        """Return all that is known as another run's, with no bot. `memo` is of `copy.deepcopy`."""
        for metric in self._charted:
            if metric.ring is not None:
                memo[id(metric.ring)] = _copied(metric.ring)
        copied = deepcopy(self, memo)
        copied.run_id, copied.bots = run_id, 0
        return copied

    def take_metric(self, line: MetricLine) -> bool:
        """Apply a metric; False when its type contradicts an earlier line or there are too many series."""
        key = series_key(line.metric_name, line.labels)
        metric = self.metrics.get(key)
        if metric is None:
            if len(self.metrics) >= METRICS_MAX:
                return False
            metric = self.metrics[key] = self._new(key, line)
        elif metric.kind != line.metric_type:
            return False
        metric.take(line)
        self._changed[key] = metric
        return True

    def take_event(self, line: EventLine) -> None:
        """Apply an event; one whose number was seen before (sent again after a reconnect) changes nothing."""
        if line.seq:
            if line.seq <= self._last_seq:
                return
            self._last_seq = line.seq
        self._file(line)
        self._events.append(line)
        if len(self._events) > TICK_EVENTS_MAX:
            self._events.popleft()
            self._overflow = True

    def turn(self, at_ms: int) -> Changes:
        """End a tick: return what it brought and add the charted gauges to their rings."""
        if self.bots and self._ticks % CHART_TICKS == 0 and at_ms != self._charted_ms:  # a paused player's stands still
            self._charted_ms = at_ms
            for metric in self._charted:
                if metric.ring is not None:
                    metric.ring.append(at_ms, metric.value)
        self._ticks += 1
        changes = Changes([m.turn() for m in self._changed.values()], list(self._events), self._overflow)
        self._changed.clear()
        self._events.clear()
        self._overflow = False
        return changes

    def snapshot(self, tick: int, at_ms: int) -> Snapshot:
        """Return all that is known at the end of a tick."""
        return Snapshot(
            tick=tick,
            at=at_ms,
            run=self.run,
            connected=self.bots > 0,
            metrics=[m.entry() for m in self.metrics.values()],
            series=dict(self._series(at_ms)),
            markets=self.markets,
            orders=list(self.orders.values()),
            fills=list(self.fills),
            decisions=list(self.decisions),
            logs=list(self.logs),
            kill_switch=self.kill_switch,
        )

    def _series(self, at_ms: int) -> Iterator[tuple[str, list[tuple[int, float]]]]:
        for metric in self._charted:
            if metric.ring is not None:
                times, values = metric.ring.range(at_ms - SERIES_WINDOW_MS, at_ms)
                yield metric.key, list(zip(times.tolist(), values.tolist(), strict=True))

    def _new(self, key: str, line: MetricLine) -> Metric:
        metric = Metric(key, line)
        if line.metric_type == "gauge" and any(self._charts(line.metric_name, names) for names in (CHARTED, PRICES)):
            metric.ring = TimeSeries(SERIES_WINDOW_MS // TICK_MS // CHART_TICKS + 1)
            self._charted.append(metric)
        return metric

    def _charts(self, name: str, names: frozenset[str]) -> bool:
        return name in names and sum(m.name in names for m in self._charted) < CHARTED_MAX

    def _file(self, line: EventLine) -> None:
        match line.event_type:
            case "run":
                self.run = {**(self.run or {}), **line.event}
            case "market":
                _put(self.markets, str(line.event.get("market_id", "")), line.event, MARKETS_KEPT)
            case "order":
                _put(self.orders, str(line.event.get("client_order_id", "")), line, ORDERS_KEPT)
            case "fill":
                self.fills.append(line)
            case "decision":
                self.decisions.append(line)
            case "log":
                self.logs.append(line)
            case "kill_switch":
                if not line.event.get("scope"):
                    self.kill_switch = line
            case _:
                pass  # position_opened and later kinds live in the delta only


def _put(entries: dict[str, _T], key: str, value: _T, most: int) -> None:
    entries.pop(key, None)
    entries[key] = value
    if len(entries) > most:
        del entries[next(iter(entries))]
