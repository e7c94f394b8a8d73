"""The kill switch of the core: what it counts, when it looks, and that a step that trips decides nothing."""

from __future__ import annotations

from typing import Any

import pytest

from agbot.core.engine import Engine
from agbot.core.limits import DEFAULT, Limits
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.state import EngineSettings
from agbot.core.triggers import UNKNOWN_NS, Baseline
from agbot.core.turnover import utc_day
from agbot.core.view import Place
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.model.events import (
    BookSnapshot,
    HeartbeatLost,
    KillSwitchSet,
    LinkDown,
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Timer,
)
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, Side
from agbot.testing.builders import levels, make_market, place
from agbot.units import NS_PER_S, SCALE

MARKET = make_market()
HELD = CarriedPosition("m1", Outcome.YES, 100 * SCALE, 50 * SCALE, "s")
SECOND = Timer("second", 1)


class Buyer:
    """Wishes to buy five at the bid whenever asked, so that a step that decides shows."""

    id = "buyer"

    def decide(self, _view):
        return [Place(token=MARKET.yes, side=Side.BUY, price=480_000, size=5 * SCALE, why="always")]


class Core:
    """A core whose clock goes on by a second a step, with one listed market and its book."""

    def __init__(self, limits: Limits = DEFAULT, *, book: bool = True, **settings: Any) -> None:
        made_of = EngineSettings(run_id="r", capital=1000 * SCALE, limits=limits, in_flight_max=1000, **settings)
        self.engine = Engine(made_of, Gate([]), [Buyer()])
        self.now = 10**18
        self.first = self.step(MarketListed(MARKET, self.now), *([self.book()] if book else []))

    def step(self, *events, after_s=1):
        self.now += after_s * NS_PER_S
        return self.engine.step(self.now, list(events))

    def tripped(self, *events, after_s=1):
        trip = self.step(*events, after_s=after_s).tripped
        return trip.trigger if trip else ""

    def book(self, bid="0.48"):
        return BookSnapshot(MARKET.yes, levels((bid, "1000")), levels(("0.52", "1000")), self.now)


def test_a_step_that_trips_cancels_and_decides_nothing():
    core = Core(Limits(daily_loss=40_000), carried=(HELD,))
    assert [type(c) for c in core.first.output.commands] == [PlaceOrder]
    step = core.step(core.book("0.01"))
    assert str(step.tripped).startswith("daily_loss: 47.00 usd (4.48 %) below 1048.00 usd")
    assert [type(c) for c in step.output.commands] == [CancelAll]
    assert step.output.decisions == ()
    assert core.engine.kill_switch == str(step.tripped)
    assert core.step(core.book("0.48")).output.commands == ()


def test_without_limits_nothing_trips():
    core = Core(Limits(), carried=(HELD,))
    assert core.tripped(core.book("0.01"), HeartbeatLost(10**15, 1), SECOND, LinkDown("f", "x", 1)) == ""
    assert core.tripped(SECOND, after_s=10**6) == ""


def test_losses_wait_for_the_books_of_what_is_held():
    core = Core(Limits(daily_loss=0), carried=(HELD,), book=False)
    assert (core.first.tripped, core.engine.baseline()) == (None, None)
    assert core.tripped(core.book("0.30")) == ""  # 20 usd below cost, which is no loss of the day that begins here
    equity = 1030 * SCALE
    kept = Baseline(day=utc_day(core.now), day_equity=equity, peak=equity, equity=equity, book=1050 * SCALE)
    assert core.engine.baseline() == kept
    assert core.tripped(core.book("0.29")) == "daily_loss"


def test_what_is_held_and_never_marked_trips_in_the_end():
    core = Core(Limits(daily_loss=0), carried=(HELD,), book=False)
    wait_s = UNKNOWN_NS // NS_PER_S
    assert core.tripped(after_s=wait_s) == ""
    assert core.tripped(after_s=1) == "equity_unknown"


def test_the_baseline_of_an_earlier_run_holds():
    usd = SCALE
    kept = Baseline(day=utc_day(10**18), day_equity=1100 * usd, peak=1100 * usd, equity=1000 * usd, book=1000 * usd)
    assert Core(baseline=kept).first.tripped.trigger == "daily_loss"


@pytest.mark.parametrize("kind", [OrderRejected, OrderUnknown])
def test_refusals_and_silence_are_errors_and_what_we_did_not_send_is_none(kind):
    core = Core(Limits(errors=2))
    for n in range(6):
        core.engine.oms.begin(core.now, place(f"o{n}"))
    assert [core.tripped(OrderRejected(f"o{n}", "not sent: over the cap", 1)) for n in range(3)] == [""] * 3
    assert [core.tripped(kind(f"o{n}", "x", 1)) for n in range(3, 6)] == ["", "", "errors"]


def test_a_lost_link_is_distrust_and_an_ended_market_is_not():
    core = Core(Limits(distrust_ns=10 * NS_PER_S))
    core.step(LinkDown("f", "gone", 1))
    assert (core.tripped(after_s=10), core.tripped(after_s=1)) == ("", "feed_distrust")
    ended = Core(Limits(distrust_ns=10 * NS_PER_S))
    ended.step(MarketResolved(MARKET.id, MARKET.yes, 1))
    assert ended.tripped(after_s=100) == ""


def test_heartbeats():
    core = Core(Limits(heartbeat_ns=30 * NS_PER_S))
    core.step(SECOND)
    assert core.tripped(SECOND, HeartbeatLost(12 * NS_PER_S, 1)) == ""
    assert core.tripped(HeartbeatLost(31 * NS_PER_S, 1)) == "heartbeat"
    stopped = Core(Limits(heartbeat_ns=30 * NS_PER_S))
    stopped.step(SECOND)
    assert stopped.tripped(SECOND, after_s=31) == "heartbeat"


def test_markets_left_with_a_loss():
    core = Core(Limits(losses=1))
    found = []
    for n in range(2):
        for side, price in ((Side.BUY, 520_000), (Side.SELL, 480_000)):
            order = place(f"{n}{side}", side, to_price(price))
            core.engine.oms.begin(core.now, order)
            fill = OrderFilled(order.client_order_id, f"t{n}{side}", price, order.size, 0, Liquidity.TAKER, 1)
            found.append(core.tripped(OrderAccepted(order.client_order_id, "v", 1), fill))
    assert found == ["", "", "", "consecutive_losses"]


def to_price(units):
    return f"{units / SCALE:.2f}"


def test_off_opens_the_gate_and_measures_anew():
    core = Core(Limits(daily_loss=40_000), carried=(HELD,))
    assert core.tripped(core.book("0.01")) == "daily_loss"
    core.step(KillSwitchSet(False, "looked at it", "me", 1))
    assert core.engine.kill_switch == ""
    assert core.tripped(core.book("0.01")) == ""


def test_a_scope_cancels_its_own_orders_and_lets_the_rest_trade():
    core = Core()
    core.engine.oms.begin(core.now, place("others", strategy="other"))
    step = core.step(KillSwitchSet(True, "mad", "me", 1, "strategy", "buyer"), core.book())
    assert [(type(c), c.client_order_id) for c in step.output.commands] == [(CancelOrder, "r-1")]
    assert step.output.decisions == ()
    assert core.engine.kill_switch == ""
    step = core.step(KillSwitchSet(False, "fine", "me", 1, "strategy", "buyer"), core.book())
    assert [type(c) for c in step.output.commands] == [PlaceOrder]


def test_a_second_kill_with_nothing_live_sends_no_second_cancel():
    core = Core(book=False)
    assert core.step(KillSwitchSet(True, "fire", "me", 1)).output.commands == (CancelAll("kill switch: fire"),)
    assert core.step(KillSwitchSet(True, "fire", "latch file", 1)).output.commands == ()


def test_what_is_sold_while_the_gate_is_closed_is_a_loss_and_no_withdrawal():
    usd = SCALE
    equity = 1048 * usd
    kept = Baseline(day=utc_day(10**18), day_equity=equity, peak=equity, equity=equity, book=1050 * usd)
    core = Core(Limits(daily_loss=10_000), carried=(HELD,), baseline=kept)
    core.step(KillSwitchSet(True, "drill", "me", 1))
    order = place("sell", Side.SELL, "0.28", "100")
    core.engine.oms.begin(core.now, order)
    fill = OrderFilled("sell", "t", 280_000, 100 * SCALE, 0, Liquidity.TAKER, 1)
    assert core.tripped(OrderAccepted("sell", "v", 1), fill, core.book("0.28")) == ""
    after = core.engine.baseline()
    assert (after.day_equity, after.equity, after.book, after.tripped) == (equity, 1028 * usd, 1028 * usd, ())
    made_of = EngineSettings(run_id="r", capital=1028 * usd, limits=Limits(daily_loss=10_000), baseline=after)
    step = Engine(made_of, Gate([]), []).step(core.now, [MarketListed(MARKET, core.now)])
    assert str(step.tripped).startswith("daily_loss: 20.00 usd (1.91 %) below 1048.00 usd")
