"""Frames of the market channel as the venue sends them; prices and sizes are text, times UTC milliseconds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

CONDITION = "0xc0ffee"


def book(token: str, bids: dict[str, str], asks: dict[str, str], *, ms: int = 1, **more: str) -> bytes:
    """Return a `book` frame; levels are size by price."""
    return _frame("book", ms, asset_id=token, bids=_levels(bids), asks=_levels(asks), **more)


def price_change(*changes: tuple[str, str, str, str] | tuple[str, str, str, str, str, str], ms: int = 2) -> bytes:
    """Return a `price_change` frame of (token, side, price, size), with best bid and ask behind where claimed."""
    keys = ("asset_id", "side", "price", "size", "best_bid", "best_ask")
    return _frame("price_change", ms, price_changes=[dict(zip(keys, c, strict=False)) for c in changes])


def trade(token: str, side: str, price: str, size: str, *, ms: int = 3) -> bytes:
    """Return a `last_trade_price` frame."""
    return _frame("last_trade_price", ms, asset_id=token, side=side, price=price, size=size, fee_rate_bps="0")


def tick_change(token: str, old: str, new: str, *, ms: int = 4) -> bytes:
    """Return a `tick_size_change` frame."""
    return _frame("tick_size_change", ms, asset_id=token, old_tick_size=old, new_tick_size=new)


def best(token: str, bid: str, ask: str, *, ms: int = 5) -> bytes:
    """Return a `best_bid_ask` frame."""
    return _frame("best_bid_ask", ms, asset_id=token, best_bid=bid, best_ask=ask, spread="")


def resolved(winner: str, *, market: str = CONDITION, ms: int = 6) -> bytes:
    """Return a `market_resolved` frame."""
    return _frame("market_resolved", ms, market, winning_asset_id=winner, winning_outcome="Yes")


def together(frames: Iterable[bytes]) -> bytes:
    """Return several frames as one array."""
    return b"[" + b",".join(frames) + b"]"


def _frame(kind: str, ms: int, market: str = CONDITION, **fields: Any) -> bytes:
    return msgspec.json.encode({"event_type": kind, "market": market, "timestamp": str(ms), **fields})


def _levels(sizes: dict[str, str]) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in sizes.items()]
