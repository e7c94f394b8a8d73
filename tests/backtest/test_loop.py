"""The virtual clock: who sees what when, one batch an instant, and the same again."""

from __future__ import annotations

import pytest

from agbot.backtest import loop as module
from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.core.view import Cancel, Place
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.events import (
    BookSnapshot,
    HaltRequested,
    KillSwitchSet,
    MarketListed,
    OrderAccepted,
    OrderCancelled,
    Timer,
)
from agbot.model.order import Side
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_MS, NS_PER_S, to_units

ORDER, FEED = 50 * NS_PER_MS, 10 * NS_PER_MS
T = 1_000 * NS_PER_S
MARKET = make_market()


def book(at, bid="0.48", ask="0.52"):
    return [BookSnapshot(t, levels((bid, "100")), levels((ask, "100")), at) for t in (MARKET.yes, MARKET.no)]


class Once:
    """Places one bid at the first trusted look and cancels it when it rests."""

    id = "once"

    def __init__(self, cancels=True):
        self.placed, self.cancels, self.looks = False, cancels, []

    def decide(self, view):
        self.looks.append((view.now_ns, view.book.best_bid))
        resting = [o for o in view.orders if o.state == "OPEN"]
        if self.cancels and resting:
            return [Cancel(client_order_id=resting[0].client_order_id, why="enough")]
        if self.placed or not view.trusted:
            return []
        self.placed = True
        return [Place(token=MARKET.yes, side=Side.BUY, price=to_units("0.40"), size=to_units("10"), why="t")]


def make(groups, strategy=None, **terms):
    engine = Engine(EngineSettings(run_id="r", capital=10**9), Gate([]), [strategy] if strategy else [])
    matcher = PaperMatcher(10**9, terms=Terms(order_latency_ns=ORDER, feed_latency_ns=FEED, **terms))
    return VirtualLoop(engine.step, matcher, [MARKET], groups), engine, matcher


def story(moments):
    return [(at, [type(e) for e in batch]) for at, batch, _ in moments]


def test_the_core_sees_a_message_one_feed_latency_after_its_time():
    loop, _, _ = make([(T, book(T)), (T + 5, book(T + 5))])
    assert story(loop.run()) == [
        (T + FEED, [MarketListed, BookSnapshot, BookSnapshot]),
        (T + FEED + 5, [BookSnapshot, BookSnapshot]),
    ]


def test_an_order_takes_its_way_there_and_back():
    loop, engine, matcher = make([(T, book(T)), (T + NS_PER_S, book(T + NS_PER_S))], Once())
    moments = list(loop.run())
    placed = T + FEED
    accepted = placed + ORDER + FEED
    assert story(moments)[:3] == [
        (placed, [MarketListed, BookSnapshot, BookSnapshot]),
        (accepted, [OrderAccepted]),
        (accepted + ORDER + FEED, [OrderCancelled]),
    ]
    assert matcher.open_orders() == ()
    assert next(engine.oms.all_live(), None) is None


def test_a_timer_every_second_of_the_recording():
    loop, _, _ = make([(T, book(T)), (T + 3 * NS_PER_S + 1, book(T))])
    timers = [(at, e.ts_ns) for at, batch, _ in loop.run() for e in batch if isinstance(e, Timer)]
    assert timers == [(T + n * NS_PER_S, T + n * NS_PER_S) for n in (1, 2, 3)]


def test_what_arrives_at_one_instant_is_one_batch_and_one_decision():
    strategy = Once(cancels=False)
    at = T + NS_PER_S - FEED
    loop, _, _ = make([(T, book(T)), (at, [*book(at), *book(at, "0.47")]), (at + 5 * NS_PER_S, [])], strategy)
    batch = next(batch for now, batch, _ in loop.run() if now == T + NS_PER_S)
    assert [type(e) for e in batch] == [*[BookSnapshot] * 4, Timer]
    assert [look for look in strategy.looks if look[0] == T + NS_PER_S] == [(T + NS_PER_S, to_units("0.47"))]


def test_time_never_goes_back_also_when_an_operator_ran_ahead():
    later = T + 20 * NS_PER_MS
    loop, engine, _ = make([(T, book(T)), (later, book(later)), (later + NS_PER_S, book(T))], Once(cancels=False))
    moments = loop.run()
    times = [next(moments)[0]]
    times += [at for at, _, _ in loop.inject_and_settle(KillSwitchSet(True, "fire", "me", loop.now_ns))]
    assert next(engine.oms.all_live(), None) is None
    times += [at for at, _, _ in moments]
    assert times == sorted(times)
    assert times[1] == times[0]


def test_the_finish_leaves_nothing_open():
    loop, engine, matcher = make([(T, book(T)), (T + NS_PER_S, [])], Once(cancels=False))
    list(loop.run())
    assert len(matcher.open_orders()) == 1
    moments = list(loop.finish("over"))
    assert isinstance(moments[0][1][0], HaltRequested)
    assert engine.halted == "over"
    assert matcher.open_orders() == ()
    assert matcher.next_due() is None


def test_an_empty_recording_ends():
    loop, engine, _ = make([])
    assert list(loop.run()) == []
    assert all(step.output.decisions == () for _, _, step in loop.finish("over"))
    assert engine.halted == "over"


def test_a_loop_in_virtual_time_is_found(monkeypatch):
    monkeypatch.setattr(module, "QUIET_INSTANTS_MAX", 5)
    loop, _, _ = make([(T, book(T)), (T + 100 * NS_PER_S, [])])
    with pytest.raises(AssertionError, match="a loop"):
        list(loop.run())
