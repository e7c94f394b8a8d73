"""How the claims of a book move together until they resolve: covariance, correlation, and what makes up the variance.

Exact where events are independent: claims on one event of which one wins have −pq beside the diagonal, others 0. A
position is its net shares; YES of one outcome and NO of another are one bet, and their profits correlate above 0.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from scipy.linalg import block_diag

from agbot.quant.allocation import Floats, binary_covariance
from agbot.quant.book import Book, Claim, events


@attrs.frozen(eq=False)
class Spread:
    """The profits of a book's positions at resolution, about their mean.

    Attributes:
        markets: in the order of rows and columns; positions without net shares have no profit and are left out.
        covariance: usd², of the profits.
        correlation: of the profits; 1 on the diagonal.
        volatility: of the whole, usd.
        parts: of the variance, by position; sum to 1, below 0 for a hedge. All 0 where the whole cannot vary.
        concentration: Σ (value / Σ value)² by market (Herfindahl): 1 is one position, 1/n is n alike. 0 without value.
    """

    markets: tuple[str, ...]
    covariance: Floats
    correlation: Floats
    volatility: float
    parts: Floats
    concentration: float


def spread(book: Book) -> Spread:
    """Return how the positions of a book move together."""
    claims, blocks = list[Claim](), list[Floats]()
    for event in events(book):
        held = [claim for claim in event if _varies(claim)]
        claims += held
        blocks.append(_block(event, held))
    covariance = block_diag(np.zeros((0, 0)), *blocks)  # with an empty one: a book may hold nothing
    sds = np.sqrt(covariance.diagonal())
    variance = max(0.0, float(covariance.sum()))
    vary = variance > 1e-12 * max(1.0, float(covariance.diagonal().sum()))
    return Spread(
        markets=tuple(claim.market for claim in claims),
        covariance=covariance,
        correlation=covariance / np.outer(sds, sds) if claims else covariance,
        volatility=math.sqrt(variance),
        parts=covariance.sum(axis=1) / variance if vary else np.zeros(len(claims)),
        concentration=_concentration([claim.value for claim in book]),
    )


def _varies(claim: Claim) -> bool:
    return claim.yes != claim.no and 0 < claim.price < 1


def _block(event: Book, held: list[Claim]) -> Floats:
    """Return the covariance of one event's profits; prices that sum to more than 1 are taken in proportion."""
    whole = max(1.0, math.fsum(claim.price for claim in event))
    net = np.array([claim.yes - claim.no for claim in held])
    return binary_covariance([claim.price / whole for claim in held]) * np.outer(net, net)


def _concentration(values: list[float]) -> float:
    total = math.fsum(values)
    return math.fsum((value / total) ** 2 for value in values) if total > 0 else 0.0
