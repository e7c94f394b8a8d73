"""Whose shares the flattener sold: exact in sum, stopped strategies first, and given back when a trade fails."""

from __future__ import annotations

import types

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.admission import FLATTEN
from agbot.core.owners import Owners
from agbot.core.portfolio import Portfolio
from agbot.core.risk import Gate
from agbot.model.events import OrderFilled
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, Settlement, Side
from agbot.testing.account import Account
from agbot.testing.builders import make_market, place
from agbot.units import SCALE

MARKET = make_market()


def stage(held, stopped=()):
    portfolio, gate = Portfolio(1_000 * SCALE), Gate(())
    for name, size in held.items():
        buy = {"side": Side.BUY, "price": 333_333, "size": size, "fee": 7, "strategy": name}
        portfolio.fill(MARKET, MARKET.yes, **buy)
    for name in stopped:
        gate.kill("it raised", "strategy", name)
    return types.SimpleNamespace(portfolio=portfolio, gate=gate, markets={MARKET.id: MARKET})


def sale(strategy=FLATTEN, side=Side.SELL):
    command = types.SimpleNamespace(
        strategy=strategy, side=side, market=MARKET.id, token=MARKET.yes, client_order_id="o1"
    )
    return types.SimpleNamespace(command=command)


def fill(size, trade="t1"):
    return types.SimpleNamespace(size=size, trade_id=trade)


def test_only_a_sale_of_the_flattener_is_shared_out():
    owners = Owners(stage({"a": 100}))
    assert owners.parts(sale("a"), fill(10), taken_back=False) == ()
    assert owners.parts(sale(side=Side.BUY), fill(10), taken_back=False) == ()


def test_who_is_stopped_comes_first_then_who_holds_most():
    state = stage({"a": 50, "b": 80, "c": 10}, stopped=("c",))
    assert Owners(state).parts(sale(), fill(70), taken_back=False) == (("c", 10), ("b", 60))
    assert Owners(state).parts(sale(), fill(150), taken_back=False) == (("c", 10), ("b", 80), ("a", 50), (FLATTEN, 10))


def test_a_trade_taken_back_goes_where_it_came_from_even_when_holdings_have_changed():
    state = stage({"a": 50, "b": 80})
    owners = Owners(state)
    told = owners.parts(sale(), fill(100), taken_back=False)
    state.gate.kill("later", "strategy", "a")
    assert owners.parts(sale(), fill(100), taken_back=True) == told
    assert owners.parts(sale(), fill(100), taken_back=True) == (), "once"


def test_a_step_tells_whose_the_shares_were_and_again_when_the_trade_fails():
    account = Account(markets=[MARKET], held={(MARKET.id, Outcome.YES): ("10", "4")})
    sold = place("f", Side.SELL, "0.4", "6", market=MARKET.id, token=MARKET.yes, strategy=FLATTEN)
    account.engine.oms.begin(account.now, sold)
    terms = {"settlement": Settlement.MATCHED, "liquidity": Liquidity.TAKER, "ts_ns": 1}
    trade = OrderFilled("f", "t", 400_000, 6 * SCALE, 0, **terms)
    parts = {("f", "t"): (("script", 6 * SCALE),)}
    assert account.step(trade).sold_for == parts
    step = account.step(msgspec.structs.replace(trade, settlement=Settlement.FAILED))
    assert (len(step.voided), step.sold_for) == (1, parts)
    assert account.step().sold_for == {}


@settings(max_examples=50)
@given(
    held=st.dictionaries(st.sampled_from("abc"), st.integers(1, 10**9), min_size=1),
    size=st.integers(1, 3 * 10**9),
    price=st.integers(1, SCALE - 1),
    fee=st.integers(0, 10**6),
)
def test_the_account_moves_as_if_it_were_one_sale_and_the_parts_add_up(held, size, price, fee):
    shared, whole = stage(held), stage(held)
    parts = Owners(shared).parts(sale(), fill(size), taken_back=False)
    assert sum(part for _, part in parts) == size
    terms = {"side": Side.SELL, "price": price, "size": size, "fee": fee, "strategy": FLATTEN}
    shared.portfolio.fill(MARKET, MARKET.yes, **terms, parts=parts)
    whole.portfolio.fill(MARKET, MARKET.yes, **terms)
    for one in (shared, whole):
        account = one.portfolio.position(MARKET, Outcome.YES)
        own = [one.portfolio.own(name, MARKET.id)[0] for name in (*held, FLATTEN)]
        assert sum(own) == account.size
    assert shared.portfolio.cash == whole.portfolio.cash
    assert shared.portfolio.position(MARKET, Outcome.YES) == whole.portfolio.position(MARKET, Outcome.YES)
    spread = shared.portfolio._by_strategy.values()
    assert sum(h.tokens[Outcome.YES].fees for h in spread) == shared.portfolio.fees
    shared.portfolio.void(MARKET, MARKET.yes, **terms, parts=parts)
    assert [shared.portfolio.own(name, MARKET.id)[0] for name in held] == list(held.values())


def test_a_sale_taken_back_returns_every_fee_as_it_was_paid():
    state = stage({"a": 33, "b": 33, "c": 34})
    shares = {name: holding.tokens[Outcome.YES] for (name, _), holding in state.portfolio._by_strategy.items()}
    parts = tuple((name, share.size) for name, share in shares.items())
    trade = {"price": 333_333, "size": 100, "strategy": FLATTEN, "parts": parts}
    for fee in (11, -11):
        state.portfolio.fill(MARKET, MARKET.yes, Side.SELL, fee=fee, **trade)
        assert sum(share.fees for share in shares.values()) == 21 + fee
        state.portfolio.void(MARKET, MARKET.yes, Side.SELL, fee=fee, **trade)
        assert {name: (share.size, share.fees) for name, share in shares.items()} == {
            "a": (33, 7),
            "b": (33, 7),
            "c": (34, 7),
        }
