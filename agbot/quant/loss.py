"""The exact law of what a book of claims held to resolution makes: enumeration within an event, convolution across.

Profits are whole 10⁻⁶ usd on a grid, so nothing is rounded and equal profits are one atom. Events are independent
unless a factor joins them: then each event's law is taken at every level of the factor, and the books are averaged over
it (Andersen, Sidenius and Basu 2003). A law is of profit; `risk` turns it into losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from agbot.quant.normal import ppf
from agbot.quant.var import Confidence, Risk, exact

GRID_MAX: Final = 50_000_000
"""Points a law may have: beyond them sizes have no common step worth the name."""
_REACH: Final = 8.5
_LEVELS: Final = 512

Floats = NDArray[np.float64]


@attrs.frozen(eq=False)
class Law:
    """Profit `start` + k·`step` has probability `mass[k]`; with a factor `mass` has a row for each of its levels.

    `step` is 0 where only one profit can be.
    """

    start: int
    step: int
    mass: Floats

    @classmethod
    def of(cls, atoms: Mapping[int, float | Floats]) -> Law:
        """Return the law with these profits (10⁻⁶ usd) and probabilities, each a number or one for each level."""
        if not atoms:
            return CERTAIN
        low = min(atoms)
        step = math.gcd(*(profit - low for profit in atoms))
        width = (max(atoms) - low) // (step or 1) + 1
        levels = np.shape(next(iter(atoms.values())))
        mass = np.zeros((*levels, width))
        for profit, probability in atoms.items():
            mass[..., (profit - low) // (step or 1)] += probability
        return cls(low, step, mass)

    @property
    def profits(self) -> NDArray[np.int64]:
        """Return every profit on the grid, ascending."""
        return self.start + self.step * np.arange(self.mass.shape[-1], dtype=np.int64)

    def atoms(self) -> dict[int, float]:
        """Return what can happen, by profit."""
        return {int(profit): float(p) for profit, p in zip(self.profits, self.mass, strict=True) if p > 0}

    def plus(self, other: Law) -> Law:
        """Return the law of both together, independent at each level. ValueError beyond `GRID_MAX` points."""
        wide, narrow = (self, other) if self.mass.shape[-1] >= other.mass.shape[-1] else (other, self)
        step = math.gcd(self.step, other.step)
        fine = wide.on(step).mass
        narrow_at = narrow.step // (step or 1)
        width = fine.shape[-1] + narrow_at * (narrow.mass.shape[-1] - 1)
        _check_width(width)
        total = np.zeros((*np.broadcast_shapes(fine.shape[:-1], narrow.mass.shape[:-1]), width))
        for k in range(narrow.mass.shape[-1]):
            weight = narrow.mass[..., k : k + 1]
            if np.any(weight):
                total[..., k * narrow_at : k * narrow_at + fine.shape[-1]] += weight * fine
        return Law(self.start + other.start, step, total)

    def on(self, step: int) -> Law:
        """Return the same law on a finer grid; `step` divides its own."""
        if step == self.step or self.mass.shape[-1] == 1:
            return Law(self.start, step, self.mass)
        times = self.step // step
        width = (self.mass.shape[-1] - 1) * times + 1
        _check_width(width)
        fine = np.zeros((*self.mass.shape[:-1], width))
        fine[..., ::times] = self.mass
        return Law(self.start, step, fine)

    def averaged(self, weights: Floats) -> Law:
        """Return the law over all levels of the factor, which have these weights."""
        return Law(self.start, self.step, weights @ self.mass) if self.mass.ndim > 1 else self

    def mean(self) -> float:
        """Return the expected profit, 10⁻⁶ usd."""
        return self.start + self.step * float(np.dot(np.arange(len(self.mass)), self.mass))

    def variance(self) -> float:
        """Return the variance of the profit, 10⁻¹² usd²."""
        at = np.arange(len(self.mass)) - float(np.dot(np.arange(len(self.mass)), self.mass))
        return self.step**2 * float(np.dot(at * at, self.mass))

    def worst(self) -> int:
        """Return the largest loss that has a probability, 10⁻⁶ usd; negative where none can be lost."""
        return -self.start - self.step * int(np.flatnonzero(self.mass)[0])

    def best(self) -> int:
        """Return the largest profit that has a probability, 10⁻⁶ usd."""
        return self.start + self.step * int(np.flatnonzero(self.mass)[-1])

    def risk(self, confidence: Confidence) -> Risk:
        """Return VaR and ES, 10⁻⁶ usd, losses positive."""
        tail = 1 - float(exact(confidence))
        below = np.cumsum(self.mass)
        at = min(int(np.searchsorted(below, tail + 1e-12, side="right")), len(below) - 1)
        var = -(self.start + self.step * at)
        worse = float(np.dot(self.mass[:at], -(self.start + self.step * np.arange(at))))
        mass = float(below[at - 1]) if at else 0.0
        return Risk(float(var), (worse + var * (tail - mass)) / tail)


CERTAIN: Final = Law(0, 0, np.ones(1))


def _check_width(width: int) -> None:
    if width > GRID_MAX:
        raise ValueError(f"{width} different profits: round the sizes to a common step")


def together(laws: Iterable[Law]) -> Law:
    """Return the law of independent events together; the narrow ones first, which costs least.

    Its cost is the events' ways to end times the points of the grid: linear in contracts where the grid is as wide.
    ValueError beyond `GRID_MAX` points.
    """
    rows = sorted(laws, key=lambda law: law.mass.shape[-1])
    step = math.gcd(*(law.step for law in rows))
    strides = [law.step // (step or 1) for law in rows]
    width = 1 + sum(stride * (law.mass.shape[-1] - 1) for stride, law in zip(strides, rows, strict=True))
    _check_width(width)
    mass = np.zeros((*np.broadcast_shapes(*(law.mass.shape[:-1] for law in rows)), width))
    part, used = np.empty_like(mass), 1
    mass[..., 0] = 1.0
    for law, stride in zip(rows, strides, strict=True):
        used = _join(mass, part, used, law.mass, stride)
    return Law(sum(law.start for law in rows), step, mass)


def _join(mass: Floats, part: Floats, used: int, event: Floats, stride: int) -> int:
    """Join an event in place, its profits `stride` points apart; returns how many points are in use then."""
    points: int = event.shape[-1]
    now, part = mass[..., :used], part[..., :used]
    further = [k for k in range(1, points) if points == 2 or np.any(event[..., k])]
    alone = len(further) == 1  # as of a claim: then nothing has to be kept
    before = now if alone else now.copy()
    if not alone:
        now *= event[..., :1]
    for at in further:
        np.multiply(before, event[..., at : at + 1], out=part)
        if alone:
            now *= event[..., :1]
        mass[..., at * stride : at * stride + used] += part
    return used + stride * (points - 1)


# ---------------------------------------------------------------- events


@attrs.frozen(kw_only=True)
class Holding:
    """What is held of one outcome, in 10⁻⁶ shares, and how likely it is to win."""

    probability: float
    yes: int = 0
    no: int = 0


def enumerated(holdings: Sequence[Holding], cash: int, other: float = 0.0) -> tuple[list[int], Law]:
    """Return the profit with each outcome as the winner, and the law of an event of which exactly one wins.

    Args:
        cash: what was taken in for it, 10⁻⁶ usd; below zero when it was paid.
        other: the probability that none of these wins; its profit comes last then.

    Raises:
        ValueError: the probabilities are no law.
    """
    shares = [h.probability for h in holdings] + ([other] if other else [])
    if min(shares, default=-1) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise ValueError(f"probabilities from 0 that sum to 1, not {shares}")
    all_no = sum(h.no for h in holdings) + cash
    profits = [all_no + h.yes - h.no for h in holdings] + ([all_no] if other else [])
    atoms: dict[int, float] = {}
    for profit, share in zip(profits, shares, strict=True):
        atoms[profit] = atoms.get(profit, 0.0) + share
    return profits, Law.of(atoms)


def binary(size: int, cost: int, probability: float | Floats, invalid: float = 0.0) -> Law:
    """Return the law of `size` YES shares (10⁻⁶; below zero: sold) that cost `cost` (10⁻⁶ usd) together.

    Args:
        invalid: the probability that the market resolves 50/50.
    """
    valid = 1 - invalid
    atoms: dict[int, float | Floats] = {}
    for profit, share in ((size - cost, valid * probability), (-cost, valid * (1 - probability))):
        atoms[profit] = atoms.get(profit, 0.0) + share
    if invalid:
        half = size // 2 - cost
        atoms[half] = atoms.get(half, 0.0) + invalid + 0.0 * probability
    return Law.of(atoms)


# ---------------------------------------------------------------- one factor


@attrs.frozen(eq=False)
class Factor:
    """A standard normal factor at levels, each with its weight: what events have in common."""

    levels: Floats
    weights: Floats

    @classmethod
    def standard(cls, levels: int = _LEVELS) -> Factor:
        """Return Gauss–Legendre levels over ±8.5 deviations."""
        points, weights = np.polynomial.legendre.leggauss(levels)
        z = _REACH * points
        mass = _REACH * weights * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        return cls(z, mass / mass.sum())

    def given(self, probability: float, correlation: float) -> Floats:
        """Return the probability at each level: θ = 1{√ρZ + √(1−ρ)ε < Φ⁻¹(p)}."""
        if not 0 <= correlation < 1:
            raise ValueError(f"a correlation from 0 to below 1, not {correlation}")
        threshold = ppf(probability)
        return np.asarray(ndtr((threshold - math.sqrt(correlation) * self.levels) / math.sqrt(1 - correlation)))

    def joined(self, laws: Iterable[Callable[[Factor], Law]]) -> Law:
        """Return the law of events together that are independent only at each level."""
        return together(law(self) for law in laws).averaged(self.weights)
