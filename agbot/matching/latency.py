"""How long a message is under way: constant, drawn from a distribution, or as it was recorded. Pure.

A `Delay` is one way; a `Line` is a connection with that delay, on which messages arrive in the order they were sent.
The nth message of a line has the nth draw of the line's stream, whatever happens on other lines.
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_right
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, Protocol, TypeAlias

import attrs

from agbot.matching.dice import TOP, key, mixed

_STEP_NS: Final = 1_000
"""Drawn delays are whole microseconds: the last bits of `exp` differ between machines."""
_Z99: Final = NormalDist().inv_cdf(0.99)

Point: TypeAlias = tuple[int, int, int]
"""(UTC ns a command was sent, ns it took to the venue, ns the answer took back)"""


class Stream(enum.IntEnum):
    """What a draw is for."""

    ORDER = 1
    ANSWER = 2
    FEED = 3
    TRADE = 4


class Delay(Protocol):
    """The time one way takes."""

    def ns(self, dice: int, sent_ns: int) -> int:
        """Return nanoseconds, not negative, for a message sent at `sent_ns`; `dice` is uniform in [0, 2⁶⁴)."""
        ...


@attrs.frozen
class Constant:
    """Always the same."""

    delay_ns: int = attrs.field(validator=attrs.validators.ge(0))

    def ns(self, dice: int, sent_ns: int) -> int:  # noqa: ARG002 - the shape of a delay
        """Return it."""
        return self.delay_ns


@attrs.frozen(kw_only=True)
class LogNormal:
    """A log-normal delay given by two of its quantiles: half of all are below `median_ns`, 99 % below `p99_ns`."""

    median_ns: int = attrs.field(validator=attrs.validators.gt(0))
    p99_ns: int = attrs.field()

    @p99_ns.validator
    def _not_below(self, _attribute: attrs.Attribute[int], value: int) -> None:
        if value < self.median_ns:
            raise ValueError(f"99 % below {value} ns and half above {self.median_ns} ns cannot be")

    def ns(self, dice: int, sent_ns: int) -> int:  # noqa: ARG002 - the shape of a delay
        """Return the quantile that `dice` means, in whole microseconds."""
        uniform = ((dice >> 11) + 0.5) / (TOP >> 11)
        if not 0 < uniform < 1:  # the topmost of 2⁵³ values rounds to one
            uniform = math.nextafter(1.0, 0.0)
        sigma = math.log(self.p99_ns / self.median_ns) / _Z99
        drawn = self.median_ns * math.exp(sigma * NormalDist().inv_cdf(uniform))
        return int(drawn / _STEP_NS + 0.5) * _STEP_NS


@attrs.frozen
class Recorded:
    """Measured delays, each known at a time; between two of them a straight line, before and after the nearest one."""

    times_ns: tuple[int, ...]
    delays_ns: tuple[int, ...]

    def __attrs_post_init__(self) -> None:
        if not self.times_ns or len(self.times_ns) != len(self.delays_ns):
            raise ValueError("a recorded delay needs a time and a delay of each message, and one at least")
        if any(later <= earlier for earlier, later in zip(self.times_ns, self.times_ns[1:], strict=False)):
            raise ValueError("the times of recorded delays must rise")
        if min(self.delays_ns) < 0:
            raise ValueError("a recorded delay is negative")

    def ns(self, dice: int, sent_ns: int) -> int:  # noqa: ARG002 - the shape of a delay
        """Return the delay at `sent_ns`, rounded down."""
        after = bisect_right(self.times_ns, sent_ns)
        if after in (0, len(self.times_ns)):
            return self.delays_ns[max(after - 1, 0)]
        (t0, t1), (d0, d1) = self.times_ns[after - 1 : after + 1], self.delays_ns[after - 1 : after + 1]
        return d0 + (d1 - d0) * (sent_ns - t0) // (t1 - t0)


def recorded(points: Sequence[Point]) -> tuple[Recorded, Recorded]:
    """Return the ways in and out that were measured together, by time of sending.

    The way in is interpolated at the time a command leaves us, the way out at the time the venue acted on it, which is
    what hftbacktest's `IntpOrderLatency` does. Of answers the venue sent at one time the last one measured counts.

    Raises:
        ValueError: no point, times that do not rise, or a negative delay.
    """
    times, into, _ = zip(*points, strict=True) if points else ((), (), ())
    way_in = Recorded(times, into)
    acted = dict(sorted((sent + there, back) for sent, there, back in points))
    return way_in, Recorded(tuple(acted), tuple(acted.values()))


@attrs.frozen(kw_only=True)
class Delays:
    """The three ways: a command to the venue, its answer (and any news of our orders) back, market data to us.

    `overtaking` lets a command arrive before one that was sent earlier, as on several connections. Answers and market
    data always stay in order.
    """

    order: Delay
    answer: Delay
    feed: Delay
    overtaking: bool = False


class Line:
    """One connection. `due` counts the messages: call it once for each, in the order they are sent."""

    def __init__(self, delay: Delay, seed: int, stream: Stream, *, overtaking: bool = False) -> None:
        self._delay = delay
        self._constant_ns = delay.delay_ns if isinstance(delay, Constant) else None
        self._key = key(seed, stream)
        self._overtaking = overtaking
        self._sent = 0
        self._latest_ns = 0

    def due(self, sent_ns: int) -> int:
        """Return when a message that is sent at `sent_ns` arrives."""
        delay_ns = self._constant_ns
        if delay_ns is None:
            delay_ns = self._delay.ns(mixed(self._key ^ self._sent), sent_ns)
        arrival = sent_ns + delay_ns
        self._sent += 1
        if not self._overtaking:
            arrival = self._latest_ns = max(arrival, self._latest_ns)
        return arrival
