"""Follow a price that has begun to move, in logits, where a step means the same at 0.5 and at 0.9.

Theory of operation. The price is sampled evenly; the strength is (fast EMA − slow EMA) over what noise alone would
make of it, σ·√slow, with σ the deviation of one step: of a walk without trend it has a deviation of a third. From
`enter` on a position is opened in its direction, below `exit` or on the other side it is closed. Between the two what
is held is kept: the gap is what pays for the spread.

An average of n samples is (n − 1)/2 samples behind a steady climb. So the averages also say how steep it is, and what
YES would be worth if it went on for as long as the slow one is behind: that is what `Target.fair` says.

It loses where prices turn often (each turn costs the spread twice), and on news that comes as one jump: by the time the
averages have seen it, it is over.
"""

from __future__ import annotations

import math

import attrs

from agbot.core.view import Intent, View
from agbot.model.ids import MarketId, StrategyId
from agbot.quant.odds import expit
from agbot.strategy.fields import count, real
from agbot.strategy.sampled import Pace, SampledParams, learnt
from agbot.strategy.signals import Ema
from agbot.strategy.signals.windows import Moments
from agbot.strategy.targets import Mover, Target, own, spread_ticks
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class TrendParams(SampledParams):
    """When to follow.

    Args:
        fast, slow: periods of the averages, in samples.
        noise: samples over which one step's deviation is measured.
        enter: strength from which a position is opened.
        exit: strength below which it is closed.
    """

    fast: int = count(12, 1)
    slow: int = count(48, 2)
    noise: int = count(60, 2)
    enter: float = real("1", attrs.validators.gt(0))
    exit: float = real("0.25", attrs.validators.ge(0))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.fast >= self.slow or self.exit >= self.enter:
            raise ValueError("fast is below slow, and exit below enter")


class _Seen:
    """What was learnt of one market."""

    def __init__(self, params: TrendParams) -> None:
        self.pace = Pace(params.every_s)
        self.fast, self.slow = Ema(params.fast), Ema(params.slow)
        self.steps = Moments(params.noise)
        self.left = max(params.slow, params.noise)
        self.last: float | None = None

    def take(self, x: float) -> None:
        self.fast.update(x)
        self.slow.update(x)
        if self.last is not None:
            self.steps.add(x - self.last)
        self.last, self.left = x, max(0, self.left - 1)

    def strength(self, slow: int) -> float | None:
        """Return the strength of now, None while too little is known and where nothing moves."""
        if self.left or not self.steps.full or self.fast.value is None or self.slow.value is None:
            return None
        noise = self.steps.deviation()
        return (self.fast.value - self.slow.value) / (noise * math.sqrt(slow)) if noise else None

    def ahead(self, params: TrendParams) -> float:
        """Return the logit to which the climb leads when it goes on for as long as the slow average is behind."""
        fast, slow = self.fast.value or 0.0, self.slow.value or 0.0
        return (self.last or 0.0) + (fast - slow) * (params.slow - 1) / (params.slow - params.fast)


class Trend:
    """The reference trend follower. One instance follows every market it is shown."""

    def __init__(self, params: TrendParams | None = None, *, name: str = "trend") -> None:
        self.id = StrategyId(name)
        self.params = params or TrendParams()
        self._mover = Mover(self.params.slip_ticks)
        self._seen: dict[MarketId, _Seen] = {}

    def decide(self, view: View) -> list[Intent]:
        """Return the order that brings what is held nearer to what the strength says."""
        seen = learnt(self._seen, view, lambda: _Seen(self.params))
        return self._mover.toward(view, self._target(view, seen))

    def _target(self, view: View, seen: _Seen) -> Target:
        params, held = self.params, own(view)
        if params.ends(view):
            return Target(net=0, why="the market ends soon")
        strength = seen.strength(params.slow)
        if strength is None:
            return Target(net=held, why="too little is known")
        price = round(expit(seen.fast.value or 0.0) * SCALE)
        why = f"strength {strength:+.2f}, enter {params.enter:g}, exit {params.exit:g}"
        fair = round(expit(seen.ahead(params)) * SCALE)
        return Target(net=self._wanted(view, strength, price), why=why, fair=fair)

    def _wanted(self, view: View, strength: float, price: int) -> int:
        params, held = self.params, own(view)
        way = 1 if strength > 0 else -1
        if abs(strength) >= params.enter:
            if held * way > 0:
                return way * max(params.size, abs(held))
            opens = spread_ticks(view) <= params.max_spread_ticks and params.low <= price <= params.high
            return way * params.size if opens else 0
        return 0 if abs(strength) < params.exit or held * way < 0 else held
