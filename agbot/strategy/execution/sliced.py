"""Orders cut by a schedule: TWAP, VWAP and implementation shortfall (Almgren and Chriss 2000).

Each is the same machine with other slices. A slice rests at the best price of its own side (`join`) or takes what the
book has within the slippage (`take`); what it does not get, the slices to come share.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Final, TypeVar

import attrs

from agbot.core.view import View
from agbot.quant.execution import Impact, almgren_chriss, twap, vwap, whole_units
from agbot.strategy.execution.params import (
    Instant,
    StyledParams,
    above,
    at_least,
    at_most,
    count,
    decimal,
    real,
    to_instant,
    weights,
)
from agbot.strategy.execution.parent import Styled
from agbot.strategy.execution.schedule import Timetable, exchanged, merged, opening_times
from agbot.units import NS_PER_S, SCALE, to_text

SLICES_MAX: Final = 10_000
HOUR_NS: Final = 3600 * NS_PER_S


@attrs.frozen(kw_only=True)
class SlicedParams(StyledParams):
    """What all schedules share.

    Args:
        slices: how many, evenly over the window; fewer where they would be below the venue's minimum.
        time_jitter: the part of its slot within which a slice opens by chance.
        size_jitter: the part of a slice that may move to its neighbour by chance.
        seed: of both; the same seed is the same schedule.
    """

    end: Instant = attrs.field(default=Instant(HOUR_NS, relative=True), converter=to_instant)
    slices: int = count(10, 1, SLICES_MAX)
    time_jitter: int = decimal("0", at_least(0), at_most(SCALE))
    size_jitter: int = decimal("0", at_least(0), at_most(SCALE))
    seed: int = count(0, 0, 10**12)

    def check(self) -> None:
        """Refuse a schedule without an end."""
        if self.end is None:
            raise ValueError("a schedule has an end")


@attrs.frozen(kw_only=True)
class TwapParams(SlicedParams):
    """Equal slices, by default at chance times and of uneven sizes so that nobody can set a clock by them."""

    time_jitter: int = decimal("0.5", at_least(0), at_most(SCALE))
    size_jitter: int = decimal("0.2", at_least(0), at_most(SCALE))


@attrs.frozen(kw_only=True)
class VwapParams(SlicedParams):
    """Slices by a volume profile.

    Args:
        profile: weights of the volume expected in each slice, any scale; without it, it is flat and `slices` counts.
    """

    profile: tuple[Fraction, ...] = weights()


@attrs.frozen(kw_only=True)
class ShortfallParams(SlicedParams):
    """The path of least cost + aversion · variance.

    Args:
        sigma: of the price, usd per square root of an hour.
        eta: usd that a share costs by being traded at a share an hour (temporary impact).
        gamma: usd a share for good (permanent impact).
        aversion: per usd; 0 is a straight line, more trades earlier.
    """

    sigma: float = real(attrs.NOTHING, at_least(0))
    eta: float = real(attrs.NOTHING, above(0))
    gamma: float = real("0", at_least(0))
    aversion: float = real("0", at_least(0))

    def check(self) -> None:
        """Refuse impacts that have no path."""
        super().check()
        if (span := self.span_ns) is not None:
            self.path(1, span)

    def path(self, units: int, span_ns: int) -> list[int]:
        """Return the slices of `units` over a window; ValueError where permanent impact alone pays for trading."""
        found = almgren_chriss(
            float(units),
            span_ns / HOUR_NS,
            self.slices,
            sigma=self.sigma,
            impact=Impact(eta=self.eta, gamma=self.gamma),
            aversion=self.aversion,
        )
        return whole_units(found.holdings.tolist())


S = TypeVar("S", bound=SlicedParams)


class Sliced(Styled[S], ABC):
    """An order with a timetable."""

    def __init__(self, params: S, *, name: str) -> None:
        super().__init__(params, name=name)
        self._table: Timetable | None = None
        self._terms: tuple[int, int] = (0, 0)
        self._slice, self._found = -1, 0
        """The slice that is open, and what was done when it opened."""

    @abstractmethod
    def slices(self, units: int, least: int, span_ns: int) -> Sequence[int]:
        """Return the slices of `units` steps, which come to all of them; `least` is the venue's minimum in steps."""

    def timetable(self, view: View) -> Timetable:
        """Return the schedule under the market's terms."""
        terms = view.market.min_size, view.market.size_step
        if self._table is None or terms != self._terms:
            self._terms, self._table = terms, self._planned(*terms)
        return self._table

    def observe(self, view: View) -> None:
        """Make the schedule known before its time, for who asks what comes next."""
        self.timetable(view)

    def due(self, view: View, done: int) -> tuple[int, str]:
        """Return what the open slice allows."""
        table, params = self.timetable(view), self.params
        number = table.slice_at(view.now_ns)
        if number != self._slice:
            self._slice, self._found = number, done
        if not table.sizes:
            return 0, f"{to_text(params.total)} is below the venue's minimum of {to_text(view.market.min_size)}"
        due = table.due(number, self._found, params.max_child)
        behind = number > 0 and self._found < table.sums[number]
        late = f", catching up {to_text(table.sums[number] - self._found)}" if behind else ""
        return due, f"slice {number + 1}/{len(table.sizes)}, {to_text(due)} due, {to_text(done)} done{late}"

    def upcoming(self, now_ns: int) -> tuple[int, int]:
        """Return the next slice."""
        table = self._table
        if table is None:
            return 0, 0
        later = table.slice_at(now_ns) + 1
        return (table.opens[later], table.sizes[later]) if later < len(table.sizes) else (0, 0)

    def _planned(self, min_size: int, step: int) -> Timetable:
        params = self.params
        start_ns = params.start.at(self.first_ns)
        span_ns = params.end.at(self.first_ns) - start_ns
        if span_ns <= 0:  # an end in UTC that had passed at the first look
            return Timetable(sizes=(), opens=(), step=step)
        least = max(1, -(-min_size // step))
        sizes = exchanged(self.slices(params.total // step, least, span_ns), least, params.size_jitter, params.seed)
        opens = opening_times(start_ns, span_ns, len(sizes), params.time_jitter, params.seed) if sizes else []
        return Timetable(sizes=tuple(size * step for size in sizes), opens=tuple(opens), step=step)


class Twap(Sliced[TwapParams]):
    """Equal slices over time."""

    def __init__(self, params: TwapParams, *, name: str = "twap") -> None:
        super().__init__(params, name=name)

    def slices(self, units: int, least: int, span_ns: int) -> Sequence[int]:  # noqa: ARG002 - the base's shape
        """Return equal slices, as many as the minimum allows."""
        return twap(units, self.params.slices, least)


class Vwap(Sliced[VwapParams]):
    """Slices by the volume expected."""

    def __init__(self, params: VwapParams, *, name: str = "vwap") -> None:
        super().__init__(params, name=name)

    def slices(self, units: int, least: int, span_ns: int) -> Sequence[int]:  # noqa: ARG002 - the base's shape
        """Return slices by the profile; what is below the minimum waits for the next."""
        return merged(vwap(units, self.params.profile or [1] * self.params.slices), least)


class Shortfall(Sliced[ShortfallParams]):
    """Early where waiting risks more than trading costs."""

    def __init__(self, params: ShortfallParams, *, name: str = "shortfall") -> None:
        super().__init__(params, name=name)

    def slices(self, units: int, least: int, span_ns: int) -> Sequence[int]:
        """Return the path in whole steps; what is below the minimum waits for the next."""
        return merged(self.params.path(units, span_ns), least)
