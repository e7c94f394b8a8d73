"""The Data API: what a wallet holds and did, and public trades. Cached and for people, never a trading truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec

from agbot.model.order import Side
from agbot.venue.polymarket.wire.fields import Fields, read, readable
from agbot.venue.polymarket.wire.rest import Page

T = TypeVar("T")

_NO_OUTCOME: Final = 999


class AccountPosition(msgspec.Struct, frozen=True, kw_only=True):
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
    outcome_index: int = _NO_OUTCOME
    opposite: str = ""
    end_ns: int = 0
    title: str = ""
    slug: str = ""


class AccountTrade(msgspec.Struct, frozen=True, kw_only=True):
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


class AccountActivity(msgspec.Struct, frozen=True, kw_only=True):
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


def decode_positions(raw: bytes | str) -> Page[AccountPosition]:
    """Read a page of positions (version 2, or the bare list of version 1).

    Raises:
        VenueProtocolError: here and below, when the reply cannot be read.
    """
    return read("positions", raw, _page(_position))


def decode_public_trades(raw: bytes | str) -> Page[AccountTrade]:
    """Read a page of public trades."""
    return read("public trades", raw, _page(_trade))


def decode_activity(raw: bytes | str) -> Page[AccountActivity]:
    """Read a page of a wallet's activity."""
    return read("activity", raw, _page(_activity))


def decode_value(raw: bytes | str) -> int:
    """Read what a wallet's positions are worth, 10⁻⁶ usd."""
    return read("value", raw, _value)


def _page(item: Callable[[Fields], T]) -> Callable[[object], Page[T]]:
    def build(value: object) -> Page[T]:
        if isinstance(value, list):
            items, faults = readable(value, item)
            return Page(items, "", faults)
        f = Fields(value)
        if "data" not in f:
            raise ValueError("data is missing")
        more = f.nested("pagination") or Fields({})
        cursor = more.text("next_cursor", default="")
        if more.flag("has_more", default=bool(cursor)) != bool(cursor):
            raise ValueError("has_more and next_cursor disagree")
        items, faults = readable(f.rows("data"), item)
        return Page(items, cursor, faults)

    return build


def _position(f: Fields) -> AccountPosition:
    return AccountPosition(
        token=f.name("token_id", "asset"),
        size=f.floor("current_size", "size"),
        avg_price=f.floor("avg_price", "avgPrice", default=0),
        cost=f.floor("total_cost_usdc", "entry_cost_usdc", "initialValue", default=0),
        value=f.floor("current_value", "currentValue", default=0),
        price=f.floor("current_price", "curPrice", default=0),
        realized=f.floor("realized_pnl", "realizedPnl", default=0),
        unrealized=f.floor("unrealized_pnl", "cashPnl", default=0),
        status=f.text("status", default="").upper(),
        redeemable=f.flag("redeemable", default=False),
        mergeable=f.flag("mergeable", default=False),
        neg_risk=f.flag("negative_risk", "negativeRisk", default=False),
        outcome_index=f.whole("outcome_index", "outcomeIndex", default=_NO_OUTCOME),
        opposite=f.text("opposite_token_id", "oppositeAsset", default=""),
        end_ns=f.time("end_date", "endDate", default=0),
        **_whose(f),
    )


def _trade(f: Fields) -> AccountTrade:
    return AccountTrade(
        token=f.name("token_id", "asset"),
        side=f.side("side"),
        size=f.floor("size"),
        price=f.fill_price("price"),
        ts_ns=f.time("timestamp"),
        transaction_hash=f.text("transaction_hash", "transactionHash", default=""),
        **_whose(f),
    )


def _activity(f: Fields) -> AccountActivity:
    return AccountActivity(
        kind=f.name("type").upper(),
        side=f.side("side") if f.first("side") is not None else None,
        size=f.floor("size", default=0),
        usd=f.floor("usdc_size", "usdcSize", default=0),
        price=f.floor("price", default=0),
        ts_ns=f.time("timestamp"),
        transaction_hash=f.text("transaction_hash", "transactionHash", default=""),
        token=f.text("token_id", "asset", default=""),
        **_whose(f),
    )


def _whose(f: Fields) -> dict[str, Any]:
    return {
        "wallet": f.text("proxy_wallet", "proxyWallet", default=""),
        "condition": f.text("condition_id", "conditionId", default=""),
        "title": f.text("title", default=""),
        "slug": f.text("slug", default=""),
        "outcome": f.text("outcome", default=""),
    }


def _value(value: object) -> int:
    rows = value["data"] if isinstance(value, dict) and "data" in value else value
    one = rows[0] if isinstance(rows, list) and len(rows) == 1 else rows
    return 0 if one == [] else Fields(one).floor("value")
