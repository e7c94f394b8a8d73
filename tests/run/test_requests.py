"""Orders as people ask for them: any name of a market, exact numbers, a worst price walked through the book."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agbot.core.book import OrderBook
from agbot.errors import ConfigError, NotFoundError
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.requests import market_named, order_from
from agbot.testing.builders import levels, make_market

MARKET = make_market(slug="nice-slug")


def book_of(bids=(), asks=(), tick=10_000):
    book = OrderBook(tick)
    book.snapshot(levels(*bids), levels(*asks), 1)
    return book


BOOK = book_of([("0.48", "10"), ("0.45", "100")], [("0.52", "10"), ("0.55", "100")])


def asked(**changes):
    return order_from({**GOOD, **changes}, MARKET, BOOK, "op-1")


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("m1", None),
        ("nice-slug", None),
        ("https://polymarket.com/event/some-event/nice-slug", None),
        ("https://polymarket.com/market/nice-slug/?tid=1#x", None),
        ("m1-no", "m1-no"),
    ],
)
def test_a_market_by_any_of_its_names(name, token):
    assert market_named(name, [make_market("other"), MARKET]) == (MARKET, token)


@pytest.mark.parametrize("name", ["", "nice", "https://polymarket.com/", "NICE-SLUG"])
def test_another_name_is_not_guessed(name):
    with pytest.raises(NotFoundError) as caught:
        market_named(name, [MARKET])
    assert (caught.value.id, caught.value.remedy) == ("AGB-534", "known are nice-slug")


def test_without_markets_it_says_none_yet():
    with pytest.raises(NotFoundError) as caught:
        market_named("m1", [])
    assert "none yet" in caught.value.remedy


MARKET_ORDER = {"type": "market", "tif": "FAK", "price": None}


@pytest.mark.parametrize(
    ("changes", "worst"),
    [
        ({"size": "5", "slippage": "0"}, "0.52"),
        ({"size": "5"}, "0.53"),
        ({"size": "6", "slippage": "0"}, "0.55"),  # usd: 10 shares at 0.52 are 5.20
        ({"size": "6", "slippage": "0.015"}, "0.57"),  # outwards, onto the tick
        ({"size": "6", "slippage": "0.9"}, "0.99"),
        ({"size": "9999"}, "0.56"),
        ({"side": "sell", "size": "10", "slippage": "0"}, "0.48"),
        ({"side": "sell", "size": "11", "slippage": "0.005"}, "0.44"),
        ({"side": "sell", "size": "11", "slippage": "0.9"}, "0.01"),
        ({"price": "0.61"}, "0.61"),
    ],
)
def test_a_market_orders_worst_price_is_walked_through_the_book(changes, worst):
    assert asked(**{**MARKET_ORDER, **changes}).price == Decimal(worst)


@pytest.mark.parametrize(
    ("changes", "book"),
    [
        ({"tif": "FOK", "size": "9999"}, BOOK),
        ({}, book_of([("0.48", "10")])),
        ({"side": "sell"}, book_of([], [("0.52", "10")])),
    ],
)
def test_a_market_order_with_nothing_to_take_is_said(changes, book):
    with pytest.raises(ConfigError) as caught:
        order_from({**GOOD, **MARKET_ORDER, **changes}, MARKET, book, "op-1")
    assert caught.value.id == "AGB-545"


GOOD = {"market": "m1", "side": "buy", "price": "0.5", "size": "10"}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({}, "time_in_force", TimeInForce.GTC),
        ({}, "token", "m1-yes"),
        ({"outcome": "no"}, "token", "m1-no"),
        ({"side": "SELL"}, "side", Side.SELL),
        ({"price": 0.25}, "price", Decimal("0.25")),
        ({"size": 7}, "size", Decimal(7)),
        ({"tif": "fok"}, "time_in_force", TimeInForce.FOK),
        ({"type": "market", "tif": "FAK"}, "order_type", OrderType.MARKET),
        ({"post_only": True}, "post_only", True),
        ({"tif": "GTD", "expire_ns": 2**63 - 1}, "expire_ns", 2**63 - 1),
        ({"expire_ns": None}, "expire_ns", 0),
    ],
)
def test_an_order_from_a_request(changes, field, value):
    order = asked(**changes)
    assert order.client_order_id == "op-1"
    assert getattr(order, field) == value


@pytest.mark.parametrize(
    ("changes", "error_id"),
    [
        ({"side": "hold"}, "AGB-535"),
        ({"side": None}, "AGB-535"),
        ({"outcome": "maybe"}, "AGB-535"),
        ({"type": "stop"}, "AGB-535"),
        ({"tif": "forever"}, "AGB-535"),
        ({"price": "1"}, "AGB-535"),
        ({"price": "0"}, "AGB-535"),
        ({"price": "-0.5"}, "AGB-535"),
        ({"price": "half"}, "AGB-535"),
        ({"price": None}, "AGB-535"),
        ({"price": []}, "AGB-535"),
        ({"price": "NaN"}, "AGB-535"),
        ({"price": "sNaN"}, "AGB-535"),
        ({"price": "0.1234567"}, "AGB-535"),
        ({"size": "0"}, "AGB-535"),
        ({"size": "-3"}, "AGB-535"),
        ({"size": "Infinity"}, "AGB-535"),
        ({"size": "1.0000001"}, "AGB-535"),
        ({"size": "1_0"}, "AGB-535"),
        ({"size": "1\u0660"}, "AGB-535"),
        ({"size": "1e30"}, "AGB-535"),
        ({"size": "1e999999999"}, "AGB-535"),
        ({"tif": "GTD"}, "AGB-535"),
        ({"tif": "GTD", "expire_ns": 2**63}, "AGB-535"),
        ({"tif": "GTD", "expire_ns": "soon"}, "AGB-535"),
        ({"tif": "GTD", "expire_ns": [1]}, "AGB-535"),
        ({"expire_ns": -1}, "AGB-535"),
        ({"type": "market"}, "AGB-535"),
        ({**MARKET_ORDER, "slippage": "-0.01"}, "AGB-535"),
        ({**MARKET_ORDER, "slippage": "much"}, "AGB-535"),
        ({"post_only": True, "tif": "FOK"}, "AGB-535"),
    ],
)
def test_an_impossible_order_is_refused_where_it_can_be_told(changes, error_id):
    with pytest.raises(ConfigError) as caught:
        asked(**changes)
    assert caught.value.id == error_id
    assert caught.value.remedy
    assert "<class" not in caught.value.reason


@pytest.mark.parametrize("field", ["price", "size"])
def test_a_missing_field_is_named(field):
    with pytest.raises(ConfigError, match=field):
        order_from({k: v for k, v in GOOD.items() if k != field}, MARKET, BOOK, "op-1")
