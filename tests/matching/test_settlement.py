"""Fills that are provisional, confirmed later, or taken back: what may be sold and spent meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.matching.account import Account, Exchanged
from agbot.matching.checks import NO_BALANCE
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.paper import PaperMatcher
from agbot.model.events import BookSnapshot, MarketListed, MarketResolved, OrderAccepted, OrderFilled, OrderRejected
from agbot.model.order import Liquidity, Settlement, Side, TimeInForce
from agbot.testing.builders import levels, make_market, place, shares
from agbot.units import NS_PER_S, SCALE, to_units

S = NS_PER_S
MARKET = make_market(fee_rate=70_000)
YES, NO = MARKET.yes, MARKET.no
CASH = 100 * SCALE
FAILS, SETTLES = SCALE, 0
FAK = TimeInForce.FAK


def venue(fail_rate: int, after_ns: int = 10 * S, **held: int) -> PaperMatcher:
    conditions = Conditions(settling=Settling(after_ns=after_ns, fail_rate=fail_rate))
    positions = {token: shares(held.get(name, 0)) for name, token in (("yes", YES), ("no", NO))}
    bench = PaperMatcher(CASH, positions=positions, conditions=conditions)
    bench.on_market(0, MarketListed(MARKET, 0))
    bench.on_market(0, BookSnapshot(YES, levels(("0.48", "100")), levels(("0.52", "100")), 0))
    bench.advance(0)
    return bench


def do(bench: PaperMatcher, at: int, *args: Any, **changes: Any) -> list[Any]:
    bench.submit(at, place(*args, **changes))
    return bench.advance(at)


def worth(bench: PaperMatcher) -> tuple[int, dict[str, int], int]:
    return bench.cash, dict(bench.positions), bench.fees_paid


def settlements(evidence: list[Any]) -> list[Settlement]:
    return [e.settlement for e in evidence if isinstance(e, OrderFilled)]


def test_at_once_is_the_default() -> None:
    assert Settling().at_once
    assert not Settling(after_ns=1).at_once
    assert not Settling(fail_rate=1).at_once


@pytest.mark.parametrize("wrong", [{"after_ns": -1}, {"fail_rate": -1}, {"fail_rate": SCALE + 1}])
def test_impossible_terms(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settling(**wrong)


@pytest.mark.parametrize(("rate", "word"), [(SETTLES, Settlement.CONFIRMED), (FAILS, Settlement.FAILED)])
def test_a_fill_is_told_twice(rate: int, word: Settlement) -> None:
    bench = venue(rate)
    accepted, first = do(bench, S, price="0.52", size="10")
    assert isinstance(accepted, OrderAccepted)
    assert (first.settlement, first.final, first.ts_ns) == (Settlement.MATCHED, True, S)
    assert bench.advance(11 * S - 1) == []
    (second,) = bench.advance(11 * S)
    assert (second.settlement, second.final, second.ts_ns) == (word, False, 11 * S)
    assert (second.trade_id, second.price, second.size, second.fee) == ("o1-t1", first.price, first.size, first.fee)


@pytest.mark.parametrize(("side", "price"), [(Side.BUY, "0.52"), (Side.SELL, "0.48")])
def test_what_fails_is_as_if_it_had_never_been(side: Side, price: str) -> None:
    bench = venue(FAILS, yes=50)
    before = worth(bench)
    do(bench, S, "o1", side, price, "10")
    assert worth(bench) != before
    bench.advance(20 * S)
    assert worth(bench) == before


def test_bought_shares_are_not_to_be_sold_before_they_settle() -> None:
    bench = venue(SETTLES)
    do(bench, S, "buy", Side.BUY, "0.52", "20")
    (refused,) = do(bench, 2 * S, "early", Side.SELL, "0.48", "20", time_in_force=FAK)
    assert isinstance(refused, OrderRejected)
    assert refused.reason == f"{NO_BALANCE}: 0 shares free, the order sells 20"
    bench.advance(11 * S)
    assert settlements(do(bench, 12 * S, "late", Side.SELL, "0.48", "20", time_in_force=FAK)) == [Settlement.MATCHED]


def test_what_a_sale_brought_is_not_to_be_spent_before_it_settles() -> None:
    bench = venue(SETTLES, yes=100)
    do(bench, S, "sell", Side.SELL, "0.48", "100")
    assert bench.cash > 140 * SCALE
    (refused,) = do(bench, 2 * S, "early", Side.BUY, "0.40", "300")
    assert isinstance(refused, OrderRejected)
    assert refused.reason == f"{NO_BALANCE}: 100 usd free, the order needs 120"
    bench.advance(11 * S)
    (accepted,) = do(bench, 12 * S, "late", Side.BUY, "0.40", "300")
    assert isinstance(accepted, OrderAccepted)


@pytest.mark.parametrize("rate", [SETTLES, FAILS])
@pytest.mark.parametrize("winner", [YES, NO])
@pytest.mark.parametrize("side", Side)
def test_a_market_that_ends_before_a_trade_settles(rate: int, winner: str, side: Side) -> None:
    bench, price = venue(rate, yes=30), "0.52" if side is Side.BUY else "0.48"
    do(bench, S, "o1", side, price, "10")
    traded, held = bench.cash, bench.positions.get(YES, 0)
    bench.on_market(2 * S, MarketResolved(MARKET.id, winner, 0))  # type: ignore[arg-type]
    bench.advance(20 * S)
    cash, held = (traded, held) if rate is SETTLES else (CASH, shares(30))
    assert bench.cash == cash + (held if winner == YES else 0)
    assert bench.positions == {}


def test_failures_follow_from_the_seed() -> None:
    terms = Settling(after_ns=S, fail_rate=SCALE // 4)
    drawn = [terms.fails(1, n) for n in range(4_000)]
    assert drawn == [terms.fails(1, n) for n in range(4_000)]
    assert drawn != [terms.fails(2, n) for n in range(4_000)]
    assert 900 < sum(drawn) < 1_100
    assert not any(Settling(after_ns=S).fails(1, n) for n in range(1_000))


moves = st.builds(
    Exchanged,
    st.sampled_from([YES, NO]),
    st.sampled_from(Side),
    st.integers(1, 50 * SCALE),
    st.integers(0, 50 * SCALE),
    st.integers(0, 3 * SCALE),
)


@given(st.lists(st.tuples(moves, st.booleans(), st.integers(0, 5)), max_size=30))
def test_no_account_that_is_asked_first_goes_below_zero(trades: list[tuple[Exchanged, bool, int]]) -> None:
    """Trade only what is sellable and spendable; settle each trade a few trades later, either way."""
    account, kept, waiting = Account(CASH, {YES: shares(20)}), [], []
    for moved, failed, wait in trades:
        sells = moved.side is Side.SELL
        if (sells and moved.size > account.sellable(moved.token)) or moved.proceeds + account.spendable < 0:
            continue
        account.trade(moved, settled=False)
        waiting.append([wait, moved, failed])
        kept += [] if failed else [moved]
        settle_due(account, waiting)
        assert min(account.cash, account.spendable, *account.positions.values(), 0) >= 0
        assert min(account.sellable(token) for token in (YES, NO)) >= 0
    settle_due(account, waiting, everything=True)
    assert account.cash == CASH + sum(moved.proceeds for moved in kept) == account.spendable
    assert account.fees_paid == sum(moved.fee for moved in kept)
    for token, start in ((YES, shares(20)), (NO, 0)):
        bought = sum(moved.side.sign * moved.size for moved in kept if moved.token == token)
        assert account.positions.get(token, 0) == start + bought == account.sellable(token)


def settle_due(account: Account, waiting: list[Any], *, everything: bool = False) -> None:
    for row in list(waiting):
        row[0] -= 1
        if everything or row[0] < 0:
            waiting.remove(row)
            account.settle(row[1], failed=row[2])


def test_a_part_that_failed_does_not_rest_again() -> None:
    bench = venue(FAILS)
    bench.submit(S, place(price="0.49", size="10"))
    bench.on_market(2 * S, BookSnapshot(YES, (), levels(("0.49", "4")), 0))
    bench.advance(30 * S)
    (order,) = bench.open_orders()
    assert (order.filled, order.remaining) == (shares(4), shares(6))
    assert (bench.cash, bench.positions, bench.reserved_cash) == (CASH, {}, to_units("2.94"))


def test_a_maker_settles_like_a_taker() -> None:
    bench = venue(SETTLES)
    bench.submit(S, place(price="0.49", size="10"))
    bench.on_market(2 * S, BookSnapshot(YES, (), levels(("0.49", "40")), 0))
    told = [e for e in bench.advance(30 * S) if isinstance(e, OrderFilled)]
    assert settlements(told) == [Settlement.MATCHED, Settlement.CONFIRMED]
    assert {e.liquidity for e in told} == {Liquidity.MAKER}
