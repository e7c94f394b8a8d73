"""What others say of an event, weighted by how right they were."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from agbot.quant.odds import expit, logit

_EDGE: Final = 1e-6
_GUESS: Final = 0.25
"""The Brier score of a coin: what a source without a record is taken to have."""


class WeightedPrior:
    """One probability out of those of several sources: the mean of their logits, by 1/(Brier score + `least`).

    A source begins as `trust` events at the score of a coin; so one lucky call moves little. Scores are means of
    (p − outcome)², 0 is best (Brier 1950).
    """

    def __init__(self, trust: float = 10.0, least: float = 0.01) -> None:
        if not (trust > 0 and least > 0):
            raise ValueError(f"trust and least above 0, not {trust} and {least}")
        self._trust, self._least = trust, least
        self._squares: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def learn(self, said: Mapping[str, float], outcome: float) -> None:
        """Note what sources had said of an event, and how it ended (1, 0, or 0.5)."""
        for source, p in said.items():
            self._squares[source] = self._squares.get(source, 0.0) + (p - outcome) ** 2
            self._counts[source] = self._counts.get(source, 0) + 1

    def score(self, source: str) -> float:
        """Return a source's Brier score, its first `trust` events counted as a coin's."""
        count = self._counts.get(source, 0)
        return (self._squares.get(source, 0.0) + _GUESS * self._trust) / (count + self._trust)

    def value(self, said: Mapping[str, float]) -> float | None:
        """Return the probability that sources come to together, None where nobody says one."""
        weights = {source: 1 / (self.score(source) + self._least) for source in said}
        total = math.fsum(weights.values())
        if not total:
            return None
        return expit(math.fsum(weights[s] * logit(min(max(p, _EDGE), 1 - _EDGE)) for s, p in said.items()) / total)
