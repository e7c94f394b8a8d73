"""What makes the paper venue less than ideal, in one value."""

from __future__ import annotations

import attrs

from agbot.matching.dice import TOP, draw
from agbot.matching.latency import Delays, Stream
from agbot.matching.outages import Outage
from agbot.matching.rewards import Incentives
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class Settling:
    """How trades settle: `after_ns` later each is CONFIRMED, or with probability `fail_rate` (10⁻⁶) FAILED.

    Without delay and failures every fill is CONFIRMED at once. Between match and confirmation bought shares cannot be
    sold and what a sale brought cannot be spent; the venue lets a market maker do neither.
    """

    after_ns: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    fail_rate: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(SCALE)])

    @property
    def at_once(self) -> bool:
        """Return whether a fill is final when it happens."""
        return not (self.after_ns or self.fail_rate)

    def fails(self, seed: int, number: int) -> bool:
        """Return whether the `number`th trade of a run fails."""
        return draw(seed, Stream.TRADE, number) * SCALE < self.fail_rate * TOP


@attrs.frozen(kw_only=True)
class Conditions:
    """How a paper venue differs from an ideal one. The defaults are the ideal one, with the latencies of `Terms`.

    Args:
        delays: the three ways; None for the two constants of `Terms`.
        settling: what becomes of trades.
        outages: when requests are not taken.
        incentives: what makers are paid beside their trades; None when that is not estimated.
        seed: of every draw.
    """

    delays: Delays | None = None
    settling: Settling = Settling()
    outages: tuple[Outage, ...] = ()
    incentives: Incentives | None = None
    seed: int = 0
