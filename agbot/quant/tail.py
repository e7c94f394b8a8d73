"""What a book of independent events may lose, on a grid, ready to be joined with one event more at every order.

Losses are 10⁻⁶ usd, positive for a loss. An outcome between two points of the grid is shared between them so that its
mean stays: the law spreads by less than a step for each event and its expected shortfall is never understated. The
event that is joined is exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import attrs
import numpy as np

Outcomes: TypeAlias = Sequence[tuple[float, int]]
"""Probability and loss of each way one event may end; the probabilities sum to 1."""

POINTS: Final = 4096
_EXACTLY: Final = 1e-12


@attrs.frozen(eq=False)
class Tail:
    """Losses of `start` + k·`step`; `below[k]` is P(loss ≤ point k), `beyond[k]` is E[(loss − point k)⁺]."""

    start: int
    step: int
    below: list[float]
    beyond: list[float]

    @classmethod
    def of(cls, events: Iterable[Outcomes], points: int = POINTS) -> Tail:
        """Return the law of all these events together; of none, the loss is 0."""
        rows = [outcomes for outcomes in events if outcomes]
        lows = [min(loss for _, loss in row) for row in rows]
        width = sum(max(loss for _, loss in row) - low for row, low in zip(rows, lows, strict=True))
        step = max(1, -(-width // (points - 1)))
        mass = np.zeros(width // step + len(rows) + 2)
        mass[0], used = 1.0, 1
        for row, low in zip(rows, lows, strict=True):
            mass, used = _joined(mass, used, [(p, (loss - low) / step) for p, loss in row])
        mass = mass[:used]
        # E[(loss − point k)⁺] is a step times what lies beyond point k, point k+1, and so on
        after = np.concatenate((np.cumsum(mass[::-1])[::-1][1:], (0.0,)))
        beyond = step * np.cumsum(after[::-1])[::-1]
        return cls(sum(lows), step, np.cumsum(mass).tolist(), beyond.tolist())

    def within(self, most: int, own: Outcomes) -> float:
        """Return the probability that all of it and one more event lose at most `most`."""
        return sum(p * self._below(most - loss) for p, loss in own)

    def var(self, confidence: float, own: Outcomes) -> int:
        """Return the smallest loss that is not exceeded with probability `confidence`, one more event joined."""
        low = self.start + min(loss for _, loss in own) - 1
        high = self.start + self.step * (len(self.below) - 1) + max(loss for _, loss in own)
        while high - low > 1:
            middle = (low + high) // 2
            if self.within(middle, own) >= confidence - _EXACTLY:
                high = middle
            else:
                low = middle
        return high

    def shortfall(self, confidence: float, own: Outcomes) -> float:
        """Return the mean loss in the worst 1 − `confidence` of all cases, one more event joined."""
        var = self.var(confidence, own)
        return var + sum(p * self._beyond(var - loss) for p, loss in own) / (1 - confidence)

    def _below(self, loss: int) -> float:
        at = (loss - self.start) // self.step
        return 0.0 if at < 0 else self.below[min(at, len(self.below) - 1)]

    def _beyond(self, loss: int) -> float:
        at = (loss - self.start) // self.step
        if at < 0:
            return self.beyond[0] + self.start - loss
        if at >= len(self.below) - 1:
            return 0.0
        to_next = self.start + self.step * (at + 1) - loss
        return self.beyond[at + 1] + to_next * (1 - self.below[at])


def _joined(mass: np.ndarray, used: int, row: Sequence[tuple[float, float]]) -> tuple[np.ndarray, int]:
    """Return the grid's mass with an event joined, and how many points are in use; `row` is in steps."""
    points: dict[int, float] = {}
    for p, steps in row:
        at = int(steps)
        for point, share in ((at, p * (at + 1 - steps)), (at + 1, p * (steps - at))):
            if share:
                points[point] = points.get(point, 0.0) + share
    total, reach = np.zeros_like(mass), used + max(points)
    for point, share in points.items():
        total[point : point + used] += share * mass[:used]
    return total, reach
