"""Whole attempts through the core against a venue that refuses, loses, takes back, fills in parts and answers late."""

from __future__ import annotations

import random
from collections import deque
from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.portfolio import CarriedPosition
from agbot.core.risk import Gate
from agbot.core.rules import PositionLimit
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    BookSnapshot,
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    Timer,
)
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderState, Settlement, Side, TimeInForce
from agbot.strategy.arbitrage import Arbitrage, ArbitrageParams
from agbot.strategy.arbitrage.plan import Phase
from agbot.testing.builders import make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, complement, notional, to_units

COUNT = 3
STEP = 100 * NS_PER_MS
MARKETS = [make_market(f"m{i}", event_id="e", neg_risk=True, size_step=10_000) for i in range(COUNT)]
PARAMS = {"exhaustive": {"e": COUNT}, "confirm_ms": "200", "max_capital": "50", "cooldown_ms": "1000000"}
CHEAP = ("0.30", "0.28", "0.35")  # 0.93 a set
GONE = ("0.34", "0.33", "0.38")  # 1.05 a set
SPREAD = 20_000


def books(asks, ts_ns, size="200"):
    """Books of all markets, NO mirrors YES."""
    told = []
    for market, ask in zip(MARKETS, asks, strict=True):
        k, s = to_units(ask), to_units(size)
        told.append(BookSnapshot(market.yes, ((k - SPREAD, s),), ((k, s),), ts_ns))
        told.append(BookSnapshot(market.no, ((complement(k), s),), ((complement(k - SPREAD), s),), ts_ns))
    return told


class Venue:
    """Answers each order by the behaviour its turn has: the first of each market as scripted, later ones as `then`."""

    def __init__(self, script, then, asks):
        self.script, self.then = [deque(rows) for rows in script], then
        self.due = []
        self.orders = []
        self.asks = asks

    def take(self, step, command):
        if not isinstance(command, PlaceOrder):
            assert isinstance(command, CancelOrder)
            return
        self.orders.append(command)
        number = next(i for i, m in enumerate(MARKETS) if command.token in (m.yes, m.no))
        behaviour = self.script[number].popleft() if self.script[number] else self.then
        for delay, event in getattr(self, behaviour)(command):
            self.due.append((step + delay, event))

    def arriving(self, step):
        now = [event for at, event in self.due if at <= step]
        self.due = [(at, event) for at, event in self.due if at > step]
        return now

    def price(self, command):
        """Return the price that the order trades at: the book of now, never beyond its limit."""
        market = next(m for m in MARKETS if command.token in (m.yes, m.no))
        ask = to_units(self.asks[MARKETS.index(market)])
        if command.token == market.no:
            ask = complement(ask - SPREAD)
        return ask if command.side is Side.BUY else ask - SPREAD

    def fill(self, command, part=1.0, settlement=Settlement.CONFIRMED, trade="t", final=None, price=None):
        size = int(command.size * part) // 10_000 * 10_000
        final = part >= 1 if final is None else final
        return OrderFilled(
            command.client_order_id, f"{command.client_order_id}-{trade}", price or min_max(self, command), size, 0,
            Liquidity.TAKER, 1, settlement=settlement, final=final,
        )  # fmt: skip

    def trades(self, command):
        return (self.price(command) - command.price) * command.side.sign <= 0

    def fills(self, command):
        if not self.trades(command):
            return self.refused(command)
        return [(1, accepted(command)), (1, self.fill(command))]

    def refused(self, command):
        return [(1, OrderRejected(command.client_order_id, "no", 1))]

    def part(self, command):
        part = [(1, accepted(command)), (1, self.fill(command, 0.4, final=False))]
        return [*part, (2, OrderCancelled(command.client_order_id, "the rest was killed", 1))]

    def lost_and_filled(self, command):
        return [(1, OrderUnknown(command.client_order_id, "timed out", 1)), (9, self.fill(command))]

    def lost_and_gone(self, command):
        return [
            (1, OrderUnknown(command.client_order_id, "timed out", 1)),
            (9, OrderRejected(command.client_order_id, "never seen", 1)),
        ]

    def taken_back(self, command):
        first = self.fill(command, settlement=Settlement.MATCHED)
        failed = self.fill(command, settlement=Settlement.FAILED)
        return [(1, accepted(command)), (1, first), (12, failed)]

    def settles_late(self, command):
        first = self.fill(command, settlement=Settlement.MATCHED)
        return [(1, accepted(command)), (1, first), (15, self.fill(command))]

    def cancelled(self, command):
        return [(1, accepted(command)), (2, OrderCancelled(command.client_order_id, "cancelled", 1))]

    def late(self, command):
        return [(11, accepted(command)), (12, self.fill(command))]

    def improved(self, command):
        """A buy spends its usd: a better price brings more shares than were asked for."""
        if command.side is Side.SELL:
            return self.fills(command)
        better = command.price - 40_000
        size = command.size * command.price // better // 10_000 * 10_000
        fill = OrderFilled(
            command.client_order_id, f"{command.client_order_id}-t", better, size, 0, Liquidity.TAKER, 1, final=True
        )
        return [(1, accepted(command)), (1, fill)]


def min_max(venue, command):
    price = venue.price(command)
    return min(price, command.price) if command.side is Side.BUY else max(price, command.price)


def accepted(command):
    return OrderAccepted(command.client_order_id, command.client_order_id, 1)


BEHAVIOURS = [
    "fills", "refused", "part", "lost_and_filled", "lost_and_gone", "taken_back", "settles_late", "cancelled", "late",
    "improved",
]  # fmt: skip


class Bench:
    def __init__(self, script, then="fills", moves=GONE, rules=(), carried=(), asks=CHEAP, decided=False):
        self.strategy = Arbitrage(ArbitrageParams(**PARAMS))
        settings = EngineSettings(run_id="r", capital=to_units("1000"), carried=carried)
        self.engine = Engine(settings, Gate(rules), [self.strategy])
        self.venue, self.moves, self.at, self.decided = Venue(script, then, asks), moves, 0, decided
        self.step([*(MarketListed(m, 1) for m in MARKETS), *books(asks, 1)])

    def step(self, events=()):
        now = 1 + self.at * STEP
        batch = [*events, *self.venue.arriving(self.at)]
        batch += [Timer("second", now)] if self.at % 10 == 0 else []
        step = self.engine.step(now, batch)
        assert step.failed == (), step.failed
        for command in step.output.commands:
            self.venue.take(self.at, command)
        self.check()
        self.at += 1
        return step

    def run(self, steps=200):
        for _ in range(steps):
            moved = self.venue.orders and self.venue.asks is CHEAP and self.moves
            if moved:
                self.venue.asks = self.moves
            self.step(books(self.venue.asks, 1 + self.at * STEP) if moved or self.at % 3 == 0 else ())

    def run_out(self, steps):
        """Run until an attempt ended and the venue has nothing more to say."""
        while steps and not (self.strategy.done and not self.venue.due):
            self.run(1)
            steps -= 1

    def check(self):
        """What holds at every step: one attempt, nothing rests, and nothing unequal without a plan that says why."""
        live = list(self.engine.oms.all_live())
        assert all(r.command.time_in_force in (TimeInForce.FOK, TimeInForce.IOC) for r in live)
        assert len({r.command.token for r in live}) == len(live)
        assert len(self.strategy.plans) <= 1
        if self.uneven() >= 5 * SCALE and not (live or self.strategy.plans or self.decided):
            raise AssertionError(f"{self.held()} unequal, and no plan")
        for plan in self.strategy.plans:
            assert plan.reason or plan.phase is Phase.SENT
            if any(r.state is OrderState.UNKNOWN for r in live):
                assert len(self.strategy.done) <= 1

    def held(self, outcome=Outcome.YES):
        return [self.engine.portfolio.position(m, outcome).size for m in MARKETS]

    def uneven(self):
        """Return by how much the strategy's own net positions differ: a set of all YES and a complete set do not."""
        own = [self.engine.portfolio.own(self.strategy.id, m.id) for m in MARKETS]
        nets = [yes - no for yes, no in own]
        return max(nets) - min(nets)

    def worst(self):
        """Return the profit in the worst outcome (10⁻⁶ usd)."""
        sets = [
            sum(self.held(Outcome.NO)) - no + yes for yes, no in zip(self.held(), self.held(Outcome.NO), strict=True)
        ]
        return self.engine.portfolio.cash + min(sets) - to_units("1000")


@pytest.mark.parametrize("first", BEHAVIOURS)
def test_no_combination_of_failures_leaves_a_leg_unhedged(first):
    for number, others in enumerate(combinations_with_replacement(BEHAVIOURS, COUNT - 1)):
        legs = [[first], [others[0]], [others[1]]]
        bench = Bench([*legs[number % COUNT :], *legs[: number % COUNT]])
        bench.run_out(60)
        assert bench.strategy.plans == [], (first, others, bench.strategy.metadata())
        assert bench.uneven() < 5 * SCALE, (first, others, bench.held())
        assert bench.worst() >= -to_units("7"), (first, others, bench.worst())
        (plan, proof), *rest = bench.strategy.done
        assert plan.phase is Phase.DONE
        assert proof is not None
        assert not rest


def test_an_attempt_that_goes_well_gains_what_its_proof_says():
    bench = Bench([[], [], []])
    bench.run(30)
    ((plan, proof),) = bench.strategy.done
    assert plan.reason == "53 sets"
    assert bench.worst() == proof.worst > to_units("3")
    assert [o.time_in_force for o in bench.venue.orders] == ["FOK"] * 3
    assert all("YES of all: 53 × (" in o.why and "gains 3.71" in o.why for o in bench.venue.orders)


def test_an_opportunity_that_does_not_last_is_not_traded():
    bench = Bench([[], [], []])
    bench.step()
    bench.step(books(GONE, 2))
    bench.step(books(CHEAP, 3))
    bench.step(books(CHEAP, 4))
    assert bench.venue.orders == []
    bench.run(3)
    assert len(bench.venue.orders) == 3


def test_an_unknown_leg_is_waited_for_and_nothing_is_sent_meanwhile():
    bench = Bench([["lost_and_filled"], [], []], moves=())
    for _ in range(4):
        bench.run(1)
    (plan,) = bench.strategy.plans
    assert plan.phase is Phase.UNKNOWN
    bench.run(3)
    assert len(bench.venue.orders) == 3
    bench.run(30)
    assert bench.held() == [to_units("53")] * 3


def test_a_leg_that_risk_denies_is_unwound_after_tries():
    """Two legs trade and one may never: completing is denied again and again, so the others are given back."""
    bench = Bench([[], [], []], rules=[PositionLimit("m1", to_units("10"))])
    bench.run(200)
    assert bench.strategy.plans == []
    assert bench.held() == [0, 0, 0]
    sides = [order.side for order in bench.venue.orders]
    assert sides == [Side.BUY, Side.BUY, Side.SELL, Side.SELL]


def test_a_book_that_goes_away_is_an_explicit_state():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(100)
    (plan,) = bench.strategy.plans
    assert plan.phase in (Phase.COMPLETING, Phase.UNWINDING)
    assert bench.uneven() == to_units("53")
    told = bench.strategy.metadata()["open"][0]
    assert told["phase"] == plan.phase
    assert told["reason"]
    bench.venue.then = "fills"
    bench.run(300)
    assert bench.strategy.plans == []
    assert bench.uneven() < 5 * SCALE


def test_an_event_that_is_decided_ends_the_plan_and_nothing_is_mended_after():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(10)
    bench.decided = True
    bench.step([MarketResolved(MARKETS[0].id, MARKETS[0].yes, 5)])
    bench.run(30)
    assert bench.strategy.plans == []
    orders = len(bench.venue.orders)
    bench.run(60)
    assert len(bench.venue.orders) == orders
    assert bench.strategy.done[0][0].reason.startswith("a market of it has paid out")


def test_an_outcome_that_is_out_leaves_the_others_to_be_mended():
    bench = Bench([["fills"], ["refused"], ["fills"]], then="refused")
    bench.run(10)
    bench.decided = True  # until the next second the strategy does not know
    bench.step([MarketResolved(MARKETS[0].id, MARKETS[0].no, 5)])
    bench.venue.then = "fills"
    bench.run(100)
    assert bench.strategy.plans == []
    assert bench.held()[0] == 0
    assert bench.held()[1] == bench.held()[2]


def carried(*sizes, outcome=Outcome.YES, strategy="arbitrage"):
    return tuple(
        CarriedPosition(m.id, outcome, to_units(size), to_units(size) // 3, strategy)
        for m, size in zip(MARKETS, sizes, strict=True)
        if to_units(size)
    )


@pytest.mark.parametrize(
    ("held", "ends"),
    [
        (("50", "50", "0"), ["0", "0", "0"]),  # 1 − 0.38 brings less than 0.32 + 0.31 for the two
        (("20", "0", "0"), ["0", "0", "0"]),
        (("50", "50", "50"), ["50", "50", "50"]),
        (("50", "52", "50"), ["50", "52", "50"]),  # two shares are too small to trade
        (("50", "57", "50"), ["50", "50", "50"]),
        (("50", "20", "50"), ["20", "20", "20"]),
    ],
)
def test_a_restart_finds_what_is_unhedged_and_mends_it(held, ends):
    bench = Bench([[], [], []], carried=carried(*held), asks=GONE)
    bench.run(40)
    assert bench.held() == [to_units(size) for size in ends]
    assert bench.strategy.plans == []


def test_a_restart_leaves_what_others_hold_alone():
    bench = Bench([[], [], []], carried=carried("50", "0", "0", strategy="quoter"), asks=GONE)
    bench.run(40)
    assert bench.venue.orders == []


@pytest.mark.parametrize(
    ("held", "ends"),
    [
        (("50", "50", "0"), ["50", "50", "50"]),  # 2 − 0.64 beats 1 as it is, and 0.66 + 0.67 when sold
        (("50", "50", "50"), ["50", "50", "50"]),
        (("50", "50", "47"), ["50", "50", "47"]),
    ],
)
def test_no_of_two_is_made_no_of_all_where_that_is_worth_more(held, ends):
    bench = Bench([[], [], []], carried=carried(*held, outcome=Outcome.NO), asks=GONE, decided=True)
    bench.run(40)
    assert bench.held(Outcome.NO) == [to_units(size) for size in ends]
    assert bench.strategy.plans == []


def test_no_of_two_that_pays_as_it_is_is_held():
    """The third NO costs as much as it adds, and the two bring less than the 1 that they pay."""
    dear = ("0.51", "0.51", "0.03")
    bench = Bench([[], [], []], carried=carried("40", "40", "0", outcome=Outcome.NO), asks=dear, decided=True)
    bench.run(40)
    assert bench.venue.orders == []


def test_a_lone_no_is_made_a_complete_set_or_sold():
    bench = Bench([[], [], []], carried=carried("0", "30", "0", outcome=Outcome.NO), asks=GONE)
    bench.run(40)
    no, yes = bench.held(Outcome.NO), bench.held()
    assert no[1] == yes[1]
    assert bench.strategy.plans == []


@given(data=st.data(), seed=st.integers(0, 10**6))
@settings(max_examples=8)
def test_faults_that_go_on_are_mended_when_they_end(data, seed):
    """Repairs fail as well, books move about; once the venue behaves, everything is equal again."""
    turns = st.lists(st.sampled_from(BEHAVIOURS), min_size=1, max_size=4)
    bench, dice = Bench([data.draw(turns) for _ in range(COUNT)], moves=()), random.Random(seed)
    for _ in range(60):
        if bench.venue.orders and dice.random() < 0.3:
            bench.venue.asks = tuple(f"{float(a) + dice.choice((-0.02, -0.01, 0, 0.01, 0.02)):.2f}" for a in GONE)
            bench.step(books(bench.venue.asks, 1 + bench.at * STEP))
        else:
            bench.run(1)
    bench.run(100)
    assert bench.strategy.plans == []
    assert bench.uneven() < 5 * SCALE
    spent = sum(notional(o.price, o.size) for o in bench.venue.orders if o.side is Side.BUY)
    assert spent >= 0
    assert bench.at * STEP > NS_PER_S
