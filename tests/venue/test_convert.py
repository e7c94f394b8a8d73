"""Orders survive the way to integers and back; budgets become usd."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.order import OrderType, Side, TimeInForce
from agbot.testing.builders import make_order, place
from agbot.units import SCALE
from agbot.venue.convert import to_command, to_order

orders = st.builds(
    lambda side, price, size, rest: make_order(
        "x", side, str(Decimal(price) / SCALE), str(Decimal(size) / SCALE), time_in_force=rest[0], order_type=rest[1]
    ),
    st.sampled_from(Side),
    st.integers(1, SCALE - 1),
    st.integers(1, 10**15),
    st.sampled_from(
        [(tif, OrderType.LIMIT) for tif in TimeInForce if tif is not TimeInForce.GTD]
        + [(tif, OrderType.MARKET) for tif in TimeInForce if tif.immediate]
    ),
)


@given(orders)
def test_there_and_back(order: object) -> None:
    assert to_order(to_command(order)) == order  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "kind", "size", "expected", "budget"),
    [
        (Side.BUY, OrderType.MARKET, "10", 17_240_000, 10_000_000),  # 10 / 0.58 = 17.2413…
        (Side.SELL, OrderType.MARKET, "10", 10_000_000, 0),
        (Side.BUY, OrderType.LIMIT, "10", 10_000_000, 0),
    ],
)
def test_only_a_market_buy_has_a_budget(side: Side, kind: OrderType, size: str, expected: int, budget: int) -> None:
    command = to_command(make_order("x", side, "0.58", size, order_type=kind, time_in_force=TimeInForce.FAK))
    assert (command.size, command.budget, command.price) == (expected, budget, 580_000)


def test_a_size_can_be_replaced() -> None:
    assert to_order(place(size="10"), 4 * SCALE).size == Decimal(4)


@pytest.mark.parametrize("changes", [{"size": "1.0000001"}, {"price": "0.1234567"}, {"size": "1e20"}])
def test_what_integers_cannot_hold_is_an_error(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"more than six decimals|too large"):
        to_command(make_order("x", **changes))
