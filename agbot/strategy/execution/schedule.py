"""When how much of an order is due: slices in whole units, opened at times, and the same dice at every restart.

Theory of operation. Dice are a hash (SplitMix64, Steele, Lea and Flood 2014) of a seed and a slice's number, so a
schedule is a function of its parameters. What a slice may add is its part of what was left when it opened: on time that
is its own size; late, what was missed is spread over the slices to come in proportion (remaining/remaining).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Final

import attrs

from agbot.units import SCALE

_LANE: Final = 2**64 - 1
_GOLDEN: Final = 0x9E3779B97F4A7C15
TIMES: Final = 1
SIZES: Final = 2


def splitmix64(seed: int, number: int) -> int:
    """Return the output of that number, from 0, of the generator seeded with `seed`: 64 bits."""
    z = (seed + (number + 1) * _GOLDEN) & _LANE
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _LANE
    z = (z ^ z >> 27) * 0x94D049BB133111EB & _LANE
    return z ^ z >> 31


def draw(seed: int, kind: int, number: int, below: int) -> int:
    """Return a whole number in [0, `below`), the same for the same arguments and evenly spread over others."""
    return splitmix64(splitmix64(seed, kind), number) * below >> 64


def opening_times(start_ns: int, span_ns: int, slices: int, part: int = 0, seed: int = 0) -> list[int]:
    """Return when each slice opens: evenly, each moved within the first `part` (10⁻⁶) of its own slot."""
    edges = [start_ns + span_ns * at // slices for at in range(slices + 1)]
    slots = enumerate(pairwise(edges))
    return [edge + draw(seed, TIMES, at, (after - edge) * part // SCALE) for at, (edge, after) in slots]


def exchanged(sizes: Sequence[int], least: int, part: int, seed: int) -> list[int]:
    """Return the sizes with units moved between neighbours: same total, none that was at least `least` below it.

    Args:
        part: how much of what could be moved is moved at most (10⁻⁶).
    """
    moved = list(sizes)
    for at in range(0, len(moved) - 1, 2):
        first, second = moved[at : at + 2]
        if not first or not second:
            continue
        give, get = max(0, first - least) * part // SCALE, max(0, second - least) * part // SCALE
        step = draw(seed, SIZES, at, give + get + 1) - give
        moved[at : at + 2] = first + step, second - step
    return moved


def merged(sizes: Sequence[int], least: int) -> list[int]:
    """Return the sizes without any below `least`: what is too small waits for the next, what is last joins the last.

    Where the sum is below `least`, it stays in the last slice as it is.
    """
    kept, carried, last = [], 0, -1
    for at, size in enumerate(sizes):
        carried += size
        ready = size > 0 and carried >= least
        kept.append(carried if ready else 0)
        if ready:
            carried, last = 0, at
    if carried:
        kept[last] += carried
    return kept


@attrs.frozen(kw_only=True)
class Timetable:
    """Slices: `sizes` in 10⁻⁶ shares, each from its time in `opens` on; `step` is the smallest size."""

    sizes: tuple[int, ...]
    opens: tuple[int, ...]
    step: int
    sums: tuple[int, ...] = attrs.field(init=False)
    """What is due before each slice, and, last, in all."""

    @sums.default
    def _sums(self) -> tuple[int, ...]:
        return tuple(accumulate(self.sizes, initial=0))

    @property
    def planned(self) -> int:
        """Return what all slices come to."""
        return self.sums[-1]

    def slice_at(self, now_ns: int) -> int:
        """Return the number of the slice that is open, −1 before the first."""
        return bisect_right(self.opens, now_ns) - 1

    def due(self, number: int, done_before: int, cap: int = 0) -> int:
        """Return how much may be done by the end of a slice that found `done_before` done; never ahead of schedule.

        `cap` is the most that one slice may add, 0 for any.
        """
        if number < 0:
            return 0
        base = min(done_before, self.sums[number])
        size, rest = self.sizes[number], self.planned - self.sums[number]
        missed = self.planned - base
        # Where no slice is left to spread it over, all that was missed.
        pace = -(-missed * size // (rest * self.step)) * self.step if rest else missed
        return min(self.sums[number + 1], base + (min(pace, cap) if cap else pace))
