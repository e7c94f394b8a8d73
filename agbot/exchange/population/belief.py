"""What a question's odds really are: news moves them, small and steady or in jumps, on the logit of the price.

One belief covers the markets of one event. It is the posterior of somebody who watches a hidden answer through noise:
information of amount ΔI adds ``noise · √ΔI`` to every candidate's log weight, and ΔI to that of the answer. So the
prices of an event that excludes all but one always sum to one, and no price has a drift that could be traded on.
Floats are fine here: nothing in this file is money.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

import attrs

from agbot.units import NS_PER_S

_LONGEST_S: Final = 60.0
"""A belief that was not asked for longer than this moves as if this long had passed."""
_END_INFORMATION: Final = 1.5
"""Information per halving (in e-folds) of the time that is left: enough to settle the question by its end."""
_EDGE: Final = 0.0005
_CALMING_S: Final = 8.0
_LARGEST_JUMP: Final = 4.0
"""In information of a typical jump."""
_TOP_UNREST: Final = 3.0


@attrs.frozen(kw_only=True)
class News:
    """How news comes.

    Args:
        volatility: standard deviation of a logit over one second, without jumps.
        jump_every_s: mean time between jumps.
        jump: standard deviation of a typical jump of a logit.
        memory_s: time after which a belief without end has half forgotten what it heard; it pulls back to its home.
        roam: how far a log weight without end may be from its home.
    """

    volatility: float = 0.003
    jump_every_s: float = 240.0
    jump: float = 0.35
    memory_s: float = 3600.0
    roam: float = 1.3


class Belief:
    """The fair YES prices of one event's markets.

    Attributes:
        prices: one a market, inside (0, 1); of several markets they sum to one.
        unrest: 0 in quiet times, up to 3 after a jump, calming over seconds.
        answer: the market that will win (of a single market: 0 is YES, 1 is NO); meaningful only with an end.

    Args:
        home: where the prices start, and return to when there is no end.
        end_ns: when the answer comes out; 0 for never.
    """

    def __init__(self, rng: random.Random, home: Sequence[float], news: News, start_ns: int, end_ns: int = 0) -> None:
        if not home:
            raise ValueError("a belief about no market")
        self._rng = rng
        self._news = news
        self._now_ns = start_ns
        self.end_ns = end_ns
        self._size = len(home)
        odds = [min(max(p, _EDGE), 1 - _EDGE) for p in (home if len(home) > 1 else (home[0], 1 - home[0]))]
        self._home = _centred([math.log(p) for p in odds])
        self._weights = list(self._home)
        self.answer = rng.choices(range(len(odds)), odds)[0]
        self.unrest = 0.0
        self.prices = self._prices()

    @property
    def ended(self) -> bool:
        """Return whether the answer is out."""
        return bool(self.end_ns) and self._now_ns >= self.end_ns

    def advance(self, now_ns: int) -> bool:
        """Let time pass until `now_ns` and return whether there was a jump. A clock that steps back is waited for."""
        passed_s = max(0.0, (now_ns - self._now_ns) / NS_PER_S)
        if passed_s == 0.0:
            return False
        seconds = min(passed_s, _LONGEST_S)
        steady = 0.5 * self._news.volatility**2 * seconds + self._nearing(now_ns)
        jumped = self._rng.random() < 1.0 - math.exp(-seconds / self._news.jump_every_s)
        self.unrest *= math.exp(-passed_s / _CALMING_S)
        self._now_ns = now_ns
        self._learn(steady + (self._jump() if jumped else 0.0))
        self._settle(seconds)
        self.prices = self._prices()
        return jumped

    def shock(self, place: int, logit: float) -> None:
        """Let news move one market's log weight by `logit`, as a jump does; without an end it is its new home."""
        moved = [w + (logit if i == place else 0.0) for i, w in enumerate(self._weights)]
        self._weights = _centred(moved)
        self._home = list(self._weights)
        self.unrest = _TOP_UNREST
        self.prices = self._prices()

    def _nearing(self, now_ns: int) -> float:
        """Return the information that comes because the end is near."""
        if not self.end_ns:
            return 0.0
        left = max(now_ns + NS_PER_S // 20, self.end_ns) - now_ns
        before = max(left, self.end_ns - self._now_ns)
        return _END_INFORMATION * math.log(before / left)

    def _jump(self) -> float:
        self.unrest = min(_TOP_UNREST, self.unrest + self._rng.uniform(1.0, 2.5))
        typical = 0.5 * self._news.jump**2
        return min(self._rng.expovariate(1.0 / typical), _LARGEST_JUMP * typical)

    def _learn(self, information: float) -> None:
        noise = math.sqrt(information)
        for i in range(len(self._weights)):
            self._weights[i] += noise * self._rng.gauss(0.0, 1.0)
        if self.end_ns:
            self._weights[self.answer] += information

    def _settle(self, seconds: float) -> None:
        """Without an end: forget a little, and stay within reach of home."""
        if not self.end_ns:
            keep, roam = 0.5 ** (seconds / self._news.memory_s), self._news.roam
            away = _centred([w - h for w, h in zip(self._weights, self._home, strict=True)])
            self._weights = [h + min(max(a * keep, -roam), roam) for a, h in zip(away, self._home, strict=True)]
        self._weights = _centred(self._weights)

    def _prices(self) -> list[float]:
        if self.ended:
            return [1 - _EDGE if i == self.answer else _EDGE for i in range(self._size)]
        top = max(self._weights)
        odds = [math.exp(w - top) for w in self._weights]
        total = sum(odds)
        return [min(max(o / total, _EDGE), 1 - _EDGE) for o in odds[: self._size]]


def _centred(weights: Sequence[float]) -> list[float]:
    mean = sum(weights) / len(weights)
    return [w - mean for w in weights]
