"""Gamma: which markets and events there are. Cached by the venue for minutes, never a trading truth."""

from __future__ import annotations

import msgspec

from agbot.units import SCALE


class EventRef(msgspec.Struct, frozen=True):
    """The event a market belongs to."""

    id: str
    slug: str
    title: str


class GammaMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market as Gamma describes it. Prices, sizes, usd in 10⁻⁶ (rounded down); times in nanoseconds, 0 = none.

    `tick`, `min_size` are 0 when Gamma does not know them; `fee_rate` is None without a fee schedule; `best_ask` is
    1 000 000 and `best_bid` 0 when there is none. `resolution` is the oracle's word, "" while open.
    `reward_spread` is 10⁻⁶ usd (Gamma says cents).
    """

    id: str
    condition: str
    slug: str
    question: str
    outcomes: tuple[str, ...]
    tokens: tuple[str, ...]
    prices: tuple[int, ...]
    positions: tuple[str, ...] = ()
    version: str = "v1"
    active: bool = False
    closed: bool = False
    archived: bool = False
    accepting: bool = False
    order_book: bool = False
    neg_risk: bool = False
    neg_risk_market: str = ""
    neg_risk_other: bool = False
    group_title: str = ""
    tick: int = 0
    min_size: int = 0
    delay_s: int = 0
    fees_enabled: bool = False
    fee_type: str = ""
    fee_rate: int | None = None
    fee_exponent: int = 1
    taker_only: bool = True
    rebate_rate: int = 0
    best_bid: int = 0
    best_ask: int = SCALE
    last_price: int = 0
    spread: int = 0
    volume: int = 0
    volume_24h: int = 0
    liquidity: int = 0
    start_ns: int = 0
    end_ns: int = 0
    game_start_ns: int = 0
    closed_ns: int = 0
    resolution: str = ""
    restricted: bool = False
    reward_min_size: int = 0
    reward_spread: int = 0
    description: str = ""
    resolution_source: str = ""
    events: tuple[EventRef, ...] = ()


class GammaEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event with all its markets, closed ones and placeholders included. `augmented`: the set can still grow."""

    id: str
    slug: str
    title: str
    markets: tuple[GammaMarket, ...] = ()
    active: bool = False
    closed: bool = False
    archived: bool = False
    neg_risk: bool = False
    neg_risk_market: str = ""
    augmented: bool = False
    start_ns: int = 0
    end_ns: int = 0
    volume: int = 0
    volume_24h: int = 0
    liquidity: int = 0
    tags: tuple[str, ...] = ()
    series: str = ""
