"""Counts for the closing summary."""

from __future__ import annotations

from collections import Counter
from typing import Any

from agbot.core.engine import Engine
from agbot.core.step import Step, StrategyFailed
from agbot.model.commands import PlaceOrder
from agbot.model.events import BookDelta, BookSnapshot, Event, TradePrint
from agbot.model.order import OrderState
from agbot.run.denials import Denials
from agbot.units import to_text, usd_text


class Tally:
    """Observer of the engine that counts what people ask about afterwards."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.events: Counter[type] = Counter()
        self.commands: Counter[type] = Counter()
        self.denials: Counter[str] = Counter()
        self.failed: dict[str, StrategyFailed] = {}
        self.fills = 0
        self.filled_size = 0
        self.lately = Denials(engine)

    def observe(self, batch: list[Event], step: Step) -> None:
        """Count one step."""
        self.events.update(map(type, batch))
        self.commands.update(map(type, step.output.commands))
        self.failed.update({failed.strategy: failed for failed in step.failed})
        for decision in step.output.decisions:
            self.denials.update(decision.violated)
        self.lately.observe(step)
        self.fills += len(step.fills) - len(step.voided)
        self.filled_size += sum(fill.size for _, fill in step.fills) - sum(fill.size for _, fill in step.voided)

    def result(self) -> dict[str, Any]:
        """Return the summary as plain values; money as decimal text."""
        engine, portfolio = self._engine, self._engine.portfolio
        books, ended = engine.books.values(), engine.oms.ended
        return {
            "books_applied": self.events[BookSnapshot],
            "price_changes_applied": self.events[BookDelta],
            "trade_prints": self.events[TradePrint],
            "locked_states": sum(b.locked_states for b in books),
            "crossed_states": sum(b.crossed_states for b in books),
            "tick_changes": sum(b.tick_changes for b in books),
            "impossible_messages": sum(b.faults for b in books),
            "orders_placed": self.commands[PlaceOrder],
            "orders_filled": ended[OrderState.FILLED],
            "orders_cancelled": ended[OrderState.CANCELLED],
            "orders_rejected": ended[OrderState.REJECTED],
            "orders_expired": ended[OrderState.EXPIRED],
            "open_orders": sum(1 for _ in engine.oms.all_live()),
            "fills": self.fills,
            "filled_shares": to_text(self.filled_size),
            "denials": sum(self.denials.values()),
            "denials_by_policy": dict(sorted(self.denials.items())),
            "strategies_failed": {name: failed.reason for name, failed in self.failed.items()},
            "denials_repeated": engine.coordinator.denials_repeated,
            "fees_usd": usd_text(portfolio.fees),
            "realised_usd": usd_text(portfolio.realised()),
            "cash_usd": usd_text(portfolio.cash),
            "inventory_usd": usd_text(portfolio.inventory_usd()),
            "pnl_usd": usd_text(portfolio.equity() - portfolio.initial_equity()),
        }


def by_token(engine: Engine) -> list[dict[str, Any]]:
    """Return what each token's book went through."""
    rows = []
    for market in engine.markets.values():
        for token in (market.yes, market.no):
            book = engine.books[token]
            rows.append(
                {
                    "market": market.name,
                    "outcome": str(market.outcome(token)),
                    "snapshots": book.snapshots,
                    "changes": book.deltas,
                    "locked": book.locked_states,
                    "crossed": book.crossed_states,
                    "tick_changes": book.tick_changes,
                    "tick": to_text(book.tick),
                    "position": to_text(engine.portfolio.position(market, market.outcome(token)).size),
                }
            )
    return rows
