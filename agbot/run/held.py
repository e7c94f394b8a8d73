"""What is held and what was made of it since the run began: rows that add up to its PnL, its equity and its fees.

Theory of operation: each token counts at what selling all of it into its book brings now, as if nothing else were held.
The account's mark merges pairs of YES and NO into 1 usd each instead; what that brings beyond selling both halves is a
row of its own. What tokens made that are held no longer is the last row. So to the last 10⁻⁶

    cash + value of all rows = equity        unrealised + realised of all rows = PnL of the run
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agbot.core.engine import Engine
from agbot.core.marks import apart, pairs
from agbot.core.portfolio import Position
from agbot.model.market import Market, Outcome
from agbot.units import to_text

Row = dict[str, str]


def held(engine: Engine) -> dict[str, Any]:
    """Return `positions`, a row a token held; `pairs`, a row a market; `closed`, the sum of what is held no longer.

    Money is exact decimal text. Fees are in what was realised.
    """
    portfolio = engine.portfolio
    positions: list[Row] = []
    merged: list[Row] = []
    closed = Position()
    for market, holding in portfolio.holdings():
        values = _values(engine, market, holding.tokens)
        for outcome, position in holding.tokens.items():
            if position.size:
                positions.append(_row(engine, market, outcome, values[outcome]))
            else:
                closed.realised += position.realised
                closed.fees += position.fees
        if both := pairs(holding.tokens):
            more = to_text(holding.value - sum(values.values()))
            merged.append({"market": market.name, "size": to_text(both), "value": more, "pnl": more})
    return {"positions": positions, "pairs": merged, "closed": _made(closed, 0)}


def _values(engine: Engine, market: Market, tokens: Mapping[Outcome, Position]) -> dict[Outcome, int]:
    """Return what each token brings by itself; its cost while no book has marked it."""
    if not engine.portfolio.holding(market).marked:
        return {outcome: position.cost for outcome, position in tokens.items()}
    return apart(tokens, engine.books[market.yes], engine.books[market.no])


def _row(engine: Engine, market: Market, outcome: Outcome, value: int) -> Row:
    position = engine.portfolio.position(market, outcome)
    book = engine.books.get(market.token(outcome))
    return {
        "market": market.name,
        "outcome": str(outcome),
        "size": to_text(position.size),
        "average": to_text(position.average_price),
        "price": to_text(book.best_bid if book else 0),
        "value": to_text(value),
        **_made(position, value),
    }


def _made(position: Position, value: int) -> Row:
    unrealised = value - position.cost
    return {
        "unrealised": to_text(unrealised),
        "realised": to_text(position.realised),
        "fees": to_text(position.fees),
        "pnl": to_text(unrealised + position.realised),
    }
