"""Volatility from a history of changes: EWMA and GARCH(1,1). Of prices in [0, 1] take changes of the logit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray

RISKMETRICS: Final = 0.94


def ewma_step(variance: float, change: float, lam: float = RISKMETRICS) -> float:
    """Return the next variance, λs² + (1−λ)r² (RiskMetrics 1996)."""
    if not 0 <= lam <= 1:
        raise ValueError(f"λ is between 0 and 1, not {lam}")
    return lam * variance + (1 - lam) * change * change


def ewma_vol(changes: Sequence[float], lam: float = RISKMETRICS) -> float:
    """Return the volatility of the next change; begins with the square of the first one."""
    if not changes:
        raise ValueError("no change is known")
    variance = changes[0] ** 2
    for change in changes[1:]:
        variance = ewma_step(variance, change, lam)
    return math.sqrt(variance)


@attrs.frozen(kw_only=True)
class Garch:
    """h = ω + αr² + βh of the change before (Bollerslev 1986)."""

    omega: float
    alpha: float
    beta: float

    def __attrs_post_init__(self) -> None:
        if min(self.omega, self.alpha, self.beta) < 0 or self.alpha + self.beta >= 1:
            raise ValueError(f"ω, α, β ≥ 0 and α + β < 1, else it has no long run: {self}")

    @property
    def long_run(self) -> float:
        """Return the variance it comes back to."""
        return self.omega / (1 - self.alpha - self.beta)

    def step(self, variance: float, change: float) -> float:
        """Return the next variance."""
        return self.omega + self.alpha * change * change + self.beta * variance

    def filtered(self, changes: Sequence[float], backcast: float) -> NDArray[np.float64]:
        """Return the variance of each change and of the next one (n + 1 values); the first from `backcast`."""
        variances = np.empty(len(changes) + 1)
        variances[0] = self.omega + (self.alpha + self.beta) * backcast
        for at, change in enumerate(changes):
            variances[at + 1] = self.step(variances[at], change)
        return variances

    def forecast(self, next_variance: float, steps: int) -> NDArray[np.float64]:
        """Return the variances of the next `steps` changes: V + (α+β)^{k−1}(h₁−V)."""
        persistence = (self.alpha + self.beta) ** np.arange(steps)
        return np.asarray(self.long_run + persistence * (next_variance - self.long_run))

    def log_likelihood(self, changes: Sequence[float], backcast: float) -> float:
        """Return the Gaussian log-likelihood of the changes."""
        variances, squares = self.filtered(changes, backcast)[:-1], np.square(changes)
        return float(-0.5 * np.sum(np.log(2 * np.pi * variances) + squares / variances))
