"""Messages as rows of nine columns, for tables: a level a row, all of a message's rows bear its number.

What goes in comes out: every kind of message, its levels in their order, integers as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    BookTrust,
    LinkDown,
    LinkUp,
    MarketData,
    MarketListed,
    MarketResolved,
    ReferencePrice,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.store.recording import KINDS

COLUMNS: Final = ("n", "kind", "ts_ns", "token", "side", "price", "size", "name", "text")
LISTED: Final = "listed"
"""The kind of the rows before the first message: the recording's markets, number 0."""
_SIDES: Final = ("bid", "ask")
_NUMBER_MAX: Final = 2**62


class Flat(NamedTuple):
    """One row. `price` and `size` are integers of 10⁻⁶, None where a kind has none; texts are empty then.

    `n` counts messages from 1. `name` is a feed, a market or a symbol; `text` a reason, a cause, a source, or a
    market's terms as JSON.
    """

    n: int
    kind: str
    ts_ns: int
    token: str = ""
    side: str = ""
    price: int | None = None
    size: int | None = None
    name: str = ""
    text: str = ""


def listed(markets: Iterable[Market]) -> Iterator[Flat]:
    """Yield the rows that say which markets a recording is about."""
    return (Flat(0, LISTED, 0, name=market.id, text=_terms(market)) for market in markets)


def flat(n: int, m: MarketData) -> Iterator[Flat]:
    """Yield the rows of message number `n`."""
    row = Flat(n, KINDS[type(m)], m.ts_ns)
    match m:
        case BookSnapshot():
            rows = [(side, *level) for side, levels in ((BID, m.bids), (ASK, m.asks)) for level in levels]
            yield from _levels(row._replace(token=m.token), rows)
        case BookDelta():
            yield from _levels(row._replace(token=m.token), m.changes)
        case TradePrint():
            yield row._replace(token=m.token, side=str(m.side), price=m.price, size=m.size)
        case TickSizeChanged():
            yield row._replace(token=m.token, price=m.tick)
        case MarketResolved():
            yield row._replace(token=m.winner, name=m.market)
        case MarketListed():
            yield row._replace(name=m.market.id, text=_terms(m.market))
        case LinkUp():
            yield row._replace(name=m.feed)
        case LinkDown():
            yield row._replace(name=m.feed, text=m.reason)
        case BookTrust():
            yield row._replace(token=m.token, text=m.cause)
        case ReferencePrice():
            yield row._replace(name=m.symbol, text=m.source, price=m.value)


def _levels(row: Flat, levels: Iterable[tuple[int, int, int]]) -> Iterator[Flat]:
    """Yield a row for each level; a message without one is a row without side."""
    empty = True
    for side, price, size in levels:
        yield row._replace(side=_SIDES[side], price=price, size=size)
        empty = False
    if empty:
        yield row


def market_of(row: Flat) -> Market:
    """Return the terms in a row of kind `LISTED` or market. ValueError when they are none."""
    try:
        return msgspec.json.decode(row.text, type=Market)
    except msgspec.DecodeError as e:
        raise ValueError(f"bad terms: {e}") from e


def message_of(rows: Sequence[Flat]) -> MarketData:  # noqa: PLR0911 - one return a kind
    """Return the message that some rows are. ValueError says what is wrong with them."""
    row = rows[0]
    if not 0 <= row.ts_ns < 2**63:
        raise ValueError(f"time {row.ts_ns} is out of range")
    if row.kind in ("book", "delta"):
        return _of_levels(rows)
    if len(rows) > 1:
        raise ValueError(f"{len(rows)} rows of one {row.kind}")
    token = TokenId(row.token)
    match row.kind:
        case "trade":
            return TradePrint(token, Side(row.side), _number(row.price, 1), _number(row.size, 1), row.ts_ns)
        case "tick":
            return TickSizeChanged(token, _number(row.price, 1), row.ts_ns)
        case "resolved":
            return MarketResolved(MarketId(row.name), token, row.ts_ns)
        case "market":
            return MarketListed(market_of(row), row.ts_ns)
        case "up":
            return LinkUp(row.name, row.ts_ns)
        case "down":
            return LinkDown(row.name, row.text, row.ts_ns)
        case "trust":
            return BookTrust(token, row.text, row.ts_ns)
        case "reference":
            return ReferencePrice(row.name, row.text, _number(row.price, 1), row.ts_ns)
        case _:
            raise ValueError(f"unknown kind {row.kind!r}")


def _of_levels(rows: Sequence[Flat]) -> MarketData:
    row = rows[0]
    if any((each.kind, each.ts_ns, each.token) != (row.kind, row.ts_ns, row.token) for each in rows):
        raise ValueError("rows of one message differ in kind, time or token")
    levels = [] if len(rows) == 1 and not row.side else [_level(each) for each in rows]
    if row.kind == "delta":
        return BookDelta(TokenId(row.token), tuple(levels), row.ts_ns)
    sides = [tuple((price, size) for edge, price, size in levels if edge == side) for side in (BID, ASK)]
    if any(size == 0 for _, _, size in levels):
        raise ValueError("a level of size 0 in a whole book")
    return BookSnapshot(TokenId(row.token), sides[BID], sides[ASK], row.ts_ns)


def _level(row: Flat) -> tuple[int, int, int]:
    if row.side not in _SIDES:
        raise ValueError(f"side {row.side!r} is neither bid nor ask")
    return _SIDES.index(row.side), _number(row.price, 1), _number(row.size, 0)


def _number(value: int | None, least: int) -> int:
    if value is None or not least <= value <= _NUMBER_MAX:
        raise ValueError(f"{value} is no price or size")
    return value


def _terms(market: Market) -> str:
    return msgspec.json.encode(market).decode()
