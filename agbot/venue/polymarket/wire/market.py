"""Frames of the CLOB market channel become facts with exact integers.

A frame is one JSON object or an array of them. Numbers arrive as text (``"0.48"``, ``".48"``) and sometimes as JSON
numbers; both are read from their digits, never through a float. Times are milliseconds.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

import msgspec

from agbot._frames import Scanner
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
from agbot.venue.polymarket.wire.counted import SILENT, Counted
from agbot.venue.polymarket.wire.fields import Fields
from agbot.venue.polymarket.wire.numbers import exact_ms, exact_price, exact_tick, exact_units

NEW_MARKETS: Final = 256
"""How many announcements of new markets wait to be read; older ones are dropped."""

_SIDES: Final = {"BUY": BID, "SELL": ASK, "buy": BID, "sell": ASK}


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
    hash: str = ""


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
    hash: str = ""


class NewMarket(msgspec.Struct, frozen=True, kw_only=True):
    """A market was announced on the market channel. Not all its terms: minimum size and neg-risk are asked for by REST.

    Args:
        tick: 10⁻⁶, 0 when the venue did not name one.
        fee_rate: 10⁻⁶, None without a fee schedule.
    """

    id: str
    market: MarketId
    slug: str
    question: str
    tokens: tuple[TokenId, ...]
    outcomes: tuple[str, ...]
    tick: int
    ts_ns: int
    active: bool = True
    group_title: str = ""
    event_slug: str = ""
    fees_enabled: bool = False
    fee_rate: int | None = None
    fee_exponent: int = 1
    taker_only: bool = True


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


class FrameDecoder(Counted):
    """Turns market-channel frames into facts. Keeps what the venue said about each token, and counts.

    Args:
        ticks: known ticks by token; a book that names another one yields a `TickSizeChanged` before its snapshot.
        keep_hashes: whether to remember the hash of the last message about each token.

    Attributes:
        unknown, malformed: see `Counted`.
        new_markets: the latest announcements (at most `NEW_MARKETS`); whoever wants them pops them.
        hashes: the venue's last book hash by token, if asked for. It is advisory: nothing is checked against it here.
    """

    def __init__(self, ticks: Mapping[TokenId, int] | None = None, *, keep_hashes: bool = False) -> None:
        super().__init__()
        self.new_markets: deque[NewMarket] = deque(maxlen=NEW_MARKETS)
        self.hashes: dict[TokenId, str] = {}
        self._keep_hashes = keep_hashes
        self._ticks: dict[TokenId, int] = dict(ticks or {})
        kept = self.hashes if keep_hashes else None
        self._scanner = Scanner(BookSnapshot, BookDelta, Decoded, self._ticks, kept)
        for token in self._ticks:  # events then carry these very strings, which dicts find by identity
            self._scanner.note_top(token)

    def decode(self, raw: bytes | str) -> Decoded:
        """Return what `raw` says. Never raises on bad input: a bad message is a fault, the others are read."""
        return self._scanner.scan(raw) or self._decode_any(raw)

    def _decode_any(self, raw: bytes | str) -> Decoded:
        """Read a frame with anything but the frequent messages in their usual form, which `Scanner` has read."""
        if raw in SILENT:
            return Decoded([], [])
        try:
            frame = _frame_decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._decode_loosely(raw)
        out = Decoded([], [])
        messages = frame if isinstance(frame, list) else (frame,)
        if any(message.event_type == "new_market" for message in messages):
            return self._decode_loosely(raw)
        for message in messages:
            self._take(message, out)
        return out

    def take(self, item: object) -> Decoded:
        """Return what one message says that is already an object (fractions as text); never raises."""
        out = Decoded([], [])
        self._take_loosely(item, out)
        return out

    def top(self, token: TokenId) -> Top | None:
        """Return the venue's own best prices after its last message, None when it named none or not legibly."""
        _, bid, ask = self._scanner.said(token)
        return None if bid is None or ask is None else Top(bid, ask)

    def market(self, token: TokenId) -> MarketId | None:
        """Return the market the token was last seen in, None when no message named one."""
        market, _, _ = self._scanner.said(token)
        return None if market is None else MarketId(market)

    @property
    def messages(self) -> Counter[str]:
        """Return how many messages were understood, by event type."""
        return self._understood + Counter(book=self._scanner.books, price_change=self._scanner.changes)

    def forget_top(self, token: TokenId) -> None:
        """Forget what the venue named as best prices: a whole book came, and the claim was about the one before."""
        self._scanner.note_top(token)

    def _take(self, message: _Message, out: Decoded) -> None:
        kind = message.event_type or _infer(message)
        convert = self._converters.get(kind)
        if convert is None:
            self._count_unknown(kind)
            return
        try:
            events = convert(self, message)
        except ValueError as e:
            self._fault(out.faults, f"{kind}: {e}")
            return
        self._understood[kind] += 1
        out.events.extend(events)

    def _decode_loosely(self, raw: bytes | str) -> Decoded:
        """Read a frame that is not as documented: numbers for text, nulls, one bad message among good ones."""
        out = Decoded([], [])
        try:
            frame = _any_decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
            self._fault(out.faults, f"not JSON: {e}")
            return out
        for item in frame if isinstance(frame, list) else [frame]:
            self._take_loosely(item, out)
        return out

    def _take_loosely(self, item: object, out: Decoded) -> None:
        kind = item.get("event_type") if isinstance(item, dict) else None
        if kind == "new_market":
            self._new_market(item, out)
            return
        if isinstance(kind, str) and kind and kind not in self._converters:
            self._count_unknown(kind)
            return
        try:
            message = msgspec.convert(_texts(item), _Message)
        except msgspec.ValidationError as e:
            self._fault(out.faults, f"{kind or 'frame'}: {e}")
            return
        self._take(message, out)

    def _token(self, asset_id: str, market: str) -> TokenId:
        if not asset_id:
            raise ValueError("asset_id is missing")
        token = TokenId(asset_id)
        if market:
            self._scanner.note_market(token, market)
        return token

    def _tops(self, token: TokenId, bid: str, ask: str) -> None:
        try:
            self._scanner.note_top(token, exact_units(bid), exact_units(ask))
        except ValueError:
            self._scanner.note_top(token)

    def _book(self, m: _Message) -> list[MarketData]:
        token, ts_ns = self._token(m.asset_id, m.market), exact_ms(m.timestamp)
        if m.bids is None or m.asks is None:
            raise ValueError("bids or asks are missing")
        self._keep(token, m.hash)
        book = BookSnapshot(token, _levels(m.bids), _levels(m.asks), ts_ns)
        tick = exact_tick(m.tick_size) if m.tick_size else self._ticks.get(token)
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
        for row in rows:
            token = self._token(row.asset_id or m.asset_id, m.market)
            changes.setdefault(token, []).append((_side(row.side), exact_price(row.price), exact_units(row.size)))
        for row in rows:
            token = TokenId(row.asset_id or m.asset_id)
            self._tops(token, row.best_bid, row.best_ask)
            self._keep(token, row.hash)
        return [BookDelta(token, tuple(rows), ts_ns) for token, rows in changes.items()]

    def _trade(self, m: _Message) -> list[MarketData]:
        token, ts_ns, size = self._token(m.asset_id, m.market), exact_ms(m.timestamp), exact_units(m.size)
        if size == 0:
            raise ValueError("a trade of size 0")
        side = Side.BUY if _side(m.side) == BID else Side.SELL
        return [TradePrint(token, side, exact_price(m.price), size, ts_ns)]

    def _tick_size(self, m: _Message) -> list[MarketData]:
        token, tick = self._token(m.asset_id, m.market), exact_tick(m.new_tick_size)
        self._ticks[token] = tick
        return [TickSizeChanged(token, tick, exact_ms(m.timestamp))]

    def _top(self, m: _Message) -> list[MarketData]:
        self._tops(self._token(m.asset_id, m.market), m.best_bid, m.best_ask)
        return []

    def _resolved(self, m: _Message) -> list[MarketData]:
        if not m.market or not m.winning_asset_id:
            raise ValueError("market or winning_asset_id is missing")
        return [MarketResolved(MarketId(m.market), TokenId(m.winning_asset_id), exact_ms(m.timestamp))]

    def _new_market(self, item: object, out: Decoded) -> None:
        try:
            self.new_markets.append(_new_market(Fields(item)))
        except ValueError as e:
            self._fault(out.faults, f"new_market: {e}")
            return
        self._understood["new_market"] += 1

    def _keep(self, token: TokenId, hash_: str) -> None:
        if self._keep_hashes and hash_:
            self.hashes[token] = hash_

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


def _new_market(f: Fields) -> NewMarket:
    fee, event = f.nested("fee_schedule"), f.nested("event_message") or Fields({})
    return NewMarket(
        id=f.name("id"),
        market=MarketId(f.name("condition_id", "market")),
        slug=f.text("slug", default=""),
        question=f.text("question", default=""),
        tokens=tuple(map(TokenId, f.texts("clob_token_ids", "assets_ids"))),
        outcomes=f.texts("outcomes"),
        tick=f.tick("order_price_min_tick_size", default=0),
        ts_ns=f.time("timestamp"),
        active=f.flag("active", default=True),
        group_title=f.text("group_item_title", default=""),
        event_slug=event.text("slug", default=""),
        fees_enabled=f.flag("fees_enabled", default=False),
        fee_rate=fee.units("rate") if fee else None,
        fee_exponent=fee.whole("exponent", default=1) if fee else 1,
        taker_only=fee.flag("takerOnly", "taker_only", default=True) if fee else True,
    )


def _side(text: str) -> int:
    side = _SIDES.get(text)
    if side is None:
        raise ValueError(f"side {text!r} is neither BUY nor SELL")
    return side


def _levels(levels: list[_Level]) -> tuple[Level, ...]:
    return tuple((exact_price(level.price), size) for level in levels if (size := exact_units(level.size)))


def _texts(value: object) -> object:
    """Return JSON with numbers as their own digits and without nulls. Floats never occur: the decoder kept text."""
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
