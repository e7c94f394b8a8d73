"""Whose an execution is: the order's strategy's, but for a sale of the flattener, which sells what others hold."""

from __future__ import annotations

from typing import Protocol

from agbot.core.admission import FLATTEN
from agbot.core.coordinator import FAILED_SCOPE
from agbot.core.oms import OrderRecord
from agbot.core.portfolio import Parts, Portfolio
from agbot.core.risk import Gate
from agbot.model.events import OrderFilled
from agbot.model.ids import ClientOrderId, MarketId, StrategyId
from agbot.model.market import Market
from agbot.model.order import Side


class Holders(Protocol):
    """Who holds what, and who is stopped: a core, or what journals add up to."""

    portfolio: Portfolio
    markets: dict[MarketId, Market]
    gate: Gate


class Owners:
    """Takes what the flattener sold from those who held it: who is stopped comes first, then who holds most.

    Without this a strategy that trades again after a flattening would believe it still has its shares.
    """

    def __init__(self, state: Holders) -> None:
        self._state = state
        self._taken: dict[tuple[ClientOrderId, str], Parts] = {}

    def parts(self, record: OrderRecord, fill: OrderFilled, *, taken_back: bool) -> Parts:
        """Return shares by strategy, empty when all are the order's own; for a trade taken back what was told then."""
        command = record.command
        if command.strategy != FLATTEN or command.side is not Side.SELL:
            return ()
        key = (command.client_order_id, fill.trade_id)
        if taken_back:
            return self._taken.pop(key, ())
        self._taken[key] = found = self._split(record, fill.size)
        return found

    def _split(self, record: OrderRecord, size: int) -> Parts:
        state, command = self._state, record.command
        market = state.markets[command.market]
        held = state.portfolio.holders(market.id, market.outcome(command.token))
        found: list[tuple[StrategyId, int]] = []
        for name in sorted(held, key=lambda name: ((FAILED_SCOPE, name) not in state.gate.scopes, -held[name], name)):
            if part := min(held[name], size):
                found.append((name, part))
                size -= part
        return (*found, (FLATTEN, size)) if size else tuple(found)
