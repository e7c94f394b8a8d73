"""Unwinding through the closed gate: slices no larger than the book shows, never below the floor, never a buy."""

from __future__ import annotations

import pytest
import trio

from agbot.core.admission import FLATTEN
from agbot.core.rules import DayCap, OrderCap, PositionLimit
from agbot.errors import ConfigError
from agbot.model.events import (
    BookSnapshot,
    KillSwitchSet,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from agbot.model.order import Liquidity, OrderState, Settlement, Side, TimeInForce
from agbot.run.execution import LocalExecution
from agbot.run.flatten import MISSES_MAX, PATIENCE_S, Flattener
from agbot.run.inbox import Inbox
from agbot.testing.builders import levels, place
from agbot.units import SCALE, notional, to_units


class Bench:
    """A core that holds 100 YES for 0.50, its gate closed, and a venue that fills FAKs from the bids it is given."""

    def __init__(self, make_core, *rules, bids=(("0.48", "30"), ("0.45", "30"), ("0.30", "100")), size=100):
        self.core = core = make_core(*rules).open()
        self.inbox = Inbox()
        self.execution = LocalExecution(core.engine, self.inbox, None, core.now_ns)
        core.observers.append(self.execution.observe)
        self.execution._venue = self  # for `supported`
        self.flattener = Flattener(core.engine, self.execution, core.now_ns)
        self.bids = [[to_units(price), to_units(amount)] for price, amount in bids]
        self.trades = 0
        self.orders = []
        self.hold(size)
        self.show()
        core.step(KillSwitchSet(True, "fire", "me", core.now))

    supported = frozenset(TimeInForce)
    venue_id = "paper"

    def hold(self, size, strategy="s"):
        held = {"side": Side.BUY, "price": 500_000, "size": size * SCALE, "fee": 0, "strategy": strategy}
        self.core.engine.portfolio.fill(self.core.market, self.core.market.yes, **held)

    def show(self):
        bids = tuple((price, size) for price, size in self.bids if size)
        market = self.core.market
        self.core.step(BookSnapshot(market.yes, bids, levels(("0.60", "50")), self.core.now))

    async def engine(self):
        """Step the core; what it sends is filled from the bids, and the book follows."""
        while True:
            for command in self.core.step(*await self.inbox.receive()).output.commands:
                if type(command).__name__ == "PlaceOrder":
                    assert self.flattener.allows(command)
                    self.orders.append(command)
                    self.fill(command)

    def fill(self, command):
        order_id, left = command.client_order_id, command.size
        evidence = [OrderAccepted(order_id, "v", 1)]
        for level in self.bids:
            taken = min(left, level[1]) if level[0] >= command.price else 0
            if taken:
                self.trades += 1
                level[1] -= taken
                left -= taken
                evidence.append(OrderFilled(order_id, f"t{self.trades}", level[0], taken, 0, Liquidity.TAKER, 1))
        self.core.step(*evidence, *([OrderCancelled(order_id, "killed", 1)] if left else []))
        self.show()

    async def run(self, floor="0.80", market="", strategy=""):
        """Flatten and return the one row."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.engine)
            nursery.start_soon(self.flattener.run)
            self.flattener.begin(floor, market, strategy)
            while not (told := self.flattener.progress())["over"]:
                await trio.sleep(0.5)
            nursery.cancel_scope.cancel()
        return told


async def test_what_the_book_takes_at_the_floor_or_above_is_sold_and_the_rest_stays(make_core, autojump_clock):
    bench = Bench(make_core)
    told = await bench.run()
    (row,) = told["positions"]
    assert row == {
        "market": "m1",
        "outcome": "YES",
        "held": "100",
        "sold": "60",
        "left": "40",
        "floor": "0.39",
        "average": "0.465",
        "usd": "27.90",
        "slices": 1,
        "why": "no bid at 0.39 or above",
        "dust": False,
    }
    assert [(s["size"], s["sold"], s["limit"], s["left"]) for s in told["slices"]] == [("60", "60", "0.39", "40")]
    assert bench.core.engine.portfolio.net(bench.core.market) == 40 * SCALE
    assert {(o.side, o.time_in_force, o.strategy) for o in bench.orders} == {(Side.SELL, TimeInForce.FAK, FLATTEN)}


async def test_slice_by_slice_under_the_cap_of_one_order(make_core, autojump_clock):
    bench = Bench(make_core, OrderCap(to_units("5")), bids=[("0.50", "1000")])
    told = await bench.run()
    assert [s["size"] for s in told["slices"]] == ["10"] * 10
    assert (told["positions"][0]["left"], told["positions"][0]["why"]) == ("0", "")
    assert all(notional(o.price, o.size) <= to_units("5") for o in bench.orders)
    assert [s["left"] for s in told["slices"]] == [str(left) for left in range(90, -10, -10)]


async def test_bids_that_come_back_are_taken_as_well(make_core, autojump_clock):
    bench = Bench(make_core)

    async def refill():
        await trio.sleep(PATIENCE_S / 2)
        bench.bids[0][1] = to_units("40")
        bench.show()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refill)
        told = await bench.run()
    assert [s["sold"] for s in told["slices"]] == ["60", "40"]
    assert told["positions"][0]["why"] == ""


@pytest.mark.parametrize(
    ("floor", "sold"), [("1", "30"), ("0.95", "30"), ("0.9375", "60"), ("0.5", "100"), ("0.000001", "100")]
)
async def test_the_floor_is_a_fraction_of_the_bid_when_it_began(floor, sold, make_core, autojump_clock):
    assert (await Bench(make_core).run(floor))["positions"][0]["sold"] == sold


@pytest.mark.parametrize("floor", ["0", "-1", "1.000001", "x", "", "0.1234567"])
def test_a_floor_that_is_no_fraction(floor, make_core):
    bench = Bench(make_core)
    with pytest.raises(ConfigError) as caught:
        bench.flattener.begin(floor)
    assert caught.value.id == "AGB-516"
    assert not bench.flattener.progress()["over"]


async def test_of_pairs_both_halves_are_sold_and_that_is_told(make_core, autojump_clock, logged):
    log = logged("agbot.run.flatten")
    bench = Bench(make_core, bids=[("0.50", "1000")])
    market = bench.core.market
    held = {"side": Side.BUY, "price": 400_000, "size": 20 * SCALE, "fee": 0, "strategy": "s"}
    bench.core.engine.portfolio.fill(market, market.no, **held)
    bench.core.step(BookSnapshot(market.no, levels(("0.40", "15"), ("0.38", "100")), levels(("0.50", "50")), 1))
    planned = {
        "market": "m1",
        "pairs": "20",
        "bids_usd": "17.90",
        "merged_usd": "20.00",
    }  # 20 · 0.50, 15 · 0.40, 5 · 0.38
    told = await bench.run()
    assert told["pairs"] == [{**planned, "sold": "20", "sold_usd": "20.00", "left": "0"}]
    assert [row["sold"] for row in told["positions"]] == ["100", "20"]
    assert [event for event in log.events if event != "flatten.slice"] == [
        "flatten.began", "flatten.pairs", "flatten.position", "flatten.position", "flatten.over",
    ]  # fmt: skip
    assert not any(isinstance(value, list | dict) for *_, fields in log.lines for value in fields.values())


async def test_without_both_halves_there_are_no_pairs(make_core, autojump_clock):
    assert (await Bench(make_core).run())["pairs"] == []


async def test_no_bid_at_all(make_core, autojump_clock):
    (row,) = (await Bench(make_core, bids=[]).run())["positions"]
    assert (row["sold"], row["left"], row["why"], row["slices"]) == ("0", "100", "no bid", 0)


async def test_a_position_limit_does_not_stand_in_the_way(make_core, autojump_clock):
    bench = Bench(make_core, PositionLimit(None, to_units("10")), bids=[("0.50", "1000")])
    assert (await bench.run())["positions"][0]["left"] == "0"


async def test_shares_that_have_not_settled_are_not_offered(make_core, autojump_clock):
    bench = Bench(make_core, bids=[("0.50", "1000")], size=10)
    engine = bench.core.engine
    engine.oms.begin(1, place("b", Side.BUY, "0.50", "20"))
    fill = OrderFilled("b", "late", 500_000, 20 * SCALE, 0, Liquidity.TAKER, 1, settlement=Settlement.MATCHED)
    bench.core.step(fill)
    (row,) = (await bench.run())["positions"]
    assert (row["held"], row["sold"], row["left"], row["why"]) == ("30", "10", "20", "its trades have not settled")


async def test_a_resolved_market_is_not_sold(make_core, autojump_clock):
    bench = Bench(make_core)
    bench.flattener.begin("0.80")
    bench.core.step(MarketResolved("m1", bench.core.market.yes, 1))
    with trio.move_on_after(2 * PATIENCE_S):
        await bench.flattener.run()
    (row,) = bench.flattener.progress()["positions"]
    assert row["why"] == "the market is resolved: it is redeemed, not sold"
    assert bench.orders == []


async def test_a_book_that_is_not_believed_is_not_sold_into(make_core, autojump_clock):
    bench = Bench(make_core)
    bench.core.engine.books[bench.core.market.yes].distrust()
    (row,) = (await bench.run())["positions"]
    assert (row["sold"], row["why"]) == ("0", "denied by UntrustedBook")
    assert bench.orders == []


async def test_only_the_market_that_is_named(make_core, autojump_clock):
    assert (await Bench(make_core).run(market="other"))["positions"] == []
    assert len((await Bench(make_core).run(market="m1"))["positions"]) == 1


async def test_only_what_the_strategy_holds_that_is_named(make_core, autojump_clock):
    bench = Bench(make_core, bids=(("0.48", "300"),))
    bench.hold(40, "other")
    assert (await bench.run(strategy="nobody"))["positions"] == []
    assert (await bench.run(strategy="other"))["positions"][0]["why"] == "its switch was opened: it trades again"
    bench.core.step(KillSwitchSet(True, "it raised", "me", bench.core.now, "strategy", "other"))
    (row,) = (await bench.run(strategy="other"))["positions"]
    assert (row["held"], row["sold"], row["left"], row["why"]) == ("40", "40", "0", "")
    portfolio, market = bench.core.engine.portfolio, bench.core.market
    assert portfolio.own("other", market.id) == (0, 0)
    assert portfolio.own("s", market.id) == (100 * SCALE, 0)
    assert portfolio.own(FLATTEN, market.id) == (0, 0)


async def test_what_was_sold_is_gone_from_who_held_it(make_core, autojump_clock):
    bench = Bench(make_core, bids=(("0.48", "130"),))
    bench.hold(40, "other")
    await bench.run()
    portfolio, market = bench.core.engine.portfolio, bench.core.market
    left = [portfolio.own(name, market.id)[0] // SCALE for name in ("s", "other", FLATTEN)]
    assert left == [0, 10, 0]
    account = portfolio.holding(market)
    assert sum(portfolio.strategy_pnl().values()) == account.realised + account.value - account.cost


def test_asked_again_it_goes_on_as_it_began(make_core):
    bench = Bench(make_core)
    bench.flattener.begin("0.80")
    began = bench.flattener.progress()
    bench.flattener.begin("0.10")
    assert bench.flattener.progress() == began
    assert began["positions"][0]["floor"] == "0.39"


# ---------------------------------------------------------------- the leave


@pytest.mark.parametrize(
    "changes",
    [
        {"side": Side.BUY},
        {"strategy": "test"},
        {"time_in_force": TimeInForce.GTC},
        {"size": "100.000001"},
        {"market": "m2"},
    ],
)
def test_the_closed_gate_lets_nothing_else_pass(changes, make_core):
    bench = Bench(make_core)
    right = {"side": Side.SELL, "strategy": FLATTEN, "time_in_force": TimeInForce.FAK, "size": "100"}
    assert not bench.flattener.allows(place(**right)), "nobody asked"
    bench.flattener.begin("0.80")
    assert bench.flattener.allows(place(**right))
    assert not bench.flattener.allows(place(**{**right, **changes}))


def test_what_other_orders_offer_cannot_be_sold_twice(make_core):
    bench = Bench(make_core)
    bench.flattener.begin("0.80")
    sell = place("s1", Side.SELL, "0.50", "60", strategy=FLATTEN, time_in_force=TimeInForce.FAK)
    bench.core.engine.oms.begin(1, sell)
    assert bench.flattener.allows(sell)
    again = place("s2", Side.SELL, "0.50", "60", strategy=FLATTEN, time_in_force=TimeInForce.FAK)
    bench.core.engine.oms.begin(1, again)
    assert not bench.flattener.allows(again)


async def test_an_operators_order_is_denied_as_before(make_core):
    bench = Bench(make_core)
    order = place(side=Side.SELL, time_in_force=TimeInForce.FAK)
    denied = bench.core.engine.admission.violations(bench.core.now, order.market, "operator", order)
    assert denied == ("KillSwitch",)
    assert OrderState.DENIED.terminal


async def test_a_cap_that_is_used_up_is_told_and_asked_no_hundred_times(make_core, autojump_clock):
    bench = Bench(make_core, DayCap(to_units("10"), spent_usd=0, day=0), bids=[("0.50", "15"), ("0.49", "85")])
    told = await bench.run()
    assert told["slices"] == []
    assert (told["positions"][0]["why"], told["positions"][0]["left"]) == ("denied by DayCap", "100")
    assert [r for r in bench.core.engine.oms.all() if r.command.strategy == FLATTEN] == []


async def test_a_venue_that_sells_nothing_is_asked_a_few_times(make_core, autojump_clock):
    bench = Bench(make_core)
    bench.fill = lambda command: bench.core.step(OrderRejected(command.client_order_id, "no", 1))
    told = await bench.run()
    assert [(s["sold"], s["said"]) for s in told["slices"]] == [("0", "no")] * MISSES_MAX
    assert (told["positions"][0]["why"], told["positions"][0]["left"]) == ("no", "100")
