"""The CLOB's objects as JSON: books, orders, trades and the answers to orders. Numbers are text where the venue's are.

Everything here takes nouns of the exchange and gives plain dictionaries, in the venue's own order of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any, Final, TypeAlias

import msgspec

from agbot.exchange.model import Listing
from agbot.model.events import Level
from agbot.units import SCALE, complement, to_text

Json: TypeAlias = dict[str, Any]
TEXTS_KEPT: Final = 65_536

text: Final = lru_cache(TEXTS_KEPT)(to_text)
"""10⁻⁶ units as decimal text; the same few thousand prices and sizes are told again and again."""
_encode: Final = msgspec.json.Encoder().encode


def number(units: int) -> int | float:
    """Return 10⁻⁶ units as a JSON number, for the few fields where the venue has numbers."""
    whole, rest = divmod(units, SCALE)
    return units / SCALE if rest else whole


def token_levels(
    listing: Listing, token: str, bids: Sequence[Level], asks: Sequence[Level]
) -> tuple[Sequence[Level], Sequence[Level]]:
    """Return (bids, asks) of a token from those of YES, best first on both sides: the NO book is the exact mirror."""
    return (bids, asks) if token == listing.market.yes else (_mirrored(asks), _mirrored(bids))


def book_json(listing: Listing, token: str, bids: Sequence[Level], asks: Sequence[Level], now_ms: int) -> Json:
    """Return the ``/book`` object of a token: the best level last on both sides, and the venue's hash over it.

    Args:
        bids: of the YES token, best first, as `Exchange.levels` gives them.
        asks: likewise; the book of NO is made from the same two.
    """
    own_bids, own_asks = token_levels(listing, token, bids, asks)
    told: Json = {
        "market": listing.condition,
        "asset_id": token,
        "timestamp": str(now_ms),
        "hash": "",
        "bids": _rungs(own_bids),
        "asks": _rungs(own_asks),
        "min_order_size": text(listing.market.min_size),
        "tick_size": text(listing.market.tick),
        "neg_risk": listing.market.neg_risk,
        "last_trade_price": text(listing.last_price),
    }
    told["hash"] = book_hash(told)
    return told


def book_hash(book: Json) -> str:
    """Return the venue's hash over a ``/book`` object whose own ``hash`` is empty: SHA-1 of its compact JSON."""
    return sha1(_encode(book), usedforsecurity=False).hexdigest()


def _mirrored(levels: Iterable[Level]) -> list[Level]:
    return [(complement(price), size) for price, size in levels]


def _rungs(best_first: Sequence[Level]) -> list[dict[str, str]]:
    return [{"price": text(price), "size": text(size)} for price, size in reversed(best_first)]
