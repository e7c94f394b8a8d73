"""Live, simulated, ideal: nothing differs where nothing can, and the parts add up to the gap where something does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.backtest.compare import compare
from agbot.backtest.lived import Ways, lived
from agbot.backtest.loop import VirtualLoop
from agbot.backtest.run import run
from agbot.backtest.source import open_data
from agbot.backtest.spec import Sources
from agbot.backtest.turns import messages, turns
from agbot.core.portfolio import CarriedPosition
from agbot.core.step import Decision
from agbot.errors import StoreError
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelAll, CancelOrder
from agbot.model.events import OperatorOrder, OrderAccepted, OrderFilled, Timer
from agbot.model.market import Outcome
from agbot.model.order import OrderType, Side, TimeInForce
from agbot.run.engine import Recorder
from agbot.settings import PaperSettings, StrategySettings
from agbot.store.codec import encode_batch
from agbot.store.history import read_history, write_history
from agbot.store.journal import BATCH, RUN, Header, Journal
from agbot.store.rebuild import engine_of, header_of
from agbot.units import NS_PER_MS, to_units

PARTS = ("fees", "queue", "decision drift", "missed data", "latency")


@pytest.fixture
def lives(short_spec, tmp_path):
    """Return a maker of runs: a backtest with a journal is a run whose venue is the paper venue, in virtual time."""
    count = 0

    def live(order_ms, feed_ms, **more):
        nonlocal count
        count += 1
        delays = PaperSettings(order_latency_ns=order_ms * NS_PER_MS, feed_latency_ns=feed_ms * NS_PER_MS)
        settings = attrs.evolve(short_spec.settings, paper=delays)
        path, made = tmp_path / f"{count}.agj", {k: more.pop(k) for k in ("make_loop",) if k in more}
        return path, run(attrs.evolve(short_spec, settings=settings, **more), journal=path, **made)

    return live


def by_name(found):
    assert tuple(part.name for part in found.parts) == PARTS
    assert sum(part.usd for part in found.parts) == found.gap == found.ideal.pnl - found.live.pnl
    return {part.name: part.usd for part in found.parts}


def test_without_latency_nothing_differs(lives):
    path, result = lives(0, 0)
    found = compare(path, queue="back")
    assert by_name(found) == dict.fromkeys(PARTS, 0)
    assert (found.drift, found.drift_ideal) == (None, None)
    assert found.live.digest == found.simulated.digest == found.ideal.digest == result.digest
    assert found.live.points == found.ideal.points
    assert found.decisions > 50


def test_with_latency_the_simulation_is_the_run_and_the_gap_is_the_latency(lives):
    path, result = lives(50, 10)
    found = compare(path, queue="back")
    assert found.live.digest == found.simulated.digest == result.digest
    assert (found.live.pnl, found.live.trades, found.drift) == (result.pnl, result.trades, None)
    assert by_name(found) == {**dict.fromkeys(PARTS, 0), "latency": found.gap}
    assert found.gap != 0
    assert found.ideal.pnl == lives(0, 0)[1].pnl
    assert "order 50 ms, answer 10 ms" in found.live.latency


def test_the_first_decision_that_is_another_one_is_named(lives):
    path, _ = lives(500, 200)
    first = compare(path, queue="back").drift_ideal
    assert first.live.what != first.other.what
    assert isinstance(first.live.what, Decision | CancelOrder | CancelAll)
    told = [d for turn in turns(path) for d in turn.output.decisions]
    assert not isinstance(first.live.what, Decision) or first.live.what in told[: first.number]


def test_fills_that_the_model_would_not_have_are_the_queue(lives):
    path, _ = lives(50, 10, queue="front")
    same, other = compare(path, queue="front"), compare(path, queue="back")
    assert by_name(same)["queue"] == 0
    assert by_name(other)["queue"] + by_name(other)["decision drift"] != 0
    assert other.live.trades > other.simulated.trades


class Dear(PaperMatcher):
    """Takes a tenth of a cent for each fill, whatever the market's terms say."""

    def advance(self, now_ns):
        return [
            msgspec.structs.replace(e, fee=e.fee + 1000) if isinstance(e, OrderFilled) else e
            for e in super().advance(now_ns)
        ]


def test_a_venue_that_charges_more_than_its_formula_is_found_in_the_fees(lives):
    def dear(step, matcher, markets, groups):
        return VirtualLoop(step, Dear(matcher.cash, terms=matcher.terms), markets, groups)

    path, result = lives(50, 10, make_loop=dear)
    parts = by_name(compare(path, queue="back"))
    assert parts["fees"] == result.fees == 1000 * result.trades > 0
    assert parts["queue"] == parts["decision drift"] == 0


def test_a_strategy_that_answers_every_answer_comes_to_an_end_without_latency(short_spec, tmp_path):
    flip = StrategySettings(name=f"{Path(__file__).with_name('flip.py')}:Flip")
    delays = PaperSettings(order_latency_ns=500 * NS_PER_MS, feed_latency_ns=500 * NS_PER_MS)
    settings = attrs.evolve(short_spec.settings, strategies=(flip,), paper=delays)
    path = tmp_path / "flip.agj"
    run(attrs.evolve(short_spec, settings=settings), journal=path)
    by_name(compare(path, queue="back"))


def test_an_operators_order_is_in_the_run_once(lives):
    """Where nothing is decided anew it is sent because the journal sent it, and not once more."""

    def asked(step, matcher, markets, groups):
        market, told = next(iter(markets)), []

        def with_operator(now_ns, batch):
            if not told and any(isinstance(event, Timer) for event in batch):
                told.append(now_ns)
                order = OperatorOrder(
                    "mine", market.id, market.yes, Side.BUY, OrderType.LIMIT, 10_000, to_units(10), TimeInForce.GTC,
                    False, 0, now_ns,
                )  # fmt: skip
                batch = [order, *batch]
            return step(now_ns, batch)

        return VirtualLoop(with_operator, matcher, markets, groups)

    path, result = lives(50, 10, make_loop=asked)
    found = compare(path, queue="back")
    assert by_name(found)["queue"] == by_name(found)["decision drift"] == 0
    assert found.simulated.digest == result.digest


def test_data_the_run_did_not_get_is_missed(short_spec, lives, tmp_path):
    whole = read_history(short_spec.data.recordings[0])
    kept = [m for i, m in enumerate(whole.messages()) if not 200 <= i < 300]
    write_history(tmp_path / "holed.agh", whole.markets, kept)
    path, _ = lives(50, 10, data=Sources(recordings=(tmp_path / "holed.agh",)))
    found = compare(path, queue="back", data=open_data(short_spec.data))
    assert by_name(found)["missed data"] != 0
    assert by_name(found)["queue"] == by_name(found)["decision drift"] == 0
    assert found.ideal.pnl == lives(0, 0)[1].pnl


def test_positions_of_an_earlier_run_are_there_again(short_spec, tmp_path):
    """Fifty shares of YES, held by two; the quoter sells of them, and nothing differs."""
    data, settings = open_data(short_spec.data).source, short_spec.settings
    market = data.markets[0]
    carried = tuple(
        CarriedPosition(market.id, Outcome.YES, to_units(25), to_units(10), n) for n in ("quoter", "wallet")
    )
    header = header_of(
        settings, run_id="r", mode="BACKTEST", started_ns=1, source="", capital=settings.capital_usd, carried=carried
    )
    engine = engine_of(header)
    with closing(Journal(tmp_path / "r.agj")) as journal:
        recorder = Recorder(engine, journal, header)
        matcher = PaperMatcher(settings.capital_usd, positions={market.yes: to_units(50)})
        loop = VirtualLoop(lambda at, batch: recorder.step(at, batch)[0], matcher, data.markets, data.groups())
        assert [*loop.run(), *loop.finish("over")]
        recorder.end(loop.now_ns, "over")
    found = compare(tmp_path / "r.agj", queue="back")
    assert by_name(found) == dict.fromkeys(PARTS, 0)
    assert (found.drift, found.drift_ideal) == (None, None)
    assert any(not fill.buy for fill in found.ideal.fills)


def test_market_data_comes_in_the_venues_order_and_all_of_it(lives):
    path, _ = lives(50, 10)
    at_venue, at_bot = list(messages(path, at_the_bot=False)), list(messages(path, at_the_bot=True))
    assert [at for at, _ in at_venue] == sorted(at for at, _ in at_venue)
    assert [m for _, m in at_venue] == [m for _, m in at_bot]
    assert {bot - venue for (bot, _), (venue, _) in zip(at_bot, at_venue, strict=True)} == {10 * NS_PER_MS}


HEADER = Header(
    run_id="r",
    mode="PAPER",
    version="0",
    capital=1,
    seed=1,
    policies='{"policies": []}',
    strategies=(),
    started_ns=0,
)


@pytest.mark.parametrize(
    ("batches", "error_id"), [([], "AGB-588"), ([encode_batch([Timer("second", 1)])[:-1]], "AGB-605")]
)
def test_a_journal_with_nothing_to_compare_is_refused(tmp_path, batches, error_id):
    with closing(Journal(tmp_path / "run.agj")) as journal:
        journal.append(RUN, 0, msgspec.msgpack.encode(HEADER))
        for batch in batches:
            journal.append(BATCH, 1, batch)
    with pytest.raises(StoreError, match=error_id):
        lived(tmp_path / "run.agj")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 100)), max_size=30))
def test_a_delay_is_met_again_by_the_same_message_of_the_same_order(sent):
    ways = Ways()
    noted = [(ways.key(accepted(name)), took) for name, took in sent]
    for key, took in noted:
        ways.note(key, took)
    again = ways.settle()
    assert [again.ns(accepted(name)) for name, _ in sent] == [max(took, 0) for _, took in sent]
    usual = sorted(max(took, 0) for _, took in sent)
    assert again.ns(accepted("stranger")) == (usual[(len(usual) - 1) // 2] if usual else 0)


def accepted(name):
    return OrderAccepted(name, name, 0)
