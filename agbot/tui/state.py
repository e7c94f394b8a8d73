"""What the terminal knows, as a pure fold over dashboard frames. No screen, no clock, no network."""

from __future__ import annotations

import enum
import itertools
from collections import deque
from collections.abc import Container
from typing import Final

import attrs

from agbot.tui import wire
from agbot.tui.series import Distribution, Observed, Series, step_sum
from agbot.tui.told import Told
from agbot.tui.wire import EventLine, FillRow, LogRow, MetricKey, OrderRow, RunRow

VERSION: Final = 1
ORDERS_MAX: Final = 1000
FILLS_MAX: Final = 200
LOG_MAX: Final = 500
DENIED_MAX: Final = 200
MARKETS_MAX: Final = 2000
METRICS_MAX: Final = 20_000
LAG_WINDOW_MS: Final = 60_000
LAG_STEP_MS: Final = 250
PNL_WINDOW_MS: Final = 600_000
PNL_STEP_MS: Final = 1_000

PNL: Final = "strategy.pnl_usd"
LAG: Final = "polymarket.rtds.lag_ms"
RATE: Final = "polymarket.rtds.msgs_per_second"
HEALTH: Final = "venue.health"
TICK_TO_ORDER: Final = "exec.tick_to_order_ms"
SUBMIT_TO_ACK: Final = "exec.latency_ms"
KILL: Final = "polymarket.risk.kill_switch"


class Applied(enum.Enum):
    """What became of a frame."""

    SHOWN = "shown"
    GAP = "frames were lost: ask for a snapshot"
    FOREIGN = "not a frame of this protocol's version"


@attrs.frozen(kw_only=True)
class MarketRow:
    """One market: best prices of YES (usd, None when that side is empty) and our shares of either outcome."""

    market_id: str
    name: str
    question: str
    bid: float | None
    ask: float | None
    yes: float
    no: float

    @property
    def spread(self) -> float | None:
        """Return ask − bid in usd, None unless both are there."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


class Dashboard:
    """The newest of everything a frame has told. Keeps its values when the bot or the monitor goes away."""

    def __init__(self) -> None:
        self.run = RunRow()
        self.connected = False
        self.at_ms = 0
        self.tick: int | None = None
        self.kill_on = False
        self.kill_reason = ""
        self.orders: dict[str, OrderRow] = {}
        self.fills: deque[FillRow] = deque(maxlen=FILLS_MAX)
        self.log: deque[LogRow] = deque(maxlen=LOG_MAX)
        self.allowed: deque[LogRow] = deque(maxlen=LOG_MAX)
        self.denied: deque[LogRow] = deque(maxlen=DENIED_MAX)
        self.told = Told()
        self.pnl = Series(PNL_WINDOW_MS, PNL_STEP_MS)
        self.lag: dict[str, Series] = {}
        self._markets: dict[str, wire.Mapping] = {}
        self.spreads = {TICK_TO_ORDER: Distribution(), SUBMIT_TO_ACK: Distribution()}
        self._metrics: dict[str, dict[wire.Labels, float]] = {}
        self._observed: dict[MetricKey, Observed] = {}
        self._known = 0

    def apply(self, frame: object) -> Applied:
        """Take one decoded frame in. Never raises; only SHOWN has changed anything but the tick."""
        fields = wire.mapping(frame)
        kind, tick = fields.get("kind"), fields.get("tick")
        if fields.get("v") != VERSION or kind not in ("snapshot", "delta") or type(tick) is not int:
            return Applied.FOREIGN
        if kind == "delta" and (self.tick is None or tick != self.tick + 1):
            self.tick = None
            return Applied.GAP
        self.tick = tick
        self.at_ms = wire.whole(fields.get("at"))
        self.connected = fields.get("connected") is True
        if kind == "snapshot":
            self._apply_snapshot(fields)
        else:
            self._apply_delta(fields)
        return Applied.SHOWN

    def market_name(self, market_id: str) -> str:
        """Return what a person calls the market: its slug, else the id with its middle cut out."""
        slug = wire.text(self._markets.get(market_id, {}), "slug")
        if slug or len(market_id) <= 14:
            return slug or market_id
        return f"{market_id[:6]}…{market_id[-4:]}"

    def markets(self) -> list[MarketRow]:
        """Return the markets: those we hold or quote first, then by name."""
        quoted = {order.market_id for order in self.orders.values() if order.live}
        rows = [self._market_row(market_id) for market_id in self._markets]
        return sorted(rows, key=lambda r: (not (r.yes or r.no), r.market_id not in quoted, r.name))

    def newest_orders(self) -> list[OrderRow]:
        """Return the orders, live ones first, each group newest first."""
        newest = list(reversed(self.orders.values()))
        return [o for o in newest if o.live] + [o for o in newest if not o.live]

    def gauge(self, name: str, **labels: str) -> float | None:
        """Return the newest value of the metric, None when it was never sent."""
        return self._metrics.get(name, {}).get(wire.labels_key(labels))

    def gauges(self, name: str) -> dict[wire.Labels, float]:
        """Return the newest values of the metric by label set; empty when it was never sent."""
        return self._metrics.get(name, {})

    def total(self, name: str) -> float | None:
        """Return the sum over all label sets, None when none was ever sent."""
        found = self._metrics.get(name)
        return sum(found.values()) if found else None

    def observed(self, name: str) -> dict[wire.Labels, Observed]:
        """Return what was observed since the run began, by label set."""
        return {labels: told for (metric, labels), told in self._observed.items() if metric == name}

    def rate(self) -> float | None:
        """Return market-data messages per second, all feeds together."""
        return self.total(RATE)

    def pnl_usd(self) -> float | None:
        """Return the profit and loss of all strategies and markets together, None when none was sent."""
        return self.total(PNL)

    def venue_health(self) -> int:
        """Return how the worst venue is: 0 well, 1 degraded, 2 down."""
        return int(max(self.gauges(HEALTH).values(), default=0.0))

    def lag_ms(self) -> float | None:
        """Return the newest lag of the slowest topic, None when none was sent."""
        return max(self.gauges(LAG).values(), default=None)

    def _market_row(self, market_id: str) -> MarketRow:
        return MarketRow(
            market_id=market_id,
            name=self.market_name(market_id),
            question=wire.text(self._markets[market_id], "question"),
            bid=self._price("polymarket.book.best_bid", market_id),
            ask=self._price("polymarket.book.best_ask", market_id),
            yes=self.gauge("polymarket.position.size", market_id=market_id, side="YES") or 0.0,
            no=self.gauge("polymarket.position.size", market_id=market_id, side="NO") or 0.0,
        )

    def _price(self, name: str, market_id: str) -> float | None:
        """Return a best price; the ends of the scale, 0 and 1, mean that the side is empty."""
        found = self.gauge(name, market_id=market_id)
        return None if found in (0.0, 1.0) else found

    def _apply_snapshot(self, fields: wire.Mapping) -> None:
        run = RunRow.parse(wire.event_line(fields.get("run")).body)
        if run.run_id:
            self._enter(run)
        for market_id, market in wire.mapping(fields.get("markets")).items():
            self._list_market(wire.event_line(market).body, market_id)
        self._apply_series(fields)
        # A snapshot of the run we already watch tells again what we know.
        known = {*self.fills, *self.log, *self.allowed}
        told = [_by_time(fields.get(f"{kind}s"), kind) for kind in ("order", "fill", "decision", "log")]
        told.append([wire.event_line(held, "kill_switch")] if (held := fields.get("kill_switch")) else [])
        for line in sorted(itertools.chain.from_iterable(told), key=lambda line: line.at_ms):
            self._apply_event(line, known)
        self._observed.clear()
        for metric in wire.metrics(fields.get("metrics")):
            self._set(metric)
            self._observe(metric)
        self._sample_pnl()

    def _apply_series(self, fields: wire.Mapping) -> None:
        pnl: dict[MetricKey, list[tuple[int, float]]] = {}
        for key, points in wire.series(fields.get("series")):
            if key[0] == LAG:
                for at_ms, value in points:
                    self._lag_series(key).add(at_ms, value)
            elif key[0] == PNL and points:
                pnl[key] = points
        for at_ms, value in step_sum(pnl):
            self.pnl.add(at_ms, value)

    def _apply_delta(self, fields: wire.Mapping) -> None:
        events = [wire.event_line(raw) for raw in wire.items(fields.get("events"))]
        # A new run's first line comes before its first metric: forget the old one before taking either.
        for line in events:
            if line.kind == "run":
                self._apply_run(line)
        for metric in wire.metrics(fields.get("metrics")):
            self._set(metric)
            self._observe(metric)
            self._spread(metric)
        self._sample_pnl()
        for line in events:
            self._apply_event(line)

    def _apply_event(self, line: EventLine, known: Container[object] = ()) -> None:
        if line.kind == "order":
            self._apply_order(OrderRow.parse(line))
        elif line.kind == "fill":
            if (fill := FillRow.parse(line)) not in known:
                self.fills.append(fill)
        elif line.kind == "market":
            self._list_market(line.body, wire.text(line.body, "market_id"))
        elif line.kind != "run":
            self._tell(line, known)

    def _apply_order(self, row: OrderRow) -> None:
        known = self.orders.get(row.client_order_id)
        if known is None or known.at_ms <= row.at_ms:
            self.orders[row.client_order_id] = row
        if len(self.orders) > ORDERS_MAX:
            over = next((k for k, order in self.orders.items() if not order.live), next(iter(self.orders)))
            del self.orders[over]

    def _apply_run(self, line: EventLine) -> None:
        run = RunRow.parse(line.body)
        if run.run_id != self.run.run_id or run.ended != self.run.ended:
            self._tell(line)
        self._enter(run)

    def _enter(self, run: RunRow) -> None:
        """Take over the run's description; what belongs to another run is forgotten, what a monitor lost is kept."""
        if run.run_id and self.run.run_id and run.run_id != self.run.run_id:
            for held in (self.orders, self.fills, self.lag, self.pnl.points, self._markets, self._metrics):
                held.clear()
            self._observed.clear()
            self._known = 0
            self.spreads = {name: Distribution() for name in self.spreads}
        # The last line of a run may leave out what the first one said.
        said = {name: value for name, value in attrs.asdict(run).items() if value}
        self.run = attrs.evolve(self.run, **{"ended": False, "exit_code": "", "reason": "", **said})

    def _tell(self, line: EventLine, known: Container[object] = ()) -> None:
        if line.kind == "kill_switch" and not wire.text(line.body, "scope"):
            self._set_kill(line.body.get("on") is True, wire.text(line.body, "reason"))
        if (row := wire.log_row(line)) is None or row in known:
            return
        (self.log if row.level else self.allowed).append(row)
        if row.label == "denied":
            self.denied.append(row)

    def _set_kill(self, on: bool, reason: str) -> None:
        self.kill_on = on
        self.kill_reason = reason if on else ""

    def _list_market(self, body: wire.Mapping, market_id: str) -> None:
        if market_id and (market_id in self._markets or len(self._markets) < MARKETS_MAX):
            self._markets[market_id] = body

    def _set(self, metric: wire.MetricValue) -> None:
        name, labels = metric.key
        if not self._room_for(name, labels):
            return
        self._metrics.setdefault(name, {})[labels] = metric.value
        if name == LAG:
            self._lag_series(metric.key).add(metric.at_ms, metric.value)
        elif name == KILL:
            self._set_kill(metric.value >= 1, self.kill_reason)
        elif name.startswith("polymarket.book."):
            market_id = dict(labels).get("market_id", "")
            if market_id not in self._markets:
                self._list_market({}, market_id)

    def _room_for(self, name: str, labels: wire.Labels) -> bool:
        if labels in self._metrics.get(name, {}):
            return True
        if self._known >= METRICS_MAX:
            return False
        self._known += 1
        return True

    def _observe(self, metric: wire.MetricValue) -> None:
        """Add what a frame tells of a histogram to what is known of it since the run began."""
        name, labels = metric.key
        if metric.observed is None or labels not in self._metrics.get(name, {}):
            return
        known = self._observed.get(metric.key)
        self._observed[metric.key] = metric.observed.beside(known) if known else metric.observed

    def _spread(self, metric: wire.MetricValue) -> None:
        spread = self.spreads.get(metric.key[0])
        if spread is not None and metric.observed is not None:
            spread.add(metric.observed)

    def _lag_series(self, key: MetricKey) -> Series:
        topic = dict(key[1]).get("topic", "")
        return self.lag.setdefault(topic, Series(LAG_WINDOW_MS, LAG_STEP_MS))

    def _sample_pnl(self) -> None:
        if (total := self.pnl_usd()) is not None and self.connected:
            self.pnl.add(self.at_ms, total)


def _by_time(raw: object, kind: str) -> list[EventLine]:
    """Return a snapshot's events oldest first, however the monitor ordered them."""
    return sorted((wire.event_line(entry, kind) for entry in wire.items(raw)), key=lambda line: line.at_ms)
