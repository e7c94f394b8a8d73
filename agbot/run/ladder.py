"""A market as a ladder: the levels nearest the spread, our orders at their level, and whether it may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from agbot.core.book import OrderBook
from agbot.core.engine import Engine
from agbot.core.oms import OrderRecord
from agbot.errors import ConfigError
from agbot.model.events import ASK, BID
from agbot.model.ids import TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.run.requests import market_named, outcome_of
from agbot.units import SCALE, complement, to_text

LEVELS: Final = 20
LEVELS_MAX: Final = 200


def ladder(engine: Engine, request: Mapping[str, Any], *, in_book: bool) -> dict[str, Any]:
    """Return one market's book of YES, or of the `outcome` asked for; our live orders in it; what is doubted of all.

    `level` of an order is all that the book shows at its price; with `in_book` ours is part of that.

    Raises:
        NotFoundError: AGB-534, there is no such market.
        ConfigError: AGB-535, `levels` is no number from 1 to 200, or `outcome` none.
    """
    levels = request.get("levels", LEVELS)
    if type(levels) is not int or not 1 <= levels <= LEVELS_MAX:
        raise ConfigError(f"levels {levels!r} is no number from 1 to {LEVELS_MAX}", id="AGB-535", remedy="ask for 20")
    market, _ = market_named(str(request.get("market", "")), engine.markets.values())
    outcome = outcome_of(request)
    token = market.token(outcome)
    book = engine.books[token]
    return {
        "run_id": engine.settings.run_id,
        "market": market.name,
        "market_id": market.id,
        "outcome": str(outcome),
        "token": token,
        "updated_ns": book.updated_ns,
        "tick": to_text(book.tick),
        "bids": [[to_text(price), to_text(size)] for price, size in book.top(BID, levels)],
        "asks": [[to_text(price), to_text(size)] for price, size in book.top(ASK, levels)],
        "in_book": in_book,
        "orders": [_order(token, book, record) for record in engine.oms.live(market.id)],
        "doubts": {m.id: doubt_of(engine, m) for m in engine.markets.values()},
    }


def doubt_of(engine: Engine, market: Market) -> str:
    """Return why a market's books are not traded on, empty when they are believed."""
    if market.id in engine.state.resolved:
        return "resolved"
    for token in (market.yes, market.no):
        book = engine.books[token]
        if not book.trusted:
            return book.doubt or "no whole book yet"
    return ""


def _order(token: TokenId, book: OrderBook, record: OrderRecord) -> dict[str, Any]:
    command = record.command
    same = command.token == token
    bids = (command.side is Side.BUY) == same
    price = command.price if same else complement(command.price)
    return {
        "client_order_id": command.client_order_id,
        "side": "bid" if bids else "ask",
        "price": to_text(price),
        "left": to_text(record.remaining),
        "state": str(record.state),
        "level": to_text(book.size_at(BID if bids else ASK, price) if 0 < price < SCALE else 0),
    }
