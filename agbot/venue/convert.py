"""Orders between their two forms: integers in the core, `Decimal` at the ports."""

from __future__ import annotations

from agbot.model.commands import PlaceOrder
from agbot.model.ids import StrategyId
from agbot.model.order import Order, OrderType, Side
from agbot.units import SCALE, to_decimal, to_units


def to_order(command: PlaceOrder) -> Order:
    """Return a command as the order an adapter sends."""
    return Order(
        client_order_id=command.client_order_id,
        venue=command.venue,
        market=command.market,
        token=command.token,
        side=command.side,
        order_type=command.order_type,
        price=to_decimal(command.price),
        size=to_decimal(command.budget or command.size),
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        expire_ns=command.expire_ns,
    )


def to_command(order: Order) -> PlaceOrder:
    """Return an order as the command a simulated venue executes.

    A MARKET BUY carries its usd as budget; its `size` is then what the budget buys at the worst price.
    """
    assert order.price is not None
    price, size = to_units(order.price), to_units(order.size)
    budget = size if order.order_type is OrderType.MARKET and order.side is Side.BUY else 0
    return PlaceOrder(
        client_order_id=order.client_order_id,
        venue=order.venue,
        market=order.market,
        token=order.token,
        side=order.side,
        order_type=order.order_type,
        price=price,
        size=budget * SCALE // price if budget else size,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        expire_ns=order.expire_ns,
        budget=budget,
        strategy=StrategyId(""),
        why="",
    )
