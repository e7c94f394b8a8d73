"""What is told of steps of a real core, and what is not."""

from __future__ import annotations

import pytest

from agbot.core.rules import PositionLimit
from agbot.core.step import StrategyFailed
from agbot.core.view import Place
from agbot.model.events import (
    BookDelta,
    BookTrust,
    Health,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    OrderAccepted,
    OrderFilled,
    OrderUnknown,
    ReconcileDifference,
    Timer,
    VenueHealth,
)
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce
from agbot.notify.ear import HAPPENED_MAX, Ear
from agbot.notify.notice import Severity
from agbot.notify.settings import NotifySettings
from agbot.notify.words import DAY_NS, Words, next_hour_ns
from agbot.units import NS_PER_S, SCALE
from tests.run.conftest import Core

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL
SIZE = 10 * SCALE


class Told:
    """A core, and everything that was told of it."""

    def __init__(self, *rules, **settings):
        self.core = Core(*rules)
        self.words = Words(NotifySettings(**settings), self.core.engine)
        self.woken = 0
        self.ear = Ear(self.wake, lambda: self.words.report_ns)
        self.core.observers.append(self.ear.observe)
        self.core.open()
        self.take()

    def wake(self):
        self.woken += 1

    def take(self):
        found = [notice for happened in self.ear.take() for notice in self.words.notices(happened)]
        return [(n.severity, n.text) for n in found]

    def after(self, *events):
        self.core.step(*events)
        return self.take()

    def order(self, price=450_000):
        yes = self.core.market.yes
        step = self.core.wish(
            Place(
                token=yes, side=Side.BUY, price=price, size=SIZE, why="a wish", order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC, post_only=False, expire_ns=0, budget=0,
            )
        )  # fmt: skip
        return step.output.decisions[0].client_order_id


@pytest.fixture
def told():
    return Told(denials=3)


def test_a_kill_switch_is_told_once_whoever_says_it(told):
    assert told.after(KillSwitchSet(True, "too much lost", "agbot", 1)) == [
        (CRITICAL, "kill switch ON: too much lost (by agbot)")
    ]
    assert told.after(KillSwitchSet(True, "too much lost", "latch", 2)) == []
    assert told.after(KillSwitchSet(True, "s", "latch", 2, "strategy", "quoter")) == [
        (CRITICAL, "kill switch ON for strategy quoter: s (by latch)")
    ]
    assert told.after(KillSwitchSet(False, "", "ann", 3)) == [(WARNING, "kill switch off (by ann)")]
    assert told.after(KillSwitchSet(False, "", "latch", 3)) == []


def test_feeds(told):
    assert told.after(LinkUp("books", 1)) == []
    assert told.after(LinkDown("books", "cut", 2)) == [(WARNING, "feed books was lost: cut")]
    assert told.after(LinkUp("books", 3)) == [(INFO, "feed books delivers again")]


def test_books(told):
    market = told.core.market
    for beginning in ("not subscribed", "no snapshot yet"):
        assert told.after(BookTrust(market.yes, beginning, 1)) == []
    assert told.after(BookTrust(market.yes, "no data", 2), BookTrust(market.no, "no data", 2)) == [
        (WARNING, f"the book of {market.name} YES is doubted: no data"),
        (WARNING, f"the book of {market.name} NO is doubted: no data"),
    ]
    assert told.after(BookTrust(market.yes, "", 3)) == []
    assert told.after(BookTrust(market.no, "", 4)) == [(INFO, "all books are believed again")]
    assert told.after(BookTrust(market.no, "", 5)) == []


def test_the_venue_and_its_figures(told):
    market = told.core.market
    down = VenueHealth("paper", Health.DOWN, "no answer", 1)
    assert told.after(down) == [(CRITICAL, "venue paper is down: no answer")]
    assert told.after(VenueHealth("paper", Health.DEGRADED, "slow", 1)) == [(WARNING, "venue paper is degraded: slow")]
    assert told.after(VenueHealth("paper", Health.HEALTHY, "", 1)) == [(INFO, "venue paper is healthy")]
    ((severity, text),) = told.after(ReconcileDifference(market.id, "3 shares more", 1))
    assert (severity, text.endswith("3 shares more")) == (WARNING, True)
    ((severity, _),) = told.after(ReconcileDifference("", "cash is missing", 1))
    assert severity is CRITICAL
    assert told.after(ReconcileDifference(market.id, "", 2)) == [
        (INFO, f"the venue's figures agree again: {market.name}")
    ]


def test_an_order_without_a_fate_is_told_once_and_when_it_is_known(told):
    name = told.order()
    ((severity, text),) = told.after(OrderUnknown(name, "no answer", 1))
    assert (severity, name in text, "no answer" in text) == (WARNING, True, True)
    assert told.after(OrderUnknown(name, "still none", 2)) == []
    ((severity, text),) = told.after(OrderAccepted(name, "v1", 3))
    assert (severity, text) == (INFO, f"order {name} is known again: {OrderState.OPEN}")


def test_a_fill(told):
    name = told.order()
    fill = OrderFilled(name, "t1", 450_000, SIZE, 0, Liquidity.MAKER, 2)
    assert told.after(OrderAccepted(name, "v1", 1), fill) == [
        (INFO, f"BUY 10 {told.core.market.name} YES at 0.45 (script, {Liquidity.MAKER})")
    ]
    assert told.after(fill) == [], "the same trade again"


def test_denials_are_told_in_bursts():
    told = Told(PositionLimit(None, SIZE - 1), denials=3, denials_window_ns=60 * NS_PER_S)
    prices = iter(range(100_000, 200_000, 10_000))  # the same wish again would be counted once
    for _ in range(2):
        told.order(next(prices))
    assert told.take() == []
    told.core.now += 61 * NS_PER_S
    for _ in range(2):
        told.order(next(prices))
    assert told.take() == [], "two of the four are too old"
    told.order(next(prices))
    ((severity, text),) = told.take()
    assert severity is WARNING
    assert text.startswith("3 orders denied within 60 s: PositionLimit")
    assert text.endswith("×3")


def test_a_strategy_that_fails(told):
    told.core.script.decide = lambda _view: 1 / 0
    told.core.step(*told.core.book())
    ((severity, text),) = told.take()
    assert severity is CRITICAL
    assert text.startswith("strategy script failed and is stopped: ")
    assert StrategyFailed.__name__ not in text


@pytest.mark.parametrize(("now", "hour", "due"), [(0, 5, 5), (5 * 3600, 5, 29), (5 * 3600 - 1, 5, 5), (86_399, 0, 24)])
def test_the_next_report(now, hour, due):
    assert next_hour_ns(now * NS_PER_S, hour) == due * 3600 * NS_PER_S


def test_a_report_a_day():
    told = Told(report_hour=5)
    reports = []
    for hour in range(1, 60):
        told.core.now = hour * 3600 * NS_PER_S
        reports += [(hour, text) for _, text in told.after(Timer("second", told.core.now))]
    assert [hour for hour, _ in reports] == [5, 29, 53]
    assert reports[0][1] == (
        "report of 1970-01-01 05:00 UTC: equity 1000.00 usd (+0.00 since the last), cash 1000.00, 0 fills, 0 denied, "
        "0 orders open, 0 unknown, kill switch off"
    )
    assert DAY_NS == 24 * 3600 * NS_PER_S


def test_market_data_wakes_nobody(told):
    woken = told.woken
    for _ in range(100):
        told.core.step(BookDelta(told.core.market.yes, ((0, 470_000, SIZE),), 1), Timer("second", 1))
    assert (told.woken, told.take()) == (woken, [])


def test_what_nobody_puts_into_words_is_bounded(told):
    for number in range(HAPPENED_MAX + 7):
        told.core.step(LinkDown("books", str(number), 1))
    assert told.ear.lost == 7
    assert len(told.ear.take()) == HAPPENED_MAX
