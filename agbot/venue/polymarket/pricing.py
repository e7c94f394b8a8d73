"""What a marketable order costs: the worst price it touches and the fee on top; and the hash the venue gives a book."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import attrs
import msgspec

from agbot.model.order import Side
from agbot.units import SCALE

Level = tuple[int, int]
"""Price and size, 10⁻⁶."""

"""Kept back of a budget, 10⁻⁶ usd: the venue rounds a match's fee to five decimals, by an unpublished tie rule."""


def worst_price(side: Side, levels: Iterable[Level], amount: int, *, fill_all: bool) -> int | None:
    """Return the price of the last level that `amount` touches, None when nothing can be traded.

    Args:
        side: BUY walks asks upwards and spends `amount` usd, SELL walks bids downwards and sells `amount` shares.
        levels: of the side that is taken, in any order.
        amount: 10⁻⁶.
        fill_all: FOK, where a book too thin is None too; otherwise (FAK) its last level is the answer.
    """
    last, left = None, amount * SCALE
    for price, size in sorted(levels, reverse=side is Side.SELL):
        last = price
        left -= size * (price if side is Side.BUY else SCALE)
        if left <= 0:
            return price
    return None if fill_all else last


@attrs.frozen(kw_only=True)
class TakerCost:
    """What a taker pays on top of the notional; `rate` and `builder` (of the notional) are 10⁻⁶.

    The fee of C shares at price p is ``C · rate · (p(1−p))^exponent``; see `agbot.model.fees` for what is charged.
    """

    rate: int
    exponent: int = 1
    builder: int = 0

    def per_usd(self, price: int) -> Fraction:
        """Return what each usd spent at `price` (10⁻⁶ usd) costs on top, exactly."""
        p = Fraction(price, SCALE)
        return Fraction(self.rate, SCALE) * (p * (1 - p)) ** self.exponent / p + Fraction(self.builder, SCALE)


def affordable(budget: Fraction, per_usd: Fraction) -> Fraction:
    """Return the notional that, with ``per_usd`` on top of each usd of it, uses up `budget`, exactly."""
    return budget / (1 + per_usd)


def book_hash(book: Mapping[str, Any]) -> str:
    """Return the venue's hash of a book as received from ``GET /book``: all its values text, its levels in its order.

    Raises:
        KeyError: a field of the hash is missing.
    """
    head = {name: book[name] for name in ("market", "asset_id", "timestamp")}
    sides = {
        side: [{"price": level["price"], "size": level["size"]} for level in book[side]] for side in ("bids", "asks")
    }
    tail = {name: book[name] for name in ("min_order_size", "tick_size", "neg_risk", "last_trade_price")}
    text = msgspec.json.encode({**head, "hash": "", **sides, **tail})
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()
