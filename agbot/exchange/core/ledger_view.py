"""The exchange's own ledger as a person or a test reads it: plain JSON, amounts as decimal text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agbot.exchange.core.model import Listing, Order
from agbot.matching.clearing import Holding
from agbot.units import to_text

if TYPE_CHECKING:
    from agbot.exchange.core.exchange import Exchange


def ledger_view(exchange: Exchange) -> dict[str, Any]:
    """Return wallets, pots, fees, living orders, tallies by address, and what does not add up: nothing, always."""
    accounts = exchange.accounts
    return {
        "now_ns": exchange.now_ns,
        "wallets": {wallet: _wallet(holding) for wallet, holding in accounts.holdings.items()},
        "markets": [_market(listing, accounts.pots[listing.market.id]) for listing in exchange.listings.values()],
        "fees": to_text(accounts.fees),
        "deposited": to_text(accounts.deposited),
        "orders": [order_row(order) for order in exchange.orders.all() if order.living],
        "unsettled": [trade.id for trade, _ in exchange.settlement.under_way.values()],
        "trades": exchange.settlement.count,
        "tallies": {address: dict(counts) for address, counts in exchange.tallies.by_address.items()},
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
        "pairs": to_text(pot),
        "volume": to_text(listing.volume),
        "winner": listing.winner or "",
    }
