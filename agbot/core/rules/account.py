"""Policies on what the account can lose and how it is spread. Money in 10⁻⁶ usd, parts in 10⁻⁶. Pure.

Worst cases count every live order as filled exactly where that hurts (`agbot.core.losses`), so a larger order never
passes where a smaller one failed. What makes the figure no worse always passes: the way out stays open.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final

import attrs

from agbot.core.rules.measured import Measured, NotKnown, part_of_equity, usd
from agbot.model.order import Side
from agbot.quant.horizon import Horizon
from agbot.units import NS_PER_S, SCALE, notional, to_text
from agbot.words import many

if TYPE_CHECKING:
    from agbot.core.prospect import Prospect
    from agbot.core.triggers import Baseline

DAY_NS: Final = 86_400 * NS_PER_S
LOGIT_VOL: Final = 2 * SCALE


def percent(part: float) -> str:
    """Return a part in 10⁻⁶ as per cent."""
    return f"{to_text(round(part) * 100)} %"


@attrs.frozen
class MaxLoss(Measured):
    """At most `max_loss_usd` lost in one event, however it ends."""

    max_loss_usd: int

    def _after(self, asked: Prospect) -> float:
        return asked.event_worst

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_loss_usd

    def _before(self, asked: Prospect) -> float:
        return asked.event_worst_now

    def __str__(self) -> str:
        return f"at most {usd(self.max_loss_usd)} lost in one event, however it ends"


@attrs.frozen
class PositionPct(Measured):
    """At most a part of the equity lost in one market."""

    max_pct: int

    def _after(self, asked: Prospect) -> float:
        return asked.market_worst

    def _limit(self, asked: Prospect) -> float:
        return part_of_equity(asked, self.max_pct)

    def _before(self, asked: Prospect) -> float:
        return asked.market_worst_now

    def __str__(self) -> str:
        return f"at most {percent(self.max_pct)} of the equity lost in one market"


@attrs.frozen
class EventExposure(Measured):
    """At most a part of the equity lost in all markets of one event, whether they exclude each other or not."""

    max_pct: int

    def _after(self, asked: Prospect) -> float:
        return asked.sector_worst

    def _limit(self, asked: Prospect) -> float:
        return part_of_equity(asked, self.max_pct)

    def _before(self, asked: Prospect) -> float:
        return asked.sector_worst_now

    def __str__(self) -> str:
        return f"at most {percent(self.max_pct)} of the equity lost in the markets of one event"


@attrs.frozen
class StrategyBudget(Measured):
    """At most `max_usd` at work in one strategy: what its own shares cost, and what its buys may still cost."""

    strategy: str
    max_usd: int
    whole: ClassVar[bool] = True

    @property
    def name(self) -> str:
        """Return what a denial calls it."""
        return f"StrategyBudget({self.strategy})"

    def forbids(self, asked: Prospect) -> bool:
        """Return whether the order is this strategy's and would put more to work."""
        return asked.strategy == self.strategy and super().forbids(asked)

    def _before(self, asked: Prospect) -> float:
        return asked.at_work(self.strategy)

    def _after(self, asked: Prospect) -> float:
        before = asked.at_work(self.strategy)
        if asked.place is None or asked.strategy != self.strategy or asked.place.side is Side.SELL:
            return before
        return before + (asked.place.budget or notional(asked.place.price, asked.place.size))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_usd

    def __str__(self) -> str:
        return f"at most {usd(self.max_usd)} at work in {self.strategy}"


@attrs.frozen
class MaxPositions(Measured):
    """At most so many markets in which something is held or live."""

    max_positions: int
    whole: ClassVar[bool] = True

    def _shown(self, value: float) -> str:
        return many(f"{value:.0f}", "market")

    def forbids(self, asked: Prospect) -> bool:
        """Return whether the order would open one market too many; in one that is open already none is."""
        return not asked.is_open and super().forbids(asked)

    def _after(self, asked: Prospect) -> float:
        return len(asked.open_markets) + (asked.place is not None and not asked.is_open)

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_positions

    def _before(self, asked: Prospect) -> float:
        return len(asked.open_markets)

    def __str__(self) -> str:
        return f"at most {self.max_positions} markets held or quoted at a time"


@attrs.frozen
class _Model(Measured):
    """A limit on the law of the book's loss: at resolution, or after `time_horizon_days` where that is not 0.

    `confidence_level` and `logit_vol` (of the logit, for each square root of a year) in 10⁻⁶.
    """

    confidence_level: int = 950_000
    time_horizon_days: int = 0
    logit_vol: int = LOGIT_VOL
    whole: ClassVar[bool] = True

    @property
    def horizon(self) -> Horizon | None:
        """Return after how long the book is looked at, None for when all has resolved."""
        return Horizon(self.time_horizon_days * DAY_NS, self.logit_vol / SCALE) if self.time_horizon_days else None

    @property
    def _when(self) -> str:
        days = self.time_horizon_days
        return f"over {days} day{'s' * (days > 1)}" if days else "once all has resolved"


@attrs.frozen(kw_only=True)
class VarLimit(_Model):
    """At most `max_var_usd` lost with the given confidence; events independent, prices as probabilities."""

    max_var_usd: int

    def forbids(self, asked: Prospect) -> bool:
        """Return whether the order must be denied; what it is at most is asked first, it is one look."""
        return asked.bound(self.horizon, self.confidence_level / SCALE)[0] > self.max_var_usd and super().forbids(asked)

    def _after(self, asked: Prospect) -> float:
        return asked.rest(self.horizon).var(self.confidence_level / SCALE, asked.law(self.horizon))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_var_usd

    def _before(self, asked: Prospect) -> float:
        return asked.rest(self.horizon).var(self.confidence_level / SCALE, asked.law_now(self.horizon))

    def __str__(self) -> str:
        return f"VaR at {percent(self.confidence_level)} of at most {usd(self.max_var_usd)} {self._when}"


@attrs.frozen(kw_only=True)
class ExpectedShortfallLimit(_Model):
    """At most `max_es_usd` lost on average in the worst cases beyond the confidence."""

    max_es_usd: int

    def forbids(self, asked: Prospect) -> bool:
        """Return whether the order must be denied; what it is at most is asked first, it is one look."""
        return asked.bound(self.horizon, self.confidence_level / SCALE)[1] > self.max_es_usd and super().forbids(asked)

    def _after(self, asked: Prospect) -> float:
        return asked.rest(self.horizon).shortfall(self.confidence_level / SCALE, asked.law(self.horizon))

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_es_usd

    def _before(self, asked: Prospect) -> float:
        return asked.rest(self.horizon).shortfall(self.confidence_level / SCALE, asked.law_now(self.horizon))

    def __str__(self) -> str:
        level = percent(self.confidence_level)
        return f"expected shortfall at {level} of at most {usd(self.max_es_usd)} {self._when}"


@attrs.frozen
class GreeksLimit(Measured):
    """What moving prices may do to the account; None is no limit.

    Delta is usd for each logit the event moves, Σ |shares|·p(1−p) over its markets; gamma for each squared logit,
    Σ |shares|·p(1−p)·|1−2p|. Vega is delta over all events: what a unit of logit volatility adds to the book's.
    """

    max_delta: int | None = None
    max_gamma: int | None = None
    max_vega: int | None = None

    def __attrs_post_init__(self) -> None:
        if (self.max_delta, self.max_gamma, self.max_vega) == (None, None, None):
            raise ValueError("GreeksLimit limits nothing: give max_delta, max_gamma or max_vega")

    def forbids(self, asked: Prospect) -> bool:
        """Return whether one of them is passed, and by the order."""
        for at, (after, most) in enumerate(self._figures(asked, asked.event_greeks)):
            if not (after <= most or after <= self._now(asked, at)):
                return True
        return False

    def _now(self, asked: Prospect, at: int) -> float:
        return [now for now, _ in self._figures(asked, asked.event_greeks_now)][at]

    def _after(self, asked: Prospect) -> float:
        """Return the largest part of a limit, where 10⁶ is all of it."""
        return max(
            (after / most if most else math.inf) * SCALE if after else 0.0
            for after, most in self._figures(asked, asked.event_greeks)
        )

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return SCALE

    def _shown(self, value: float) -> str:
        return f"{percent(value)} of a limit" if math.isfinite(value) else "more than nothing"

    def _figures(self, asked: Prospect, event: tuple[float, float]) -> Iterator[tuple[float, int]]:
        """Yield each figure that has a limit, and that, where the event has this delta and gamma."""
        delta, gamma = event
        if self.max_delta is not None:
            yield delta, self.max_delta
        if self.max_gamma is not None:
            yield gamma, self.max_gamma
        if self.max_vega is not None:
            yield asked.rest_vega + delta, self.max_vega

    def __str__(self) -> str:
        limits = (("delta", self.max_delta), ("gamma", self.max_gamma), ("vega", self.max_vega))
        return ", ".join(f"{name} at most {usd(most)}" for name, most in limits if most is not None)


@attrs.frozen
class Correlation(Measured):
    """No order that adds to a bet already held elsewhere: related by more than `max_correlation`, in its direction.

    What excludes each other (an event of which one wins) is related by −1: YES here and NO there are one bet. `implies`
    are pairs of markets of which the first comes true only with the second: +1. `latent` are pairs and their
    correlation as a person holds it, from −1 to 1 (10⁻⁶). Correlations of prices cannot bind: those of a market at 10 %
    and one at 50 % never pass 0.333.
    """

    max_correlation: int
    implies: tuple[tuple[str, str], ...] = ()
    latent: tuple[tuple[str, str, int], ...] = ()
    standing: ClassVar[bool] = False
    opening: ClassVar[bool] = True

    def _after(self, asked: Prospect) -> float:
        """Return the largest correlation with what is held or live elsewhere; −1 where nothing is related."""
        return max(self._related(asked), default=-SCALE)

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_correlation

    def _shown(self, value: float) -> str:
        return to_text(round(value))

    def _related(self, asked: Prospect) -> Iterator[int]:
        for ends in asked.excluding():
            yield from _aligned(asked.sign, ends, -SCALE)
        for first, second in self.implies:
            yield from _paired(asked, first, second, SCALE)
        for first, second, correlation in self.latent:
            yield from _paired(asked, first, second, correlation)

    def __str__(self) -> str:
        return f"no order related by more than {to_text(self.max_correlation)} to what is held elsewhere"


def _paired(asked: Prospect, first: str, second: str, correlation: int) -> Iterator[int]:
    others = [name for name in (first, second) if not asked.is_called(name)]
    if len(others) == 1 and (there := asked.ends_of(others[0])):
        yield from _aligned(asked.sign, there, correlation)


def _aligned(sign: int, ends: tuple[int, int], correlation: int) -> Iterator[int]:
    long, short = ends
    if long > 0:
        yield sign * correlation
    if short < 0:
        yield -sign * correlation


@attrs.frozen
class _Lost(Measured):
    """A limit on what was lost: while it is passed nothing is opened. The kill switch has limits of its own."""

    max_pct: int
    whole: ClassVar[bool] = True
    opening: ClassVar[bool] = True

    def _began(self, base: Baseline) -> int:
        """Return the equity that losses are counted from."""
        raise NotImplementedError

    def _after(self, asked: Prospect) -> float:
        base = _known(asked)
        return self._began(base) - base.equity

    def _limit(self, asked: Prospect) -> float:
        return max(0, self._began(_known(asked))) * self.max_pct // SCALE


def _known(asked: Prospect) -> Baseline:
    if (base := asked.base) is None:
        raise NotKnown("what losses are measured from is not known yet")
    return base


class DailyLoss(_Lost):
    """Nothing is opened while more than a part of the equity the UTC day began with is lost."""

    def _began(self, base: Baseline) -> int:
        return base.day_equity

    def __str__(self) -> str:
        return f"nothing is opened after a loss of more than {percent(self.max_pct)} in a UTC day"


class Drawdown(_Lost):
    """Nothing is opened while the equity is more than a part below its highest."""

    def _began(self, base: Baseline) -> int:
        return base.peak

    def __str__(self) -> str:
        return f"nothing is opened more than {percent(self.max_pct)} below the highest equity"


@attrs.frozen
class ConsecutiveLosses(Measured):
    """Nothing is opened after more than `max_losses` markets were left with a loss, one after the other."""

    max_losses: int
    whole: ClassVar[bool] = True
    opening: ClassVar[bool] = True

    def _after(self, asked: Prospect) -> float:
        return _known(asked).losses

    def _limit(self, asked: Prospect) -> float:  # noqa: ARG002 - as the base has it
        return self.max_losses

    def _shown(self, value: float) -> str:
        return many(f"{value:.0f}", "loss in a row", "losses in a row")

    def __str__(self) -> str:
        return f"nothing is opened after more than {self.max_losses} markets left with a loss in a row"
