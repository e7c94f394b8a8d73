"""What a run leaves to the next one is what its own core held, whatever the venue said."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.admission import FLATTEN
from agbot.core.portfolio import CarriedPosition, Portfolio
from agbot.core.step import Output
from agbot.errors import StoreError
from agbot.model.events import (
    BookSnapshot,
    DifferenceAccepted,
    KillSwitchSet,
    MarketListed,
    MarketResolved,
    OperatorCancel,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderType, Settlement, Side, TimeInForce
from agbot.run.engine import Recorder
from agbot.settings import Settings
from agbot.store.carry import carry_from, carry_latest
from agbot.store.codec import encode_batch, encode_output
from agbot.store.journal import BATCH, RUN, STEP, Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.testing.builders import levels, make_market, place
from agbot.units import to_units

CARRIED = (
    CarriedPosition("m1", Outcome.YES, to_units("30"), to_units("12"), "quoter"),
    CarriedPosition("elsewhere", Outcome.NO, to_units("5"), to_units("2"), "quoter"),
)
MARKET = make_market()


class Run:
    """A core with its journal; orders come from an operator, so that no strategy decides anything."""

    def __init__(self, path, carried=CARRIED):
        settings = Settings(strategies=())
        capital = to_units("500")
        header = header_of(
            settings, run_id="r", mode="DEMO", started_ns=1, source="t", capital=capital, carried=carried
        )
        self.engine = engine_of(header)
        self.journal = Journal(path, durable=False)
        self.recorder = Recorder(self.engine, self.journal, header)
        self.now = 1

    def open(self):
        sides = (("0.48", "1000"),), (("0.52", "1000"),)
        books = [BookSnapshot(t, levels(*sides[0]), levels(*sides[1]), 1) for t in (MARKET.yes, MARKET.no)]
        self.step(MarketListed(MARKET, 1), *books)
        return self

    def step(self, *events):
        self.now += 1
        return self.recorder.step(self.now, list(events))[0]

    def order(self, side=Side.BUY, size="10", token="m1-yes", **more):
        return self.step(
            OperatorOrder(
                "q", "m1", token, side, OrderType.LIMIT, 500_000, to_units(size), TimeInForce.GTC, False, 0, 1, **more
            )
        )

    def left(self):
        self.journal.commit()
        return carry_from(self.journal.path)

    def held(self):
        portfolio = self.engine.portfolio
        unlisted = [] if self.engine.markets else list(CARRIED)
        elsewhere = [c for c in CARRIED if c.market == "elsewhere" and self.engine.markets]
        return portfolio.cash, sorted(map(repr, [*portfolio.carried(), *unlisted, *elsewhere]))


def fill(order_id, size="10", trade="t1", price="0.50", fee="0", **changes):
    return OrderFilled(order_id, trade, to_units(price), to_units(size), to_units(fee), Liquidity.MAKER, 1, **changes)


def same(run):
    carry = run.left()
    assert (carry.cash, sorted(map(repr, carry.positions))) == run.held()
    assert carry.from_run == "r"
    return carry


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run.agj").open()
    yield run
    run.journal.close()


def test_fills_move_cash_and_shares(run):
    run.order()
    run.step(OrderAccepted("r-1", "v", 1), fill("r-1", "4", fee="0.05"), fill("r-1", "6", "t2", "0.45"))
    carry = same(run)
    assert carry.cash == to_units("500") - to_units("2") - to_units("0.05") - to_units("2.7")
    sizes = {(c.market, c.strategy): c.size for c in carry.positions}
    assert sizes[("m1", "operator")] == to_units("10")


def test_a_repeated_fill_counts_once(run):
    run.order()
    run.step(fill("r-1", "4"), fill("r-1", "4"))
    run.step(fill("r-1", "4"))
    assert same(run).cash == to_units("498")


@pytest.mark.parametrize(
    "story",
    [
        [fill("r-9")],
        [fill("r-1", "11")],
        [OrderRejected("r-1", "no", 1), fill("r-1")],
        [OrderAccepted("r-1", "v", 1), OrderRejected("r-1", "no", 1), fill("r-1")],
        [OperatorCancel("", "x", 1), OrderRejected("r-1", "no", 1), fill("r-1")],
        [OrderCancelled("r-1", "x", 1), fill("r-1", "5")],
        [OrderExpired("r-1", 1), fill("r-1", "10")],
        [OrderUnknown("r-1", "x", 1), fill("r-1", "5")],
        [MarketResolved("m1", "m1-yes", 1)],
        [MarketResolved("m1", "not a token", 1)],
        [MarketResolved("nowhere", "x", 1)],
        [fill("r-1"), MarketResolved("m1", "m1-no", 1)],
        [MarketListed(MARKET, 1), fill("r-1")],
        [fill("r-1", settlement=Settlement.MATCHED), fill("r-1", settlement=Settlement.FAILED)],
        [fill("r-1", settlement=Settlement.FAILED), fill("r-1", settlement=Settlement.MATCHED)],
    ],
    ids=lambda story: " ".join(type(e).__name__ for e in story),
)
def test_an_odd_story_leaves_what_the_core_made_of_it(story, run):
    run.order()
    for event in story:
        run.step(event)
    same(run)


def test_a_run_that_listed_nothing_passes_on_what_it_was_given(tmp_path):
    run = Run(tmp_path / "run.agj")
    assert same(run).positions == CARRIED
    run.journal.close()


EVENTS = st.one_of(
    st.builds(
        fill,
        st.sampled_from(["r-1", "r-2", "r-3", "r-7"]),
        st.sampled_from(["1", "4", "10", "25"]),
        st.sampled_from(["t1", "t2", "t3"]),
        st.sampled_from(["0.5", "0.33"]),
        st.sampled_from(["0", "0.01"]),
        final=st.booleans(),
        settlement=st.sampled_from(list(Settlement)),
    ),
    st.builds(OrderAccepted, st.sampled_from(["r-1", "r-2", "r-3"]), st.just("v"), st.just(1)),
    st.builds(OrderRejected, st.sampled_from(["r-1", "r-2"]), st.just("no"), st.just(1)),
    st.builds(OrderCancelled, st.sampled_from(["r-1", "r-2", "r-3"]), st.just("x"), st.just(1)),
    st.builds(OrderUnknown, st.sampled_from(["r-1", "r-3"]), st.just("x"), st.just(1)),
    st.builds(OperatorCancel, st.sampled_from(["", "r-2"]), st.just("x"), st.just(1)),
    st.builds(MarketResolved, st.just("m1"), st.sampled_from(["m1-yes", "m1-no", "x"]), st.just(1)),
)
ORDERS = st.tuples(
    st.sampled_from(list(Side)), st.sampled_from(["5", "10", "20"]), st.sampled_from(["m1-yes", "m1-no"])
)


@given(story=st.lists(st.one_of(ORDERS, EVENTS), max_size=25))
def test_whatever_happens_the_fold_is_the_core(story, tmp_path_factory):
    run = Run(tmp_path_factory.mktemp("carry") / "run.agj").open()
    try:
        for item in story:
            run.order(*item) if isinstance(item, tuple) else run.step(item)
        same(run)
    finally:
        run.journal.close()


@pytest.mark.parametrize("stopped", ["quoter", "maker"])
def test_what_the_flattener_sold_nobody_holds_after_a_restart(stopped, tmp_path):
    maker = CarriedPosition("m1", Outcome.YES, to_units("20"), to_units("9"), "maker")
    run = Run(tmp_path / "run.agj", (*CARRIED, maker)).open()
    run.step(KillSwitchSet(True, "it raised", "agbot", 1, "strategy", stopped))
    sale = run.order(Side.SELL, "25", reduce_only=True)
    assert [command.strategy for command in sale.output.commands] == [FLATTEN]
    run.step(fill(sale.output.commands[0].client_order_id, "25", price="0.48"))
    assert run.left().positions == (*run.engine.portfolio.carried(), CARRIED[1])
    kept = {position.strategy: position.size for position in run.left().positions if position.market == "m1"}
    assert kept == ({"quoter": to_units("5"), "maker": to_units("20")} if stopped == "quoter" else
                    {"quoter": to_units("25")})  # fmt: skip
    run.journal.close()


def test_the_newest_run_with_a_header_counts(tmp_path):
    assert carry_latest(tmp_path, "DEMO") is None
    for name, cash in (("20250101T000000000-demo", 1), ("20250102T000000000-demo", 2)):
        journal = Journal(tmp_path / f"{name}.agj", durable=False)
        header = header_of(Settings(), run_id=name, mode="DEMO", started_ns=1, source="t", capital=cash)
        journal.append(RUN, 1, msgspec.msgpack.encode(header))
        journal.close()
    Journal(tmp_path / "20250103T000000000-demo.agj", durable=False).close()  # killed before its first commit
    carry = carry_latest(tmp_path, "DEMO")
    assert (carry.cash, carry.from_run) == (2, "20250102T000000000-demo")


def test_a_journal_that_is_damaged_is_not_passed_over(tmp_path):
    Journal(tmp_path / "20250101T000000000-demo.agj", durable=False).close()
    (tmp_path / "20250102T000000000-demo.agj").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError) as caught:
        carry_latest(tmp_path, "DEMO")
    assert caught.value.id == "AGB-603"


def test_orders_are_known_from_the_output_after_their_batch(tmp_path):
    """A fill in the believable prefix whose order's output was lost with the crash cannot be: outputs come first."""
    journal = Journal(tmp_path / "run.agj", durable=False)
    header = header_of(Settings(), run_id="r", mode="DEMO", started_ns=1, source="t", capital=10**6)
    journal.append(RUN, 1, msgspec.msgpack.encode(header))
    journal.append(BATCH, 2, encode_batch([MarketListed(MARKET, 1)]))
    journal.append(STEP, 2, encode_output(Output((place("o1", size="1"),), (), ())))
    journal.append(BATCH, 3, encode_batch([fill("o1", "1")]))
    journal.close()
    assert carry_from(journal.path).cash == 10**6 - to_units("0.5")


def test_another_seed_is_another_world(tmp_path):
    for name, seed, cash in (("20260101T000000000-demo", 1, 7), ("20260102T000000000-demo", 2, 9)):
        header = header_of(Settings(seed=seed), run_id=name, mode="DEMO", started_ns=1, source="t", capital=cash)
        journal = Journal(tmp_path / f"{name}.agj")
        journal.append(RUN, 1, msgspec.msgpack.encode(header))
        journal.close()
    assert carry_latest(tmp_path, "DEMO", 1).cash == 7
    assert carry_latest(tmp_path, "DEMO", 2).cash == 9
    assert carry_latest(tmp_path, "DEMO", 3) is None


def accepted(change, outcome="YES", market="m1", price="0.40"):
    return DifferenceAccepted(market, outcome, to_units(change), 0, to_units(price), "ann", "r", "test", 1)


@pytest.mark.parametrize("change", ["7", "-7", "-30", "-45"])
def test_what_a_person_took_over_is_carried(run, change):
    run.order()
    run.step(fill("r-1", "10"))
    run.step(accepted(change), accepted("-3", "", ""))
    assert same(run).cash == to_units("500") - to_units("5") - to_units("3")
    assert run.engine.portfolio.position(MARKET, Outcome.YES).size == to_units("40") + to_units(change)


def test_what_nobody_knows_is_not_taken_over(run):
    before = run.held()
    step = run.step(accepted("7", market="m9"), accepted("7", "MAYBE"))
    assert len(step.output.anomalies) == 2
    assert run.held() == before
    same(run)


PARTS = st.lists(
    st.tuples(st.sampled_from(("a", "b", "wallet")), st.sampled_from(Side), st.integers(1, 50)), max_size=8
)


@given(PARTS, st.lists(st.integers(-60, 60), max_size=4))
def test_what_is_taken_over_is_no_trading_and_strategies_add_up_to_the_account(trades, changes):
    portfolio = Portfolio(to_units("1000"))
    for strategy, side, size in trades:
        filled = {"price": 300_000 + 5_000 * size, "size": size * 10**6, "fee": 0, "strategy": strategy}
        portfolio.fill(MARKET, MARKET.yes, side, **filled)
    realised, gain = portfolio.realised(), portfolio.book() - portfolio.initial_equity()
    for change in changes:
        size = portfolio.position(MARKET, Outcome.YES).size
        assert portfolio.accept(MARKET, accepted(str(change)))
        position = portfolio.position(MARKET, Outcome.YES)
        assert position.size == size + change * 10**6
        assert position.size or not position.cost
        shares = [c.size for c in portfolio.carried() if c.outcome is Outcome.YES]
        assert sum(shares) == position.size
    assert portfolio.realised() == realised
    assert portfolio.book() - portfolio.initial_equity() == gain
    portfolio.mark(MARKET, portfolio.holding(MARKET).cost)
    portfolio.mark_strategies(MARKET, lambda tokens: sum(p.cost for p in tokens.values()))
    assert sum(portfolio.strategy_pnl().values()) == portfolio.realised()
