"""The normal law for one number at a time: density, distribution, quantile."""

from __future__ import annotations

import math
from typing import Final

from scipy.special import ndtri

_ROOT_2: Final = math.sqrt(2.0)
_ROOT_2PI: Final = math.sqrt(2.0 * math.pi)


def pdf(x: float) -> float:
    """Return the density φ(x)."""
    return math.exp(-0.5 * x * x) / _ROOT_2PI


def cdf(x: float) -> float:
    """Return the distribution Φ(x), exact in both tails."""
    return 0.5 * math.erfc(-x / _ROOT_2)


def ppf(q: float) -> float:
    """Return the quantile Φ⁻¹(q); ∓∞ at 0 and 1, NaN outside."""
    return float(ndtri(q))
