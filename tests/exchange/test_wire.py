"""The CLOB's objects, shape by shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agbot.exchange.clob.wire import book_hash, book_json, number, token_levels
from agbot.exchange.core.model import Event, Listing
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.units import to_units

BOOKS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))["order_book_hash"]


def listing_of(book: dict[str, Any]) -> Listing:
    market = Market(
        id=MarketId(book["market"]),
        yes=TokenId(book["asset_id"]),
        no=TokenId("2"),
        tick=to_units(book["tick_size"]),
        min_size=to_units(book["min_order_size"]),
        neg_risk=book["neg_risk"],
    )
    event = Event(id="1", slug="e", title="E")
    return Listing(market=market, gamma_id="1", event=event, last_price=to_units(book["last_trade_price"]))


def best_first(rungs: list[dict[str, str]]) -> list[tuple[int, int]]:
    return [(to_units(r["price"]), to_units(r["size"])) for r in reversed(rungs)]


@pytest.mark.parametrize("vector", BOOKS, ids=lambda v: v["id"])
def test_the_hash_of_a_book(vector: dict[str, Any]) -> None:
    assert book_hash(vector["book"]) == vector["hash"]


@pytest.mark.parametrize("vector", BOOKS[:2], ids=lambda v: v["id"])
def test_a_book_has_the_hash_that_the_official_clients_compute(vector: dict[str, Any]) -> None:
    book = vector["book"]
    listing = listing_of(book)
    told = book_json(
        listing, book["asset_id"], best_first(book["bids"]), best_first(book["asks"]), int(book["timestamp"])
    )
    assert told == book | {"hash": vector["hash"]}
    assert list(told) == list(book)


def test_the_book_of_no_is_the_mirror() -> None:
    listing = listing_of(BOOKS[0]["book"])
    bids, asks = [(400_000, 5), (390_000, 6)], [(420_000, 7), (500_000, 8)]
    assert token_levels(listing, "2", bids, asks) == ([(580_000, 7), (500_000, 8)], [(600_000, 5), (610_000, 6)])
    told = book_json(listing, "2", bids, asks, 1)
    assert [rung["price"] for rung in told["bids"]] == ["0.5", "0.58"]
    assert [rung["price"] for rung in told["asks"]] == ["0.61", "0.6"]


def test_numbers_are_whole_when_they_can_be() -> None:
    assert [number(units) for units in (5_000_000, 10_000, 2_500, 100)] == [5, 0.01, 0.0025, 0.0001]
