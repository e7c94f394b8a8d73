"""Public replies of the CLOB: books, prices, trading terms. Prices and sizes in 10⁻⁶, times in UTC nanoseconds.

Every `decode_…` takes the body of a 200 reply and raises VenueProtocolError, and nothing else, when it cannot be read.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from agbot.model.events import Level
from agbot.units import SCALE
from agbot.venue.polymarket.wire.fields import Fields, read, rows_of

_CENTS: Final = 100
_MOST_SECONDS: Final = 2**32


class RestBook(msgspec.Struct, frozen=True):
    """A token's book. Levels best first: bids descending, asks ascending. Absent terms are 0, "" or None."""

    market: str
    token: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    ts_ns: int
    hash: str = ""
    tick: int = 0
    min_size: int = 0
    neg_risk: bool | None = None
    last_price: int = 0


class ClobMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market's trading terms. The taker fee of C shares at p is C · fee_rate · (p(1−p))^fee_exponent.

    `delay_s` is the taker delay of live sports, `taker_delay` the short one of up-down markets; `version` "v2" signs
    with domain 3; `reward_spread` in 10⁻⁶ usd; `reward_age_s` the age an order needs to earn.
    """

    condition: str
    tokens: tuple[tuple[str, str], ...]
    tick: int
    min_size: int
    neg_risk: bool = False
    accepting: bool = True
    fee_rate: int = 0
    fee_exponent: int = 1
    taker_only: bool = True
    delay_s: int = 0
    taker_delay: bool = False
    version: str = "v1"
    start_ns: int = 0
    clear_on_start: bool = False
    reward_min_size: int = 0
    reward_spread: int = 0
    reward_age_s: int = 0


class OutcomeToken(NamedTuple):
    """One outcome of a market record; `winner` after resolution."""

    token: str
    outcome: str
    price: int
    winner: bool


class MarketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The CLOB's long market object: the source for who won."""

    condition: str
    question: str
    slug: str
    tokens: tuple[OutcomeToken, ...]
    tick: int
    min_size: int
    neg_risk: bool
    active: bool
    closed: bool
    accepting: bool
    order_book: bool
    end_ns: int = 0
    start_ns: int = 0
    delay_s: int = 0

    @property
    def winner(self) -> str:
        """Return the winning token, "" while there is none (or it pays both halves)."""
        return next((token.token for token in self.tokens if token.winner), "")


class PricePoint(NamedTuple):
    """One point of a price history; `price` in 10⁻⁶."""

    ts_ns: int
    price: int


class Geoblock(NamedTuple):
    """Whether this machine's address may trade."""

    blocked: bool
    country: str
    region: str


def decode_book(raw: bytes | str) -> RestBook:
    """Read one book."""
    return read("book", raw, _book)


def decode_books(raw: bytes | str) -> tuple[RestBook, ...]:
    """Read many books; unknown tokens are missing and the order is the venue's."""
    return read("books", raw, rows_of(_book))


def decode_tick_size(raw: bytes | str) -> int:
    """Read a tick."""
    return read("tick size", raw, lambda value: Fields(value).tick("minimum_tick_size"))


def decode_server_time(raw: bytes | str) -> int:
    """Read the venue's clock in seconds, as UTC nanoseconds."""
    return read("time", raw, lambda value: Fields({"time": value}).time("time"))


def decode_version(raw: bytes | str) -> int:
    """Read the version of the order struct the venue accepts."""
    return read("version", raw, lambda value: Fields(value).whole("version"))


def decode_clob_market(raw: bytes | str) -> ClobMarket:
    """Read a market's trading terms (short keys)."""
    return read("market terms", raw, lambda value: clob_market(Fields(value)))


def decode_market_record(raw: bytes | str) -> MarketRecord:
    """Read the long market object."""
    return read("market", raw, lambda value: _record(Fields(value)))


def decode_price_history(raw: bytes | str) -> tuple[PricePoint, ...]:
    """Read a token's price history, oldest first as the venue sends it."""
    return read("price history", raw, _history)


def decode_geoblock(raw: bytes | str) -> Geoblock:
    """Read the answer of the geoblock page."""
    return read("geoblock", raw, _geoblock)


def clob_market(f: Fields) -> ClobMarket:
    """Return trading terms; ValueError when they cannot be read."""
    fee, reward = f.nested("fd"), f.nested("r") or Fields({})
    return ClobMarket(
        condition=f.name("c", "condition_id"),
        tokens=tuple((row.name("t"), row.text("o", default="")) for row in map(Fields, f.rows("t"))),
        tick=f.tick("mts"),
        min_size=f.units("mos", default=0),
        neg_risk=f.flag("nr", default=False),
        accepting=f.flag("ao", default=True),
        fee_rate=fee.units("r", default=0) if fee else 0,
        fee_exponent=fee.whole("e", default=1) if fee else 1,
        taker_only=fee.flag("to", default=True) if fee else True,
        delay_s=_seconds(f.whole("sd", default=0)),
        taker_delay=f.flag("itode", default=False),
        version=f.text("v", "version", default="v1").lower(),
        start_ns=f.time("gst", default=0),
        clear_on_start=f.flag("cbos", default=False),
        reward_min_size=reward.units("mi", default=0),
        reward_spread=reward.floor("ma", default=0) // _CENTS,
        reward_age_s=_seconds(reward.floor("moas", default=0) // SCALE),
    )


def _book(value: object) -> RestBook:
    f = Fields(value)
    if "bids" not in f or "asks" not in f:
        raise ValueError("bids or asks are missing")
    return RestBook(
        market=f.text("market", default=""),
        token=f.name("asset_id"),
        bids=tuple(sorted(_levels(f.rows("bids")), reverse=True)),
        asks=tuple(sorted(_levels(f.rows("asks")))),
        ts_ns=f.time("timestamp"),
        hash=f.text("hash", default=""),
        tick=f.tick("tick_size", default=0),
        min_size=f.units("min_order_size", default=0),
        neg_risk=f.flag("neg_risk") if "neg_risk" in f else None,
        last_price=_within(f.units("last_trade_price", default=0)),
    )


def _levels(rows: list[object]) -> list[Level]:
    """Return levels without empty ones; ValueError for a price that is named twice."""
    levels = [(f.price("price"), f.units("size")) for f in map(Fields, rows)]
    if len({price for price, _ in levels}) != len(levels):
        raise ValueError("a price is named twice")
    return [level for level in levels if level[1]]


def _record(f: Fields) -> MarketRecord:
    return MarketRecord(
        condition=f.name("condition_id"),
        question=f.text("question", default=""),
        slug=f.text("market_slug", default=""),
        tokens=tuple(_outcome(Fields(row)) for row in f.rows("tokens")),
        tick=f.tick("minimum_tick_size"),
        min_size=f.units("minimum_order_size", default=0),
        neg_risk=f.flag("neg_risk", default=False),
        active=f.flag("active", default=False),
        closed=f.flag("closed"),
        accepting=f.flag("accepting_orders", default=False),
        order_book=f.flag("enable_order_book", default=False),
        end_ns=f.time("end_date_iso", default=0),
        start_ns=f.time("game_start_time", default=0),
        delay_s=_seconds(f.whole("seconds_delay", default=0)),
    )


def _outcome(f: Fields) -> OutcomeToken:
    return OutcomeToken(
        f.text("token_id", default=""), f.text("outcome"), _within(f.floor("price")), f.flag("winner", default=False)
    )


def _history(value: object) -> tuple[PricePoint, ...]:
    f = Fields(value)
    if "history" not in f:
        raise ValueError("history is missing")
    return tuple(PricePoint(row.time("t"), _within(row.floor("p"))) for row in map(Fields, f.rows("history")))


def _geoblock(value: object) -> Geoblock:
    f = Fields(value)
    return Geoblock(f.flag("blocked"), f.text("country", default=""), f.text("region", default=""))


def _within(units: int) -> int:
    if not 0 <= units <= SCALE:
        raise ValueError(f"{units} is not between 0 and 1 000 000")
    return units


def _seconds(value: int) -> int:
    if value >= _MOST_SECONDS:
        raise ValueError(f"{value} seconds are too many")
    return value
