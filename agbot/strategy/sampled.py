"""Looking at a market at an even pace, whatever the pace of its messages."""

from __future__ import annotations

import attrs

from agbot.core.view import View
from agbot.quant.odds import logit
from agbot.strategy.fields import count, decimal, seconds
from agbot.strategy.targets import mid
from agbot.units import SCALE, to_text

MISSED_MAX = 5
"""Samples in a row that may be missing; after more, what was learnt is of another time."""


@attrs.frozen(kw_only=True)
class SampledParams:
    """What every strategy that follows prices has in common. Sizes in shares, prices in usd.

    Args:
        every_s: seconds between two samples of the price.
        size: net shares held when the signal is full.
        slip_ticks: how far beyond the best price an order may reach.
        max_spread_ticks: nothing is opened while the best prices are further apart.
        low, high: nothing is opened while the price is outside.
        stop_before_end_s: so long before the market's end everything is closed, where its end is known.
    """

    every_s: int = seconds("10", attrs.validators.gt(0))
    size: int = decimal("50", attrs.validators.gt(0))
    slip_ticks: int = count(1, 0)
    max_spread_ticks: int = count(3, 1)
    low: int = decimal("0.05", attrs.validators.ge(0))
    high: int = decimal("0.95", attrs.validators.le(SCALE))
    stop_before_end_s: int = seconds("3600", attrs.validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"low {to_text(self.low)} is not below high {to_text(self.high)}")

    def ends(self, view: View) -> bool:
        """Return whether the market is too near its end to hold anything in it."""
        return 0 < view.market.end_ns <= view.now_ns + self.stop_before_end_s


class Pace:
    """Says when the next sample is due. `lost` is set when so many were missed that it begins anew."""

    def __init__(self, every_ns: int) -> None:
        self._every_ns = every_ns
        self._last_ns = 0
        self.lost = False

    def sample(self, view: View) -> float | None:
        """Return the logit of the price when a sample is due and there is a price, else None."""
        self.lost = False
        if view.now_ns - self._last_ns < self._every_ns:
            return None
        price = mid(view)
        if price is None:
            return None
        self.lost = bool(self._last_ns) and view.now_ns - self._last_ns > (MISSED_MAX + 1) * self._every_ns
        self._last_ns = view.now_ns
        return logit(price)
