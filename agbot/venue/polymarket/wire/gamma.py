"""Gamma: which markets and events there are. Cached by the venue for minutes, never a trading truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.wire.fields import Fields, read, readable
from agbot.venue.polymarket.wire.rest import Page

T = TypeVar("T")
Kinds: TypeAlias = dict[str, dict[str, str]]

_CENTS: Final = 100


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
    """An event with all its markets, closed ones and placeholders included.

    `augmented`: the set can still grow. `faults`: why a market of it was left out.
    """

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
    faults: tuple[str, ...] = ()


class Tag(msgspec.Struct, frozen=True):
    """A topic that markets are filed under."""

    id: str
    slug: str
    label: str


def decode_market(raw: bytes | str) -> GammaMarket:
    """Read one market.

    Raises:
        VenueProtocolError: here and below, when the reply cannot be read.
    """
    return read("Gamma market", raw, lambda value: _market(Fields(_only(value))))


def decode_event(raw: bytes | str) -> GammaEvent:
    """Read one event."""
    return read("Gamma event", raw, lambda value: _event(Fields(_only(value))))


def decode_markets(raw: bytes | str) -> Page[GammaMarket]:
    """Read a page of markets: a keyset page, or the bare list of the older route."""
    return read("Gamma markets", raw, _page("markets", _market))


def decode_events(raw: bytes | str) -> Page[GammaEvent]:
    """Read a page of events, or the events of a search."""
    return read("Gamma events", raw, _page("events", _event))


def _only(value: object) -> object:
    """Return the one element of a list of one: a question by slug is answered with either."""
    if isinstance(value, list):
        if len(value) != 1:
            raise ValueError(f"expected one, got {len(value)}")
        return value[0]
    return value


def _page(name: str, item: Callable[[Fields], T]) -> Callable[[object], Page[T]]:
    def build(value: object) -> Page[T]:
        if isinstance(value, list):
            items, faults = readable(value, item)
            return Page(items, "", faults)
        f = Fields(value)
        if name not in f:
            raise ValueError(f"{name} is missing")
        items, faults = readable(f.rows(name), item)
        return Page(items, f.text("next_cursor", default=""), faults)

    return build


def _market(f: Fields) -> GammaMarket:
    tokens, outcomes, prices = f.texts("clobTokenIds"), f.texts("outcomes"), f.rows("outcomePrices")
    if tokens and len(tokens) != len(outcomes):
        raise ValueError(f"{len(tokens)} tokens but {len(outcomes)} outcomes")
    return GammaMarket(
        id=f.name("id"),
        outcomes=outcomes,
        tokens=tokens,
        prices=tuple(Fields({"price": price}).floor("price") for price in prices),
        positions=f.texts("positionIds"),
        version=f.text("version", default="v1").lower(),
        tick=f.tick("orderPriceMinTickSize", default=0),
        min_size=f.units("orderMinSize", default=0),
        delay_s=f.time("secondsDelay", default=0) // NS_PER_S,
        best_ask=f.floor("bestAsk", default=SCALE),
        reward_min_size=f.units("rewardsMinSize", default=0),
        reward_spread=f.floor("rewardsMaxSpread", default=0) // _CENTS,
        resolution=f.text("umaResolutionStatus", "resolutionStatus", default=""),
        events=tuple(_event_ref(Fields(row)) for row in f.rows("events")),
        **fee_schedule(f.nested("feeSchedule")),
        **_plain(f, _MARKET),
    )


def _event(f: Fields) -> GammaEvent:
    series = f.rows("series")
    markets, faults = readable(f.rows("markets"), _market)
    return GammaEvent(
        id=f.name("id"),
        markets=markets,
        faults=faults,
        tags=tuple(_tag(Fields(row)).slug for row in f.rows("tags")),
        series=Fields(series[0]).text("slug", default="") if series else "",
        **_plain(f, _EVENT),
    )


def fee_schedule(fee: Fields | None) -> dict[str, Any]:
    """Return the fee fields of a described market: none without a schedule, never a guess."""
    if fee is None:
        return {}
    return {
        "fee_rate": fee.units("rate"),
        "fee_exponent": fee.whole("exponent", default=1),
        "taker_only": fee.flag("takerOnly", "taker_only", default=True),
        "rebate_rate": fee.units("rebateRate", "rebate_rate", default=0),
    }


def _event_ref(f: Fields) -> EventRef:
    return EventRef(f.name("id"), f.text("slug", default=""), f.text("title", default=""))


def _tag(f: Fields) -> Tag:
    return Tag(f.name("id"), f.text("slug", default=""), f.text("label", default=""))


def _plain(f: Fields, kinds: Kinds) -> dict[str, Any]:
    """Return the fields that are read alike and may be absent: by kind, our name and theirs."""
    return {ours: _ABSENT[kind](f, theirs) for kind, names in kinds.items() for ours, theirs in names.items()}


_ABSENT: Final[dict[str, Callable[[Fields, str], object]]] = {
    "text": lambda f, name: f.text(name, default=""),
    "flag": lambda f, name: f.flag(name, default=False),
    "statistic": lambda f, name: f.floor(name, default=0),
    "time": lambda f, name: f.time(name, default=0),
}
_COMMON: Final[Kinds] = {
    "text": {"slug": "slug", "neg_risk_market": "negRiskMarketID"},
    "flag": {"active": "active", "closed": "closed", "archived": "archived", "neg_risk": "negRisk"},
    "statistic": {"volume": "volume", "volume_24h": "volume24hr", "liquidity": "liquidity"},
    "time": {"start_ns": "startDate", "end_ns": "endDate"},
}
_EVENT: Final[Kinds] = {
    "text": _COMMON["text"] | {"title": "title"},
    "flag": _COMMON["flag"] | {"augmented": "negRiskAugmented"},
    "statistic": _COMMON["statistic"],
    "time": _COMMON["time"],
}
_MARKET: Final[Kinds] = {
    "text": _COMMON["text"]
    | {
        "condition": "conditionId",
        "question": "question",
        "group_title": "groupItemTitle",
        "fee_type": "feeType",
        "description": "description",
        "resolution_source": "resolutionSource",
    },
    "flag": _COMMON["flag"]
    | {
        "accepting": "acceptingOrders",
        "order_book": "enableOrderBook",
        "restricted": "restricted",
        "neg_risk_other": "negRiskOther",
        "fees_enabled": "feesEnabled",
    },
    "statistic": _COMMON["statistic"] | {"best_bid": "bestBid", "last_price": "lastTradePrice", "spread": "spread"},
    "time": _COMMON["time"] | {"game_start_ns": "gameStartTime", "closed_ns": "closedTime"},
}
