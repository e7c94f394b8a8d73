"""Positions for tests and notebooks."""

from __future__ import annotations

from decimal import Decimal

from agbot.core.portfolio import Position
from agbot.model.order import Side
from agbot.units import SCALE, notional, to_decimal, to_units


class PositionSimulator:
    """A signed position per market, for tests and notebooks: a thin face over the portfolio's arithmetic.

    Sizes are signed (positive buys, negative sells), prices usd per share; both `Decimal` (or decimal text).
    """

    def __init__(self) -> None:
        self._positions: dict[str, Position] = {}
        self._last_price: dict[str, int] = {}

    def update_position(self, market_id: str, size: Decimal | str | int, price: Decimal | str | int) -> Decimal:
        """Trade `size` at `price`; returns the new position. ValueError for a zero size or a price outside [0, 1]."""
        size_units, price_units = to_units(size), to_units(price)
        if size_units == 0 or not 0 <= price_units <= SCALE:
            raise ValueError(f"size {size} must not be 0 and price {price} must be within [0, 1]")
        side = Side.BUY if size_units > 0 else Side.SELL
        position = self._positions.setdefault(market_id, Position())
        position.apply(side, abs(size_units), notional(price_units, abs(size_units)))
        self._last_price[market_id] = price_units
        return to_decimal(position.size)

    def get_position(self, market_id: str) -> Decimal:
        """Return the signed position, 0 for a market never traded."""
        return to_decimal(self._positions.get(market_id, Position()).size)

    def get_realised_usd(self, market_id: str) -> Decimal:
        """Return the PnL realised in `market_id`."""
        return to_decimal(self._positions.get(market_id, Position()).realised)

    def get_inventory_value_usd(self) -> Decimal:
        """Return Σ |position| × last traded price."""
        held = self._positions.items()
        return to_decimal(sum(notional(self._last_price[market], abs(p.size)) for market, p in held))

    def reset(self) -> None:
        """Forget everything."""
        self._positions.clear()
        self._last_price.clear()
