"""The only file that knows Polymarket's JSON: frames of the CLOB market channel become facts with exact integers.

A frame is one JSON object or an array of them. Numbers arrive as text (``"0.48"``, ``".48"``) and sometimes as JSON
numbers; both are read from their digits, never through a float. Times are milliseconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Final, NamedTuple

import msgspec

from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    Level,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.order import Side
from agbot.units import NS_PER_MS, SCALE, TICKS, to_units

UNKNOWN_NAMES: Final = 32
"""How many distinct unknown event types are counted by name; the rest is counted as ``"other"``."""

_NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_SIDES: Final = {"BUY": BID, "SELL": ASK, "buy": BID, "sell": ASK}
_LONGEST: Final = 28
"""Digits that `Decimal` multiplies without rounding."""
_MS_MAX: Final = (2**63 - 1) // NS_PER_MS


def exact_units(text: str) -> int:
    """Return unsigned decimal text as an exact integer of 10⁻⁶: ``".48"`` is 480 000.

    Raises:
        ValueError: not an unsigned decimal number, more than six decimals, or beyond 64 bits.
    """
    whole, _, part = text.partition(".")
    digits = whole + part
    if 0 < len(digits) <= 18 and len(part) <= 6 and digits.isdigit() and digits.isascii() and len(whole) <= 12:
        return int(digits) * _POWERS[6 - len(part)]
    if not text or _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    if len(text) > _LONGEST:
        raise ValueError(f"{text[:40]!r} is too long for a number")
    return to_units(text)


_POWERS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)


@lru_cache(maxsize=4096)
def exact_price(text: str) -> int:
    """Return the price as an integer of 10⁻⁶.

    Raises:
        ValueError: not a number strictly between 0 and 1.
    """
    price = exact_units(text)
    if not 0 < price < SCALE:
        raise ValueError(f"price {text!r} is not between 0 and 1")
    return price


def exact_ms(text: str) -> int:
    """Return text of UTC milliseconds as nanoseconds; ValueError when it is not whole, not positive or too large."""
    if not (text.isdigit() and text.isascii() and len(text) <= 19 and 0 < int(text) <= _MS_MAX):
        raise ValueError(f"timestamp {text!r} is not in milliseconds")
    return int(text) * NS_PER_MS


class _Level(msgspec.Struct, gc=False):
    price: str
    size: str


class _Change(msgspec.Struct, gc=False):
    price: str
    size: str
    side: str
    asset_id: str = ""
    best_bid: str = ""
    best_ask: str = ""


class _Message(msgspec.Struct):
    """All market-channel messages in one: `event_type` is missing in some captures, so the fields decide."""

    event_type: str = ""
    market: str = ""
    asset_id: str = ""
    timestamp: str = ""
    bids: list[_Level] | None = None
    asks: list[_Level] | None = None
    tick_size: str = ""
    price_changes: list[_Change] | None = None
    changes: list[_Change] | None = None
    price: str = ""
    size: str = ""
    side: str = ""
    new_tick_size: str = ""
    best_bid: str = ""
    best_ask: str = ""
    winning_asset_id: str = ""


class Top(NamedTuple):
    """The best prices the venue itself last claimed for a token; 0 is "no bid", 1 000 000 "no ask"."""

    bid: int
    ask: int


class Decoded(NamedTuple):
    """What one frame said: facts in order, and one sentence for each message that could not be understood."""

    events: list[MarketData]
    faults: list[str]


_frame_decoder: Final = msgspec.json.Decoder(_Message | list[_Message])
_any_decoder: Final = msgspec.json.Decoder(Any, float_hook=str)


class FrameDecoder:
    """Turns market-channel frames into facts. Keeps what the venue said about each token, and counts.

    Args:
        ticks: known ticks by token; a book that names another one yields a `TickSizeChanged` before its snapshot.

    Attributes:
        messages: understood messages by event type.
        unknown: messages of other event types, by name (at most `UNKNOWN_NAMES` names).
        malformed: messages that were set aside.
        markets: the market each token was seen in.
    """

    def __init__(self, ticks: Mapping[TokenId, int] | None = None) -> None:
        self.messages: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.malformed = 0
        self.markets: dict[TokenId, MarketId] = {}
        self._ticks: dict[TokenId, int] = dict(ticks or {})
        self._tops: dict[TokenId, tuple[str, str]] = {}

    def decode(self, raw: bytes | str) -> Decoded:
        """Return what `raw` says. Never raises on bad input: a bad message is a fault, the others are read."""
        if raw in (b"PONG", "PONG", b"", ""):
            return Decoded([], [])
        try:
            frame = _frame_decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decode_loosely(raw)
        out = Decoded([], [])
        for message in frame if isinstance(frame, list) else (frame,):
            self._take(message, out)
        return out

    def top(self, token: TokenId) -> Top | None:
        """Return the venue's own best prices after its last message, None when it named none or not legibly."""
        bid, ask = self._tops.get(token, ("", ""))
        try:
            return Top(exact_units(bid), exact_units(ask))
        except ValueError:
            return None

    def _take(self, message: _Message, out: Decoded) -> None:
        kind = message.event_type or _infer(message)
        convert = self._converters.get(kind)
        if convert is None:
            self._count_unknown(kind)
            return
        try:
            events = convert(self, message)
        except ValueError as e:
            self._fault(out, f"{kind}: {e}")
            return
        self.messages[kind] += 1
        out.events.extend(events)

    def _decode_loosely(self, raw: bytes | str) -> Decoded:
        """Read a frame that is not as documented: numbers for text, nulls, one bad message among good ones."""
        out = Decoded([], [])
        try:
            frame = _any_decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
            self._fault(out, f"not JSON: {e}")
            return out
        for item in frame if isinstance(frame, list) else [frame]:
            self._take_loosely(item, out)
        return out

    def _take_loosely(self, item: object, out: Decoded) -> None:
        kind = item.get("event_type") if isinstance(item, dict) else None
        if isinstance(kind, str) and kind and kind not in self._converters:
            self._count_unknown(kind)
            return
        try:
            message = msgspec.convert(_texts(item), _Message)
        except msgspec.ValidationError as e:
            self._fault(out, f"{kind or 'frame'}: {e}")
            return
        self._take(message, out)

    def _count_unknown(self, kind: str) -> None:
        name = (kind or "unnamed")[:64]
        room = name in self.unknown or len(self.unknown) < UNKNOWN_NAMES
        self.unknown[name if room else "other"] += 1

    def _fault(self, out: Decoded, why: str) -> None:
        self.malformed += 1
        out.faults.append(why[:300])

    def _token(self, asset_id: str, market: str) -> TokenId:
        if not asset_id:
            raise ValueError("asset_id is missing")
        token = TokenId(asset_id)
        if market:
            self.markets[token] = MarketId(market)
        return token

    def _book(self, m: _Message) -> list[MarketData]:
        token, ts_ns = self._token(m.asset_id, m.market), exact_ms(m.timestamp)
        if m.bids is None or m.asks is None:
            raise ValueError("bids or asks are missing")
        book = BookSnapshot(token, _levels(m.bids), _levels(m.asks), ts_ns)
        tick = _tick(m.tick_size) if m.tick_size else self._ticks.get(token)
        if tick is None or tick == self._ticks.get(token):
            return [book]
        self._ticks[token] = tick
        return [TickSizeChanged(token, tick, ts_ns), book]

    def _price_change(self, m: _Message) -> list[MarketData]:
        ts_ns = exact_ms(m.timestamp)
        rows = m.price_changes if m.price_changes is not None else m.changes
        if rows is None:
            raise ValueError("neither price_changes nor changes")
        changes: dict[TokenId, list[tuple[int, int, int]]] = {}
        tops = {}
        for row in rows:
            token = self._token(row.asset_id or m.asset_id, m.market)
            changes.setdefault(token, []).append((_side(row.side), exact_price(row.price), exact_units(row.size)))
            tops[token] = (row.best_bid, row.best_ask)
        self._tops.update(tops)
        return [BookDelta(token, tuple(rows), ts_ns) for token, rows in changes.items()]

    def _trade(self, m: _Message) -> list[MarketData]:
        token, ts_ns, size = self._token(m.asset_id, m.market), exact_ms(m.timestamp), exact_units(m.size)
        if size == 0:
            raise ValueError("a trade of size 0")
        side = Side.BUY if _side(m.side) == BID else Side.SELL
        return [TradePrint(token, side, exact_price(m.price), size, ts_ns)]

    def _tick_size(self, m: _Message) -> list[MarketData]:
        token, tick = self._token(m.asset_id, m.market), _tick(m.new_tick_size)
        self._ticks[token] = tick
        return [TickSizeChanged(token, tick, exact_ms(m.timestamp))]

    def _top(self, m: _Message) -> list[MarketData]:
        self._tops[self._token(m.asset_id, m.market)] = (m.best_bid, m.best_ask)
        return []

    def _resolved(self, m: _Message) -> list[MarketData]:
        if not m.market or not m.winning_asset_id:
            raise ValueError("market or winning_asset_id is missing")
        return [MarketResolved(MarketId(m.market), TokenId(m.winning_asset_id), exact_ms(m.timestamp))]

    _converters: ClassVar[dict[str, Callable[[FrameDecoder, _Message], list[MarketData]]]] = {
        "book": _book,
        "price_change": _price_change,
        "last_trade_price": _trade,
        "tick_size_change": _tick_size,
        "best_bid_ask": _top,
        "market_resolved": _resolved,
    }


def _infer(message: _Message) -> str:
    if message.bids is not None or message.asks is not None:
        return "book"
    if message.price_changes is not None or message.changes is not None:
        return "price_change"
    if message.new_tick_size:
        return "tick_size_change"
    if message.price and message.size and message.side:
        return "last_trade_price"
    return ""


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise ValueError(f"side {text!r} is neither BUY nor SELL")
    return side


def _tick(text: str) -> int:
    tick = exact_units(text)
    if tick not in TICKS:
        raise ValueError(f"tick {text!r} is not one the venue uses")
    return tick


def _levels(levels: list[_Level]) -> tuple[Level, ...]:
    return tuple((exact_price(level.price), size) for level in levels if (size := exact_units(level.size)))


def _texts(value: object) -> object:
    """Return JSON with numbers as their own digits and without nulls. Floats never occur: the decoder kept text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
