"""Markets and orders for tests, with everything but the point of the test filled in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from agbot.model.commands import PlaceOrder
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId, VenueId
from agbot.model.market import Market
from agbot.model.order import Order, OrderType, Side, TimeInForce
from agbot.units import SCALE, to_units


def make_market(name: str = "m1", **changes: Any) -> Market:
    """Return a market with tokens ``<name>-yes`` and ``<name>-no``; `changes` are fields of `Market`."""
    return Market(
        **{
            "id": MarketId(name),
            "yes": TokenId(f"{name}-yes"),
            "no": TokenId(f"{name}-no"),
            "slug": name,
            **changes,
        }
    )


def place(
    order_id: str = "o1", side: Side = Side.BUY, price: str = "0.50", size: str = "10", **changes: Any
) -> PlaceOrder:
    """Return a command for YES of `make_market()`; price and size as decimal text, `changes` in the core's integers."""
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(order_id),
        "venue": VenueId("paper"),
        "market": MarketId("m1"),
        "token": TokenId("m1-yes"),
        "side": side,
        "order_type": OrderType.LIMIT,
        "price": to_units(price),
        "size": to_units(size),
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "expire_ns": 0,
        "budget": 0,
        "strategy": StrategyId("test"),
        "why": "a test wants it",
    }
    return PlaceOrder(**{**fields, **changes})


def make_order(
    order_id: str = "o1", side: Side = Side.BUY, price: str = "0.50", size: str = "10", **changes: Any
) -> Order:
    """Return an order for YES of `make_market()` as an adapter receives it; `changes` are fields of `Order`."""
    fields: dict[str, Any] = {
        "client_order_id": ClientOrderId(order_id),
        "venue": VenueId("paper"),
        "market": MarketId("m1"),
        "token": TokenId("m1-yes"),
        "side": side,
        "price": Decimal(price),
        "size": Decimal(size),
    }
    return Order(**{**fields, **changes})


def levels(*rows: tuple[str, str]) -> tuple[tuple[int, int], ...]:
    """Return book levels from (price, size) in decimal text."""
    return tuple((to_units(price), to_units(size)) for price, size in rows)


def shares(size: int) -> int:
    """Return whole shares as 10⁻⁶."""
    return size * SCALE
