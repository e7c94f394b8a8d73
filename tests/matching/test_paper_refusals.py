"""What the paper matcher refuses, in the venue's words, and what resting orders reserve."""

from __future__ import annotations

from typing import Any

import pytest

from agbot.errors import VenueDuplicate
from agbot.matching import checks, register
from agbot.model.events import (
    CancelRejected,
    OrderCancelled,
    OrderEvidence,
    OrderRejected,
)
from agbot.model.ids import ClientOrderId, MarketId, TokenId
from agbot.model.order import OrderState, OrderType, Side, TimeInForce
from agbot.testing.builders import place, shares
from agbot.units import NS_PER_S, SCALE, to_units

NO = TokenId("m1-no")
SMALL_BUY = "invalid amount for a marketable BUY order"
FAK, FOK, GTD = TimeInForce.FAK, TimeInForce.FOK, TimeInForce.GTD


def kinds(evidence: list[OrderEvidence]) -> list[str]:
    return [type(e).__name__ for e in evidence]


def reason(evidence: list[OrderEvidence]) -> str:
    (answer,) = evidence
    assert isinstance(answer, OrderRejected | OrderCancelled | CancelRejected)
    return answer.reason


def budget(usd: str, **changes: Any) -> dict[str, Any]:
    return {"order_type": OrderType.MARKET, "time_in_force": FAK, "budget": to_units(usd), **changes}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"price": "0.505"}, "order o1 is invalid. Price (0.505) breaks minimum tick size rule: 0.01"),
        ({"price": "0.001"}, "invalid price (0.001), min: 0.01 - max: 0.99"),
        ({"price": "0.995"}, "invalid price (0.995), min: 0.01 - max: 0.99"),
        ({"price": "0"}, "invalid price (0), min: 0.01 - max: 0.99"),
        ({"size": "4.99"}, "order o1 is invalid. Size (4.99) lower than the minimum: 5"),
        ({"size": "0", "time_in_force": FAK}, "order o1 is invalid. Size (0) lower than the minimum: 0.000001"),
        ({"price": "0.52", "post_only": True}, "invalid post-only order: order crosses book"),
        ({"post_only": True, "time_in_force": FOK}, "invalid post-only order: FOK never rests"),
        ({"price": "0.60", "size": "1.66", "time_in_force": FAK}, f"{SMALL_BUY} ($0.996), min size: $1"),
        ({"price": "0.60", **budget("0.99")}, f"{SMALL_BUY} ($0.99), min size: $1"),
        ({"budget": SCALE}, "invalid amounts, a budget is for a market BUY only"),
        ({"side": Side.SELL, **budget("10")}, "invalid amounts, a budget is for a market BUY only"),
        ({**budget("10"), "budget": -1}, "invalid amounts, a budget is for a market BUY only"),
        ({"price": "0.51", "time_in_force": FAK}, checks.FAK_KILLED),
        ({"price": "0.51", "time_in_force": FOK}, checks.FOK_KILLED),
        ({"size": "2001"}, "not enough balance / allowance: 1000 usd free, the order needs 1000.5"),
        ({"side": Side.SELL, "size": "201"}, "not enough balance / allowance: 200 shares free, the order sells 201"),
        ({"market": MarketId("other")}, "No orderbook exists for the requested token id"),
        ({"token": TokenId("other")}, "No orderbook exists for the requested token id"),
        ({"time_in_force": GTD, "expire_ns": 180 * NS_PER_S + 999}, "invalid expiration"),
        ({"expire_ns": 10**18}, "invalid expiration"),
    ],
    ids=str,
)  # fmt: skip
def test_refusals_carry_the_venues_words(bench: Any, changes: dict[str, Any], text: str) -> None:
    cash, positions = bench.matcher.cash, bench.matcher.positions
    assert reason(bench.do(place(**changes))) == text
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.REJECTED
    assert (bench.matcher.cash, bench.matcher.positions, bench.matcher.reserved_cash) == (cash, positions, 0)
    assert bench.matcher.open_orders() == ()


def test_a_cheap_resting_buy_needs_no_dollar(bench: Any) -> None:
    assert kinds(bench.do(place(price="0.01", size="5"))) == ["OrderAccepted"]


@pytest.mark.parametrize(
    "second",
    [
        {"side": Side.SELL, "price": "0.50"},
        {"side": Side.SELL, "price": "0.49", "time_in_force": FAK},
        {"price": "0.50", "token": NO},  # both sides of a mint would be ours
    ],
    ids=str,
)
def test_own_orders_never_trade_with_each_other(bench: Any, second: dict[str, Any]) -> None:
    bench.do(place("a", price="0.50"))
    assert reason(bench.do(place("b", **second))).startswith("self trade")
    assert [order.order.client_order_id for order in bench.matcher.open_orders()] == ["a"]


def test_resting_orders_reserve_money_and_shares(bench: Any) -> None:
    bench.do(place("a", price="0.40", size="1000"))
    bench.do(place("b", price="0.45", size="1000", token=NO))
    assert bench.matcher.reserved_cash == to_units("850")
    assert "150 usd free, the order needs 160" in reason(bench.do(place("c", price="0.40", size="400")))
    bench.do(place("d", side=Side.SELL, price="0.60", size="150"))
    assert bench.matcher.reserved_shares(bench.market.yes) == shares(150)
    assert "50 shares free" in reason(bench.do(place("e", side=Side.SELL, price="0.70", size="51")))
    bench.cancel("b")
    assert bench.matcher.reserved_cash == to_units("400")
    assert kinds(bench.do(place("f", price="0.40", size="400"))) == ["OrderAccepted"]


def test_an_id_is_used_once_even_after_its_order_ended(bench: Any) -> None:
    bench.do(place("a", price="0.505"))
    with pytest.raises(VenueDuplicate, match=r"order a is invalid\. Duplicated\."):
        bench.matcher.submit(bench.now, place("a"))
    assert bench.matcher.advance(bench.now) == []


def test_ended_orders_are_forgotten_at_the_bound(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register, "ENDED_KEPT", 2)
    bench.do(place("live", price="0.10"))
    for name in ("a", "b", "c"):
        bench.do(place(name, price="0.505"))
    assert bench.matcher.status(ClientOrderId("a")) is None
    assert bench.matcher.status(ClientOrderId("b")) is not None
    assert bench.matcher.status(ClientOrderId("live")).state is OrderState.OPEN
