"""A small exchange with invented markets and some trades, and requests to its read routes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from agbot.exchange.api import Ask, Reply, Routes
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, NewOrder, Placed
from agbot.exchange.core.terms import Terms
from agbot.exchange.markets.catalogue import generated
from agbot.exchange.markets.offer import Catalogue
from agbot.exchange.reads.portfolio_book import PortfolioBook
from agbot.exchange.reads.quotes import Tape
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, complement, notional, to_text, to_units

START_NS = 1_800_000_000 * NS_PER_S
ANN = "0x" + "a" * 40
BOB = "0x" + "b" * 40
EVE = "0x" + "e" * 40


class World:
    """The core with its listeners; time moves when told."""

    def __init__(self, listings: list[Listing] | None = None, **terms: Any) -> None:
        self.core = Exchange(Terms(**terms))
        self.book = PortfolioBook()
        self.tape = Tape()
        self.core.listeners += [self.book, self.tape]
        self.now = START_NS
        self.catalogue = Catalogue(generated(7) if listings is None else listings)
        for listing in self.catalogue.listings:
            self.core.list_market(listing, self.now)
        self.listings = list(self.catalogue.listings)
        self._count = 0

    def order(self, wallet: str, token: str, side: str, price: str, size: str) -> Placed:
        """Place a GTC order."""
        self._count += 1
        shares, usd = to_units(size), notional(to_units(price), to_units(size))
        new = NewOrder(
            id=f"0x{self._count:064x}",
            address=wallet,
            owner=f"key of {wallet}",
            maker=wallet,
            token=token,
            side=Side(side),
            maker_amount=usd if side == "BUY" else shares,
            taker_amount=shares if side == "BUY" else usd,
            order_type=TimeInForce.GTC,
        )
        return self.core.place(new, self.now)

    def trade(self, listing: Listing, price: str, size: str, *, seller: str = ANN, buyer: str = BOB) -> None:
        """Let the buyer take YES that the seller, who splits for it, offers; all of it settles."""
        self.core.balance(seller)  # a wallet gets its grant when it is first seen
        self.core.split(seller, listing, to_units(size))
        self.order(seller, listing.market.yes, "SELL", price, size)
        self.order(buyer, listing.market.yes, "BUY", price, size)
        self.pass_time(10)

    def quote(self, listing: Listing, bid: str = "0.4", ask: str = "0.6", size: str = "100") -> None:
        """Let a maker rest on both sides of YES."""
        self.order(EVE, listing.market.yes, "BUY", bid, size)
        self.order(EVE, listing.market.no, "BUY", to_text(complement(to_units(ask))), size)

    def pass_time(self, seconds: float) -> None:
        """Let everything happen that is due."""
        self.now += int(seconds * NS_PER_S)
        self.core.advance(self.now)

    def clock(self) -> int:
        """Return now."""
        return self.now


def traded_world() -> World:
    """Return a world where Ann split 60 and sold the YES at 0.5 to Bob, who sold 20 of them at 0.75 to Eve."""
    world = World()
    coin = world.listings[3]  # its fee rate is 0.07
    world.trade(coin, "0.5", "60", seller=ANN, buyer=BOB)
    world.order(EVE, coin.market.yes, "BUY", "0.75", "20")
    world.order(BOB, coin.market.yes, "SELL", "0.75", "20")
    world.pass_time(10)
    return world


def ask(routes: Routes, path: str, **query: Any) -> Reply:
    """Ask a route as the server does, but let what it refuses come out."""
    text = urlencode(query, doseq=True)
    asked = Ask(method="GET", path=path, query_text=text)
    if ("GET", path) in routes:
        return routes["GET", path](asked)
    head, _, last = path.rpartition("/")
    above, _, middle = head.rpartition("/")
    for pattern, tail in ((f"{head}/{{}}", last), (f"{above}/{{}}/{last}", middle)):
        if ("GET", pattern) in routes:
            asked.tail = tail
            return routes["GET", pattern](asked)
    raise AssertionError(f"no route {path}")


def raw(routes: Routes, path: str, **query: Any) -> bytes:
    """Return the bytes of an answer that is a success."""
    reply = ask(routes, path, **query)
    assert reply.status == 200, reply
    return reply.response().body


def told(routes: Routes, path: str, **query: Any) -> Any:
    """Return the JSON of an answer that is a success."""
    return json.loads(raw(routes, path, **query))


def data(routes: Routes, path: str, **query: Any) -> Any:
    """Return what an answer of version 2 has under ``data``."""
    return told(routes, path, **query)["data"]
