"""Steps as metrics and events. Reads the core right after a step; never waits, never changes anything.

Events carry `correlation_id`, the one id of an order's whole story. Metrics do not: a label an order has no bound.
"""

from __future__ import annotations

from typing import Any

from agbot.core.engine import Engine
from agbot.core.oms import Heard, OrderRecord
from agbot.core.step import Decision, Step, StrategyFailed
from agbot.model.commands import PlaceOrder
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Event,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    MarketListed,
    MarketResolved,
    OrderFilled,
    PoliciesSet,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId
from agbot.model.market import Market, Outcome
from agbot.run.quality import Quality
from agbot.run.risk_metrics import RiskMetrics
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS, SCALE, to_text, usd_text

TOPIC = "clob_market"
_TYPES = {
    BookSnapshot: "book",
    BookDelta: "price_change",
    TradePrint: "last_trade_price",
    TickSizeChanged: "tick_size_change",
}


class Publisher:
    """Observer of the engine: metrics for charts, events for people."""

    def __init__(self, engine: Engine, registry: Registry) -> None:
        self._engine = engine
        self._registry = registry
        self._messages = 0
        self._second_began = 0
        self._received = {
            kind: registry.counter("polymarket.rtds.messages_received", topic=TOPIC, message_type=name)
            for kind, name in _TYPES.items()
        }
        self._lag_ms = registry.gauge("polymarket.rtds.lag_ms", topic=TOPIC)
        self._skew = registry.gauge("polymarket.rtds.clock_skew", topic=TOPIC)
        self._held: dict[tuple[MarketId, Outcome], int] = {}
        self._closed: dict[tuple[str, str], str] = {}
        """What switches are closed, by scope and name: the reason."""
        self._quality = Quality(engine, registry)
        self._risk = RiskMetrics(engine, registry)

    def observe(self, batch: list[Event], step: Step) -> None:
        """Publish one step."""
        self._feed(batch, step.now_ns)
        for decision in step.output.decisions:
            self._decision(decision)
        for record in step.changed:
            self._order(record)
        for record, fill in step.fills:
            self._fill(record, fill)
        for record, fill in step.voided:
            self._voided(record, fill)
        for heard in step.heard:
            if heard.contradiction:
                self._contradicted(heard)
        self._quality.observe(step)
        for command in step.output.commands:
            if isinstance(command, PlaceOrder):
                self._registry.counter("exec.orders_placed", venue=command.venue, side=command.side).add(1)
        for failed in step.failed:
            self._failed(failed)
        told = {heard.contradiction for heard in step.heard}
        for anomaly in step.output.anomalies:
            if anomaly in told:
                continue
            self._registry.event("log", level="warning", event="core.anomaly", reason=anomaly)
        for market_id in step.touched:
            self._book(self._engine.markets[market_id])
        self._positions(batch, step)

    def second(self, now_ns: int) -> None:
        """Publish what is measured once a second."""
        self._quality.second(now_ns)
        self._risk.second(now_ns)
        elapsed = max(1, now_ns - self._second_began) if self._second_began else 1_000_000_000
        self._second_began = now_ns
        gauge, portfolio = self._registry.gauge, self._engine.portfolio
        gauge("polymarket.rtds.msgs_per_second").set(self._messages * 1e9 / elapsed)
        self._messages = 0
        gauge("polymarket.inventory.value_usd").set(portfolio.inventory_usd() / SCALE)
        gauge("agbot.cash_usd").set(portfolio.cash / SCALE)
        gauge("agbot.equity_usd").set(portfolio.equity() / SCALE)
        gauge("polymarket.risk.kill_switch").set(1 if self._engine.kill_switch else 0)
        for (strategy, market), pnl in portfolio.strategy_pnl().items():
            gauge("strategy.pnl_usd", strategy_id=strategy, market=market).set(pnl / SCALE)

    def latency(self, venue: str, market: str, ms: float) -> None:
        """Publish the time from sending an order to its acknowledgement."""
        self._registry.histogram("exec.latency_ms", venue=venue, market=market).observe(ms)

    def sent(self, venue: str, ms: float) -> None:
        """Publish the time from taking in what an order was decided on to sending it."""
        self._registry.histogram("exec.tick_to_order_ms", venue=venue).observe(ms)

    def _feed(self, batch: list[Event], now_ns: int) -> None:
        newest = 0
        for event in batch:
            received = self._received.get(type(event))
            if received is not None:
                self._messages += 1
                newest = max(newest, event.ts_ns)
                received.add(1)
            elif isinstance(event, MarketListed):
                self._listed(event.market)
            elif isinstance(event, LinkUp | LinkDown):
                up = isinstance(event, LinkUp)
                self._registry.gauge("polymarket.rtds.connection_status", feed=event.feed).set(1 if up else 0)
            elif isinstance(event, BookTrust):
                self._trust(event)
            elif isinstance(event, KillSwitchSet):
                self._switched(event)
            elif isinstance(event, PoliciesSet):
                self._registry.event("log", level="warning", event="policies.set", reason=event.reason, by=event.by)
        if newest:
            self._lag((now_ns - newest) / NS_PER_MS)

    def _lag(self, lag_ms: float) -> None:
        self._lag_ms.set(lag_ms)
        self._skew.set(1 if lag_ms < 0 else 0)

    def _trust(self, event: BookTrust) -> None:
        said = ("warning", "book.doubted") if event.cause else ("info", "book.believed")
        self._registry.event("log", level=said[0], event=said[1], token=event.token, reason=event.cause)

    def _switched(self, event: KillSwitchSet) -> None:
        what = (event.scope, event.name)
        told = self._closed.get(what)
        # whoever closes it says so, and so does the clock that sees the latch on disk: one line a change
        if told == (event.reason if event.on else None):
            return
        if event.on:
            self._closed[what] = event.reason
        else:
            del self._closed[what]
        said = {"on": event.on, "reason": event.reason, "by": event.by}
        self._registry.event("kill_switch", **said, scope=event.scope, name=event.name)

    def _listed(self, market: Market) -> None:
        self._registry.event("market", **market_fields(market))

    def _decision(self, decision: Decision) -> None:
        self._registry.counter(
            "strategy.signals_generated", strategy_id=decision.strategy, signal_type=str(decision.side)
        ).add(1)
        for policy in decision.violated or ("all",):
            self._registry.gauge_each("polymarket.risk.decision", policy=policy, market_id=decision.market).observe(
                1 if decision.allowed else 0
            )
        market = self._engine.markets.get(decision.market)
        self._registry.event(
            "decision",
            client_order_id=decision.client_order_id,
            correlation_id=decision.correlation,
            market_id=decision.market,
            allowed=decision.allowed,
            violated=list(decision.violated),
            outcome=_outcome(market, decision.token),
            side=str(decision.side),
            price=to_text(decision.price),
            size=to_text(decision.size),
            why=decision.why,
        )

    def _order(self, record: OrderRecord) -> None:
        self._registry.event("order", **order_fields(self._engine, record))

    def _fill(self, record: OrderRecord, fill: OrderFilled) -> None:
        command = record.command
        self._registry.event(
            "fill",
            client_order_id=command.client_order_id,
            correlation_id=command.correlation,
            trade_id=fill.trade_id,
            market_id=command.market,
            outcome=_outcome(self._engine.markets.get(command.market), command.token),
            side=str(command.side),
            price=to_text(fill.price),
            size=to_text(fill.size),
            fee_usd=to_text(fill.fee),
            liquidity=str(fill.liquidity),
            match=fill.match,
            settlement=str(fill.settlement),
            source=str(fill.source),
        )

    def _voided(self, record: OrderRecord, fill: OrderFilled) -> None:
        self._registry.event(
            "log",
            level="warning",
            event="fill.voided",
            correlation_id=record.command.correlation,
            reason=f"trade {fill.trade_id} of {record.command.client_order_id} failed to settle: "
            f"{to_text(fill.size)} at {to_text(fill.price)} taken back",
        )

    def _failed(self, failed: StrategyFailed) -> None:
        self._registry.event(
            "log",
            level="error",
            event="strategy.failed",
            strategy_id=failed.strategy,
            market_id=failed.market,
            reason=f"{failed.reason}: it is stopped, and its orders are taken off",
            details=failed.details,
        )

    def _contradicted(self, heard: Heard) -> None:
        self._registry.event(
            "log",
            level="warning",
            event="core.anomaly",
            reason=heard.contradiction,
            client_order_id=heard.event.client_order_id,
            correlation_id=heard.correlation,
            source=str(heard.event.source),
        )

    def _book(self, market: Market) -> None:
        book = self._engine.books[market.yes]
        gauge = self._registry.gauge
        gauge("polymarket.book.best_bid", market_id=market.id).set(book.best_bid / SCALE)
        gauge("polymarket.book.best_ask", market_id=market.id).set(book.best_ask / SCALE)

    def _positions(self, batch: list[Event], step: Step) -> None:
        """Publish positions where one can have changed: by a fill, taken over at the listing, or redeemed."""
        moved = {record.command.market for record, _ in (*step.fills, *step.voided)}
        moved |= {event.market.id for event in batch if isinstance(event, MarketListed)}
        moved |= {event.market for event in batch if isinstance(event, MarketResolved)}
        for market_id in sorted(moved & self._engine.markets.keys()):
            for outcome in Outcome:
                self._position(self._engine.markets[market_id], outcome, _stories(step, market_id))

    def _position(self, market: Market, outcome: Outcome, stories: list[str]) -> None:
        position = self._engine.portfolio.position(market, outcome)
        key = (market.id, outcome)
        before, self._held[key] = self._held.get(key, 0), position.size
        if before == position.size:
            return
        self._registry.gauge("polymarket.position.size", market_id=market.id, side=str(outcome)).set(
            position.size / SCALE
        )
        if before == 0 or position.size == 0:
            self._registry.event(
                "position_opened" if before == 0 else "position_closed",
                market_id=market.id,
                outcome=str(outcome),
                size=to_text(position.size),
                average_price=to_text(position.average_price),
                realised_usd=usd_text(position.realised),
                correlation_ids=stories,
            )


def market_fields(market: Market) -> dict[str, Any]:
    """Return a market as the protocol's `market` event."""
    return {
        "market_id": market.id,
        "slug": market.slug,
        "question": market.question,
        "tick": to_text(market.tick),
        "min_size": to_text(market.min_size),
        "neg_risk": market.neg_risk,
        "event_id": market.event_id,
    }


def order_fields(engine: Engine, record: OrderRecord) -> dict[str, Any]:
    """Return an order as the protocol's `order` event."""
    command = record.command
    return {
        "client_order_id": command.client_order_id,
        "correlation_id": command.correlation,
        "strategy_id": command.strategy,
        "market_id": command.market,
        "outcome": _outcome(engine.markets.get(command.market), command.token),
        "side": str(command.side),
        "price": to_text(command.price),
        "size": to_text(command.size),
        "filled": to_text(record.filled),
        "state": str(record.state),
        "reason": record.reason,
        "why": command.why,
        "contradictions": list(record.contradictions),
    }


def _stories(step: Step, market_id: MarketId) -> list[str]:
    """Return the correlation ids of what moved positions in a market, each once, in order."""
    moved = (record.command for record, _ in (*step.fills, *step.voided))
    return list(dict.fromkeys(command.correlation for command in moved if command.market == market_id))


def _outcome(market: Market | None, token: str) -> str:
    if market is None:
        return "?"
    return "YES" if token == market.yes else "NO"
