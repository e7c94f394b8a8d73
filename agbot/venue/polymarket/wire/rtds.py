"""Frames of the real-time data socket (RTDS): reference prices, public activity, comments, and the CLOB's channels."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import msgspec

from agbot.model.events import MarketData
from agbot.model.order import Side
from agbot.venue.polymarket.wire.market import NewMarket
from agbot.venue.polymarket.wire.user import UserEvent


class Quote(msgspec.Struct, frozen=True):
    """A reference price: `value` in 10⁻⁶ usd, rounded down from the most accurate text the venue gave.

    `source` is the topic or channel it came from ("crypto_prices_chainlink", "price.crypto"); `window_s` is 0 unless
    it is a time-weighted average; `backfill` says it is history sent on subscribing; `carried` that it is a repeat.
    """

    symbol: str
    source: str
    value: int
    ts_ns: int
    window_s: int = 0
    backfill: bool = False
    carried: bool = False
    received_ns: int = 0
    provider: str = ""


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """A public trade, or orders that matched; `kind` is the RTDS type."""

    kind: str
    token: str
    condition: str
    side: Side
    price: int
    size: int
    ts_ns: int
    outcome: str = ""
    slug: str = ""
    event_slug: str = ""
    title: str = ""
    wallet: str = ""
    name: str = ""
    transaction_hash: str = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """A comment or a reaction; `kind` is the RTDS type."""

    kind: str
    id: str
    body: str = ""
    parent_id: str = ""
    parent_type: str = ""
    reply_to: str = ""
    wallet: str = ""
    name: str = ""
    ts_ns: int = 0


class MarketNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A market was created or resolved, as RTDS tells it: without a winner."""

    kind: str
    market: str
    tokens: tuple[str, ...]
    tick: int = 0
    min_size: int = 0
    neg_risk: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """The server answered with an error instead of data; 401 silently ended the subscriptions of its frame."""

    status: int
    text: str


RtdsItem: TypeAlias = Quote | Activity | Comment | MarketNotice | NewMarket | Refusal | MarketData | UserEvent


class RtdsFrame(NamedTuple):
    """One envelope: its topic and type ("" for an error body), the server's time, and what its payload said."""

    topic: str
    type: str
    ts_ns: int
    items: list[RtdsItem]
    faults: list[str]
