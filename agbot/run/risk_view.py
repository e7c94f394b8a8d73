"""What the bot holds and how far its limits are used, for `agbot risk`; figures of models are computed there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from agbot.core.book import OrderBook
from agbot.core.engine import Engine
from agbot.core.outlook import Outlook
from agbot.core.portfolio import Position
from agbot.core.rules import DayCap, InventoryLimit, Measured, PositionLimit, Rule
from agbot.core.rules.measured import NotKnown
from agbot.core.turnover import utc_day
from agbot.model.market import Market, Outcome
from agbot.units import SCALE, to_text, usd_text

CONFIDENCE: Final = 0.95


def view(engine: Engine, now_ns: int) -> dict[str, Any]:
    """Return the book, the account and each limit with the part of it that is used."""
    portfolio = engine.portfolio
    return {
        "cash_usd": usd_text(portfolio.cash),
        "equity_usd": usd_text(portfolio.equity()),
        "resting_usd": usd_text(sum(record.reserved_usd for record in engine.oms.all_live())),
        "positions": list(_positions(engine)),
        "with_orders": dict(zip(("worst_usd", "var_95_usd"), map(usd_text, with_orders(engine, now_ns)), strict=True)),
        "limits": [_limit(engine, rule, now_ns) for rule in engine.state.gate.rules],
    }


def with_orders(engine: Engine, now_ns: int) -> tuple[int, int]:
    """Return the worst case and the VaR at 0.95, 10⁻⁶ usd, each live order filled where it hurts: what limits go by."""
    losses = engine.admission.losses
    unresolved = [market for market in engine.markets.values() if market.id not in engine.state.resolved]
    return losses.worst(unresolved), Outlook(engine.state, losses).var(now_ns, CONFIDENCE)


def _positions(engine: Engine) -> Iterator[dict[str, Any]]:
    for market, holding in engine.portfolio.holdings():
        yes, no = (holding.tokens[outcome] for outcome in (Outcome.YES, Outcome.NO))
        if (yes.size or no.size) and holding.winner is None:
            yield {
                "market": market.name,
                "event": market.event_id,
                "exclusive": market.neg_risk,
                "yes": to_text(yes.size),
                "no": to_text(no.size),
                **_prices(engine, market, yes, no),
                "fee_rate": to_text(market.fee_rate),
            }


def _prices(engine: Engine, market: Market, yes: Position, no: Position) -> dict[str, str]:
    """Return the mark of YES and its best prices; without any quote the mark is what was paid."""
    book: OrderBook | None = engine.books.get(market.yes)
    bid, ask = (book.best_bid, book.best_ask) if book else (0, SCALE)
    quotes = [price for price in (bid, ask) if 0 < price < SCALE]
    paid = yes.average_price if yes.size else SCALE - no.average_price
    mark = sum(quotes) // len(quotes) if quotes else paid
    return {"price": to_text(mark), "bid": to_text(bid), "ask": to_text(ask)}


def _limit(engine: Engine, rule: Rule, now_ns: int) -> dict[str, Any]:
    part = used(engine, rule, now_ns)
    return {"policy": rule.name, "says": str(rule), "used_pct": None if part is None else round(part * 100, 1)}


def used(engine: Engine, rule: Rule, now_ns: int) -> float | None:
    """Return the part of a limit that is used, None where it is for each order on its own."""
    portfolio = engine.portfolio
    match rule:
        case PositionLimit(max_size=most):
            nets = [abs(portfolio.net(m)) for m in engine.markets.values() if rule.covers(m.id)]
            return max(nets, default=0) / most if most else None
        case InventoryLimit(max_value_usd=most):
            return portfolio.inventory_usd() / most if most else None
        case DayCap(max_usd=most):
            before = rule.spent_usd if utc_day(now_ns) <= rule.day else 0
            return (before + engine.state.turnover.so_far(now_ns)) / most if most else None
        case Measured(standing=True):
            return _measured(engine, rule, now_ns)
        case _:
            return None


def _measured(engine: Engine, rule: Measured, now_ns: int) -> float | None:
    """Return the part of it that is used in the market where it is most, None where that is not known."""
    markets = [m for m in engine.markets.values() if m.id not in engine.state.resolved]
    aside = engine.admission.aside()
    asked = [aside.prospect(now_ns, market, None) for market in markets]
    try:
        part = max((rule.used(one) for one in (asked[:1] if rule.whole else asked)), default=0.0)
    except NotKnown:
        return None
    return part if math.isfinite(part) else None
