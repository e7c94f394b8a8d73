"""Books in decimal text, and what a strategy sees of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from agbot.core.book import OrderBook
from agbot.core.view import View
from agbot.model.events import BookSnapshot
from agbot.model.market import Market, Outcome
from agbot.testing.builders import levels

Rows = list[tuple[str, str]]


@pytest.fixture
def see_books() -> Callable[..., Mapping[str, View]]:
    """Return a maker of views: by market, YES bids, YES asks, NO bids, NO asks; `held` is (YES, NO) shares."""

    def made(books: Mapping[Market, tuple[Rows, Rows, Rows, Rows]], held: Mapping[str, tuple[int, int]] | None = None):
        views = {}
        for market, rows in books.items():
            yes, no = OrderBook(market.tick), OrderBook(market.tick)
            yes.snapshot(levels(*rows[0]), levels(*rows[1]), 1)
            no.snapshot(levels(*rows[2]), levels(*rows[3]), 1)
            views[market.id] = view_of(market, yes, no, (held or {}).get(market.id, (0, 0)))
        return views

    return made


@pytest.fixture
def see_told() -> Callable[..., Mapping[str, View]]:
    """Return a maker of views from what a feed told."""

    def made(markets, told):
        books = {token: OrderBook(market.tick) for market in markets for token in (market.yes, market.no)}
        for message in told:
            assert isinstance(message, BookSnapshot)
            assert books[message.token].snapshot(message.bids, message.asks, message.ts_ns)
        return {market.id: view_of(market, books[market.yes], books[market.no]) for market in markets}

    return made


def view_of(market: Market, yes: OrderBook, no: OrderBook, held: tuple[int, int] = (0, 0)) -> View:
    return View(
        now_ns=1,
        market=market,
        books={Outcome.YES: yes, Outcome.NO: no},
        yes_size=held[0],
        no_size=held[1],
        own_yes=held[0],
        own_no=held[1],
        orders=(),
        cash=10**12,
        trusted=True,
    )
