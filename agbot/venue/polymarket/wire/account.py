"""The Data API: what a wallet holds and did, and public trades. Cached and for people, never a trading truth."""

from __future__ import annotations

import msgspec

from agbot.model.order import Side


class DataPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One wallet's holding of one token. usd and shares in 10⁻⁶ rounded down; pnl is signed."""

    wallet: str
    token: str
    condition: str
    size: int
    avg_price: int
    cost: int
    value: int
    price: int
    realized: int = 0
    unrealized: int = 0
    status: str = ""
    redeemable: bool = False
    mergeable: bool = False
    neg_risk: bool = False
    outcome: str = ""
    outcome_index: int = 999
    opposite: str = ""
    end_ns: int = 0
    title: str = ""
    slug: str = ""


class DataTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A public trade."""

    wallet: str
    token: str
    condition: str
    side: Side
    size: int
    price: int
    ts_ns: int
    transaction_hash: str = ""
    title: str = ""
    slug: str = ""
    outcome: str = ""


class DataActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Something a wallet did: TRADE, SPLIT, MERGE, REDEEM, REWARD, CONVERSION, … `usd` in 10⁻⁶."""

    kind: str
    wallet: str
    condition: str
    token: str
    ts_ns: int
    size: int
    usd: int
    price: int = 0
    side: Side | None = None
    transaction_hash: str = ""
    title: str = ""
    slug: str = ""
    outcome: str = ""
