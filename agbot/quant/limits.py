"""Limits in parts of the equity, and what a book would lose if prices jumped."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from agbot.quant.odds import expit, logit


@attrs.frozen(kw_only=True)
class Parts:
    """The most that one position and one sector may be of the equity, and the most correlation with what is held."""

    max_position: float
    max_sector: float
    max_correlation: float


@attrs.frozen(kw_only=True)
class Candidate:
    """A position that is considered: exposure in usd (its maximum loss), sector, and correlation with what is held.

    Correlations are signed, for exposures in the same direction.
    """

    name: str
    exposure: float
    sector: str
    correlations: Mapping[str, float]


def exceeded(
    candidate: Candidate, held: Mapping[str, float], sectors: Mapping[str, str], equity: float, parts: Parts
) -> list[str]:
    """Return the limits that taking the candidate would break; exactly at one is none, and without equity all are."""
    position = held.get(candidate.name, 0.0) + candidate.exposure
    sector = candidate.exposure + sum(usd for name, usd in held.items() if sectors.get(name) == candidate.sector)
    related = [candidate.correlations.get(name, 0.0) for name, usd in held.items() if usd and name != candidate.name]
    found = {
        "max_position_pct": not equity > 0 or position > parts.max_position * equity,
        "max_sector_exposure": not equity > 0 or sector > parts.max_sector * equity,
        "max_correlation": any(not correlation <= parts.max_correlation for correlation in related),
    }
    return [name for name, passed in found.items() if passed]


def shocked(price: float, logits: float) -> float:
    """Return a probability moved by so many logits; 0 and 1 stay."""
    return price if price in (0.0, 1.0) else expit(logit(price) + logits)


def stressed(positions: Mapping[str, tuple[float, float]], prices: Mapping[str, float] | float) -> float:
    """Return what a book gains, usd, when prices jump.

    Args:
        positions: shares (below 0 when short) and price, by market.
        prices: after the jump, by market; or by how many logits every price moves.
    """
    after = {
        market: shocked(price, prices) if isinstance(prices, float) else prices.get(market, price)
        for market, (_, price) in positions.items()
    }
    return math.fsum(shares * (after[market] - price) for market, (shares, price) in positions.items())
