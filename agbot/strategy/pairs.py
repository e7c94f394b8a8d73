"""Statistical arbitrage: two markets whose logits move together, traded against each other when they come apart.

Theory of operation. Both prices are sampled at the same instants. Every `refit` samples the last `window` of them are
put to the test of Engle and Granger (1987): y = intercept + hedge·x + spread. A pair is traded only while the spread
comes back by that test (p ≤ `max_p`) and moves with x (hedge > 0). From `enter` deviations on the spread is sold or
bought, at `exit` closed, at `stop` given up, and nothing is opened for `rest_s`.

Sizes: a logit of x moves its price by x's p(1 − p), so `size` shares of y stand against size·hedge·p_y(1 − p_y)/p_x(1 −
p_x) of x, at most `max_ratio` times `size`. A leg that does not follow within `leg_s` makes both be closed.

It loses when what held two markets together ends: the spread then never comes back. Two outcomes of one event move
against each other by construction and are no pair.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from agbot.core.view import Intent, View
from agbot.model.ids import MarketId, StrategyId
from agbot.quant.odds import logit
from agbot.quant.reversion import Pair, cointegrated
from agbot.strategy.fields import count, real, seconds
from agbot.strategy.sampled import MISSED_MAX, ReturnsParams
from agbot.strategy.targets import HUNDREDTH, Mover, Target, mid, own, spread_ticks
from agbot.units import SCALE


def _pairs(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"pairs are a list of two markets each, not {value!r}")
    for pair in value:
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"a pair is two different markets, not {pair!r}")
    return tuple((str(y), str(x)) for y, x in value)


@attrs.frozen(kw_only=True)
class PairsParams(ReturnsParams):
    """Which pairs, and when.

    Args:
        pairs: [y, x] of market ids or slugs.
        window: samples of the test.
        refit: samples between two tests.
        max_ratio: most shares of x for each of y.
        leg_s: seconds within which the second leg has to follow.
    """

    pairs: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_pairs)
    window: int = count(120, 16)
    refit: int = count(20, 1)
    max_ratio: float = real("3", attrs.validators.gt(0))
    leg_s: int = seconds("10", attrs.validators.gt(0))


class Stage(enum.StrEnum):
    """Where a pair is. LEGS: the legs are on their way to what is wanted."""

    FLAT = "flat"
    LEGS = "legs under way"
    HELD = "held"


class Spread:
    """What was learnt of one pair, and what is wanted of it. Sizes of y and x, signed, in 10⁻⁶ shares."""

    def __init__(self, params: PairsParams) -> None:
        self._params = params
        self._kept: deque[tuple[float, float]] = deque(maxlen=params.window)
        self._since_fit = 0
        self._last_ns = 0
        self.fit: Pair | None = None
        self._deviation = 0.0
        self.wanted = (0, 0)
        self.since_ns = 0
        self.rests_until_ns = 0

    def sample(self, now_ns: int, y: float, x: float) -> None:
        """Take both logits when a sample is due."""
        params = self._params
        if now_ns - self._last_ns < params.every_s:
            return
        if self._last_ns and now_ns - self._last_ns > (MISSED_MAX + 1) * params.every_s:
            self._kept.clear()
            self.fit = None
        self._last_ns = now_ns
        self._kept.append((y, x))
        self._since_fit += 1
        if len(self._kept) == params.window and (self.fit is None or self._since_fit >= params.refit):
            self._since_fit = 0
            self.fit = self._tested()

    def _tested(self) -> Pair | None:
        try:
            fit = cointegrated([y for y, _ in self._kept], [x for _, x in self._kept])
        except ValueError:  # a price that did not move in the whole window says nothing
            return None
        spreads = [y - fit.intercept - fit.hedge * x for y, x in self._kept]
        mean = sum(spreads) / len(spreads)
        self._deviation = (sum((s - mean) ** 2 for s in spreads) / (len(spreads) - 1)) ** 0.5
        return fit

    def score(self, y: float, x: float) -> float | None:
        """Return how many deviations the spread is out now, None while nothing is known of it."""
        if self.fit is None or not self._deviation > 0:
            return None
        return (y - self.fit.intercept - self.fit.hedge * x) / self._deviation

    @property
    def comes_back(self) -> bool:
        """Return whether the test lets it be traded."""
        return self.fit is not None and self.fit.p_value <= self._params.max_p and self.fit.hedge > 0

    def want(self, now_ns: int, sizes: tuple[int, int]) -> None:
        """Aim at sizes of y and x; a change begins the time that the legs have."""
        if sizes != self.wanted:
            self.wanted, self.since_ns = sizes, now_ns


class Pairs:
    """The reference statistical arbitrage."""

    def __init__(self, params: PairsParams | None = None, *, name: str = "pairs") -> None:
        self.id = StrategyId(name)
        self.params = params or PairsParams()
        self._mover = Mover(self.params.slip_ticks)
        self._spreads = {pair: Spread(self.params) for pair in self.params.pairs}

    def metadata(self) -> Mapping[str, Any]:
        """Return what each pair's test said last."""
        return {"/".join(pair): attrs.asdict(s.fit) if s.fit else None for pair, s in self._spreads.items()}

    def decide(self, view: View) -> list[Intent]:
        """Return the next order of each leg of every pair that this market is in."""
        names = {view.market.id, view.market.slug}
        intents: list[Intent] = []
        for pair, spread in self._spreads.items():
            if names & set(pair) and (legs := self._legs(view, pair)):
                intents += self._trade(spread, *legs)
        return intents

    def _legs(self, view: View, pair: tuple[str, str]) -> tuple[View, View] | None:
        found = []
        for name in pair:
            if name in (view.market.id, view.market.slug):
                found.append(view)
            elif market := next((m for m in view.markets if name in (m.id, m.slug)), None):
                other = view.see(MarketId(market.id))
                found += [other] if other else []
        return (found[0], found[1]) if len(found) == 2 else None

    def _trade(self, spread: Spread, y_view: View, x_view: View) -> list[Intent]:
        y, x = mid(y_view), mid(x_view)
        why = "no price of both"
        if y is not None and x is not None:
            spread.sample(y_view.now_ns, logit(y), logit(x))
            why = self._aim(spread, y_view, x_view, y, x)
        legs = zip((y_view, x_view), spread.wanted, strict=True)
        return [i for view, net in legs for i in self._mover.toward(view, Target(net=net, why=why))]

    def _aim(self, spread: Spread, y_view: View, x_view: View, y: float, x: float) -> str:
        """Decide what is wanted of both legs, and return why."""
        params, now_ns, held = self.params, y_view.now_ns, (own(y_view), own(x_view))
        score = spread.score(logit(y), logit(x))
        stage = self._stage(spread, y_view, x_view)
        if params.ends(y_view) or params.ends(x_view):
            spread.want(now_ns, (0, 0))
            return "a market of the pair ends soon"
        if stage is Stage.LEGS and any(spread.wanted) and now_ns - spread.since_ns > params.leg_s:
            self._give_up(spread, now_ns)
            return f"a leg did not follow within {params.leg_s // 10**9} s"
        if score is None:
            spread.want(now_ns, spread.wanted if any(spread.wanted) else held)
            return "too little is known of the pair"
        fit = spread.fit
        assert fit is not None
        why = f"spread {score:+.2f} deviations, hedge {fit.hedge:.2f}, p {fit.p_value:.3f}"
        way = -1 if score > 0 else 1
        if any(held):
            self._hold(spread, now_ns, held, score)
        elif stage is Stage.FLAT and self._opens(spread, y_view, x_view, score, (y, x)):
            ratio = min(params.max_ratio, fit.hedge * y * (1 - y) / (x * (1 - x)))
            other = round(params.size * ratio) // HUNDREDTH * HUNDREDTH
            spread.want(now_ns, (way * params.size, -way * other))
        return why

    def _hold(self, spread: Spread, now_ns: int, held: tuple[int, int], score: float) -> None:
        """Keep, close or give up what is held; after a restart what is held is what is wanted."""
        params = self.params
        if not any(spread.wanted) and not spread.since_ns:
            spread.want(now_ns, held)
        against = held[0] * score < 0
        if abs(score) >= params.stop:
            self._give_up(spread, now_ns)
        elif not against or abs(score) <= params.exit:
            spread.want(now_ns, (0, 0))

    def _opens(self, spread: Spread, y_view: View, x_view: View, score: float, prices: tuple[float, float]) -> bool:
        params = self.params
        inside = all(params.low <= price * SCALE <= params.high for price in prices)
        tight = all(spread_ticks(view) <= params.max_spread_ticks for view in (y_view, x_view))
        rested = y_view.now_ns >= spread.rests_until_ns
        return rested and spread.comes_back and params.enter <= abs(score) < params.stop and inside and tight

    def _stage(self, spread: Spread, y_view: View, x_view: View) -> Stage:
        legs = zip((y_view, x_view), spread.wanted, strict=True)
        if not all(self._mover.there(view, Target(net=net, why="")) and not view.orders for view, net in legs):
            return Stage.LEGS
        return Stage.HELD if any(spread.wanted) else Stage.FLAT

    def _give_up(self, spread: Spread, now_ns: int) -> None:
        spread.want(now_ns, (0, 0))
        spread.rests_until_ns = now_ns + self.params.rest_s
