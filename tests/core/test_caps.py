"""Caps in the gate: one order, one UTC day, whichever side, counting what rests."""

from __future__ import annotations

import pytest

from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import DayCap, Exposure, OrderCap
from agbot.core.turnover import NS_PER_DAY, Turnover, utc_day
from agbot.core.view import Place
from agbot.model.events import BookSnapshot, MarketListed, OrderAccepted, OrderCancelled, OrderFilled, Timer
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderType, Side, TimeInForce
from agbot.testing.builders import levels, make_market
from agbot.units import SCALE, to_units

MARKET = make_market()
DAY = 20_000
HELD = CarriedPosition(MARKET.id, Outcome.YES, to_units("100"), to_units("40"), "script")


class Script:
    id = "script"
    wishes: list[Place] = []  # noqa: RUF012

    def decide(self, _view):
        wishes, self.wishes = self.wishes, []
        return wishes


class Bench:
    """An engine with a book of 0.45/0.55, 100 YES held, and these rules."""

    def __init__(self, *rules):
        self.script = Script()
        settings = EngineSettings(run_id="r", capital=1000 * SCALE, carried=(HELD,))
        self.engine = Engine(settings, Gate(rules), [self.script])
        self.now = DAY * NS_PER_DAY
        book = [("m1-yes", "0.45", "0.55"), ("m1-no", "0.45", "0.55")]
        snapshots = [BookSnapshot(t, levels((b, "100")), levels((a, "100")), 1) for t, b, a in book]
        self.step(MarketListed(MARKET, 1), *snapshots)

    def step(self, *events):
        self.now += 1
        return self.engine.step(self.now, list(events))

    def wish(self, side=Side.BUY, price="0.50", size="20", **changes):
        """Wish for an order; returns what denied it, or the id it got."""
        self.script.wishes = [
            Place(token="m1-yes", side=side, price=to_units(price), size=to_units(size), why="", **changes)
        ]
        (decision,) = self.step(Timer("t", self.now)).output.decisions
        return decision.violated or decision.client_order_id

    def fill(self, order_id, size="20", price="0.50"):
        fill = OrderFilled(order_id, f"t-{order_id}", to_units(price), to_units(size), 0, Liquidity.MAKER, 1)
        self.step(OrderAccepted(order_id, "v", 1), fill)


@pytest.mark.parametrize(
    ("side", "price", "size", "allowed"),
    [
        (Side.BUY, "0.50", "20", True),
        (Side.BUY, "0.50", "21", False),
        (Side.SELL, "0.50", "20", True),
        (Side.SELL, "0.50", "21", False),
        (Side.SELL, "0.01", "22", True),  # worth the bid of 0.45, not the 0.01 that is asked for
        (Side.SELL, "0.01", "23", False),
    ],
)
def test_one_order_is_capped_on_both_sides(side, price, size, allowed):
    bench = Bench(OrderCap(10 * SCALE))
    assert (bench.wish(side, price, size) == ("OrderCap",)) is not allowed


def test_a_market_order_counts_at_its_budget():
    bench = Bench(OrderCap(10 * SCALE))
    market = {"order_type": OrderType.MARKET, "time_in_force": TimeInForce.FAK, "price": "0.60", "size": "1"}
    assert bench.wish(**market, budget=10 * SCALE + 1) == ("OrderCap",)
    assert isinstance(bench.wish(**market, budget=10 * SCALE), str)


def test_the_day_counts_fills_and_what_rests_on_both_sides():
    bench = Bench(DayCap(25 * SCALE))
    bench.fill(bench.wish())
    resting = bench.wish(Side.SELL, "0.60", "20")
    assert bench.wish(size="7") == ("DayCap",)
    assert isinstance(bench.wish(size="6"), str)
    bench.step(OrderCancelled(resting, "x", 1))
    assert isinstance(bench.wish(size="7"), str)


def test_a_day_ends_at_midnight_utc_and_what_rests_stays_counted():
    bench = Bench(DayCap(25 * SCALE))
    bench.fill(bench.wish())
    bench.wish()
    assert bench.wish() == ("DayCap",)
    bench.now = (DAY + 1) * NS_PER_DAY
    assert isinstance(bench.wish(), str)
    assert bench.wish(size="11") == ("DayCap",)


def test_what_earlier_runs_traded_counts_on_their_day_only():
    bench = Bench(DayCap(25 * SCALE, spent_usd=20 * SCALE, day=DAY))
    assert bench.wish() == ("DayCap",)
    bench.now = (DAY + 1) * NS_PER_DAY
    assert isinstance(bench.wish(), str)


def test_a_clock_that_is_put_back_brings_no_day_back():
    bench = Bench(DayCap(25 * SCALE, spent_usd=12 * SCALE, day=DAY))
    bench.fill(bench.wish())
    bench.now -= NS_PER_DAY
    assert bench.wish() == ("DayCap",)


def test_the_way_out_is_capped_too():
    reduces = Exposure(
        market_id="m", net_position=100, long_worst=100, short_worst=0, delta=-100, inventory_usd=0, order_usd=11
    )
    assert reduces.reduces
    assert Gate([OrderCap(10), DayCap(10)]).check(reduces) == ("OrderCap", "DayCap")


def test_caps_say_what_they_hold():
    assert str(OrderCap(5 * SCALE)) == "at most 5 usd in one order"
    assert str(DayCap(25 * SCALE)) == "at most 25 usd traded in one UTC day"


def test_a_sum_starts_anew_at_midnight():
    sums = Turnover()
    sums.add(NS_PER_DAY - 1, 5)
    sums.add(NS_PER_DAY - 1, 5)
    assert (sums.so_far(NS_PER_DAY - 1), sums.so_far(NS_PER_DAY)) == (10, 0)
    sums.add(NS_PER_DAY, 1)
    assert sums.so_far(NS_PER_DAY) == 1
    assert [utc_day(t) for t in (0, NS_PER_DAY - 1, NS_PER_DAY)] == [0, 0, 1]
