"""Many strategies over one account: who is asked, what each hears, and what becomes of one that raises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules.account import StrategyBudget
from agbot.core.view import Cancel, Intent, Place, View
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    BookSnapshot,
    Event,
    KillSwitchSet,
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    Timer,
    TradePrint,
)
from agbot.model.market import Market, Outcome
from agbot.model.order import Liquidity, OrderState, Settlement, Side
from agbot.strategy.registry import OnlyIn
from agbot.testing.builders import make_market, shares
from agbot.units import SCALE, to_units

ONE, TWO = make_market("m1"), make_market("m2")


class Heard:
    """A strategy that keeps what it sees and wishes what the test says, once."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.views: list[View] = []
        self.next: Sequence[object] = ()
        self.does: Callable[[View], Any] | None = None

    def decide(self, view: View) -> Any:
        self.views.append(view)
        if self.does:
            return self.does(view)
        wishes, self.next = self.next, ()
        return wishes

    @property
    def last(self) -> View:
        return self.views[-1]


class Floor:
    """A core with two markets and the strategies of the test."""

    def __init__(self, *strategies: Any, carried: tuple[CarriedPosition, ...] = ()) -> None:
        made_of = EngineSettings(run_id="r", capital=shares(1000), carried=carried)
        self.engine = Engine(made_of, Gate(()), strategies)
        self.now = 0
        self.trades = 0
        self.step(*[MarketListed(m, 1) for m in (ONE, TWO)], *book(ONE), *book(TWO))

    def step(self, *events: Event) -> Any:
        self.now += 1
        return self.engine.step(self.now, list(events))

    def order(self, strategy: Heard, wish: Place) -> str:
        """Let a strategy place an order that the venue takes, and return its id."""
        strategy.next = [wish]
        (command,) = self.step(*book(ONE)).output.commands
        self.step(OrderAccepted(command.client_order_id, "v", self.now))
        return str(command.client_order_id)

    def fill(self, order: str, size: int, price: str = "0.4", **changes: Any) -> Any:
        self.trades += 1
        fields = {"trade_id": f"t{self.trades}", "fee": 0, "liquidity": Liquidity.MAKER, "ts_ns": self.now, **changes}
        return self.step(OrderFilled(client_order_id=order, price=to_units(price), size=shares(size), **fields))


def book(market: Market) -> list[Event]:
    bids, asks = ((450_000, shares(100)),), ((550_000, shares(100)),)
    return [BookSnapshot(token, bids, asks, 1) for token in (market.yes, market.no)]


def bid(market: Market = ONE, price: str = "0.4", size: int = 10, *, side: Side = Side.BUY) -> Place:
    return Place(token=market.yes, side=side, price=to_units(price), size=shares(size), why="test")


# ---------------------------------------------------------------- who is asked


def test_strategies_are_asked_in_their_order_about_what_they_follow() -> None:
    asked: list[tuple[str, str]] = []
    everything, second = Heard("everything"), Heard("second")
    for each in (everything, second):
        each.does = lambda view, name=each.id: asked.append((name, view.market.id)) or []
    floor = Floor(everything, OnlyIn(second, ["m2"]))
    asked.clear()
    floor.step(*book(TWO), *book(ONE))
    assert asked == [("everything", "m2"), ("second", "m2"), ("everything", "m1")]
    assert floor.engine.coordinator.strategies == ("everything", "second")


@pytest.mark.parametrize(
    ("markets", "seen"),
    [(["m1"], ["m1"]), (["a-slug"], ["m2"]), (["other"], []), ([], []), (["m1", "m2"], ["m1", "m2"])],
)
def test_a_strategy_is_kept_to_its_markets_by_id_or_slug(markets: list[str], seen: list[str]) -> None:
    ours = Heard("ours")
    engine = Engine(EngineSettings(run_id="r", capital=shares(1)), Gate(()), [OnlyIn(ours, markets)])
    listed = [MarketListed(m, 1) for m in (ONE, make_market("m2", slug="a-slug"))]
    engine.step(1, [*listed, *book(ONE), *book(TWO)])
    assert [v.market.id for v in ours.views] == seen


def test_two_strategies_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two strategies are called 'same'"):
        Floor(Heard("same"), Heard("same"))


def test_others_are_seen_as_far_as_they_are_followed() -> None:
    wide, narrow = Heard("wide"), Heard("narrow")
    Floor(wide, OnlyIn(narrow, ["m1"]))
    assert [m.id for m in wide.last.markets] == ["m1", "m2"]
    other = wide.views[0].see(TWO.id)
    assert other is not None
    assert (other.market, other.book.best_bid, other.now_ns) == (TWO, 450_000, wide.views[0].now_ns)
    assert wide.last.see("nobody") is None
    assert ([m.id for m in narrow.last.markets], narrow.last.see(TWO.id)) == (["m1"], None)
    assert wide.last.equity == shares(1000)


def test_an_order_goes_to_the_market_of_its_token_if_the_strategy_follows_it() -> None:
    wide, narrow = Heard("wide"), Heard("narrow")
    floor = Floor(wide, OnlyIn(narrow, ["m1"]))
    wide.next, narrow.next = [bid(TWO)], [bid(TWO)]
    step = floor.step(*book(ONE))
    assert [(c.strategy, c.market) for c in step.output.commands] == [("wide", "m2")]
    denied = next(d for d in step.output.decisions if not d.allowed)
    assert (denied.strategy, denied.violated) == ("narrow", ("UnknownMarket",))


def test_a_view_that_stands_alone_has_nothing_around_it() -> None:
    alone = View(
        now_ns=1, market=ONE, books={}, yes_size=0, no_size=0, orders=(), cash=0, trusted=False
    )  # as tests make them
    assert (alone.markets, alone.equity, alone.see(TWO.id)) == ((), 0, None)


# ---------------------------------------------------------------- what each hears


def test_fills_and_ends_are_heard_by_who_ordered_and_once() -> None:
    ours, others = Heard("ours"), Heard("others")
    floor = Floor(ours, others)
    order = floor.order(ours, bid())
    floor.fill(order, 4)
    (fill,) = ours.last.fills
    assert (fill.client_order_id, fill.side, fill.price, fill.size) == (order, Side.BUY, 400_000, shares(4))
    assert not fill.voided
    assert (ours.last.own_yes, ours.last.own_net, list(ours.last.ended)) == (shares(4), shares(4), [])
    assert (list(others.last.fills), others.last.own_yes, others.last.yes_size) == ([], 0, shares(4))
    floor.step(OrderCancelled(order, "asked", floor.now))
    (end,) = ours.last.ended
    assert (end.state, end.filled, end.size, end.reason) == (OrderState.CANCELLED, shares(4), shares(10), "asked")
    floor.step(OrderCancelled(order, "asked", floor.now), *book(ONE))
    assert (list(ours.last.fills), list(ours.last.ended)) == ([], [])


def test_what_failed_to_settle_is_told_as_taken_back() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    order = floor.order(ours, bid())
    floor.fill(order, 10, settlement=Settlement.MATCHED, trade_id="t", final=True)
    assert [end.state for end in ours.last.ended] == [OrderState.FILLED]
    floor.fill(order, 10, settlement=Settlement.FAILED, trade_id="t")
    assert [(f.size, f.voided) for f in ours.last.fills] == [(shares(10), True)]
    assert ours.last.own_yes == 0


def test_prints_and_seconds_are_heard_with_their_market() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    print_ = TradePrint(ONE.no, Side.BUY, 500_000, shares(3), 5)
    floor.step(print_, *book(TWO))
    assert [(v.market.id, list(v.prints), v.second) for v in ours.views[-2:]] == [
        ("m1", [print_], False),
        ("m2", [], False),
    ]
    floor.step(Timer("second", 9))
    assert [(v.market.id, list(v.prints), v.second) for v in ours.views[-2:]] == [("m1", [], True), ("m2", [], True)]


def test_a_denial_is_told_at_the_next_look_however_often_it_comes() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    for _ in range(3):
        ours.next = [bid(price="0.405"), bid(TWO, price="0.405")]
        floor.step(*book(ONE))
    floor.step(*book(ONE))
    (denial,) = ours.last.denied
    assert (denial.price, denial.violated) == (405_000, ("VenueTerms",))
    floor.step(*book(ONE))
    assert not ours.last.denied
    floor.step(*book(TWO))
    assert len(ours.last.denied) == 3
    assert floor.engine.coordinator.denials_repeated == 4


def test_what_happens_while_nothing_may_be_placed_is_told_when_it_may_again() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    order = floor.order(ours, bid())
    floor.step(KillSwitchSet(True, "fire", "me", floor.now))
    looks = len(ours.views)
    floor.fill(order, 4)
    floor.step(OrderCancelled(order, "killed", floor.now))
    assert len(ours.views) == looks
    floor.step(KillSwitchSet(False, "", "me", floor.now))
    floor.fill(floor.order(ours, bid()), 1)
    told = [f.size for v in ours.views[looks:] for f in v.fills]
    assert told == [shares(4), shares(1)]
    assert [e.reason for v in ours.views[looks:] for e in v.ended] == ["killed"]


def test_what_a_strategy_holds_survives_a_restart() -> None:
    ours, others = Heard("ours"), Heard("others")
    carried = (CarriedPosition("m1", Outcome.YES, shares(7), shares(3), "ours"),)
    Floor(ours, others, carried=carried)
    view = next(v for v in ours.views if v.market == ONE)
    assert (view.own_yes, view.own_no) == (shares(7), 0)
    assert next(v for v in others.views if v.market == ONE).own_yes == 0


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 9)), max_size=12), st.booleans())
def test_what_strategies_hold_adds_up_to_the_account(trades: list[tuple[str, int]], resolves: bool) -> None:
    strategies = {name: Heard(name) for name in "ab"}
    floor = Floor(*strategies.values())
    for name, size in trades:
        floor.fill(floor.order(strategies[name], bid(size=10)), size)
    if resolves:
        floor.step(MarketResolved(ONE.id, ONE.yes, floor.now))
    portfolio = floor.engine.portfolio
    own = [portfolio.own(name, ONE.id)[0] for name in "ab"]
    assert sum(own) == portfolio.position(ONE, Outcome.YES).size
    assert sum(portfolio.strategy_pnl().values()) == portfolio.equity() - portfolio.initial_equity()


# ---------------------------------------------------------------- budgets


def budgeted(**usd: int) -> tuple[Floor, dict[str, Heard]]:
    """Return a floor whose strategies a and b have budgets, and those."""
    strategies = {name: Heard(name) for name in "ab"}
    floor = Floor(*strategies.values())
    floor.engine.state.gate.change([StrategyBudget(name, shares(most)) for name, most in usd.items()])
    return floor, strategies


def test_a_budget_counts_what_is_held_and_what_rests_of_its_own_strategy_alone() -> None:
    floor, strategies = budgeted(a=10, b=100)
    a, b = strategies["a"], strategies["b"]
    order = floor.order(a, bid(size=10))  # 4 usd rest
    floor.fill(order, 5)  # 2 usd held, 2 rest
    floor.order(b, bid(size=100))
    floor.order(a, bid(size=15))  # 6 usd more: all of it
    a.next = [bid(size=5)]
    step = floor.step(*book(ONE))
    assert [d.violated for d in step.output.decisions] == [("StrategyBudget(a)",)]
    a.next = [bid(size=5, side=Side.SELL)]
    assert len(floor.step(*book(ONE)).output.commands) == 1  # out it may go
    b.next = [bid(size=5)]
    assert len(floor.step(*book(ONE)).output.commands) == 1


@given(st.integers(0, 20), st.lists(st.tuples(st.sampled_from("ab"), st.integers(5, 30), st.booleans()), max_size=12))
def test_no_strategy_ever_has_more_at_work_than_its_budget(most: int, wishes: list[tuple[str, int, bool]]) -> None:
    floor, strategies = budgeted(a=most)
    for name, size, fills in wishes:
        strategies[name].next = [bid(size=size)]
        for command in floor.step(*book(ONE)).output.commands:
            floor.step(OrderAccepted(command.client_order_id, "v", floor.now))
            if fills:
                floor.fill(command.client_order_id, size)
        at_work = floor.engine.admission.prospect(floor.now, ONE, None).at_work("a")
        assert at_work <= shares(most)


# ---------------------------------------------------------------- one that raises


def fails(_view: View) -> list[Intent]:
    raise ZeroDivisionError("secret figure 7")


def lazily(view: View) -> Any:
    yield bid()
    fails(view)


@pytest.mark.parametrize(
    ("does", "kind"),
    [
        (fails, "ZeroDivisionError"),
        (lazily, "ZeroDivisionError"),
        (lambda _view: None, "TypeError"),
        (lambda _view: [bid(), "buy!"], "TypeError"),
    ],
)
def test_one_that_raises_is_stopped_and_the_others_go_on(does: Callable[[View], Any], kind: str) -> None:
    bad, good = Heard("bad"), Heard("good")
    floor = Floor(bad, good)
    rests, stays = floor.order(bad, bid()), floor.order(good, bid())
    bad.does, good.next = does, [bid(price="0.41")]
    step = floor.step(*book(ONE), *book(TWO))
    (failed,) = step.failed
    assert (failed.strategy, failed.market, failed.reason) == ("bad", "m1", f"it raised {kind}")
    assert kind in failed.details
    placed, cancelled = step.output.commands
    assert isinstance(placed, PlaceOrder)
    assert placed.strategy == "good"
    assert cancelled == CancelOrder(rests, f"strategy bad: it raised {kind}")
    looks = len(bad.views)
    good.next = [Cancel(client_order_id=stays, why="again")]
    assert len(floor.step(*book(ONE)).output.commands) == 1
    assert len(bad.views) == looks
    assert floor.engine.state.gate.scopes == {("strategy", "bad"): f"it raised {kind}"}


def test_what_is_said_of_it_does_not_depend_on_the_machine() -> None:
    bad = Heard("bad")
    floor = Floor(bad)
    bad.does = fails
    step = floor.step(*book(ONE))
    assert step.output.empty  # nothing of a message or a path is journaled
    assert "secret figure 7" in step.failed[0].details


def test_it_is_asked_again_when_a_person_opens_its_switch_and_hears_what_it_missed() -> None:
    bad = Heard("bad")
    floor = Floor(bad)
    order = floor.order(bad, bid())
    bad.does = fails
    floor.step(*book(ONE))
    bad.does = None
    floor.fill(order, 10)
    assert not bad.last.fills
    floor.step(KillSwitchSet(False, "", "me", floor.now, "strategy", "bad"), *book(ONE))
    assert [f.size for f in bad.last.fills] == [shares(10)]
    assert [e.state for e in bad.last.ended] == [OrderState.FILLED]


def test_one_that_a_person_closed_is_asked_no_more_until_it_is_opened() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    floor.step(KillSwitchSet(True, "mine", "me", floor.now, "strategy", "ours"))
    ours.next = [bid()]
    assert floor.step(*book(ONE)).output.decisions == ()
    floor.step(KillSwitchSet(False, "fine", "me", floor.now, "strategy", "ours"))
    (decision,) = floor.step(*book(ONE)).output.decisions
    assert decision.allowed


def test_a_refused_order_ends() -> None:
    ours = Heard("ours")
    floor = Floor(ours)
    ours.next = [bid()]
    (command,) = floor.step(*book(ONE)).output.commands
    floor.step(OrderRejected(command.client_order_id, "no", floor.now))
    assert [(e.state, e.reason, e.filled) for e in ours.last.ended] == [(OrderState.REJECTED, "no", 0)]
    assert command.size == 10 * SCALE
