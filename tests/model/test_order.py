"""An order that cannot exist is never constructed."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.ids import ClientOrderId, MarketId, TokenId, VenueId
from agbot.model.order import CancelAck, Fill, Order, OrderAck, OrderState, OrderType, Side, TimeInForce

LIMIT, MARKET = OrderType.LIMIT, OrderType.MARKET
GTC, GTD, FOK, FAK, IOC = TimeInForce

# (type, time in force, post-only, has an expiry): every combination that may exist; all others are errors.
LEGAL = {
    (LIMIT, GTC, False, False),
    (LIMIT, GTC, True, False),
    (LIMIT, GTD, False, True),
    (LIMIT, GTD, True, True),
    (LIMIT, FOK, False, False),
    (LIMIT, FAK, False, False),
    (LIMIT, IOC, False, False),
    (MARKET, FOK, False, False),
    (MARKET, FAK, False, False),
    (MARKET, IOC, False, False),
}


def make(**changes: Any) -> Order:
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId("c-1"),
        "venue": VenueId("paper"),
        "market": MarketId("0xm"),
        "token": TokenId("yes"),
        "side": Side.BUY,
        "price": Decimal("0.52"),
        "size": Decimal(100),
    }
    return Order(**(fields | changes))


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("combination", list(itertools.product(OrderType, TimeInForce, (False, True), (False, True))))
def test_every_combination(combination: tuple[OrderType, TimeInForce, bool, bool], side: Side) -> None:
    order_type, time_in_force, post_only, expires = combination

    def build() -> Order:
        return make(
            side=side,
            order_type=order_type,
            time_in_force=time_in_force,
            post_only=post_only,
            expire_ns=1 if expires else 0,
        )

    if combination in LEGAL:
        assert build().time_in_force is time_in_force
    else:
        with pytest.raises(ValueError, match=r"MARKET with|post-only with|expire_ns"):
            build()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"price": None}, "LIMIT order without a limit: price is mandatory"),
        ({"price": None, "order_type": MARKET, "time_in_force": FOK}, "MARKET order without a worst price"),
        ({"price": Decimal(0)}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal(1)}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal("-0.5")}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal("1.01")}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal("Infinity")}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal("NaN")}, "price must be a Decimal between 0 and 1"),
        ({"price": Decimal("sNaN")}, "price must be a Decimal between 0 and 1"),
        ({"price": 0.5}, "price must be a Decimal between 0 and 1"),
        ({"price": "0.5"}, "price must be a Decimal between 0 and 1"),
        ({"size": Decimal(0)}, "size must be a positive Decimal"),
        ({"size": Decimal(-1)}, "size must be a positive Decimal"),
        ({"size": Decimal("NaN")}, "size must be a positive Decimal"),
        ({"size": Decimal("Infinity")}, "size must be a positive Decimal"),
        ({"size": 100}, "size must be a positive Decimal"),
        ({"size": 1.5}, "size must be a positive Decimal"),
        ({"size": "100"}, "size must be a positive Decimal"),
        ({"size": None}, "size must be a positive Decimal"),
        ({"order_type": MARKET}, "MARKET with GTC: use FOK, FAK or IOC"),
        ({"post_only": True, "time_in_force": IOC}, "post-only with IOC"),
        ({"time_in_force": GTD}, "GTD with expire_ns 0"),
        ({"time_in_force": GTD, "expire_ns": -1}, "GTD with expire_ns -1"),
        ({"expire_ns": 1}, "GTC with expire_ns 1"),
        ({"expire_ns": -1}, "GTC with expire_ns -1"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_size_has_no_default() -> None:
    with pytest.raises(TypeError, match="size"):
        Order(  # type: ignore[call-arg]
            client_order_id=ClientOrderId("c"),
            venue=VenueId("paper"),
            market=MarketId("m"),
            token=TokenId("t"),
            side=Side.BUY,
            price=Decimal("0.5"),
        )


@given(
    price=st.decimals(min_value="0.000001", max_value="0.999999", places=6),
    size=st.decimals(min_value="0.000001", max_value="1e9", places=6),
)
def test_any_price_inside_the_interval_and_any_size_above_zero(price: Decimal, size: Decimal) -> None:
    order = make(price=price, size=size)
    assert (order.price, order.size) == (price, size)


def test_id_is_the_client_order_id_unless_given() -> None:
    assert make().id == "c-1"
    assert make(id="mine").id == "mine"


@pytest.mark.parametrize(
    "value",
    [
        make(),
        OrderAck(order_id="1", status=OrderState.OPEN, timestamp=1),
        CancelAck(order_id="1", status=OrderState.CANCELLED, timestamp=1),
        Fill(order_id="1", price=Decimal("0.5"), size=Decimal(1), fee=Decimal(0), timestamp=1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen_and_compared_by_content(value: Any) -> None:
    assert attrs.evolve(value) == value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.timestamp = 2


def test_ack_of_a_resting_order_has_filled_nothing() -> None:
    assert OrderAck(order_id="1", status=OrderState.OPEN, timestamp=1).filled == 0
