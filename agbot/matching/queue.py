"""Where a resting order stands behind the size that was there first. Replaceable: a rule is three pure functions.

The rules differ in one thing: whose size it was that left a level without trading. From the most cautious to the most
hopeful: `BackOfQueue` (only trades advance us: the lower bound of what fills), `LogQueue`, `PowerQueue` and
`ProportionalQueue` (some of it stood ahead of us), `FrontOfQueue` (nothing ever does: the upper bound).

Arithmetic is integers, or single IEEE operations in a fixed order: the same on every platform, and in C
(`native/src/condition.c` holds the same rules by number).
"""

from __future__ import annotations

import math
from typing import Final, Protocol

import attrs

from agbot.units import SCALE

EXPONENT_MAX: Final = 16
_LN2: Final = 0.6931471805599453
_SQRT_HALF: Final = 0.7071067811865476
_SERIES_FROM: Final = 23
"""The last term of the logarithm's series: |z| ≤ 0.172, so what follows is below one unit of a double."""


class QueueRule(Protocol):
    """How the size ahead of a resting order moves. `ahead` never grows and never falls below zero."""

    def joined(self, visible: int) -> int:
        """Return the size ahead of an order that arrives at a level showing `visible`."""
        ...

    def level_moved(self, ahead: int, old: int, new: int, printed: int = 0) -> int:
        """Return the size ahead after the level went from `old` to `new`.

        Args:
            printed: what trade prints have told of this price since the level moved last.
        """
        ...

    def traded(self, ahead: int, size: int) -> int:
        """Return the size ahead after `size` traded at the level; what is left of `size` then reaches the order."""
        ...


@attrs.frozen
class BackOfQueue:
    """Only trades advance us: cancellations are behind us as long as that is possible, and so is all size added later.

    The cautious reading of a level, and a lower bound of what fills. A trade print is expected before the level update
    that it causes. When the update comes first the queue moves twice, once for each.
    """

    def joined(self, visible: int) -> int:
        """Return all that is visible."""
        return visible

    def level_moved(self, ahead: int, old: int, new: int, printed: int = 0) -> int:  # noqa: ARG002 - the rule's shape
        """Return no more than the level still shows."""
        return min(ahead, new)

    def traded(self, ahead: int, size: int) -> int:
        """Return what the trade left of the queue."""
        return max(0, ahead - size)


@attrs.frozen
class FrontOfQueue(BackOfQueue):
    """Nothing stands ahead of us: an upper bound of what fills."""

    def joined(self, visible: int) -> int:  # noqa: ARG002 - the rule's shape
        """Return 0."""
        return 0


@attrs.frozen
class ProportionalQueue(BackOfQueue):
    """Cancellations are spread evenly over the level, ahead of us and behind us: the hopeful reading."""

    def level_moved(self, ahead: int, old: int, new: int, printed: int = 0) -> int:  # noqa: ARG002 - the rule's shape
        """Return our share of the shrunken level, rounded up."""
        if new >= old:
            return min(ahead, new)
        return min(-(-ahead * new // old), new)


class _ProbableQueue(BackOfQueue):
    """Part of what left the level stood behind us: the fraction that `behind` says, as in hftbacktest.

    Of a decrease c, less what prints have told of it already, (1 − p)·c goes from ahead of us and p·c from behind us;
    what is not there behind us goes from ahead of us too. Source: `ProbQueueModel` of hftbacktest 2
    (hftbacktest/src/backtest/models/queue.rs), after https://rigtorp.se/2013/06/08/estimating-order-queue-position.html
    """

    def level_moved(self, ahead: int, old: int, new: int, printed: int = 0) -> int:
        """Return what is expected to be left ahead of us, rounded up."""
        least = min(ahead, new)
        gone = old - new - printed
        if gone <= 0 or least == 0:
            return least
        front, back = float(ahead), float(max(0, old - ahead))
        from_behind = self.behind(front, back)
        left = front - (1.0 - from_behind) * float(gone)
        missing = back - from_behind * float(gone)
        if missing < 0.0:
            left = left + missing
        return min(least, max(0, math.ceil(left)))

    def behind(self, front: float, back: float) -> float:
        """Return the probability p that what left stood behind us; `front` > 0 and `back` ≥ 0 in 10⁻⁶ shares."""
        raise NotImplementedError


@attrs.frozen
class PowerQueue(_ProbableQueue):
    """p = backⁿ / (backⁿ + frontⁿ) (hftbacktest's `PowerProbQueueFunc`, for whole n): the larger n, the more cautious
    while most of the level is behind us.
    """

    exponent: int = attrs.field(default=3, validator=[attrs.validators.ge(1), attrs.validators.le(EXPONENT_MAX)])

    def behind(self, front: float, back: float) -> float:
        """Return p."""
        ahead, after = front, back
        for _ in range(self.exponent - 1):
            ahead, after = ahead * front, after * back
        return after / (after + ahead)


@attrs.frozen
class LogQueue(_ProbableQueue):
    """p = ln(1 + back) / (ln(1 + back) + ln(1 + front)), sizes in shares (hftbacktest's `LogProbQueueFunc`)."""

    def behind(self, front: float, back: float) -> float:
        """Return p."""
        ahead, after = _log1p(front / SCALE), _log1p(back / SCALE)
        return after / (after + ahead) if ahead > 0.0 else 1.0


def _log1p(x: float) -> float:
    """Return ln(1 + x) for x ≥ 0, of IEEE operations alone: libraries differ in the last bit."""
    mantissa, exponent = math.frexp(1.0 + x)
    if mantissa < _SQRT_HALF:
        mantissa, exponent = mantissa * 2.0, exponent - 1
    z = (mantissa - 1.0) / (mantissa + 1.0)
    square, total = z * z, 0.0
    for k in range(_SERIES_FROM, 0, -2):
        total = total * square + 1.0 / k
    return float(exponent) * _LN2 + 2.0 * z * total
