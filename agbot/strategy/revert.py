"""Lean against a price that is out of place, in logits, where it has been seen to come back.

Theory of operation. The price is sampled evenly; its score is how many deviations it is from the mean of the window.
From `enter` on a position is opened against it, at `exit` or beyond the mean it is closed. It is opened only while the
window passes the test of Dickey and Fuller (p ≤ `max_p`, looked at every `refit` samples: the half-life alone finds one
in every walk) and half of what is out of place comes back within `max_half_life` samples. At `stop` it was news and no
noise: the position is closed, and nothing is opened for `rest_s`.

It loses on news, by as much as `stop` lets it, and where a market's range is narrower than its spread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import attrs

from agbot.core.view import Intent, View
from agbot.model.ids import MarketId, StrategyId
from agbot.quant.odds import expit
from agbot.quant.reversion import dickey_fuller, p_value
from agbot.strategy.fields import count, real
from agbot.strategy.sampled import Pace, ReturnsParams, learnt
from agbot.strategy.signals import HalfLife, ZScore
from agbot.strategy.targets import Mover, Target, own, spread_ticks
from agbot.units import SCALE


@attrs.frozen(kw_only=True)
class RevertParams(ReturnsParams):
    """When to lean against a price.

    Args:
        window: samples of the mean, the deviation, the test and the half-life.
        refit: samples between two tests.
        max_half_life: samples within which half has to come back.
    """

    window: int = count(120, 16)
    refit: int = count(10, 1)
    max_half_life: float = real("15", attrs.validators.gt(0))


class _Seen:
    """What was learnt of one market."""

    def __init__(self, params: RevertParams) -> None:
        self._params = params
        self._kept: deque[float] = deque(maxlen=params.window)
        self._since_test = 0
        self.pace = Pace(params.every_s)
        self.score, self.half_life = ZScore(params.window), HalfLife(params.window)
        self.p = 1.0
        self.rests_until_ns = 0

    def take(self, x: float) -> None:
        self.score.update(x)
        self.half_life.update(x)
        self._kept.append(x)
        self._since_test += 1
        if len(self._kept) == self._params.window and self._since_test >= self._params.refit:
            self._since_test = 0
            self.p = _tested(self._kept)

    @property
    def comes_back(self) -> bool:
        half = self.half_life.value
        return self.p <= self._params.max_p and half is not None and half <= self._params.max_half_life


def _tested(kept: Iterable[float]) -> float:
    try:
        return p_value(dickey_fuller(list(kept)))
    except ValueError:  # a price that did not move in the whole window says nothing
        return 1.0


class Revert:
    """The reference mean reversion. One instance follows every market it is shown."""

    def __init__(self, params: RevertParams | None = None, *, name: str = "revert") -> None:
        self.id = StrategyId(name)
        self.params = params or RevertParams()
        self._mover = Mover(self.params.slip_ticks)
        self._seen: dict[MarketId, _Seen] = {}

    def decide(self, view: View) -> list[Intent]:
        """Return the order that brings what is held nearer to what the score says."""
        seen = learnt(self._seen, view, lambda: _Seen(self.params))
        return self._mover.toward(view, self._target(view, seen))

    def _target(self, view: View, seen: _Seen) -> Target:
        params, held, score = self.params, own(view), seen.score.value
        if params.ends(view):
            return Target(net=0, why="the market ends soon")
        if score is None:
            return Target(net=held, why="too little is known")
        bands = seen.score.bands(0)
        fair = round(expit(bands.middle) * SCALE) if bands else 0
        half = seen.half_life.value
        said = f"p {seen.p:.3f}, half of it in {half:.1f} samples" if half else "it does not come back"
        if abs(score) >= params.stop:
            seen.rests_until_ns = view.now_ns + params.rest_s
        why = f"score {score:+.2f}, enter {params.enter:g}, exit {params.exit:g}, stop {params.stop:g}; {said}"
        return Target(net=self._wanted(view, seen, score, fair), why=why, fair=fair)

    def _wanted(self, view: View, seen: _Seen, score: float, fair: int) -> int:
        params, held = self.params, own(view)
        way = -1 if score > 0 else 1
        if view.now_ns < seen.rests_until_ns or held * way < 0 or abs(score) <= params.exit:
            return 0
        if held:
            return held
        opens = (
            abs(score) >= params.enter
            and seen.comes_back
            and spread_ticks(view) <= params.max_spread_ticks
            and params.low <= fair <= params.high
        )
        return way * params.size if opens else 0
