"""What the simulated crowd believes: probabilities that drift, get nervous and jump.

One belief covers the markets of one event. A binary market has one logit; the candidates of a neg-risk event share a
softmax, so their probabilities always sum to one. Floats are fine here: nothing in this file is money.
"""

from __future__ import annotations

import math
import random
from typing import Final, NamedTuple


class Regime(NamedTuple):
    """A mood of the crowd.

    Args:
        volatility: standard deviation of a logit over one second.
        half_spread: how far quotes stand from the fair price, usd.
        pace: activity relative to a calm market.
        stay_s: shortest and longest duration in seconds.
    """

    volatility: float
    half_spread: float
    pace: float
    stay_s: tuple[float, float]


CALM: Final = Regime(0.008, 0.006, 1.0, (15.0, 50.0))
BUSY: Final = Regime(0.020, 0.009, 2.0, (10.0, 30.0))
NEWS: Final = Regime(0.035, 0.024, 4.0, (4.0, 12.0))

_JUMP: Final = (0.15, 0.5)
_PULL_PER_S: Final = 0.004
_ROAM: Final = 1.0
_NARROWING_S: Final = 4.0
_TOP_PROBABILITY: Final = 0.85


class Belief:
    """The fair prices of one event over time.

    Attributes:
        regime: the present mood.
        half_spread: widens at once with news and narrows over seconds.
    """

    def __init__(self, rng: random.Random, size: int) -> None:
        self._rng = rng
        self._binary = size == 1
        self._home = [_logit(rng.uniform(0.25, 0.75))] if self._binary else _candidates(rng, size)
        self._logits = list(self._home)
        self._left_s = rng.uniform(5.0, 25.0)
        self.regime = CALM
        self.half_spread = CALM.half_spread

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass."""
        self._left_s -= seconds
        if self._left_s <= 0:
            self._change_mood()
        noise = self.regime.volatility * math.sqrt(seconds)
        for i, home in enumerate(self._home):
            pull = (home - self._logits[i]) * min(1.0, _PULL_PER_S * seconds)
            self._move(i, pull + self._rng.gauss(0.0, noise))
        wanted = self.regime.half_spread
        ease = 1.0 if wanted > self.half_spread else min(1.0, seconds / _NARROWING_S)
        self.half_spread += (wanted - self.half_spread) * ease

    def prices(self) -> list[float]:
        """Return the fair price of each market, between 0 and 1."""
        if self._binary:
            return [1.0 / (1.0 + math.exp(-self._logits[0]))]
        weights = [math.exp(x) for x in self._logits]
        total = sum(weights)
        return [weight / total for weight in weights]

    def _change_mood(self) -> None:
        others = {CALM: (BUSY, BUSY, BUSY, NEWS), BUSY: (CALM, CALM, CALM, NEWS), NEWS: (BUSY, BUSY, CALM)}
        self.regime = self._rng.choice(others[self.regime])
        self._left_s = self._rng.uniform(*self.regime.stay_s)
        if self.regime is NEWS:
            which = self._rng.randrange(len(self._logits))
            self._move(which, self._rng.choice((-1.0, 1.0)) * self._rng.uniform(*_JUMP))

    def _move(self, i: int, step: float) -> None:
        self._logits[i] = min(max(self._logits[i] + step, self._home[i] - _ROAM), self._home[i] + _ROAM)


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def _candidates(rng: random.Random, size: int) -> list[float]:
    weights = [0.6**i * rng.uniform(0.8, 1.2) for i in range(size)]
    return [math.log(min(weight / sum(weights), _TOP_PROBABILITY)) for weight in weights]
