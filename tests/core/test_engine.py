"""The core as a function: facts in, wishes out; gate on every path."""

from __future__ import annotations

import pytest

from agbot.core import admission as a
from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import InventoryLimit, KillSwitch, PositionLimit
from agbot.core.view import Cancel, Place
from agbot.model.commands import CancelAll, CancelOrder, PlaceOrder
from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    HaltRequested,
    KillSwitchSet,
    LinkDown,
    MarketListed,
    MarketResolved,
    OperatorCancel,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderUnknown,
    TickSizeChanged,
    Timer,
    TradePrint,
)
from agbot.model.market import Market, Outcome
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce
from agbot.units import to_units

MARKET = Market(id="m", yes="y", no="n", slug="rain", size_step=10_000)
OTHER = Market(id="m2", yes="y2", no="n2")


class Script:
    """A strategy that wishes what the test says, once."""

    id = "script"

    def __init__(self):
        self.wishes = []
        self.views = []

    def decide(self, view):
        self.views.append(view)
        wishes, self.wishes = self.wishes, []
        return wishes


def bid(price="0.40", size="10", **changes):
    return Place(token="y", side=Side.BUY, price=to_units(price), size=to_units(size), why="test", **changes)


def snapshot(market=MARKET, bid_price="0.45", ask_price="0.55", size="100"):
    b, k, s = to_units(bid_price), to_units(ask_price), to_units(size)
    return [
        BookSnapshot(market.yes, ((b, s),), ((k, s),), 1),
        BookSnapshot(market.no, ((1_000_000 - k, s),), ((1_000_000 - b, s),), 1),
    ]


class Bench:
    def __init__(self, *rules, capital="1000", **settings):
        self.script = Script()
        self.engine = Engine(
            EngineSettings(run_id="r", capital=to_units(capital), **settings), Gate(rules), [self.script]
        )
        self.now = 0
        self.step(MarketListed(MARKET, 1), *snapshot())

    def step(self, *events):
        self.now += 1
        return self.engine.step(self.now, list(events))

    def wish(self, *wishes):
        self.script.wishes = list(wishes)
        return self.step(Timer("t", self.now))

    def resting(self, *wishes):
        commands = self.wish(*wishes).output.commands
        self.step(*(OrderAccepted(c.client_order_id, "v", 1) for c in commands))
        return [c.client_order_id for c in commands]

    def fill(self, order_id, size, price="0.40", trade="t1", fee="0"):
        return self.step(
            OrderFilled(order_id, trade, to_units(price), to_units(size), to_units(fee), Liquidity.MAKER, self.now)
        )

    def violated(self, *wishes):
        return [d.violated for d in self.wish(*wishes).output.decisions]


def test_a_wish_becomes_one_command_with_a_running_id():
    bench = Bench()
    first = bench.wish(bid(), bid("0.41")).output
    assert [c.client_order_id for c in first.commands] == ["r-1", "r-2"]
    assert all(isinstance(c, PlaceOrder) and c.why == "test" for c in first.commands)
    assert [d.allowed for d in first.decisions] == [True, True]


def test_one_decision_a_touched_market_however_many_messages():
    bench = Bench()
    bench.script.views.clear()
    bench.step(*(BookDelta("y", ((0, to_units("0.44"), n),), n) for n in range(1, 200)))
    assert len(bench.script.views) == 1
    assert bench.script.views[0].book.size_at(0, to_units("0.44")) == 199


def test_facts_come_before_decisions():
    bench = Bench()
    (order_id,) = bench.resting(bid())
    bench.script.views.clear()
    bench.fill(order_id, "10")
    assert bench.script.views[-1].yes_size == to_units("10")
    assert bench.script.views[-1].orders == []


@pytest.mark.parametrize(
    ("wish", "violated"),
    [
        (bid("0.405"), (a.VENUE_TERMS,)),
        (bid("1"), (a.VENUE_TERMS,)),
        (bid(size="4"), (a.VENUE_TERMS,)),
        (bid(size="4", time_in_force=TimeInForce.FAK), ()),
        (bid(size="10.01"), ()),
        (bid(size="10.005"), (a.VENUE_TERMS,)),
        (bid(size="10.005", time_in_force=TimeInForce.FAK), (a.VENUE_TERMS,)),
        (bid(size="10.005", time_in_force=TimeInForce.FAK, budget=to_units("4")), ()),
        (bid(size="10", time_in_force=TimeInForce.FAK, budget=to_units("4.005")), (a.VENUE_TERMS,)),
        (bid(size="3000"), (a.BUYING_POWER,)),
        (Place(token="y", side=Side.SELL, price=600_000, size=to_units("10"), why=""), (a.SHARES_HELD,)),
        (Place(token="z", side=Side.BUY, price=600_000, size=to_units("10"), why=""), (a.UNKNOWN_MARKET,)),
    ],
)
def test_what_the_venue_and_the_account_demand(wish, violated):
    assert Bench().violated(wish) == [violated]


def test_resting_orders_count_against_the_position_limit():
    bench = Bench(PositionLimit(None, to_units("100")))
    bench.resting(bid(size="60"))
    assert bench.violated(bid("0.39", "50")) == [("PositionLimit",)]
    assert bench.violated(bid("0.38", "40")) == [()]


def test_buying_no_counts_as_selling_yes():
    bench = Bench(PositionLimit(None, to_units("100")))
    bench.resting(bid(size="100"))
    no = Place(token="n", side=Side.BUY, price=to_units("0.40"), size=to_units("100"), why="")
    assert bench.violated(no) == [()]
    assert bench.violated(Place(token="n", side=Side.BUY, price=to_units("0.39"), size=to_units("10"), why="")) == [
        ("PositionLimit",)
    ]


def test_cash_is_spoken_for_once():
    bench = Bench(capital="10")
    bench.resting(bid("0.40", "20"))
    assert bench.violated(bid("0.40", "10")) == [(a.BUYING_POWER,)]
    assert bench.engine.admission.cash_free() == to_units("2")


def test_the_inventory_limit_counts_what_rests():
    bench = Bench(InventoryLimit(to_units("10")))
    bench.resting(bid("0.40", "20"))
    assert bench.violated(bid("0.40", "10")) == [("InventoryLimit",)]


def test_shares_offered_twice_are_held_once():
    bench = Bench()
    (order_id,) = bench.resting(bid())
    bench.fill(order_id, "10")
    sell = Place(token="y", side=Side.SELL, price=to_units("0.60"), size=to_units("10"), why="")
    assert bench.violated(sell) == [()]
    assert bench.violated(sell) == [(a.SHARES_HELD,)]


def test_a_denial_is_an_order_never_sent():
    bench = Bench()
    step = bench.wish(bid("0.405"))
    assert step.output.commands == ()
    assert bench.engine.oms.get("r-1").state is OrderState.DENIED
    assert bench.engine.oms.get("r-1").reason == a.VENUE_TERMS


def test_with_the_switch_on_by_policy_strategies_are_not_even_asked():
    bench = Bench(KillSwitch(enabled=True))
    assert bench.script.views == []
    assert bench.wish(bid()).output.decisions == ()


def test_a_repeated_denial_is_only_counted():
    bench = Bench()
    assert len(bench.wish(bid("0.405")).output.decisions) == 1
    assert len(bench.wish(bid("0.405")).output.decisions) == 0
    assert len(bench.wish(bid("0.415")).output.decisions) == 1
    assert bench.engine.coordinator.denials_repeated == 1


def test_an_unknown_order_blocks_its_market():
    bench = Bench()
    (order_id,) = bench.resting(bid())
    bench.step(OrderUnknown(order_id, "silence", 1))
    assert bench.violated(bid("0.39")) == [(a.UNKNOWN_ORDER,)]
    bench.step(OrderCancelled(order_id, "seen", 1))
    assert bench.violated(bid("0.38")) == [()]


def test_orders_in_flight_are_bounded():
    bench = Bench(in_flight_max=2)
    assert bench.violated(bid(), bid("0.39"), bid("0.38")) == [(), (), (a.IN_FLIGHT,)]


def test_a_cancel_is_sent_once():
    bench = Bench()
    (order_id,) = bench.resting(bid())
    cancel = Cancel(client_order_id=order_id, why="moved")
    assert bench.wish(cancel).output.commands == (CancelOrder(order_id, "moved"),)
    assert bench.wish(cancel).output.commands == ()


def test_the_kill_switch_cancels_everything_and_stays():
    bench = Bench()
    bench.resting(bid())
    step = bench.step(KillSwitchSet(True, "fire", "me", 1))
    assert step.output.commands == (CancelAll("kill switch: fire"),)
    assert bench.wish(bid()).output.decisions == ()
    bench.step(KillSwitchSet(False, "", "me", 1))
    assert bench.violated(bid()) == [()]


def test_a_halt_is_for_good():
    bench = Bench()
    assert bench.step(HaltRequested("stop", 1)).output.commands == (CancelAll("halt: stop"),)
    bench.step(KillSwitchSet(False, "", "me", 1))
    assert bench.wish(bid()).output.commands == ()


def operator_order(**changes):
    fields = {
        "request_id": "q",
        "market": "m",
        "token": "y",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "price": to_units("0.40"),
        "size": to_units("10"),
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "expire_ns": 0,
        "ts_ns": 1,
    }
    return OperatorOrder(**{**fields, **changes})


def test_an_operator_passes_the_same_gate():
    bench = Bench(PositionLimit(None, to_units("5")))
    (decision,) = bench.step(operator_order()).output.decisions
    assert (decision.allowed, decision.violated, decision.request_id) == (False, ("PositionLimit",), "q")
    (decision,) = bench.step(operator_order()).output.decisions  # never conflated: somebody waits
    assert not decision.allowed
    (decision,) = bench.step(operator_order(market="nowhere")).output.decisions
    assert decision.violated == (a.UNKNOWN_MARKET,)
    bench.step(KillSwitchSet(True, "fire", "me", 1))
    (decision,) = bench.step(operator_order()).output.decisions
    assert decision.violated == (a.KILL_SWITCH,)


def test_a_market_buy_is_a_budget():
    bench = Bench()
    order = operator_order(
        order_type=OrderType.MARKET, size=to_units("11"), price=to_units("0.60"), time_in_force=TimeInForce.FAK
    )
    (command,) = bench.step(order).output.commands
    assert (command.budget, command.size) == (to_units("11"), to_units("20"))  # 11 usd at the best ask of 0.55


def test_an_operator_cancels_one_or_all():
    bench = Bench()
    first, _ = bench.resting(bid(), bid("0.39"))
    assert bench.step(OperatorCancel(first, "why", 1)).output.commands == (CancelOrder(first, "why"),)
    assert bench.step(OperatorCancel("", "why", 1)).output.commands == (CancelAll("why"),)
    assert bench.step(OperatorCancel("nonsense", "why", 1)).output.commands == ()


def test_a_lost_link_and_a_broken_message_make_books_untrusted_until_a_snapshot():
    bench = Bench()
    bench.step(LinkDown("feed", "gone", 1))
    assert bench.violated(bid()) == [(a.UNTRUSTED_BOOK,)]
    bench.step(*snapshot())
    assert bench.violated(bid("0.39")) == [()]
    step = bench.step(BookDelta("y", ((0, 123, 5),), 1))
    assert "impossible book message" in step.output.anomalies[0]
    assert bench.violated(bid("0.38")) == [(a.UNTRUSTED_BOOK,)]


@pytest.mark.parametrize("cause", Doubt)
def test_a_doubted_book_is_not_traded_until_it_is_believed_again(cause):
    bench = Bench()
    bench.step(BookTrust("y", cause, 1))
    assert not bench.script.views[-1].trusted
    assert bench.violated(bid()) == [(a.UNTRUSTED_BOOK,)]
    bench.step(*snapshot())
    cured = cause not in (Doubt.UNSUBSCRIBED, Doubt.REST, Doubt.GHOST)
    assert bench.violated(bid("0.39")) == [() if cured else (a.UNTRUSTED_BOOK,)]
    bench.step(BookTrust("y", "", 2))
    assert bench.script.views[-1].trusted
    assert bench.violated(bid("0.38")) == [()]


def test_a_market_is_not_quoted_while_its_other_book_is_doubted():
    bench = Bench()
    assert bench.script.views[-1].trusted
    bench.step(BookTrust("n", Doubt.SILENT, 1))
    assert not bench.script.views[-1].trusted
    assert bench.violated(bid()) == [()]


def test_a_book_believed_again_still_needs_its_snapshot():
    bench = Bench()
    bench.step(BookTrust("y", Doubt.GAP, 1), BookDelta("y", ((0, 123, 5),), 1), BookTrust("y", "", 1))
    assert bench.violated(bid()) == [(a.UNTRUSTED_BOOK,)]


def test_a_tick_change_moves_the_grid_and_the_gate():
    bench = Bench()
    bench.step(TickSizeChanged("y", 1_000, 1))
    assert bench.violated(bid("0.405")) == [()]
    assert bench.step(TickSizeChanged("y", 100_000, 1)).output.anomalies


def test_messages_for_strangers_are_said():
    bench = Bench()
    for event in (
        TradePrint("z", Side.BUY, 1, 1, 1),
        BookDelta("z", (), 1),
        BookTrust("z", "", 1),
        MarketResolved("m9", "y", 1),
    ):
        assert bench.step(event).output.anomalies
    assert "not an order of ours" in bench.step(OrderCancelled("r-99", "", 1)).output.anomalies[0]


def test_marks_are_what_the_book_pays():
    bench = Bench()
    (order_id,) = bench.resting(bid("0.40", "150"))
    bench.fill(order_id, "150")
    # 100 shares find a bid of 0.45, the other 50 find none.
    assert bench.engine.portfolio.inventory_usd() == to_units("45")
    bench.step(LinkDown("feed", "gone", 1))
    assert bench.engine.portfolio.inventory_usd() == to_units("45")


def test_a_pair_is_worth_one_usd():
    bench = Bench()
    yes, no = bench.resting(
        bid("0.40", "10"), Place(token="n", side=Side.BUY, price=to_units("0.40"), size=to_units("10"), why="")
    )
    bench.fill(yes, "10")
    bench.fill(no, "10")
    assert bench.engine.portfolio.inventory_usd() == to_units("10")
    assert bench.engine.portfolio.equity() == to_units("1002")


def test_resolution_cancels_pays_and_closes():
    bench = Bench()
    (order_id,) = bench.resting(bid("0.40", "20"))
    bench.fill(order_id, "10")
    step = bench.step(MarketResolved("m", "y", 1))
    assert step.output.commands == (CancelOrder(order_id, "market resolved"),)
    assert bench.engine.portfolio.cash == to_units("1006")
    bench.step(*snapshot())
    assert bench.violated(bid()) == [(a.MARKET_RESOLVED,)]


def test_positions_of_an_earlier_run_are_taken_over_when_listed():
    carried = (CarriedPosition("m", Outcome.YES, to_units("10"), to_units("4"), "script"),)
    bench = Bench(carried=carried)
    assert bench.script.views[-1].yes_size == to_units("10")
    bench.step(MarketListed(MARKET, 2))
    assert bench.script.views[-1].yes_size == to_units("10")


def test_the_same_history_gives_the_same_steps():
    def run():
        bench = Bench(PositionLimit(None, to_units("50")))
        outputs = [bench.wish(bid(size=str(n + 5))).output for n in range(20)]
        return outputs, bench.engine.portfolio.equity()

    assert run() == run()
