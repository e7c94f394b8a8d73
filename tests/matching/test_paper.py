"""The paper matcher by example: takers, makers, latency, expiry, resolution, money."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    CancelRejected,
    LinkDown,
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce
from agbot.testing.builders import levels, make_market, place, shares
from agbot.units import NS_PER_S, to_text, to_units

NO = TokenId("m1-no")
FAK, FOK, GTD = TimeInForce.FAK, TimeInForce.FOK, TimeInForce.GTD


def fills(evidence: list[OrderEvidence]) -> list[tuple[str, str]]:
    return [(to_text(e.price), to_text(e.size)) for e in evidence if isinstance(e, OrderFilled)]


def kinds(evidence: list[OrderEvidence]) -> list[str]:
    return [type(e).__name__ for e in evidence]


def reason(evidence: list[OrderEvidence]) -> str:
    (answer,) = evidence
    assert isinstance(answer, OrderRejected | OrderCancelled | CancelRejected)
    return answer.reason


def budget(usd: str, **changes: Any) -> dict[str, Any]:
    return {"order_type": OrderType.MARKET, "time_in_force": FAK, "budget": to_units(usd), **changes}


# Takers


def test_a_marketable_order_walks_the_levels_at_their_prices(bench: Any) -> None:
    out = bench.do(place(price="0.53", size="150"))
    assert kinds(out) == ["OrderAccepted", "OrderFilled", "OrderFilled"]
    assert fills(out) == [("0.52", "100"), ("0.53", "50")]
    assert [e.final for e in out[1:]] == [False, True]
    assert {e.liquidity for e in out[1:]} == {Liquidity.TAKER}
    assert bench.matcher.cash == shares(1000) - to_units("52") - to_units("26.5")
    assert bench.matcher.positions[bench.market.yes] == shares(350)
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.FILLED


def test_the_rest_of_a_marketable_order_rests(bench: Any) -> None:
    out = bench.do(place(price="0.52", size="150"))
    assert fills(out) == [("0.52", "100")]
    assert kinds(out) == ["OrderAccepted", "OrderFilled"]
    (order,) = bench.matcher.open_orders()
    assert (order.state, order.remaining, order.ahead) == (OrderState.PARTIALLY_FILLED, shares(50), 0)
    assert bench.matcher.reserved_cash == to_units("26")


def test_a_level_is_not_taken_twice(bench: Any) -> None:
    bench.do(place("a", price="0.52", size="100", time_in_force=FAK))
    assert reason(bench.do(place("b", price="0.52", size="100", time_in_force=FAK))).startswith("no orders found")
    bench.see(BookDelta(bench.market.yes, ((ASK, to_units("0.52"), shares(40)),), 0))
    assert fills(bench.do(place("c", price="0.52", size="100", time_in_force=FAK))) == [("0.52", "40")]


def test_fok_fills_whole_or_not_at_all(bench: Any) -> None:
    before = bench.matcher.cash
    assert reason(bench.do(place("a", price="0.52", size="100.01", time_in_force=FOK))).startswith("order couldn't be")
    assert bench.matcher.cash == before
    out = bench.do(place("b", price="0.53", size="300", time_in_force=FOK))
    assert fills(out) == [("0.52", "100"), ("0.53", "200")]


@pytest.mark.parametrize("tif", [TimeInForce.FAK, TimeInForce.IOC])
def test_fak_takes_what_is_there_and_cancels_the_rest(bench: Any, tif: TimeInForce) -> None:
    out = bench.do(place(price="0.52", size="150", time_in_force=tif))
    assert kinds(out) == ["OrderAccepted", "OrderFilled", "OrderCancelled"]
    assert not out[1].final
    assert bench.matcher.open_orders() == ()


@pytest.mark.parametrize(
    ("side", "price", "expected", "match"),
    [
        (Side.BUY, "0.52", [("0.52", "100")], "mint"),  # BUY NO at 0.52 hits the YES bid at 0.48
        (Side.SELL, "0.48", [("0.48", "100")], "merge"),  # SELL NO at 0.48 hits the YES ask at 0.52
    ],
)
def test_no_orders_trade_at_the_complement(
    bench: Any, side: Side, price: str, expected: list[tuple[str, str]], match: str
) -> None:
    out = bench.do(place(side=side, price=price, size="100", token=NO, time_in_force=FOK))
    assert fills(out) == expected
    assert out[1].match == match


def test_the_no_side_pays_the_rest_of_one_usd(bench: Any) -> None:
    bench.book(bids=(("0.33", "0.000001"),))
    before = bench.matcher.cash
    # 10⁻⁶ shares at 0.67: YES would pay 0.33 · 10⁻⁶, rounded down to nothing, so NO pays all of it.
    out = bench.do(place(price="0.67", size="5", token=NO))
    assert fills(out) == [("0.67", "0.000001")]
    assert before - bench.matcher.cash == 1


def test_the_taker_pays_the_fee_and_the_maker_does_not(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(make_market(fee_rate=70_000))
    out = bench.do(place("a", price="0.52", size="100"))
    assert out[1].fee == to_units("1.7472")
    assert bench.matcher.cash == shares(1000) - to_units("52") - to_units("1.7472")
    bench.do(place("b", price="0.49", size="10"))
    (filled,) = bench.see(TradePrint(bench.market.yes, Side.SELL, to_units("0.49"), shares(10), 0))
    assert (filled.fee, filled.liquidity) == (0, Liquidity.MAKER)
    sold = bench.do(place("c", side=Side.SELL, price="0.48", size="100", time_in_force=FOK))
    assert sold[1].fee == to_units("1.7472")
    assert bench.matcher.fees_paid == 2 * to_units("1.7472")


# Budgets


def test_a_budget_buys_whole_hundredths_within_the_money(bench: Any) -> None:
    before = bench.matcher.cash
    out = bench.do(place(price="0.60", size="166", **budget("100")))
    assert fills(out) == [("0.52", "100"), ("0.53", "90.56")]  # 52 + 47.9968; one more hundredth would be 100.0021
    assert [e.final for e in out[1:]] == [False, True]
    assert before - bench.matcher.cash == to_units("99.9968")
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.FILLED


def test_a_budget_includes_the_fee(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(make_market(fee_rate=70_000))
    bench.do(place(price="0.60", size="19", **budget("10")))
    spent = shares(1000) - bench.matcher.cash
    assert spent <= to_units("10") < spent + to_units("0.0054")


def test_a_fok_budget_is_killed_when_depth_ends_before_the_money(bench: Any) -> None:
    assert reason(bench.do(place("a", price="0.53", size="1", **budget("158.01", time_in_force=FOK)))).startswith(
        "order couldn't be fully filled"
    )
    # Exactly the depth: 100 at 0.52 and 200 at 0.53.
    assert fills(bench.do(place("b", price="0.53", size="1", **budget("158", time_in_force=FOK)))) == [
        ("0.52", "100"),
        ("0.53", "200"),
    ]


def test_a_fak_budget_spends_what_the_depth_allows(bench: Any) -> None:
    out = bench.do(place(price="0.52", size="1", **budget("500")))
    assert kinds(out) == ["OrderAccepted", "OrderFilled"]
    assert out[1].final


# Makers


def test_a_resting_order_fills_when_the_opposite_best_reaches_it(bench: Any) -> None:
    bench.do(place(price="0.50", size="30"))
    out = bench.see(BookDelta(bench.market.yes, ((ASK, to_units("0.50"), shares(12)),), 0))
    assert [(e.price, e.size, e.final, e.trade_id) for e in out] == [(to_units("0.5"), shares(12), False, "o1-t1")]
    out = bench.see(BookDelta(bench.market.yes, ((ASK, to_units("0.49"), shares(18)),), 0))
    assert [(e.price, e.size, e.final, e.trade_id) for e in out] == [(to_units("0.5"), shares(18), True, "o1-t2")]


def test_resting_no_orders_trade_in_the_yes_book(bench: Any) -> None:
    bench.do(place(price="0.49", size="30", token=NO))  # an ask for YES at 0.51
    (out,) = bench.see(BookDelta(bench.market.yes, ((BID, to_units("0.51"), shares(30)),), 0))
    assert (to_text(out.price), out.match) == ("0.49", "mint")


def test_no_books_are_not_counted_but_no_prints_are(bench: Any) -> None:
    bench.do(place(price="0.49", size="30"))
    assert bench.see(BookSnapshot(NO, levels(("0.60", "999")), levels(("0.61", "999")), 0)) == []
    assert bench.see(BookDelta(NO, ((BID, to_units("0.60"), shares(999)),), 0)) == []
    # Somebody buys NO at 0.51: that is a seller of YES at 0.49.
    assert fills(bench.see(TradePrint(NO, Side.BUY, to_units("0.51"), shares(10), 0))) == [("0.49", "10")]


def test_queue_position_is_visible(bench: Any) -> None:
    bench.do(place(price="0.48", size="30"))
    assert bench.matcher.status(ClientOrderId("o1")).ahead == shares(100)
    bench.see(TradePrint(bench.market.yes, Side.SELL, to_units("0.48"), shares(70), 0))
    assert bench.matcher.status(ClientOrderId("o1")).ahead == shares(30)


def test_a_no_buy_is_cancelled_when_rounding_leaves_the_last_micro_unpaid() -> None:
    matcher = PaperMatcher(to_units("1.65"))
    market = make_market(min_size=1)
    matcher.on_market(0, MarketListed(market, 0))
    matcher.submit(0, place(price="0.33", size="5", token=NO))
    assert kinds(matcher.advance(0)) == ["OrderAccepted"]
    matcher.on_market(0, TradePrint(market.yes, Side.BUY, to_units("0.67"), to_units("1.000001"), 0))
    out = matcher.advance(0)
    assert kinds(out) == ["OrderFilled", "OrderCancelled"]
    assert out[1].reason == "not enough balance / allowance"
    assert matcher.cash == to_units("1.65") - to_units("0.330001")


# Cancels, expiry, resolution


def test_cancel_answers_for_live_ended_and_unknown_orders(bench: Any) -> None:
    bench.do(place("a"))
    assert bench.cancel("a") == [OrderCancelled(ClientOrderId("a"), "test", bench.now)]
    assert reason(bench.cancel("a")) == "order is already CANCELLED"
    assert reason(bench.cancel("b")) == "order not found"


def test_cancel_all_takes_everything_off(bench: Any) -> None:
    for name, price in [("a", "0.40"), ("b", "0.41"), ("c", "0.42")]:
        bench.do(place(name, price=price))
    bench.matcher.cancel_all(bench.now, "halt")
    out = bench.matcher.advance(bench.now)
    assert [(e.client_order_id, e.reason) for e in out] == [("a", "halt"), ("b", "halt"), ("c", "halt")]
    assert (bench.matcher.open_orders(), bench.matcher.reserved_cash) == ((), 0)
    bench.see(TradePrint(bench.market.yes, Side.SELL, to_units("0.10"), shares(1000), 0))
    assert bench.matcher.positions[bench.market.yes] == shares(200)


def test_gtd_orders_are_dropped_a_minute_before_their_time(bench: Any) -> None:
    end = bench.now + 200 * NS_PER_S
    bench.do(place(time_in_force=GTD, expire_ns=end))
    due = end - 60 * NS_PER_S
    assert bench.matcher.next_due() == due
    assert bench.matcher.advance(due - 1) == []
    assert bench.matcher.advance(due) == [OrderExpired(ClientOrderId("o1"), due)]
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.EXPIRED
    assert bench.matcher.next_due() is None


def test_a_cancelled_gtd_order_does_not_expire(bench: Any) -> None:
    end = bench.now + 200 * NS_PER_S
    bench.do(place(time_in_force=GTD, expire_ns=end))
    bench.cancel("o1")
    assert bench.matcher.advance(end) == []


def test_resolution_cancels_pays_the_winner_and_closes_the_market(bench: Any) -> None:
    bench.do(place("a", price="0.10", size="100"))
    bench.see(BookDelta(bench.market.yes, (), 0))
    out = bench.see(MarketResolved(bench.market.id, NO, bench.now))
    assert [(e.client_order_id, e.reason) for e in out] == [("a", "market resolved")]
    assert bench.matcher.cash == shares(1200)
    assert bench.matcher.positions == {}
    assert reason(bench.do(place("b"))).startswith("No orderbook exists")
    assert bench.see(MarketListed(bench.market, 0)) == []
    assert reason(bench.do(place("c"))).startswith("No orderbook exists")
    assert bench.see(MarketResolved(bench.market.id, NO, bench.now)) == []
    assert bench.matcher.cash == shares(1200)


def test_a_resolution_that_cannot_be_true_pays_nobody(bench: Any) -> None:
    bench.do(place("a", price="0.10", size="100"))
    assert bench.see(MarketResolved(bench.market.id, TokenId("other"), bench.now)) == []
    assert (bench.matcher.cash, len(bench.matcher.positions), len(bench.matcher.open_orders())) == (shares(1000), 2, 1)


def test_terms_change_while_the_book_stays(bench: Any) -> None:
    bench.do(place("a", price="0.48"))
    bench.see(TickSizeChanged(NO, 1_000, 0))
    assert kinds(bench.do(place("b", price="0.505"))) == ["OrderAccepted"]
    bench.see(MarketListed(make_market(min_size=shares(20)), 0))
    assert "lower than the minimum: 20" in reason(bench.do(place("c", size="19")))
    assert bench.matcher.status(ClientOrderId("a")).ahead == shares(100)


def test_links_and_unlisted_tokens_change_nothing(bench: Any) -> None:
    assert bench.see(LinkDown("feed", "gone", 0)) == []
    assert bench.see(BookSnapshot(TokenId("other"), (), (), 0)) == []
    assert fills(bench.do(place(price="0.52", size="10", time_in_force=FAK))) == [("0.52", "10")]


# Latency


def test_latency_delays_the_effect_and_then_the_news(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(order_latency_ns=50, feed_latency_ns=10)
    assert bench.matcher.submit(bench.now, place(price="0.52", size="10")) == bench.now + 50
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.PENDING_NEW
    assert bench.matcher.next_due() == bench.now + 50
    # The ask goes away while the order is under way.
    bench.matcher.on_market(bench.now + 49, BookDelta(bench.market.yes, ((ASK, to_units("0.52"), 0),), 0))
    assert bench.matcher.advance(bench.now + 59) == []
    assert bench.matcher.status(ClientOrderId("o1")).state is OrderState.OPEN
    out = bench.matcher.advance(bench.now + 60)
    assert out == [OrderAccepted(ClientOrderId("o1"), "o1", bench.now + 50)]  # type: ignore[arg-type]


def test_a_cancel_can_come_too_late(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(order_latency_ns=50)
    bench.do(place(price="0.49", size="10"))
    bench.now += 50
    assert kinds(bench.matcher.advance(bench.now)) == ["OrderAccepted"]
    assert bench.cancel("o1") == []
    bench.matcher.on_market(bench.now + 20, TradePrint(bench.market.yes, Side.SELL, to_units("0.49"), shares(10), 0))
    assert kinds(bench.matcher.advance(bench.now + 99)) == ["OrderFilled", "CancelRejected"]


def test_a_cancel_sent_before_its_order_does_not_find_it(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(order_latency_ns=50)
    bench.cancel("o1")
    bench.do(place())
    assert kinds(bench.matcher.advance(bench.now + 50)) == ["CancelRejected", "OrderAccepted"]
    assert len(bench.matcher.open_orders()) == 1


def test_one_instant_keeps_the_order_of_hand_over(bench: Any) -> None:
    for name in ("a", "b"):
        bench.matcher.submit(bench.now, place(name, price="0.52", size="100", time_in_force=FAK))
    bench.matcher.on_market(bench.now, BookDelta(bench.market.yes, ((ASK, to_units("0.52"), shares(7)),), 0))
    bench.matcher.submit(bench.now, place("c", price="0.52", size="100", time_in_force=FAK))
    out = bench.matcher.advance(bench.now)
    assert [(e.client_order_id, e.size) for e in out if isinstance(e, OrderFilled)] == [
        ("a", shares(100)),
        ("c", shares(7)),
    ]


def test_a_clock_that_steps_back_does_not_turn_time_around(bench: Any) -> None:
    bench.do(place("a"))
    bench.now -= 500
    (out,) = bench.cancel("a")
    assert out.ts_ns == 1_000


def test_latency_counts_from_the_latest_time_seen(make_bench: Callable[..., Any]) -> None:
    bench = make_bench(order_latency_ns=50)
    assert bench.matcher.submit(bench.now - 500, place("a")) == bench.now + 50


@pytest.mark.parametrize("field", ["order_latency_ns", "feed_latency_ns", "gtd_min_ns", "gtd_early_ns"])
def test_no_time_is_negative(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Terms(**{field: -1})


def test_an_account_starts_with_nothing_below_zero() -> None:
    with pytest.raises(ValueError, match="below zero"):
        PaperMatcher(-1)
    with pytest.raises(ValueError, match="below zero"):
        PaperMatcher(0, positions={NO: -1})
