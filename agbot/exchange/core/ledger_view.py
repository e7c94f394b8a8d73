"""The exchange's own ledger as a person or a test reads it: plain JSON, amounts as decimal text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agbot.exchange.core.model import Listing, Order
from agbot.matching.clearing import Holding, Ledger
from agbot.units import to_text


def ledger_view(accounts: Ledger, listings: Iterable[Listing], orders: Iterable[Order]) -> dict[str, Any]:
    """Return wallets, markets, fees, living orders, and what does not add up: nothing, always."""
    return {
        "wallets": {wallet: _wallet(holding) for wallet, holding in accounts.holdings.items()},
        "markets": [_market(listing, accounts.pots[listing.market.id]) for listing in listings],
        "fees": to_text(accounts.fees),
        "deposited": to_text(accounts.deposited),
        "orders": [order_row(order) for order in orders if order.living],
        "faults": list(accounts.faults()),
    }


def order_row(order: Order) -> dict[str, Any]:
    """Return one order."""
    return {
        "id": order.id,
        "address": order.new.address,
        "wallet": order.new.maker,
        "market": order.listing.condition,
        "slug": order.listing.market.slug,
        "token": order.new.token,
        "outcome": order.listing.outcome_name(order.new.token),
        "side": str(order.new.side),
        "price": to_text(order.price),
        "size": to_text(order.size),
        "matched": to_text(order.matched),
        "type": str(order.new.order_type),
        "status": str(order.status),
    }


def _wallet(holding: Holding) -> dict[str, Any]:
    return {
        "usd": to_text(holding.cash),
        "usd_in_orders": to_text(holding.kept_cash),
        "usd_unsettled": to_text(holding.out_cash),
        "shares": {token: to_text(size) for token, size in holding.shares.items()},
        "shares_unsettled": {token: to_text(size) for token, size in holding.out_shares.items()},
    }


def _market(listing: Listing, pot: int) -> dict[str, Any]:
    return {
        "condition": listing.condition,
        "slug": listing.market.slug,
        "outcomes": {token: listing.outcome_name(token) for token in listing.tokens},
        "pairs": to_text(pot),
        "volume": to_text(listing.volume),
        "winner": listing.winner or "",
    }
