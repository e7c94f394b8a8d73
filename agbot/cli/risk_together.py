"""agbot risk show --correlation: which positions win and lose together, and what each adds to the risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agbot.quant.book import Claim

COLUMNS_MAX: Final = 12
"""More do not fit beside each other; the pairs that matter are told instead."""
PAIRS: Final = 20


def figures(claims: Sequence[Claim]) -> dict[str, Any]:
    """Return the matrix of what is held, and what makes up the variance of the profit at resolution."""
    from agbot.quant.together import spread  # noqa: PLC0415

    found = spread(claims)
    return {
        "markets": list(found.markets),
        "correlation": [[round(value, 4) for value in row] for row in found.correlation.tolist()],
        "variance_parts": [round(value, 4) for value in found.parts.tolist()],
        "volatility_usd": round(found.volatility, 2),
        "concentration": round(found.concentration, 4),
    }


def text(found: Mapping[str, Any]) -> str:
    """Return the figures for people; of many markets the pairs that are related most."""
    from agbot.cli.tables import pairs, table  # noqa: PLC0415

    rows = _matrix(found) if len(found["markets"]) <= COLUMNS_MAX else _pairs(found)
    sums = {
        "deviation": f"{found['volatility_usd']:.2f} usd",
        "concentration": f"{found['concentration']:.2f} (1 is one position)",
    }
    return f"{table(rows, 'nothing is related')}\n\n{pairs(sums)}"


def _matrix(found: Mapping[str, Any]) -> list[dict[str, str]]:
    numbered = enumerate(zip(found["markets"], found["variance_parts"], found["correlation"], strict=True), start=1)
    return [
        {"#": str(at), "market": market, "of variance": f"{part * 100:z.1f}%"}
        | {str(column): f"{value:z.2f}" for column, value in enumerate(row, start=1)}
        for at, (market, part, row) in numbered
    ]


def _pairs(found: Mapping[str, Any]) -> list[dict[str, str]]:
    names, matrix = found["markets"], found["correlation"]
    related = [(row[j], names[i], names[j]) for i, row in enumerate(matrix) for j in range(i) if row[j]]
    related.sort(key=lambda pair: -abs(pair[0]))
    return [{"market": a, "and": b, "correlation": f"{value:z.2f}"} for value, a, b in related[:PAIRS]]
