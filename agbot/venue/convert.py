"""Orders between their two forms, integers in the core and `Decimal` at the ports: the one place that converts."""

from __future__ import annotations

import re

from agbot.model.commands import PlaceOrder
from agbot.model.ids import ClientOrderId, StrategyId
from agbot.model.order import Order, OrderType, Side
from agbot.units import SCALE, to_decimal, to_units

_HUNDREDTH = SCALE // 100
_REVISED = re.compile(r"(.+)\.r(\d+)")


def next_revision(order_id: str) -> ClientOrderId:
    """Return the id of the order that replaces `order_id`: `o` is followed by `o.r1`, then `o.r2`."""
    match = _REVISED.fullmatch(order_id)
    root, revision = (match[1], int(match[2])) if match else (order_id, 0)
    return ClientOrderId(f"{root}.r{revision + 1}")


def to_order(command: PlaceOrder, size: int | None = None) -> Order:
    """Return a command as the order an adapter sends; `size` (10⁻⁶) stands in for its size, such as the remainder.

    Raises:
        ValueError: the command is impossible as an order, such as with a price outside (0, 1).
    """
    asked = command.budget or command.size
    return Order(
        client_order_id=command.client_order_id,
        venue=command.venue,
        market=command.market,
        token=command.token,
        side=command.side,
        order_type=command.order_type,
        price=to_decimal(command.price),
        size=to_decimal(asked if size is None else size),
        time_in_force=command.time_in_force,
        post_only=command.post_only,
        expire_ns=command.expire_ns,
        created_ns=command.created_ns,
    )


def to_command(order: Order) -> PlaceOrder:
    """Return an order as the command a simulated venue executes.

    A MARKET BUY's size is the usd to spend: it becomes the budget, and the size expected is what it buys at the worst
    price, in whole hundredths of a share.

    Raises:
        ValueError: price or size has more than six decimals or is beyond 64 bits.
    """
    if order.price is None:
        raise ValueError("an order without a price cannot be sent")
    price, size, budget = to_units(order.price), to_units(order.size), 0
    if order.order_type is OrderType.MARKET and order.side is Side.BUY:
        budget, size = size, size * SCALE // price // _HUNDREDTH * _HUNDREDTH
    return PlaceOrder(
        client_order_id=order.client_order_id,
        venue=order.venue,
        market=order.market,
        token=order.token,
        side=order.side,
        order_type=order.order_type,
        price=price,
        size=size,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        expire_ns=order.expire_ns,
        budget=budget,
        strategy=StrategyId(""),
        why="",
        created_ns=order.created_ns,
    )
