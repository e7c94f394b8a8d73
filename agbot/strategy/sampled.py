"""Looking at a market at an even pace, whatever the pace of its messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import attrs

from agbot.core.view import View
from agbot.model.ids import MarketId
from agbot.quant.odds import logit
from agbot.strategy.fields import count, decimal, real, seconds
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


@attrs.frozen(kw_only=True)
class ReturnsParams(SampledParams):
    """What those have in common that trade on a return. Deviations of what is out of place; samples.

    Args:
        max_p: p-value up to which it is taken to come back.
        enter, exit, stop: deviations to open, close and give up.
        rest_s: seconds without a position after one was given up.
    """

    max_p: float = real("0.05", attrs.validators.gt(0), attrs.validators.le(1))
    enter: float = real("2", attrs.validators.gt(0))
    exit: float = real("0.5", attrs.validators.ge(0))
    stop: float = real("4", attrs.validators.gt(0))
    rest_s: int = seconds("600", attrs.validators.ge(0))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.exit < self.enter < self.stop:
            raise ValueError("exit is below enter, and enter below stop")


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


class Learner(Protocol):
    """What is learnt of one market."""

    pace: Pace

    def take(self, x: float) -> None:
        """Take the next logit."""
        ...


L = TypeVar("L", bound=Learner)


def learnt(seen: dict[MarketId, L], view: View, begin: Callable[[], L]) -> L:
    """Return what is known of a market with the sample that is due; after a long silence it begins anew."""
    each = seen.get(view.market.id) or seen.setdefault(view.market.id, begin())
    if (x := each.pace.sample(view)) is not None:
        if each.pace.lost:
            each = seen[view.market.id] = begin()
            each.pace.sample(view)
        each.take(x)
    return each
