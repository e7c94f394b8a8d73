"""The CLOB's objects as JSON: books, orders, trades and the answers to orders. Numbers are text where the venue's are.

Everything here takes nouns of the exchange and gives plain dictionaries, in the venue's own order of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final, TypeAlias

import msgspec

from agbot.exchange.core.model import Leg, Listing, Order, OrderStatus, Placed, Trade
from agbot.model.events import Level
from agbot.model.order import Side
from agbot.units import NS_PER_S, SCALE, complement, to_text

Json: TypeAlias = dict[str, Any]
TEXTS_KEPT: Final = 65_536

text: Final = lru_cache(TEXTS_KEPT)(to_text)
"""10⁻⁶ units as decimal text; the same few thousand prices and sizes are told again and again."""
_encode: Final = msgspec.json.Encoder().encode


def number(units: int) -> int | float:
    """Return 10⁻⁶ units as a JSON number, for the few fields where the venue has numbers."""
    whole, rest = divmod(units, SCALE)
    return units / SCALE if rest else whole


def token_levels(
    listing: Listing, token: str, bids: Sequence[Level], asks: Sequence[Level]
) -> tuple[Sequence[Level], Sequence[Level]]:
    """Return (bids, asks) of a token from those of YES, best first on both sides: the NO book is the exact mirror."""
    return (bids, asks) if token == listing.market.yes else (_mirrored(asks), _mirrored(bids))


def book_json(listing: Listing, token: str, bids: Sequence[Level], asks: Sequence[Level], now_ms: int) -> Json:
    """Return the ``/book`` object of a token: the best level last on both sides, and the venue's hash over it.

    Args:
        bids: of the YES token, best first, as `Exchange.levels` gives them.
        asks: likewise; the book of NO is made from the same two.
    """
    own_bids, own_asks = token_levels(listing, token, bids, asks)
    told: Json = {
        "market": listing.condition,
        "asset_id": token,
        "timestamp": str(now_ms),
        "hash": "",
        "bids": _rungs(own_bids),
        "asks": _rungs(own_asks),
        "min_order_size": text(listing.market.min_size),
        "tick_size": text(listing.market.tick),
        "neg_risk": listing.market.neg_risk,
        "last_trade_price": text(listing.last_price),
    }
    told["hash"] = book_hash(told)
    return told


def book_hash(book: Json) -> str:
    """Return the venue's hash over a ``/book`` object whose own ``hash`` is empty: SHA-1 of its compact JSON."""
    return sha1(_encode(book), usedforsecurity=False).hexdigest()


def _mirrored(levels: Iterable[Level]) -> list[Level]:
    return [(complement(price), size) for price, size in levels]


def _rungs(best_first: Sequence[Level]) -> list[dict[str, str]]:
    return [{"price": text(price), "size": text(size)} for price, size in reversed(best_first)]


# ---------------------------------------------------------------- orders and trades


def order_json(order: Order) -> Json:
    """Return an order as ``/data/orders`` and ``/data/order/{id}`` tell it."""
    new = order.new
    return {
        "id": order.id,
        "status": str(order.status),
        "owner": new.owner,
        "maker_address": new.maker,
        "market": order.listing.condition,
        "asset_id": new.token,
        "side": str(new.side),
        "original_size": text(order.size),
        "size_matched": text(order.matched),
        "price": text(order.price),
        "outcome": order.listing.outcome_name(new.token),
        "expiration": str(new.expiration_s),
        "order_type": str(new.order_type),
        "associate_trades": list(order.trades),
        "created_at": order.created_ns // NS_PER_S,
    }


def trade_json(trade: Trade, address: str) -> Json:
    """Return a trade as ``/data/trades`` tells it to the owner of one of its legs.

    Side, token, price and size are the taker's; ``owner``, ``maker_address`` and ``trader_side`` the viewer's, who is
    the taker when both sides are its own.
    """
    taker = trade.taker
    viewer = next((leg for leg in trade.legs if leg.order.new.address == address), taker)
    return {
        "id": trade.id,
        "taker_order_id": taker.order.id,
        "market": trade.listing.condition,
        "asset_id": taker.token,
        "side": str(taker.side),
        "size": text(taker.size),
        "fee_rate_bps": fee_bps(taker),
        "price": text(taker.price),
        "status": f"TRADE_STATUS_{trade.status}",
        "match_time": str(trade.matched_ns // NS_PER_S),
        "last_update": str(trade.updated_ns // NS_PER_S),
        "outcome": trade.listing.outcome_name(taker.token),
        "bucket_index": 0,
        "owner": viewer.order.new.owner,
        "maker_address": viewer.order.new.maker,
        "transaction_hash": trade.tx_hash,
        "maker_orders": [maker_order_json(leg) for leg in trade.makers],
        "trader_side": "TAKER" if viewer is taker else "MAKER",
    }


def maker_order_json(leg: Leg) -> Json:
    """Return a maker's part in a trade: its own token, side and price, whatever the taker's are."""
    new = leg.order.new
    return {
        "order_id": leg.order.id,
        "owner": new.owner,
        "maker_address": new.maker,
        "matched_amount": text(leg.size),
        "price": text(leg.price),
        "fee_rate_bps": fee_bps(leg),
        "asset_id": leg.token,
        "outcome": leg.order.listing.outcome_name(leg.token),
        "side": str(leg.side),
    }


def fee_bps(leg: Leg) -> str:
    """Return the rate of the fee a leg paid, as the venue's whole basis points; makers pay none."""
    return str(leg.order.listing.market.fee_rate // 100) if leg.fee else "0"


# ---------------------------------------------------------------- answers to orders


def placed_json(placed: Placed) -> Json:
    """Return the answer to an order that was taken; amounts are decimals of usd and shares, empty without a match."""
    order, trades = placed.order, placed.trades
    told: Json = {"success": True, "errorMsg": "", "orderID": order.id}
    told["status"] = "delayed" if order.status is OrderStatus.DELAYED else "matched" if trades else "live"
    usd, shares = sum(t.taker.value for t in trades), sum(t.taker.size for t in trades)
    making, taking = (usd, shares) if order.new.side is Side.BUY else (shares, usd)
    told["makingAmount"], told["takingAmount"] = (to_text(making), to_text(taking)) if trades else ("", "")
    if trades:
        told["tradeIDs"] = [trade.id for trade in trades]
    if hashes := [trade.tx_hash for trade in trades if trade.tx_hash]:
        told["transactionsHashes"] = hashes
    return told


def unplaced_json(reason: str) -> Json:
    """Return the answer to one order of a batch that was refused: success all the same, but no id."""
    return {"success": True, "errorMsg": reason, "orderID": "", "status": "", "makingAmount": "", "takingAmount": ""}
