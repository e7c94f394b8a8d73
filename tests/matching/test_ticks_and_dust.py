"""What rests when the tick changes, and what is left when a fill is smaller than an order may be."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    BookSnapshot,
    MarketListed,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.testing.builders import levels, make_market, place
from agbot.units import SCALE, TICKS, complement, to_units

FAK = TimeInForce.FAK


def venue(tick: str = "0.01", min_size: str = "5") -> tuple[PaperMatcher, Any]:
    market = make_market(tick=to_units(tick), min_size=to_units(min_size))
    held = {market.yes: 1000 * SCALE, market.no: 1000 * SCALE}
    bench = PaperMatcher(1000 * SCALE, positions=held)
    bench.on_market(0, MarketListed(market, 0))
    bench.on_market(0, BookSnapshot(market.yes, levels(("0.90", "500")), levels(("0.97", "500")), 0))
    bench.advance(0)
    return bench, market


def do(bench: PaperMatcher, *args: Any, **changes: Any) -> list[Any]:
    bench.submit(0, place(*args, **changes))
    return bench.advance(0)


def tick_to(bench: PaperMatcher, token: Any, tick: str) -> None:
    bench.on_market(0, TickSizeChanged(token, to_units(tick), 0))
    bench.advance(0)


def hit(bench: PaperMatcher, market: Any, price: str, size: int) -> list[OrderFilled]:
    bench.on_market(0, TradePrint(market.yes, Side.SELL, to_units(price), size, 0))
    return [e for e in bench.advance(0) if isinstance(e, OrderFilled)]


@pytest.mark.parametrize(("old", "new", "price"), [("0.01", "0.001", "0.95"), ("0.0025", "0.001", "0.9525")])
def test_what_rests_keeps_its_price_and_trades_at_it(old: str, new: str, price: str) -> None:
    """0.9525 is no multiple of the finer tick 0.001: on the venue, too, only new orders are held against the grid."""
    bench, market = venue(old)
    do(bench, price=price)
    tick_to(bench, market.yes, new)
    assert [o.order.price for o in bench.open_orders()] == [to_units(price)]
    assert [(f.price, f.size) for f in hit(bench, market, price, 10 * SCALE)] == [(to_units(price), 10 * SCALE)]


def test_an_order_under_way_is_judged_by_the_tick_it_meets() -> None:
    bench, market = venue()
    bench.submit(0, place("a", price="0.955"))
    bench.on_market(0, TickSizeChanged(market.no, to_units("0.001"), 0))
    bench.submit(0, place("b", price="0.955"))
    first, second = bench.advance(0)
    assert isinstance(first, OrderRejected)
    assert first.reason == "order a is invalid. Price (0.955) breaks minimum tick size rule: 0.01"
    assert isinstance(second, OrderAccepted)


def test_a_finer_tick_also_widens_the_range() -> None:
    bench, market = venue()
    (refused,) = do(bench, "a", price="0.999")
    assert refused.reason == "invalid price (0.999), min: 0.01 - max: 0.99"
    tick_to(bench, market.yes, "0.001")
    assert isinstance(do(bench, "b", price="0.951")[0], OrderAccepted)


ticks = st.sampled_from(TICKS)


@given(ticks, ticks, st.integers(1, 9_999), st.sampled_from(list(Side)), st.booleans())
def test_only_the_grid_of_the_moment_decides(old: int, new: int, step: int, side: Side, of_no: bool) -> None:
    market = make_market(tick=old, min_size=1)
    bench = PaperMatcher(10**6 * SCALE, positions={market.yes: 10**9, market.no: 10**9})
    bench.on_market(0, MarketListed(market, 0))
    bench.on_market(0, TickSizeChanged(market.no if of_no else market.yes, new, 0))
    price, token = step * 100, market.no if of_no else market.yes
    order = msgspec.structs.replace(place(side=side), price=price, token=token)
    bench.submit(0, order)
    (answer,) = bench.advance(0)
    fits = price % new == 0 and new <= price <= complement(new)
    assert isinstance(answer, OrderAccepted if fits else OrderRejected)


# Dust


def test_the_rest_of_an_order_may_be_smaller_than_an_order_may_be() -> None:
    bench, market = venue()
    do(bench, price="0.95", size="6")
    (part,) = hit(bench, market, "0.95", to_units("3.5"))
    assert not part.final
    (order,) = bench.open_orders()
    assert order.remaining == to_units("2.5")
    (rest,) = hit(bench, market, "0.95", to_units("2.5"))
    assert rest.final


def test_a_rest_too_small_to_offer_can_be_sold_at_once() -> None:
    bench, _ = venue()
    (refused,) = do(bench, "a", Side.SELL, "0.96", "2.5")
    assert refused.reason == "order a is invalid. Size (2.5) lower than the minimum: 5"
    accepted, fill = do(bench, "b", Side.SELL, "0.90", "2.5", time_in_force=FAK, order_type=OrderType.MARKET)
    assert isinstance(accepted, OrderAccepted)
    assert (fill.size, fill.final) == (to_units("2.5"), True)


@given(st.integers(5 * SCALE, 50 * SCALE), st.lists(st.integers(1, 20 * SCALE), max_size=30))
def test_fills_of_any_size_add_up(size: int, prints: list[int]) -> None:
    bench, market = venue()
    bench.submit(0, msgspec.structs.replace(place(price="0.95"), size=size))
    bench.advance(0)
    fills = [fill for part in prints for fill in hit(bench, market, "0.95", part)]
    traded = min(size, sum(prints))
    assert sum(fill.size for fill in fills) == traded
    assert [fill.final for fill in fills] == [*[False] * (len(fills) - 1), traded == size][: len(fills)]
    paid = 1000 * SCALE - bench.cash
    short = traded * 950_000 - paid * SCALE
    assert 0 <= short <= SCALE * len(fills), "each fill of YES is rounded down to 10⁻⁶ usd"
    assert bench.positions[market.yes] == 1000 * SCALE + traded
    assert bench.reserved_cash >= 0
