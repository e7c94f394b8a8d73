"""Text to book: frames of the market channel as a game shows them, decoded and applied to the native book.

The mix follows two recorded baseball games: a book of 24 levels every twentieth message, else a price_change of both
outcomes with 2 (67 %), 4 (22 %), 6 (6 %), 8 (4 %) or 10 (1 %) rows, each with its hash and best prices. The peer
decodes the same bytes to a tagged union of structs of text and does nothing else: not one number is read, no book is
touched. (One struct with every field of both messages takes a quarter less time than the union.)
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec

from agbot._book import Book
from agbot.model.events import BookDelta, BookSnapshot
from agbot.model.ids import TokenId
from agbot.venue.polymarket.wire import FrameDecoder
from benchmarks.timing import Case, Effort, Row, at_most, best_ns

MESSAGES = 400
GOAL = 1.2
LEVELS = 24
ROWS, WEIGHTS = (2, 4, 6, 8, 10), (67, 22, 6, 4, 1)
TICK = 1_000
MARKET = "0xdd22472e552920b8438158ea7238bfadfa4f736aa4cee91a6b86c39ead110917"
YES = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO = "52114319501245915516055106046884209969926127482827954674443846427813813222426"


def rows(effort: Effort) -> list[Row]:
    """Return the rows of the decoder."""
    ours, peer = "text to book", "msgspec decode alone"
    mix = _mix()
    ns = best_ns({ours: _to_book(mix), peer: _structs(mix)}, effort)
    return [at_most("market frames, text to book", GOAL, ns, ours, peer)]


class _Level(msgspec.Struct, gc=False):
    price: str
    size: str


class _Change(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: str
    hash: str
    best_bid: str
    best_ask: str


class _Book(msgspec.Struct, tag_field="event_type", tag="book"):
    market: str
    asset_id: str
    bids: list[_Level]
    asks: list[_Level]
    timestamp: str
    hash: str
    tick_size: str
    last_trade_price: str


class _PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    market: str
    price_changes: list[_Change]
    timestamp: str


def _structs(mix: list[bytes]) -> Case:
    decode = msgspec.json.Decoder(_Book | _PriceChange).decode

    def case(count: int) -> None:
        for part in _cycle(mix, count):
            for raw in part:
                decode(raw)

    return case


def _to_book(mix: list[bytes]) -> Case:
    decoder = FrameDecoder({TokenId(YES): TICK, TokenId(NO): TICK})
    books = {YES: Book(TICK), NO: Book(TICK)}

    def case(count: int) -> None:
        decode = decoder.decode
        for part in _cycle(mix, count):
            for raw in part:
                for event in decode(raw).events:
                    if type(event) is BookDelta:
                        books[event.token].apply(event.changes)
                    elif type(event) is BookSnapshot:
                        books[event.token].snapshot(event.bids, event.asks)

    return case


def _cycle(mix: list[bytes], count: int) -> Iterator[list[bytes]]:
    """Yield slices of the frames until `count` are out."""
    for _ in range(count // MESSAGES):
        yield mix
    yield mix[: count % MESSAGES]


def _mix() -> list[bytes]:
    dice = random.Random(7)
    frames = [_book(dice) if i % 20 == 0 else _price_change(dice) for i in range(MESSAGES)]
    return [json.dumps(frame, separators=(",", ":")).encode() for frame in frames]


def _book(dice: random.Random) -> dict[str, Any]:
    half = [0.001 * i for i in range(1, LEVELS // 2 + 1)]
    return {
        "market": MARKET,
        "asset_id": dice.choice((YES, NO)),
        "bids": [{"price": f"{0.5 - step:.3f}", "size": _size(dice)} for step in reversed(half)],
        "asks": [{"price": f"{0.5 + step:.3f}", "size": _size(dice)} for step in reversed(half)],
        "hash": f"{dice.getrandbits(160):040x}",
        "timestamp": "1703875201000",
        "event_type": "book",
        "tick_size": "0.001",
        "last_trade_price": "0.48",
    }


def _price_change(dice: random.Random) -> dict[str, Any]:
    changes = []
    for _ in range(dice.choices(ROWS, WEIGHTS)[0] // 2):
        price, size, side = dice.randrange(400, 600), _size(dice), dice.random() < 0.5
        for token, its_price, its_side in ((YES, price, side), (NO, 1_000 - price, not side)):
            changes.append(_row(dice, token, its_price, size, "BUY" if its_side else "SELL"))
    return {
        "market": MARKET,
        "price_changes": changes,
        "timestamp": "1703875201000",
        "event_type": "price_change",
    }


def _row(dice: random.Random, token: str, price: int, size: str, side: str) -> dict[str, str]:
    return {
        "asset_id": token,
        "price": f"{price / 1_000:g}",
        "size": size,
        "side": side,
        "hash": f"{dice.getrandbits(160):040x}",
        "best_bid": dice.choice(("0.499", "0.498")),
        "best_ask": "0.501",
    }


def _size(dice: random.Random) -> str:
    return "0" if dice.random() < 0.2 else f"{dice.randrange(500, 500_000) / 100:g}"
