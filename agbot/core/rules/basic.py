"""The policies that need nothing but the order, its market and sums: sizes, inventory, caps, the switch. Pure."""

from __future__ import annotations

import attrs

from agbot.core.rules.exposure import Exposure
from agbot.units import to_text


@attrs.frozen
class PositionLimit:
    """At most `max_size` shares (10⁻⁶) net, long or short, in one market, or in each when `market_id` is None.

    An order that makes the position smaller passes, also while the position is over the limit.
    """

    market_id: str | None
    max_size: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "PositionLimit" if self.market_id is None else f"PositionLimit({self.market_id})"

    def covers(self, market_id: str) -> bool:
        """Return whether the limit holds in this market; the case of hexadecimal ids does not matter."""
        return self.market_id is None or self.market_id.lower() == market_id.lower()

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return self.covers(exposure.market_id) and abs(exposure.worst) > self.max_size and not exposure.reduces

    def __str__(self) -> str:
        return f"at most {to_text(self.max_size)} shares net, long or short"


@attrs.frozen
class InventoryLimit:
    """At most `max_value_usd` (10⁻⁶) of inventory over all markets, counting what resting orders would add.

    An order that makes its market's position smaller passes.
    """

    max_value_usd: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "InventoryLimit"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        value = exposure.inventory_usd + exposure.resting_notional_usd + exposure.order_notional_usd
        return value > self.max_value_usd and not exposure.reduces

    def __str__(self) -> str:
        return f"at most {to_text(self.max_value_usd)} usd of inventory over all markets"


@attrs.frozen
class KillSwitch:
    """Deny every order while `enabled`; how the switch stands at start."""

    enabled: bool

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "KillSwitch"

    def violated(self, exposure: Exposure) -> bool:  # noqa: ARG002 - same shape as the other rules
        """Return whether the order must be denied."""
        return self.enabled

    def __str__(self) -> str:
        return "on: every order is denied" if self.enabled else "not on by these policies"


@attrs.frozen
class OrderCap:
    """At most `max_usd` (10⁻⁶) in one order, bought or sold. The way out is no exception: sell in parts."""

    max_usd: int

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "OrderCap"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return exposure.order_usd > self.max_usd

    def __str__(self) -> str:
        return f"at most {to_text(self.max_usd)} usd in one order"


@attrs.frozen
class DayCap:
    """At most `max_usd` (10⁻⁶) traded in one UTC day, bought or sold, counting what rests.

    `spent_usd` is what earlier runs had traded by the start of this one on `day` (days since 1970-01-01).
    """

    max_usd: int
    spent_usd: int = 0
    day: int = 0

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "DayCap"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        before = self.spent_usd if exposure.day <= self.day else 0
        return before + exposure.day_usd + exposure.order_usd > self.max_usd

    def __str__(self) -> str:
        return f"at most {to_text(self.max_usd)} usd traded in one UTC day"


@attrs.frozen
class FreeCash:
    """Deny what the free cash cannot pay. Not written in a file: the owner of a gate adds it when he knows the cash."""

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return "FreeCash"

    def violated(self, exposure: Exposure) -> bool:
        """Return whether the order must be denied."""
        return exposure.order_notional_usd > exposure.cash_free

    def __str__(self) -> str:
        return "no order beyond the free cash"
