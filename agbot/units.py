"""The only rounding code: exact integers inside, `Decimal` where a person types or reads.

Prices are integers in 10⁻⁶ usd, sizes in 10⁻⁶ shares, money in 10⁻⁶ usd, time in integer nanoseconds (UTC epoch).

Who gets the remainder of 10⁻⁶ usd: ``notional`` rounds down for the side that trades the YES token; the NO side pays
``size - notional``, so a minted or merged pair always costs exactly one usd per share and nothing is created or lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, Inexact, InvalidOperation
from typing import Final

SCALE: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

# Every tick Polymarket has used, coarse to fine, in 10⁻⁶ usd.
TICKS: Final = (100_000, 10_000, 5_000, 2_500, 1_000, 100)

_CENT: Final = SCALE // 100
_INT64_MAX = 2**63 - 1
_STEP = Decimal("0.000001")
# A context of our own: the caller's may round (28 digits, or fewer) where this must refuse.
_EXACT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[Inexact, InvalidOperation])


def to_units(value: Decimal | str | int) -> int:
    """Return `value` (usd or shares) as an exact integer of 10⁻⁶.

    Raises:
        ValueError: not a number, not finite, more than six decimals, beyond 64 bits, or a float (they lose cents).
    """
    exact = _number(value)
    if not exact.is_finite():
        raise ValueError(f"{value!r} is not finite")
    try:
        units = int(_EXACT.scaleb(_EXACT.quantize(exact, _STEP), 6))
    except Inexact as e:
        raise ValueError(f"{value!r} has more than six decimals") from e
    except InvalidOperation as e:
        raise ValueError(f"{value!r} is too large") from e
    if abs(units) > _INT64_MAX:
        raise ValueError(f"{value!r} is too large")
    return units


def _number(value: object) -> Decimal:
    if isinstance(value, float):
        raise ValueError(f"{value!r} is a float; floats lose cents, quote it as a string")
    # bool is an int, and "1_000" a Decimal, to Python; neither is a price to a person.
    if (
        isinstance(value, bool)
        or not isinstance(value, Decimal | str | int)
        or (isinstance(value, str) and "_" in value)
    ):
        raise ValueError(f"{value!r} is not a number")
    try:
        return Decimal(value)
    except InvalidOperation as e:
        raise ValueError(f"{value!r} is not a number") from e


def to_decimal(units: int) -> Decimal:
    """Return integer 10⁻⁶ units as the exact `Decimal`, without trailing zeros."""
    return Decimal(to_text(units))


def to_text(units: int) -> str:
    """Return integer 10⁻⁶ units as plain decimal text, such as ``"0.52"``."""
    whole, part = divmod(abs(units), SCALE)
    sign = "-" if units < 0 else ""
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def usd_text(units: int) -> str:
    """Return money in 10⁻⁶ usd as text with exactly two decimals, rounded half to even; never "-0.00"."""
    return f"{to_decimal(units):z.2f}"


def whole_cents(parts: Sequence[int], total: int) -> list[int]:
    """Return parts in 10⁻⁶ usd as whole cents that add up to `total` as `usd_text` shows it; it is near their sum.

    The cents that rounding down took go to those that lost most by it, so that a column adds up as it is shown.
    """
    cents = [part // _CENT for part in parts]
    each, more = divmod(to_units(usd_text(total)) // _CENT - sum(cents), len(parts) or 1)
    lost_most = sorted(range(len(parts)), key=lambda place: -(parts[place] % _CENT))[:more]
    return [(cent + each + (place in lost_most)) * _CENT for place, cent in enumerate(cents)]


def notional(price: int, size: int) -> int:
    """Return price × size in 10⁻⁶ usd, rounded down."""
    return price * size // SCALE


def token_value(price: int, size: int, *, yes: bool) -> int:
    """Return what `size` shares of a token cost at `price`, in 10⁻⁶ usd, by the remainder rule above."""
    return notional(price, size) if yes else size - notional(SCALE - price, size)


def complement(price: int) -> int:
    """Return the price of the other outcome: YES at p is NO at 1 − p."""
    return SCALE - price


def on_tick(price: int, tick: int) -> bool:
    """Return whether `price` is a multiple of `tick` inside [tick, 1 − tick]."""
    return tick <= price <= SCALE - tick and price % tick == 0


def tick_down(price: int, tick: int) -> int:
    """Return the highest multiple of `tick` not above `price`."""
    return price // tick * tick


def tick_up(price: int, tick: int) -> int:
    """Return the lowest multiple of `tick` not below `price`."""
    return -(-price // tick) * tick


def finest_tick(tick: int, prices: tuple[int, ...]) -> int | None:
    """Return the coarsest known tick not above `tick` that divides every price, None when none does."""
    for candidate in TICKS:
        if candidate <= tick and all(price % candidate == 0 for price in prices):
            return candidate
    return None


def ms(ns: int) -> int:
    """Return nanoseconds as whole milliseconds."""
    return ns // NS_PER_MS
