"""The adapter against the venue on loopback: the conformance suite, and what is particular to this venue."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agbot.model.ids import MarketId, TokenId
from agbot.testing.bench import Rows
from agbot.testing.builders import make_market
from agbot.testing.conformance import CHECKS, NotApplicable, VenueUnderTest, run_check
from agbot.testing.trading import trading
from agbot.testing.venue_stub import CONDITION, NO, YES, Reply
from agbot.testing.venue_stub.exchange import StubExchange
from agbot.units import SCALE, to_units


def spending_usd(exchange: StubExchange, row: dict) -> list[tuple[int, int]]:
    """Match a FAK BUY by the usd it brings, as the venue does with market orders."""
    if (row["order_type"], row["side"]) != ("FAK", "BUY"):
        return StubExchange._crossing(exchange, row)
    limit, usd, taken = to_units(row["price"]), to_units(row["price"]) * to_units(row["original_size"]), []
    usd = round(usd / 10**10) * 10**10  # the maker amount has two decimals
    for price, size in sorted(exchange.books[row["asset_id"]].asks.items()):
        if price > limit or usd < price:
            break
        taken.append((price, min(size, usd // price)))
        usd -= taken[-1][1] * price
    return taken


@asynccontextmanager
async def under_test() -> AsyncIterator[VenueUnderTest]:
    async with trading() as bench:
        exchange = bench.stub.exchange
        exchange._crossing = types.MethodType(spending_usd, exchange)

        async def set_book(bids: Rows, asks: Rows) -> None:
            bench.stub.set_book(YES, bids, asks)
            for row in list(exchange.live.values()):
                if taken := exchange._crossing(row):
                    exchange.fill(row["id"], str(sum(size for _, size in taken) // SCALE))

        def break_reads() -> None:
            for path in ("/data/orders", "/data/order/*", "/data/trades"):
                bench.stub.reply("GET", path, Reply(502, {"error": "bad gateway"}))

        bench.reading.cancel()  # the suite reads the evidence itself
        market = make_market(id=MarketId(CONDITION), yes=TokenId(YES), no=TokenId(NO))
        yield VenueUnderTest(venue=bench.venue, market=market, set_book=set_book, break_reads=break_reads)


@pytest.mark.parametrize("name", CHECKS)
async def test_it_conforms(name: str) -> None:
    try:
        await run_check(CHECKS[name], under_test)
    except NotApplicable:
        assert name == "an unsupported time in force is refused"  # it takes them all
