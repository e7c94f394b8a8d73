"""The strategy on a generated event whose arbitrages are known, against the paper venue on one virtual clock."""

from __future__ import annotations

import pytest

from agbot.backtest.loop import VirtualLoop
from agbot.core.engine import Engine, EngineSettings
from agbot.core.risk import Gate
from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import PlaceOrder
from agbot.model.order import Side
from agbot.strategy.arbitrage import Arbitrage, ArbitrageParams
from agbot.strategy.arbitrage.baskets import Identity
from agbot.strategy.arbitrage.certificate import certificate_of
from agbot.testing.planted import EVENT, Truth, planted_event
from agbot.units import NS_PER_MS, NS_PER_S, to_units

MEANT = {
    Truth.ALL_YES: [(Identity.ALL_YES, Side.BUY)],
    Truth.NO_SET: [(Identity.NO_SET, Side.BUY), (Identity.ALL_YES, Side.SELL), (Identity.CONVERSION, Side.BUY)],
}
"""YES that is bid for too much is bought as NO, or sold where it is held."""
CASH = to_units("100000")


def run(planted, *, latency_ms=40, **params):
    strategy = Arbitrage(ArbitrageParams(exhaustive={EVENT: len(planted.markets)}, cooldown_ms="2000", **params))
    engine = Engine(EngineSettings(run_id="r", capital=CASH), Gate([]), [strategy])
    terms = Terms(order_latency_ns=latency_ms * NS_PER_MS, feed_latency_ns=10 * NS_PER_MS)
    matcher = PaperMatcher(CASH, terms=terms)
    groups = [(i.ts_ns, planted.messages(i)) for i in planted.instants]
    loop = VirtualLoop(engine.step, matcher, planted.markets, groups)
    orders = [c for _, _, step in loop.run() for c in step.output.commands if isinstance(c, PlaceOrder)]
    return strategy, matcher, orders


def worst(planted, matcher):
    """Return what the account has when the dearest outcome for it wins (10⁻⁶ usd)."""
    held = matcher.positions
    pays = [sum(held.get(m.yes if m is winner else m.no, 0) for m in planted.markets) for winner in planted.markets]
    return matcher.cash + min(pays)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("outcomes", [3, 5])
def test_every_planted_arbitrage_is_traded_whole_and_nothing_else(seed, outcomes):
    planted = planted_event(seed, outcomes=outcomes, instants=24)
    strategy, matcher, orders = run(planted, confirm_ms="300", min_profit="0.05", min_edge="0.001")
    there = [i for i in planted.instants if i.truth in (Truth.ALL_YES, Truth.NO_SET)]
    assert there
    assert len(strategy.done) == len(there)
    assert strategy.plans == []
    for (plan, proof), instant in zip(strategy.done, there, strict=True):
        assert instant.ts_ns < plan.started_ns < instant.ts_ns + 2 * NS_PER_S
        assert (proof.basket.identity, proof.legs[0].side) in MEANT[instant.truth]
        assert plan.reason.endswith(" sets")
        assert not plan.reason.startswith("0")
        assert proof.worst <= certificate_of(proof).bound
    assert all(order.time_in_force == "FOK" for order in orders)
    gained = sum(proof.worst for _, proof in strategy.done)
    assert worst(planted, matcher) - CASH >= gained > to_units("0.05") * len(there)


def test_books_that_moved_on_kill_whole_legs_and_cost_nothing():
    """Orders that arrive when the books stand elsewhere: what is left is equal, or nothing at all."""
    planted = planted_event(7, instants=24)
    strategy, matcher, orders = run(planted, latency_ms=1_900, confirm_ms="300", patience_ms="0")
    assert orders
    assert strategy.plans == []
    held = [matcher.positions.get(m.yes, 0) - matcher.positions.get(m.no, 0) for m in planted.markets]
    assert max(held) - min(held) < to_units("5")
    assert worst(planted, matcher) - CASH > -len(strategy.done) * to_units("20")


def test_nothing_is_traded_for_less_than_it_must_gain():
    planted = planted_event(1, instants=24)
    assert run(planted, min_profit="1000")[2] == []
    assert run(planted, min_edge="0.5")[2] == []
    assert run(planted, min_signal="50")[2] == []
    assert run(planted, confirm_ms="5000")[2] == []


def test_without_a_word_that_the_outcomes_are_all_only_no_is_bought():
    planted = planted_event(2, instants=24)
    strategy = Arbitrage(ArbitrageParams(exhaustive={EVENT: 5}, cooldown_ms="0"))
    engine = Engine(EngineSettings(run_id="r", capital=CASH), Gate([]), [strategy])
    matcher = PaperMatcher(CASH, terms=Terms(order_latency_ns=1, feed_latency_ns=1))
    groups = [(i.ts_ns, planted.messages(i)) for i in planted.instants]
    list(VirtualLoop(engine.step, matcher, planted.markets, groups).run())
    assert {proof.basket.identity for _, proof in strategy.done} == {"NO of several"}


def test_the_same_run_again_is_the_same():
    planted = planted_event(3, instants=16)
    first, second = (run(planted)[2] for _ in range(2))
    assert first
    assert first == second
