"""Money: exact costs, exact conservation, one rule for the remainder."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.portfolio import CarriedPosition, Portfolio, Position
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.testing.builders import make_market
from agbot.testing.positions import PositionSimulator
from agbot.units import SCALE, to_units, token_value

MARKET = Market(id="m", yes="y", no="n")


def buy(portfolio, outcome, price, size, fee=0, side=Side.BUY, strategy="s"):
    return portfolio.fill(
        MARKET,
        MARKET.token(outcome),
        side,
        price=to_units(price),
        size=to_units(size),
        fee=to_units(fee),
        strategy=strategy,
    )


def test_average_cost_and_realised_pnl():
    p = Portfolio(to_units("1000"))
    buy(p, Outcome.YES, "0.40", "100")
    buy(p, Outcome.YES, "0.50", "100")
    position = p.position(MARKET, Outcome.YES)
    assert (position.size, position.average_price) == (to_units("200"), to_units("0.45"))
    realised = buy(p, Outcome.YES, "0.60", "50", "0.25", side=Side.SELL)
    assert realised == to_units("7.25")  # 50 · (0.60 − 0.45) − 0.25
    assert p.cash == to_units("1000") - to_units("90") + to_units("30") - to_units("0.25")
    assert position.size == to_units("150")


def test_a_sale_through_zero_turns_the_position():
    position = Position()
    position.apply(Side.BUY, 100, 40)
    assert position.apply(Side.SELL, 150, 90) == 60 - 40
    assert (position.size, position.cost) == (-50, -30)
    assert position.apply(Side.BUY, 50, 20) == 10
    assert (position.size, position.cost, position.average_price) == (0, 0, 0)


def test_marks_are_liquidation_values():
    p = Portfolio(to_units("100"))
    buy(p, Outcome.YES, "0.50", "100")
    assert p.equity() == to_units("100")  # at cost until marked
    p.mark(MARKET, to_units("45"))
    assert p.equity() == to_units("95")
    assert p.inventory_usd() == to_units("45")


def at_60_and_35(tokens):
    """Return what tokens bring when YES is worth 0.60 and NO 0.35."""
    return (60 * tokens[Outcome.YES].size + 35 * tokens[Outcome.NO].size) // 100


def test_strategies_share_the_mark():
    p = Portfolio(to_units("100"))
    buy(p, Outcome.YES, "0.50", "30", strategy="a")
    buy(p, Outcome.YES, "0.50", "10", strategy="b")
    p.mark(MARKET, to_units("24"))
    p.mark_strategies(MARKET, at_60_and_35)
    assert p.strategy_pnl() == {("a", "m"): to_units("3"), ("b", "m"): to_units("1")}


def test_who_sells_what_another_holds_makes_no_money_out_of_it():
    p = Portfolio(to_units("100"))
    buy(p, Outcome.YES, "0.60", "20", strategy="a")
    p.fill(MARKET, MARKET.yes, Side.SELL, price=600_000, size=to_units("10"), fee=0, strategy="operator")
    p.mark(MARKET, to_units("6"))
    p.mark_strategies(MARKET, at_60_and_35)
    assert p.strategy_pnl() == {("a", "m"): 0, ("operator", "m"): 0}


def test_holding_against_each_other_each_has_the_worth_of_its_own():
    p = Portfolio(to_units("100"))
    buy(p, Outcome.YES, "0.50", "100", strategy="a")
    buy(p, Outcome.NO, "0.40", "99", strategy="b")
    p.mark(MARKET, to_units("99.60"))  # 99 pairs merge into 1 usd each, and one YES
    p.mark_strategies(MARKET, at_60_and_35)
    assert p.strategy_pnl() == {("a", "m"): to_units("14.95"), ("b", "m"): to_units("-4.95")}


@pytest.mark.parametrize(("winner", "paid"), [(Outcome.YES, 30), (Outcome.NO, 10)])
def test_settlement_pays_the_winner_only(winner, paid):
    p = Portfolio(to_units("100"))
    buy(p, Outcome.YES, "0.50", "30")
    buy(p, Outcome.NO, "0.40", "10")
    p.settle(MARKET, winner)
    assert p.cash == to_units(Decimal(100 - 15 - 4 + paid))
    assert p.equity() == p.cash
    assert p.realised() == p.cash - to_units("100")


def test_a_next_run_takes_over():
    p = Portfolio(to_units("100"))
    buy(p, Outcome.NO, "0.40", "10")
    after = Portfolio(p.cash)
    after.take_over(MARKET, p.carried())
    assert p.carried() == [CarriedPosition("m", Outcome.NO, to_units("10"), to_units("4"), "s")]
    assert after.equity() == after.initial_equity() == p.equity()
    assert after.carried() == p.carried()


trades = st.lists(
    st.tuples(
        st.sampled_from(list(Outcome)),
        st.sampled_from(list(Side)),
        st.integers(1, SCALE - 1),
        st.integers(1, 10**12),
        st.integers(0, 10**6),
    ),
    max_size=30,
)


@given(trades, st.lists(st.sampled_from("ab"), min_size=30, max_size=30), st.integers(-(10**12), 10**12), st.booleans())
def test_the_pnl_of_the_strategies_adds_up(sequence, owners, mark, marked):
    p = Portfolio(10**15)
    for (outcome, side, price, size, fee), owner in zip(sequence, owners, strict=False):
        p.fill(MARKET, MARKET.token(outcome), side, price=price, size=size, fee=fee, strategy=owner)
    if marked:
        p.mark(MARKET, mark if sequence else 0)
    p.mark_strategies(MARKET, at_60_and_35)
    assert sum(p.strategy_pnl().values()) == p.equity() - p.initial_equity()


@given(trades)
def test_cash_plus_cost_minus_realised_is_conserved(sequence):
    p = Portfolio(10**15)
    for outcome, side, price, size, fee in sequence:
        p.fill(MARKET, MARKET.token(outcome), side, price=price, size=size, fee=fee, strategy="s")
        cost = sum(p.position(MARKET, o).cost for o in Outcome)
        assert p.cash + cost - p.realised() == 10**15
        assert all((q.size == 0) <= (q.cost == 0) for q in (p.position(MARKET, o) for o in Outcome))


@given(st.integers(1, SCALE - 1), st.integers(1, 10**15))
def test_a_pair_costs_one_usd_per_share(price, size):
    assert token_value(price, size, yes=True) + token_value(SCALE - price, size, yes=False) == size


def test_the_simulator_is_the_same_arithmetic():
    simulator = PositionSimulator()
    assert simulator.update_position("m", "100", "0.5") == 100
    assert simulator.update_position("m", Decimal("-150"), Decimal("0.6")) == -50
    assert simulator.get_position("m") == -50
    assert simulator.get_realised_usd("m") == 10
    assert simulator.get_inventory_value_usd() == 30
    assert simulator.get_position("other") == 0
    simulator.reset()
    assert simulator.get_inventory_value_usd() == 0


@pytest.mark.parametrize(("size", "price"), [("0", "0.5"), ("1", "1.5"), ("1", "-0.1"), (1.5, "0.5"), ("x", "0.5")])
def test_the_simulator_refuses_nonsense(size, price):
    with pytest.raises(ValueError, match=r"\d|x"):
        PositionSimulator().update_position("m", size, price)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50), st.booleans(), st.integers(-60, 60)), max_size=20)
)
def test_sums_kept_between_marks_are_those_added_up(steps):
    portfolio = Portfolio(1000)
    for name, size, buys, worth in steps:
        market = make_market(name)
        side = Side.BUY if buys else Side.SELL
        portfolio.fill(market, market.yes, side, price=500_000, size=size, fee=0, strategy="s")
        for told in (worth, -worth, worth + 1):
            portfolio.mark(market, told)
            values = [holding.value for _, holding in portfolio.holdings()]
            assert portfolio.inventory_usd() == sum(map(abs, values))
            assert portfolio.equity() == portfolio.cash + sum(values)
            assert portfolio.marked
