"""What a run says of itself: to the monitor as its `run` event, to an operator as its status."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import attrs

from agbot import __version__
from agbot.core.engine import Engine
from agbot.core.health import WELL
from agbot.model.ids import MarketId
from agbot.model.order import OrderState
from agbot.run.held import held
from agbot.run.publish import order_fields
from agbot.telemetry.protocol import PROTOCOL
from agbot.units import NS_PER_S, ms, usd_text


@attrs.frozen(kw_only=True)
class LiveFacts:
    """Real money: the wallet that pays, and the most one order and one UTC day may trade (10⁻⁶ usd)."""

    wallet: str
    max_order_usd: int
    max_day_usd: int

    def json(self) -> dict[str, str]:
        """Return it as plain values."""
        return {
            "wallet": self.wallet,
            "max_order_usd": usd_text(self.max_order_usd),
            "max_day_usd": usd_text(self.max_day_usd),
        }


@attrs.frozen(kw_only=True)
class RunFacts:
    """What does not change while a run lasts. `started_ns` is wall time; `page` is empty when none is served.

    `live` is None unless real money is traded. `capital` is what the run's PnL is measured from (10⁻⁶ usd): cash, and
    positions taken over at their cost. `reconcile` says how the venue's figures compare with ours, where there is one.
    """

    run_id: str
    mode: str
    page: str
    started_ns: int
    journal: str
    capital: int
    live: LiveFacts | None = None
    reconcile: Callable[[], dict[str, Any]] = dict

    def account(self) -> dict[str, Any]:
        """Return whose money an order would move."""
        return {"mode": self.mode, **(self.live.json() if self.live else {})}

    def run_event(self) -> dict[str, Any]:
        """Return the protocol's `run` event."""
        return {
            "run_id": self.run_id,
            "mode": self.mode,
            "version": __version__,
            "protocol": PROTOCOL,
            "pid": os.getpid(),
            "capital_usd": usd_text(self.capital),
            "started_ms": ms(self.started_ns),
        }

    def status(self, engine: Engine, now_ns: int) -> dict[str, Any]:
        """Return the answer to an operator's `status`; money as decimal text."""
        portfolio, known = engine.portfolio, engine.triggers.known
        live = list(engine.oms.all_live())
        return {
            "run_id": self.run_id,
            **self.account(),
            "page": self.page,
            "started_ns": self.started_ns,
            "journal": self.journal,
            "pid": os.getpid(),
            "uptime_s": round((now_ns - self.started_ns) / NS_PER_S, 1),
            "kill_switch": {"on": bool(engine.kill_switch), "reason": engine.kill_switch},
            "kill_scopes": [
                {"scope": scope, "name": name, "reason": reason}
                for (scope, name), reason in engine.state.gate.scopes.items()
            ],
            "halted": engine.halted,
            "venues": _venues(engine),
            "markets": [m.name for m in engine.markets.values()],
            "open_orders": [{"market": _name(engine, r.command.market), **order_fields(engine, r)} for r in live],
            **held(engine),
            "unknown_orders": sum(record.state is OrderState.UNKNOWN for record in live),
            "cash_usd": usd_text(portfolio.cash),
            "equity_usd": usd_text(portfolio.equity()),
            "day_pnl_usd": None if known is None else usd_text(known.equity - known.day_equity),
            "pnl_usd": usd_text(portfolio.equity() - portfolio.initial_equity()),
            "taken_over_usd": usd_text(portfolio.initial_equity() - portfolio.initial_cash),
            "fees_usd": usd_text(portfolio.fees),
            "reconcile": self.reconcile(),
        }


def _venues(engine: Engine) -> dict[str, dict[str, str]]:
    """Return how each venue is, as the gate reads it."""
    conditions = dict.fromkeys((market.venue for market in engine.markets.values()), WELL) | engine.state.conditions
    return {venue: {"health": str(told.health), "reason": told.reason} for venue, told in conditions.items()}


def _name(engine: Engine, market: MarketId) -> str:
    known = engine.markets.get(market)
    return known.name if known else market
