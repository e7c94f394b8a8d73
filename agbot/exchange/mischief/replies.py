"""Answers that are told wrong: honest ones in, changed copies out. Nothing is changed in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs
import msgspec

from agbot.exchange.api import Reply
from agbot.exchange.clob.wire import book_hash

Json: TypeAlias = dict[str, Any]

NO_BOOK_HASH: Final = "0" * 40


def ghost(reply: Reply, size: int) -> Reply:
    """Return books with one bid at 0.01 and one ask at 0.99."""
    bids, asks = [{"price": "0.01", "size": str(size)}], [{"price": "0.99", "size": str(size)}]
    return _each_book(reply, lambda book: rehashed(book | {"bids": bids, "asks": asks}))


def wrong_hash(reply: Reply) -> Reply:
    """Return books whose hash is not theirs."""
    return _each_book(reply, lambda book: book | {"hash": other_hash(str(book.get("hash", "")))})


def other_hash(given: str) -> str:
    """Return another hash of the same form."""
    return given[::-1] if given and given[::-1] != given else NO_BOOK_HASH


def shifted(reply: Reply, jump_s: float) -> Reply:
    """Return a time in seconds, or books with timestamps, that much later."""
    told = _json(reply)
    if isinstance(told, int):
        return attrs.evolve(reply, json=told + round(jump_s), raw=None)
    return _each_book(reply, lambda book: rehashed(book | {"timestamp": shifted_ms(book.get("timestamp"), jump_s)}))


def shifted_ms(timestamp: object, jump_s: float) -> object:
    """Return a timestamp of digits that much later; anything else as it is."""
    digits = isinstance(timestamp, str) and timestamp.isdigit()
    return str(max(0, int(str(timestamp)) + round(jump_s * 1000))) if digits else timestamp


def rehashed(book: Json) -> Json:
    """Return a book with the hash of what it says."""
    told = {key: value for key, value in book.items() if key != "event_type"}
    return book | {"hash": book_hash(told | {"hash": ""})}


def unmatched(reply: Reply) -> Reply:
    """Return answers to orders that matched as ``unmatched``."""
    told = _json(reply)
    changed = [_unmatched(row) for row in told] if isinstance(told, list) else _unmatched(told)
    return attrs.evolve(reply, json=changed, raw=None)


def _unmatched(row: Any) -> Any:
    if not isinstance(row, dict) or row.get("status") != "matched":
        return row
    kept = {key: value for key, value in row.items() if key not in ("tradeIDs", "transactionsHashes")}
    return kept | {"status": "unmatched", "makingAmount": "", "takingAmount": ""}


def same_trade_ids(reply: Reply, first: Callable[[str], str]) -> Reply:
    """Return trades, or the ids in answers to orders, under the id of their taker order's first trade.

    Args:
        first: that id by the taker order's id, empty when it is not known.
    """
    told = _json(reply)
    if isinstance(told, dict) and isinstance(told.get("data"), list):
        changed: Any = told | {"data": [same_trade_id(row, first) for row in told["data"]]}
    elif isinstance(told, list):
        changed = [_one_trade(row) for row in told]
    else:
        changed = _one_trade(told)
    return attrs.evolve(reply, json=changed, raw=None)


def same_trade_id(row: Any, first: Callable[[str], str]) -> Any:
    """Return one trade under the id of its taker order's first trade."""
    known = first(str(row.get("taker_order_id", ""))) if isinstance(row, dict) else ""
    return row | {"id": known} if known else row


def _one_trade(row: Any) -> Any:
    ids = row.get("tradeIDs") if isinstance(row, dict) else None
    return row | {"tradeIDs": ids[:1]} if ids else row


def _json(reply: Reply) -> Any:
    return reply.json if reply.raw is None else msgspec.json.decode(reply.raw)


def _each_book(reply: Reply, change: Callable[[Json], Json]) -> Reply:
    told = _json(reply)
    if isinstance(told, list):
        changed: Any = [change(book) if _is_book(book) else book for book in told]
    else:
        changed = change(told) if _is_book(told) else told
    return attrs.evolve(reply, json=changed, raw=None)


def _is_book(told: object) -> bool:
    return isinstance(told, dict) and "bids" in told and "asks" in told
