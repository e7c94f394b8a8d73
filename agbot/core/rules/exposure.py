"""What one order would do, as policies look at it. Pure; integers of 10⁻⁶."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from agbot.core.prospect import Prospect


@attrs.frozen(kw_only=True)
class Exposure:
    """What one order would do, at the worst of what is already on its way. Integers of 10⁻⁶.

    Args:
        net_position: shares held now, YES minus NO.
        long_worst: the net position when every resting and in-flight buy and this order fill; `short_worst` the sells.
        delta: this order's signed size on the net position: buying NO is negative.
        inventory_usd: what is held, marked, over all markets.
        resting_notional_usd: what resting and in-flight orders would add to the inventory.
        order_notional_usd: what this order would add to the inventory; 0 when it sells shares that are held.
        cash_free: usd that no resting order has reserved; read by `FreeCash` only.
        order_usd: what this order would trade, bought or sold; a sale counts at the better of its price and the bid.
        day_usd: what was traded this UTC day, and what rests, bought or sold.
        day: the UTC day, counted from 1970-01-01.
        prospect: the order against the whole account; None where only the figures above are known.
    """

    market_id: str
    net_position: int
    long_worst: int
    short_worst: int
    delta: int
    inventory_usd: int
    order_notional_usd: int = 0
    resting_notional_usd: int = 0
    cash_free: int = 0
    order_usd: int = 0
    day_usd: int = 0
    day: int = 0
    prospect: Prospect | None = None

    @property
    def worst(self) -> int:
        """Return the net position at the far end of this order's side."""
        return self.long_worst if self.delta >= 0 else self.short_worst

    @property
    def reduces(self) -> bool:
        """Return whether the position ends smaller than it is now, even when all of this side fills."""
        return abs(self.worst) < abs(self.net_position)
