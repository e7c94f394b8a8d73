"""Execution metrics: what filled, how well, what was refused, and how long the oldest doubt has lasted."""

from __future__ import annotations

import json

import pytest

from agbot.core.view import Place
from agbot.model.events import (
    ASK,
    BookDelta,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Source,
)
from agbot.model.order import Liquidity, Side
from agbot.run.quality import Quality
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS, NS_PER_S, to_units


class Bench:
    def __init__(self, core):
        self.core = core
        self.registry = Registry(lambda: NS_PER_MS, run_id="r")
        self.quality = Quality(core.engine, self.registry)
        core.observers.append(lambda _batch, step: self.quality.observe(step))

    def place(self, price="0.50", size="10", side=Side.BUY):
        wish = Place(token="m1-yes", side=side, price=to_units(price), size=to_units(size), why="")
        return self.core.wish(wish).output.commands[0].client_order_id

    def fill(self, order, size, price="0.50", trade="t"):
        told = OrderFilled(order, trade, to_units(price), to_units(size), 0, Liquidity.TAKER, 1, source=Source.SOCKET)
        return self.core.step(told)

    def told(self):
        """Return name → values since the last call."""
        found = {}
        for line in map(json.loads, self.registry.drain(10**9).lines):
            found.setdefault(line["metric_name"], []).append(line["value"])
        return found


@pytest.fixture
def bench(core):
    return Bench(core)


def test_fill_rate_counts_shares_of_orders_that_ended(bench):
    whole, part, live = bench.place(), bench.place(), bench.place()
    bench.fill(whole, "10")
    assert bench.told()["exec.fill_rate"] == [1.0]
    bench.fill(part, "4")
    bench.fill(live, "1")
    assert "exec.fill_rate" not in bench.told()
    bench.core.step(OrderCancelled(part, "", 1))
    assert bench.told()["exec.fill_rate"] == [0.7]


def test_rejections_are_the_venues_of_what_it_got(bench):
    ours, theirs, filled = bench.place(), bench.place(), bench.place()
    bench.core.step(OrderRejected(ours, "not sent: kill switch", 1, Source.OURS))
    assert "exec.rejection_rate" not in bench.told()
    bench.core.step(OrderRejected(theirs, "no", 1, Source.REPLY))
    assert bench.told()["exec.rejection_rate"] == [1.0]
    bench.fill(filled, "10")
    assert bench.told()["exec.rejection_rate"] == [0.5]


@pytest.mark.parametrize(("side", "price", "worse"), [(Side.BUY, "0.52", 0.02), (Side.BUY, "0.48", -0.02)])
def test_slippage_is_against_the_middle_of_when_it_was_decided(side, price, worse, bench):
    order = bench.place(price, side=side)
    bench.core.step(*bench.core.book("0.60", "0.70"))  # the market moved on: not the order's doing
    bench.fill(order, "10", price)
    assert bench.told()["exec.slippage"] == [pytest.approx(worse)]


def test_a_sale_below_the_middle_is_worse(bench):
    bench.fill(bench.place(), "10")
    bench.told()
    bench.fill(bench.place("0.48", side=Side.SELL), "10", "0.48", trade="t2")
    assert bench.told()["exec.slippage"] == [pytest.approx(0.02)]


def test_without_both_sides_there_is_no_middle(bench):
    bench.core.step(BookDelta("m1-yes", ((ASK, to_units("0.52"), 0),), bench.core.now))
    bench.fill(bench.place(), "10")
    assert "exec.slippage" not in bench.told()


def test_the_age_of_the_oldest_doubt(bench):
    first = bench.place()
    bench.quality.second(bench.core.now)
    assert bench.told()["exec.unknown_age_s"] == [0.0]
    bench.core.step(OrderUnknown(first, "silence", 1, Source.OURS))
    since = bench.core.now
    bench.quality.second(since + 7 * NS_PER_S)
    assert bench.told()["exec.unknown_age_s"] == [7.0]
    bench.core.step(OrderAccepted(first, "v", 1, Source.READ))
    bench.quality.second(since + 9 * NS_PER_S)
    assert bench.told()["exec.unknown_age_s"] == [0.0]
