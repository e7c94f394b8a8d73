"""What a holding brings if it is sold now: the only mark agbot uses."""

from __future__ import annotations

from collections.abc import Mapping

from agbot.core.book import OrderBook
from agbot.core.portfolio import Portfolio, Position
from agbot.model.market import Market, Outcome


def mark(portfolio: Portfolio, market: Market, yes: OrderBook, no: OrderBook) -> None:
    """Mark what the account and its strategies hold in `market` by its books of this moment."""
    holding = portfolio.holding(market)
    if holding.flat:
        portfolio.mark(market, 0)
    elif yes.snapshots or no.snapshots:  # a book that is not to be trusted still holds the last levels known
        portfolio.mark(market, liquidation(holding.tokens, yes, no))
    portfolio.mark_strategies(market, lambda tokens: liquidation(tokens, yes, no))


def liquidation(held: Mapping[Outcome, Position], yes: OrderBook, no: OrderBook) -> int:
    """Return the 10⁻⁶ usd a holding brings: pairs merge into 1 usd, the rest sells into the bids, shorts buy back.

    What the visible book cannot take counts as nothing; what it cannot give back counts as 1 usd a share.
    """
    held_yes, held_no, merged = held[Outcome.YES].size, held[Outcome.NO].size, pairs(held)
    return merged + _exit(yes, held_yes - merged) + _exit(no, held_no - merged)


def pairs(held: Mapping[Outcome, Position]) -> int:
    """Return how many shares of YES are held together with one of NO: 1 usd each, whatever happens."""
    return max(0, min(held[Outcome.YES].size, held[Outcome.NO].size))


def apart(held: Mapping[Outcome, Position], yes: OrderBook, no: OrderBook) -> dict[Outcome, int]:
    """Return the 10⁻⁶ usd each token brings sold (or bought back) by itself, nothing merged."""
    return {outcome: _exit(book, held[outcome].size) for outcome, book in ((Outcome.YES, yes), (Outcome.NO, no))}


def _exit(book: OrderBook, size: int) -> int:
    if size >= 0:
        return book.proceeds(size)[0]
    cost, bought = book.price_to_buy(-size)
    return -(cost + (-size - bought))
