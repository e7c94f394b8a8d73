"""A probability and its logit."""

from __future__ import annotations

import math


def logit(p: float) -> float:
    """Return ln(p/(1−p))."""
    return math.log(p) - math.log1p(-p)


def expit(x: float) -> float:
    """Return 1/(1+e^{−x})."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
