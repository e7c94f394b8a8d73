"""What a taker pays. Exact integers until one rounding at the end; makers pay nothing."""

from __future__ import annotations

import enum
from typing import Final

from agbot.units import SCALE, complement

_STEP: Final = 10
"""The venue charges in steps of 0.00001 usd, which is ten of our 10⁻⁶."""


class FeeRounding(enum.Enum):
    """How the exact fee becomes five decimals; the venue says "rounded" and has not published its tie rule."""

    HALF_UP = "half_up"
    FLOOR = "floor"


def taker_fee(size: int, price: int, rate: int, exponent: int = 1, rounding: FeeRounding = FeeRounding.HALF_UP) -> int:
    """Return ``C · rate · (p(1 − p))^exponent`` in 10⁻⁶ usd, rounded to 0.00001 usd; less than one such step is 0.

    Args:
        size: shares matched, 10⁻⁶.
        price: of either outcome, 10⁻⁶ usd: the formula is the same for p and 1 − p.
        rate: the market's `fee_rate`, 10⁻⁶.
        exponent: the market's `fee_exponent`.
    """
    if not rate:
        return 0
    numerator: int = size * rate * (price * complement(price)) ** exponent
    denominator: int = _STEP * SCALE * (SCALE * SCALE) ** exponent
    if rounding is FeeRounding.HALF_UP:
        numerator, denominator = 2 * numerator + denominator, 2 * denominator
    return numerator // denominator * _STEP
