"""What an order offers and asks, as the exchange signs it: exact integers of 10⁻⁶, by the venue's rounding table.

| tick   | decimals of the notional, limit | of a market order's taker amount |
|--------|---------------------------------|----------------------------------|
| 0.1    | 3                               | 3                                |
| 0.01   | 4                               | 4                                |
| 0.005  | 5                               | 4                                |
| 0.0025 | 6                               | 4                                |
| 0.001  | 5                               | 4                                |
| 0.0001 | 6                               | 4                                |

Sizes, and the dollars of a market BUY, have two. Everything is rounded down. For a BUY the exchange takes
maker ÷ taker as the price, so shares rounded up would sit below the ask and never match.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from agbot.errors import UnsupportedOrder
from agbot.model.order import Side
from agbot.units import SCALE, TICKS, on_tick, to_text

SIZE_STEP: Final = SCALE // 100
"""Shares, and the dollars of a market BUY, come in hundredths."""
MARKET_STEP: Final = SCALE // 10_000
"""The server refuses a FOK or FAK whose taker amount has more than four decimals, whatever the tick."""

_PRICE_STEP: Final = {100_000: 100_000, 10_000: 10_000, 5_000: 1_000, 2_500: 100, 1_000: 1_000, 100: 100}
_VENUE: Final = "polymarket"


class Amounts(NamedTuple):
    """The two sides of the exchange, 10⁻⁶: what we give and what we want for it (usd and shares for a BUY)."""

    maker: int
    taker: int


def limit_amounts(side: Side, price: int, size: int, tick: int) -> Amounts:
    """Return the amounts of a resting order: `size` in whole hundredths, and exactly its notional.

    Raises:
        UnsupportedOrder: the price is not on the tick's grid, or the size is below a hundredth of a share.
    """
    _check_price(price, tick)
    return _both(round_limit(side, price, size, tick))


def market_amounts(side: Side, amount: int, price: int, tick: int) -> Amounts:
    """Return the amounts of a FOK or FAK that trades at `price` or better.

    The maker amount never exceeds `amount`. The price that the two imply is `price` or, through rounding, worse by less
    than 0.0001, the finest tick: it can reach no other level than the one asked for, even when the tick becomes finer.

    Args:
        side: BUY spends `amount` usd, SELL offers `amount` shares.
        amount: 10⁻⁶.
        price: the worst price, 10⁻⁶ usd.
        tick: of the market, 10⁻⁶ usd.

    Raises:
        UnsupportedOrder: the price is not on the tick's grid, the amount rounds to nothing, or it is too small to say
            the price exactly enough.
    """
    _check_price(price, tick)
    amounts = _both(round_market(side, amount, price, tick))
    if not _says(amounts, side, price):
        raise UnsupportedOrder(
            f"{to_text(amount)} is too little to say the price {to_text(price)}",
            venue=_VENUE,
            remedy="trade a larger amount",
        )
    return amounts


def round_limit(side: Side, price: int, size: int, tick: int) -> Amounts:
    """Return the amounts by the table alone, without judging them."""
    shares = _down(size, SIZE_STEP)
    usd = _down(price * shares // SCALE, _notional_step(tick))
    return Amounts(usd, shares) if side is Side.BUY else Amounts(shares, usd)


def round_market(side: Side, amount: int, price: int, tick: int, *, capped: bool = True) -> Amounts:
    """Return the amounts by the table alone, without judging them.

    Args:
        side: BUY spends `amount` usd, SELL offers `amount` shares.
        amount: 10⁻⁶.
        price: 10⁻⁶ usd.
        tick: of the market, 10⁻⁶ usd.
        capped: keep to the server's four decimals; the official clients do not, and are refused on fine ticks.
    """
    price = _down(price, _PRICE_STEP[tick])
    maker = _down(amount, SIZE_STEP)
    taker = maker * SCALE // price if side is Side.BUY else maker * price // SCALE
    step = _notional_step(tick)
    return Amounts(maker, _down(taker, max(step, MARKET_STEP) if capped else step))


def _notional_step(tick: int) -> int:
    return _PRICE_STEP[tick] * SIZE_STEP // SCALE


def _down(value: int, step: int) -> int:
    return value // step * step


def _check_price(price: int, tick: int) -> None:
    if tick not in TICKS or not on_tick(price, tick):
        raise UnsupportedOrder(f"the price {to_text(price)} is not on the tick {to_text(tick)}", venue=_VENUE)


def _both(amounts: Amounts) -> Amounts:
    if min(amounts) <= 0:
        raise UnsupportedOrder("the amount rounds to nothing", venue=_VENUE, remedy="trade a larger amount")
    return amounts


def _says(amounts: Amounts, side: Side, price: int) -> bool:
    finest = TICKS[-1]
    if side is Side.BUY:
        return amounts.maker * SCALE < amounts.taker * (price + finest)
    return amounts.taker * SCALE > amounts.maker * (price - finest)
