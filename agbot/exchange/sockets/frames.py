"""Facts as frames of the CLOB's market and user channels.

All numbers are text, as are times (milliseconds). Each function returns the JSON of one frame; it is encoded once,
however many clients get it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Final

import msgspec

from agbot.exchange.clob.wire import Json, book_json, fee_bps, maker_order_json, number, text
from agbot.exchange.core.model import Leg, Listed, Listing, Order, OrderTold, Resolved, TickChanged, Traded, TradeTold
from agbot.exchange.sockets.mirror import Mirror
from agbot.model.events import BID, Change
from agbot.units import NS_PER_S, complement, ms

CHANGES_MAX: Final = 1000
"""Levels in one `price_change`, so that it stays far below a mebibyte."""

encode: Final = msgspec.json.Encoder().encode
"""JSON as the venue writes it: compact."""


def book(listing: Listing, token: str, mirror: Mirror, ts_ns: int) -> bytes:
    """Return the whole book of a token."""
    return encode({"event_type": "book", **book_json(listing, token, mirror.bids(), mirror.asks(), ms(ts_ns))})


def price_changes(listing: Listing, changes: Sequence[Change], mirror: Mirror, ts_ns: int) -> Iterator[bytes]:
    """Yield messages with the new sizes of levels, each level for both outcomes; `mirror` is the book after them."""
    for start in range(0, len(changes), CHANGES_MAX):
        rows = [
            row
            for change in changes[start : start + CHANGES_MAX]
            for row in change_rows(listing, change, mirror, ts_ns)
        ]
        yield encode(
            {
                "event_type": "price_change",
                "market": listing.condition,
                "price_changes": rows,
                "timestamp": str(ms(ts_ns)),
            }
        )


def change_rows(listing: Listing, change: Change, mirror: Mirror, ts_ns: int) -> Iterator[Json]:
    """Yield a level's new size as seen from YES, then from NO."""
    side, price, size = change
    bid, ask, shares = mirror.bid, mirror.ask, text(size)
    for token, own_price, own_side, best_bid, best_ask in (
        (listing.market.yes, price, "BUY" if side == BID else "SELL", bid, ask),
        (listing.market.no, complement(price), "SELL" if side == BID else "BUY", complement(ask), complement(bid)),
    ):
        yield {
            "asset_id": token,
            "price": text(own_price),
            "size": shares,
            "side": own_side,
            "hash": _digest(f"{token}{own_side}{own_price}:{shares}@{ts_ns}"),
            "best_bid": text(best_bid),
            "best_ask": text(best_ask),
        }


def _digest(what: str) -> str:
    """Return 40 hex digits: like the venue's, they tell messages apart and can't be recomputed from the book."""
    return sha1(what.encode(), usedforsecurity=False).hexdigest()


def best_bid_ask(listing: Listing, token: str, mirror: Mirror, ts_ns: int) -> bytes:
    """Return the best prices of a token; a missing bid is 0, a missing ask 1."""
    bid, ask = mirror.bid, mirror.ask
    if token != listing.market.yes:
        bid, ask = complement(ask), complement(bid)
    return encode(
        {
            "event_type": "best_bid_ask",
            "market": listing.condition,
            "asset_id": token,
            "best_bid": text(bid),
            "best_ask": text(ask),
            "spread": text(ask - bid),
            "timestamp": str(ms(ts_ns)),
        }
    )


def last_trade_price(fact: Traded) -> bytes:
    """Return the print of a trade, in the token and on the side of its taker."""
    leg, listing = fact.trade.taker, fact.trade.listing
    return encode(
        {
            "event_type": "last_trade_price",
            "market": listing.condition,
            "asset_id": leg.token,
            "price": text(leg.price),
            "size": text(leg.size),
            "side": leg.side,
            "fee_rate_bps": fee_bps(leg),
            "timestamp": str(ms(fact.ts_ns)),
        }
    )


def tick_size_change(fact: TickChanged, token: str) -> bytes:
    """Return the new tick of a token."""
    return encode(
        {
            "event_type": "tick_size_change",
            "market": fact.listing.condition,
            "asset_id": token,
            "old_tick_size": text(fact.old),
            "new_tick_size": text(fact.new),
            "timestamp": str(ms(fact.ts_ns)),
        }
    )


def new_market(fact: Listed) -> bytes:
    """Return the announcement of a market."""
    listing = fact.listing
    market = listing.market
    fees = {
        "exponent": market.fee_exponent,
        "rate": number(market.fee_rate),
        "takerOnly": True,
        "rebateRate": number(listing.rebate_rate),
    }
    return encode(
        {
            "event_type": "new_market",
            "id": listing.gamma_id,
            "question": market.question,
            "market": listing.condition,
            "slug": market.slug,
            "description": listing.description,
            "assets_ids": listing.tokens,
            "outcomes": listing.outcomes,
            "event_message": _event(listing),
            "timestamp": str(ms(fact.ts_ns)),
            "tags": listing.event.tags,
            "condition_id": listing.condition,
            "active": True,
            "clob_token_ids": listing.tokens,
            "order_price_min_tick_size": text(market.tick),
            "group_item_title": listing.group_title,
            "taker_base_fee": "0",
            "fees_enabled": market.fee_rate > 0,
            "fee_schedule": fees if market.fee_rate else None,
        }
    )


def market_resolved(fact: Resolved) -> bytes:
    """Return which outcome won."""
    listing = fact.listing
    winner = listing.winner or ""
    return encode(
        {
            "event_type": "market_resolved",
            "id": listing.gamma_id,
            "market": listing.condition,
            "assets_ids": listing.tokens,
            "winning_asset_id": winner,
            "winning_outcome": listing.outcome_name(winner) if winner else "",
            "event_message": _event(listing),
            "timestamp": str(ms(fact.ts_ns)),
            "tags": listing.event.tags,
        }
    )


def _event(listing: Listing) -> Json:
    event = listing.event
    return {"id": event.id, "ticker": event.slug, "slug": event.slug, "title": event.title, "description": ""}


# ---------------------------------------------------------------- the user channel


def order_json(fact: OrderTold) -> Json:
    """Return what happened to an order."""
    order, new = fact.order, fact.order.new
    return {
        "event_type": "order",
        "id": order.id,
        "owner": new.owner,
        "market": order.listing.condition,
        "asset_id": new.token,
        "side": new.side,
        "order_owner": new.owner,
        "original_size": text(order.size),
        "size_matched": text(order.matched),
        "price": text(order.price),
        "associate_trades": list(order.trades),
        "outcome": order.listing.outcome_name(new.token),
        "type": fact.news,
        "created_at": str(order.created_ns // NS_PER_S),
        "expiration": str(new.expiration_s),
        "order_type": new.order_type,
        "status": _status(order),
        "maker_address": new.maker,
        "timestamp": str(ms(fact.ts_ns)),
    }


def _status(order: Order) -> str:
    """Return the status; of an order that never rests, run together with why it was killed, as the venue does."""
    killed = order.status == "CANCELED" and order.reason and order.new.order_type.immediate
    return f"{order.status}_{order.reason}" if killed else order.status


def trade_json(fact: TradeTold, viewer: Leg) -> Json:
    """Return a trade for the owner of one of its legs. Side, token and price are always the taker's."""
    trade, taker = fact.trade, fact.trade.taker
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": trade.id,
        "taker_order_id": taker.order.id,
        "market": trade.listing.condition,
        "asset_id": taker.token,
        "side": taker.side,
        "size": text(taker.size),
        "fee_rate_bps": fee_bps(taker),
        "price": text(taker.price),
        "status": trade.status,
        "match_time": str(trade.matched_ns // NS_PER_S),
        "last_update": str(trade.updated_ns // NS_PER_S),
        "outcome": trade.listing.outcome_name(taker.token),
        "owner": viewer.order.new.owner,
        "trade_owner": taker.order.new.owner,
        "maker_address": viewer.order.new.maker,
        "transaction_hash": trade.tx_hash,
        "bucket_index": 0,
        "maker_orders": [maker_order_json(leg) for leg in trade.makers],
        "trader_side": "TAKER" if viewer is taker else "MAKER",
        "timestamp": str(ms(fact.ts_ns)),
    }


def viewers(fact: TradeTold) -> Iterator[Leg]:
    """Yield one leg for each EOA and part it had: the taker's, and each maker's first."""
    yield fact.trade.taker
    seen: dict[str, None] = {}
    for leg in fact.trade.makers:
        if leg.order.new.address not in seen:
            seen[leg.order.new.address] = None
            yield leg
