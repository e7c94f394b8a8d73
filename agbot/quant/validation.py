"""Do risk models hold? Forecasts for the next day out of the days before it, against what came, by the proper tests.

A change is a part of the price (0.01 is one per cent); losses and VaR are positive. No forecast knows its own day: what
it is made of ends the day before, also the fit of GARCH.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from agbot.quant import var
from agbot.quant.backtests import Transitions, Zone, acerbi_szekely, christoffersen, kupiec, zone
from agbot.quant.horizon import Horizon, moved
from agbot.quant.odds import expit, logit
from agbot.quant.tail import Tail
from agbot.quant.var import Risk
from agbot.quant.volatility import Garch, ewma_vol

Floats: TypeAlias = NDArray[np.float64]

LAMBDA: Final = 0.98
"""Of the age-weighted sample (Boudoukh et al. 1998)."""
REFIT_EVERY: Final = 60
"""Days between two fits of GARCH."""
LEVEL: Final = 0.05
Z2_LEAST: Final = -0.70


@attrs.frozen
class Day:
    """One forecast and what came: `loss` and `risk` in the same unit; `es` is None where a model gives none."""

    loss: float
    var: float
    es: float | None


@attrs.frozen(kw_only=True)
class Verdict:
    """How a model did at a confidence. `missing` are days without a forecast; p-values below 0.05 reject it."""

    model: str
    confidence: float
    days: int
    missing: int
    exceptions: int
    kupiec_p: float
    independence_p: float
    coverage_p: float
    zone: Zone
    z2: float | None

    @property
    def rate(self) -> float:
        """Return the part of days that lost more than the VaR."""
        return self.exceptions / self.days

    @property
    def below(self) -> bool:
        """Return whether fewer days than 1 − confidence were worse: no test, a right model passes it half the time."""
        return self.rate < 1 - self.confidence

    @property
    def passed(self) -> bool:
        """Return whether no test rejects it."""
        shortfall = self.z2 is None or self.z2 > Z2_LEAST
        return min(self.kupiec_p, self.coverage_p) >= LEVEL and self.zone is Zone.GREEN and shortfall


def verdict(model: str, confidence: float, days: Sequence[Day | None]) -> Verdict:
    """Return what the tests say of these days. ValueError without a single forecast."""
    known = [day for day in days if day is not None]
    if not known:
        raise ValueError(f"{model} made no forecast")
    hits = [day.loss > day.var for day in known]
    count, p, transitions = sum(hits), 1 - confidence, Transitions.of(hits)
    shortfalls = [day.es for day in known if day.es is not None]
    whole = len(shortfalls) == len(known) and min(shortfalls) > 0
    z2 = acerbi_szekely([-d.loss for d in known], [d.var for d in known], shortfalls, confidence).z2 if whole else None
    return Verdict(
        model=model,
        confidence=confidence,
        days=len(known),
        missing=len(days) - len(known),
        exceptions=count,
        kupiec_p=kupiec(count, len(known), p).p_value,
        independence_p=transitions.independence().p_value,
        coverage_p=christoffersen(transitions, count, len(known), p).p_value,
        zone=zone(count, len(known), p),
        z2=z2,
    )


# ---------------------------------------------------------------- series


def changes_of(prices: Sequence[float]) -> Floats:
    """Return the changes between consecutive prices; where one of the two is not above 0 there is none."""
    return np.array([new / old - 1 for old, new in pairwise(prices) if old > 0 and new > 0])


def fitted(changes: Floats) -> Garch:
    """Return GARCH(1,1) by likelihood, its long run held at the sample's variance (Engle and Mezrich 1996)."""
    variance = float(np.var(changes))

    def at(point: Floats) -> Garch:
        alpha, beta = (float(x) for x in point)
        return Garch(omega=variance * (1 - alpha - beta), alpha=alpha, beta=beta)

    def cost(point: Floats) -> float:
        if min(point) <= 0 or sum(point) >= 0.9995:
            return math.inf
        return -at(point).log_likelihood(list(changes), variance)

    start = min(((0.05, 0.90), (0.10, 0.85), (0.10, 0.60)), key=lambda point: cost(np.array(point)))
    return at(minimize(cost, np.array(start), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3}).x)


class _Fits:
    """GARCH of the window, fitted anew every `REFIT_EVERY` days."""

    def __init__(self) -> None:
        self._fit: Garch | None = None
        self._age = 0

    def of(self, window: Floats) -> Garch:
        if self._fit is None or self._age >= REFIT_EVERY:
            self._fit, self._age = fitted(window), 0
        self._age += 1
        return self._fit


def _student(window: Floats, confidence: float) -> Risk:
    """Return Student t with the sample's deviation and the degrees of freedom its kurtosis asks for, 4 + 6/excess."""
    mean, sd, _, excess = _moments(window)
    return var.student(mean, sd, confidence, 4 + 6 / excess) if excess > 0 else var.normal(mean, sd, confidence)


def _cornish_fisher(window: Floats, confidence: float) -> Risk | None:
    found = var.cornish_fisher(*_moments(window), confidence)
    return None if found is None else Risk(found, math.nan)


def _moments(window: Floats) -> tuple[float, float, float, float]:
    mean, sd = float(window.mean()), float(window.std(ddof=1))
    standard = (window - mean) / window.std()
    return mean, sd, float((standard**3).mean()), float((standard**4).mean()) - 3


def _garch(window: Floats, confidence: float, garch: Garch) -> Risk:
    variance = garch.filtered(list(window), float(np.var(window)))[-1]
    return var.normal(0.0, math.sqrt(float(variance)), confidence)


Model: TypeAlias = Callable[[Floats, float, _Fits], Risk | None]

MODELS: Final[Mapping[str, Model]] = {
    "historical": lambda window, c, _: var.historical(-window, c),
    "age-weighted": lambda window, c, _: var.age_weighted(list(-window), LAMBDA, c),
    "normal": lambda window, c, _: var.normal(float(window.mean()), float(window.std(ddof=1)), c),
    "student": lambda window, c, _: _student(window, c),
    "cornish-fisher": lambda window, c, _: _cornish_fisher(window, c),
    "ewma": lambda window, c, _: var.normal(0.0, ewma_vol(list(window)), c),
    "garch": lambda window, c, fits: _garch(window, c, fits.of(window)),
    "filtered": lambda window, c, fits: var.filtered(list(window), fits.of(window), float(np.var(window)), c),
}
"""By name: the risk of the next change by those of the window, None where the model has no answer."""


def rolled(changes: Floats, model: str, confidence: float, window: int) -> Iterator[Day | None]:
    """Yield the forecast and the loss of every day after the first `window`, one by one."""
    fits = _Fits()
    for at in range(window, len(changes)):
        risk = MODELS[model](changes[at - window : at], confidence, fits)
        if risk is None:
            yield None
        else:
            yield Day(-float(changes[at]), risk.var, None if math.isnan(risk.es) else risk.es)


# ---------------------------------------------------------------- simulated books


def simulated(
    seed: int, days: int, claims: int, confidence: float, *, vol_factor: float = 1.0
) -> Iterator[tuple[Day, Day]]:
    """Yield, for a book of claims that is drawn anew every day, the law of the policies and the normal one.

    Prices move by the logit martingale for a day, at 4 logits for each square root of a year; the law is told
    `vol_factor` times as much. Losses in 10⁻⁶ usd.
    """
    dice, day = np.random.default_rng(seed), Horizon(86_400 * 10**9, 4.0)
    told = Horizon(day.ns, day.logit_vol * vol_factor)
    for _ in range(days):
        prices = dice.uniform(0.03, 0.97, claims)
        shares = dice.integers(-200, 201, claims) * 1_000_000
        laws = [
            [(chance, round(q * (p - price))) for chance, price in moved(float(p), told)]
            for p, q in zip(prices, (int(q) for q in shares), strict=True)
        ]
        lost = float(sum(q * (p - _next(dice, float(p), day)) for p, q in zip(prices, shares, strict=True)))
        spread = math.sqrt(sum(sum(c * loss**2 for c, loss in law) for law in laws))
        tail, alone = Tail.of(laws), [(1.0, 0)]
        exact = Day(lost, tail.var(confidence, alone), tail.shortfall(confidence, alone))
        bell = var.normal(0.0, spread, confidence)
        yield exact, Day(lost, bell.var, bell.es)


def _next(dice: np.random.Generator, p: float, horizon: Horizon) -> float:
    """Return where a price stands after the horizon: in a world in which the claim comes true, or in one where not."""
    way = 1 if dice.random() < p else -1
    return expit(logit(p) + way * horizon.variance / 2 + math.sqrt(horizon.variance) * float(dice.standard_normal()))
