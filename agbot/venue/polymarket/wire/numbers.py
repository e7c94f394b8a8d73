"""The venue's numbers and times as exact integers. A float is never involved: JSON numbers arrive here as their digits.

Units: 10⁻⁶ (usd or shares) and UTC nanoseconds. What is not clearly a number is a ValueError, never 0.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from agbot.units import NS_PER_MS, NS_PER_S, SCALE, TICKS, to_units

_NUMBER = re.compile(r"[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_LONGEST: Final = 28
"""Digits that `Decimal` multiplies without rounding."""
_LONGEST_FLOORED: Final = 120
_INT64_MAX: Final = 2**63 - 1
_MS_MAX: Final = _INT64_MAX // NS_PER_MS
_POWERS: Final = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
_FLOOR: Final = Context(
    prec=2 * _LONGEST_FLOORED, rounding=ROUND_FLOOR, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[InvalidOperation]
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS_BELOW: Final = 10**11
"""Bare digits below this are seconds, otherwise milliseconds (seconds reach it in the year 5138)."""


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


def floor_units(text: str, scale: int = 0) -> int:
    """Return decimal text as 10⁻⁶, rounded down: for statistics and reference prices, which come with many decimals.

    Args:
        text: a number, with a sign perhaps; at most 120 characters.
        scale: decimal places the number is multiplied by beforehand, such as 18 for "79696948174287960000000".

    Raises:
        ValueError: not a finite number, or beyond 64 bits.
    """
    if len(text) > _LONGEST_FLOORED or not text or _NUMBER.fullmatch(text.removeprefix("-")) is None:
        raise ValueError(f"{text[:40]!r} is not a number")
    try:
        units = int(_FLOOR.to_integral_value(_FLOOR.scaleb(Decimal(text), 6 - scale)))
    except InvalidOperation as e:
        raise ValueError(f"{text[:40]!r} is not a number") from e
    if abs(units) > _INT64_MAX:
        raise ValueError(f"{text[:40]!r} is too large")
    return units


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


def exact_tick(text: str) -> int:
    """Return the tick as an integer of 10⁻⁶; ValueError when the venue uses no such tick."""
    tick = exact_units(text)
    if tick not in TICKS:
        raise ValueError(f"tick {text!r} is not one the venue uses")
    return tick


def exact_ms(text: str) -> int:
    """Return text of UTC milliseconds as nanoseconds; ValueError when it is not whole, not positive or too large."""
    if not (text.isdigit() and text.isascii() and len(text) <= 19 and 0 < int(text) <= _MS_MAX):
        raise ValueError(f"timestamp {text!r} is not in milliseconds")
    return int(text) * NS_PER_MS


def exact_time(text: str) -> int:
    """Return seconds or milliseconds (told apart by magnitude) or ISO 8601 text as UTC nanoseconds.

    Raises:
        ValueError: none of these, or before 1970.
    """
    if text.isdigit() and text.isascii() and len(text) <= 19:
        value = int(text)
        if value < _SECONDS_BELOW:
            return value * NS_PER_S
        return exact_ms(text)
    try:
        moment = datetime.fromisoformat(text[:64])
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a time") from None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    ns = (aware - _EPOCH) // _MICROSECOND * 1_000
    if ns < 0:
        raise ValueError(f"{text[:40]!r} is before 1970")
    return ns
