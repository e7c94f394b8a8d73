"""Fills that settle later, or never: what each word does to order, cash, position and fees."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.engine import Engine, EngineSettings
from agbot.core.lifecycle import NEXT, Evidence
from agbot.core.oms import IllegalTransition, Oms
from agbot.core.portfolio import Portfolio
from agbot.core.risk import Gate
from agbot.model.events import (
    MarketListed,
    MarketResolved,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.order import Liquidity, OrderState, Settlement, Side
from agbot.testing.builders import make_market, place
from agbot.units import SCALE, to_units

S, T = OrderState, Settlement
SIZE = 10 * SCALE
PROVISIONAL = (T.MATCHED, T.MINED, T.RETRYING)
MARKET = make_market()


def told(settlement, size=4 * SCALE, trade="t", *, price=500_000, fee=7, order="o1"):
    return OrderFilled(order, trade, price, size, fee, Liquidity.TAKER, 9, settlement=settlement)


def with_fill(state, size=4 * SCALE, settlement=T.MATCHED):
    """An order in `state` of which trade "t" filled `size`."""
    oms = Oms()
    oms.begin(1, place())
    if state is not S.PENDING_NEW:
        oms.apply(2, OrderAccepted("o1", "v", 2))
    oms.apply(3, told(settlement, size))
    match state:
        case S.PENDING_CANCEL:
            oms.cancelling(4, "o1")
        case S.CANCELLED:
            oms.apply(4, OrderCancelled("o1", "", 4))
        case S.EXPIRED:
            oms.apply(4, OrderExpired("o1", 4))
        case S.UNKNOWN:
            oms.apply(4, OrderUnknown("o1", "", 4))
    return oms, oms.get("o1")


def money(record):
    return (record.filled, record.spent, record.fees)


@pytest.mark.parametrize("provisional", PROVISIONAL)
@pytest.mark.parametrize(
    ("before", "size", "after"),
    [
        (S.PENDING_NEW, 4 * SCALE, S.PENDING_NEW),
        (S.PARTIALLY_FILLED, 4 * SCALE, S.OPEN),
        (S.PENDING_CANCEL, 4 * SCALE, S.PENDING_CANCEL),
        (S.UNKNOWN, 4 * SCALE, S.UNKNOWN),
        (S.CANCELLED, 4 * SCALE, S.CANCELLED),
        (S.EXPIRED, 4 * SCALE, S.EXPIRED),
        (S.CANCELLED, SIZE, S.FILLED),
        (S.FILLED, SIZE, S.CANCELLED),
    ],
)
def test_a_failed_trade_is_taken_back_and_revives_nothing(provisional, before, size, after):
    if (before, size) == (S.CANCELLED, SIZE):  # the cancel was first, the late fill completed the order
        oms = Oms()
        oms.begin(1, place())
        oms.apply(2, OrderCancelled("o1", "", 2))
        oms.apply(3, told(provisional, SIZE))
        assert oms.get("o1").state is S.FILLED
        after = S.CANCELLED
    else:
        oms, _ = with_fill(before, size, provisional)
    record = oms.get("o1")
    assert record.filled == size
    oms.apply(9, told(T.FAILED, size))
    assert (record.state, money(record)) == (after, (0, 0, 0))
    assert "failed to settle" in record.reason
    assert record.remaining == (0 if after.terminal else SIZE)
    assert (record in list(oms.all_live())) == (not after.terminal)
    assert +oms.ended == ({after: 1} if after.terminal else {})
    assert oms.in_flight == (after in (S.PENDING_NEW, S.PENDING_CANCEL))


def test_the_table_says_so_for_every_state():
    revived = {
        s for s, row in NEXT.items() if s.terminal and Evidence.VOIDED in row and not row[Evidence.VOIDED].terminal
    }
    assert revived == set()
    assert {s for s, row in NEXT.items() if Evidence.VOIDED not in row} == {S.REJECTED, S.DENIED}


KEEPS, TAKES_BACK, CONTRADICTS = "keeps", "takes back", "contradicts"
SETTLING = {
    **dict.fromkeys(itertools.product(T, PROVISIONAL), KEEPS),
    **{(before, T.CONFIRMED): KEEPS for before in (*PROVISIONAL, T.CONFIRMED)},
    **{(before, T.FAILED): TAKES_BACK for before in PROVISIONAL},
    (T.FAILED, T.FAILED): KEEPS,
    (T.CONFIRMED, T.FAILED): CONTRADICTS,
    (T.FAILED, T.CONFIRMED): CONTRADICTS,
}


@pytest.mark.parametrize(("before", "after"), list(itertools.product(T, T)))
def test_every_pair_of_settlements(before, after):
    oms, record = with_fill(S.OPEN, settlement=before)
    held = money(record)
    assert held == ((0, 0, 0) if before is T.FAILED else (4 * SCALE, 2 * SCALE, 7))
    if SETTLING[before, after] == CONTRADICTS:
        with pytest.raises(IllegalTransition, match="is now"):
            oms.apply(9, told(after))
    else:
        oms.apply(9, told(after))
    assert money(record) == ((0, 0, 0) if SETTLING[before, after] == TAKES_BACK else held)
    final = before in (T.CONFIRMED, T.FAILED)
    if final or after not in PROVISIONAL:
        assert record.trades["t"].settlement is (before if final else after)


def test_a_hash_seen_may_change_on_a_retry_but_an_old_word_does_not_count():
    oms, record = with_fill(S.OPEN)
    heard = []
    for word in (T.MINED, T.RETRYING, T.MATCHED, T.MINED, T.CONFIRMED):
        oms.apply(9, told(word))
        heard.append(record.trades["t"].settlement)
    assert heard == [T.MINED, T.RETRYING, T.RETRYING, T.MINED, T.CONFIRMED]


def test_a_trade_that_changes_its_size_is_a_contradiction():
    oms, record = with_fill(S.OPEN)
    with pytest.raises(IllegalTransition, match="was 4000000 at 500000 and is now 3000000"):
        oms.apply(9, told(T.CONFIRMED, 3 * SCALE))
    assert record.trades["t"].settlement is T.MATCHED


@pytest.mark.parametrize("state", [s for s in S if s is not S.DENIED])
def test_a_failure_heard_first_moves_nothing(state):
    oms = Oms()
    oms.begin(1, place())
    steps = {
        S.OPEN: OrderAccepted("o1", "v", 2),
        S.PARTIALLY_FILLED: told(T.CONFIRMED, trade="x"),
        S.FILLED: told(T.CONFIRMED, SIZE, "x"),
        S.CANCELLED: OrderCancelled("o1", "", 2),
        S.EXPIRED: OrderExpired("o1", 2),
        S.REJECTED: OrderRejected("o1", "no", 2),
        S.UNKNOWN: OrderUnknown("o1", "", 2),
    }
    if state in steps:
        oms.apply(2, steps[state])
    elif state is S.PENDING_CANCEL:
        oms.cancelling(2, "o1")
    record = oms.get("o1")
    before = money(record)
    if state is S.REJECTED:
        with pytest.raises(IllegalTransition):
            oms.apply(3, told(T.FAILED))
    else:
        oms.apply(3, told(T.FAILED))
        assert oms.apply(4, told(T.MATCHED)) is None
    assert (record.state, money(record)) == (state, before)


# ---------------------------------------------------------------- the same, as money


class NoStrategy:
    id = "none"

    def decide(self, _view):
        return []


def engine_with(*orders):
    engine = Engine(EngineSettings(run_id="r", capital=to_units("1000")), Gate([]), [NoStrategy()])
    engine.step(1, [MarketListed(MARKET, 1)])
    for order in orders:
        engine.oms.begin(1, order)
    return engine


def test_a_step_tells_fills_and_what_was_taken_back():
    engine = engine_with(place())
    assert len(engine.step(2, [told(T.MATCHED)]).fills) == 1
    confirmed = engine.step(3, [told(T.MINED)])
    assert (confirmed.fills, confirmed.voided, len(confirmed.changed)) == ((), (), 1)
    failed = engine.step(4, [told(T.FAILED)])
    assert [fill.settlement for _, fill in failed.voided] == [T.FAILED]
    assert failed.fills == ()
    assert engine.portfolio.cash == to_units("1000")
    assert engine.portfolio.fees == 0
    assert engine.step(5, [told(T.CONFIRMED)]).output.anomalies


def test_one_trade_may_hit_two_orders_of_ours_and_fails_for_both():
    engine = engine_with(place("o1"), place("o2", price="0.49"))
    both = [told(T.MATCHED, order="o1"), told(T.MATCHED, 3 * SCALE, price=490_000, order="o2")]
    engine.step(2, both)
    assert engine.portfolio.net(MARKET) == 7 * SCALE
    engine.step(3, [told(T.FAILED, order="o1")])
    assert engine.portfolio.net(MARKET) == 3 * SCALE
    engine.step(4, [told(T.FAILED, 3 * SCALE, price=490_000, order="o2")])
    assert (engine.portfolio.net(MARKET), engine.portfolio.cash) == (0, to_units("1000"))


@pytest.mark.parametrize("winner", [MARKET.yes, MARKET.no])
def test_a_fill_that_fails_after_the_market_ended_gives_its_payout_back(winner):
    engine = engine_with(place())
    engine.step(2, [told(T.MATCHED)])
    engine.step(3, [MarketResolved(MARKET.id, winner, 3)])
    engine.step(4, [told(T.FAILED)])
    assert engine.portfolio.cash == to_units("1000")
    assert engine.portfolio.equity() == to_units("1000")
    assert engine.portfolio.carried() == []


trades = st.lists(
    st.tuples(
        st.sampled_from(["yes", "no"]),
        st.sampled_from(list(Side)),
        st.integers(1, SCALE - 1),
        st.integers(1, 10**9),
        st.integers(0, 10**4),
        st.booleans(),
    ),
    max_size=25,
)


def fold(sequence, *, failing):
    """Fold trades in; those marked are taken back at the end (`failing`) or never come."""
    p = Portfolio(10**15)
    undo = []
    for outcome, side, price, size, fee, fails in sequence:
        token = MARKET.yes if outcome == "yes" else MARKET.no
        row = {"price": price, "size": size, "fee": fee, "strategy": "s"}
        if failing or not fails:
            p.fill(MARKET, token, side, **row)
        if failing and fails:
            undo.append((token, side, row))
        invariants(p)
    for token, side, row in undo:
        p.void(MARKET, token, side, **row)
        invariants(p)
    return p


def invariants(p):
    held = p.holding(MARKET).tokens.values()
    assert p.cash + sum(q.cost for q in held) - p.realised() == 10**15
    assert all(q.size or not q.cost for q in held)


@given(trades)
def test_a_trade_taken_back_has_never_been(sequence):
    a, b = fold(sequence, failing=True), fold(sequence, failing=False)
    assert (a.cash, a.fees) == (b.cash, b.fees)
    assert [q.size for q in a.holding(MARKET).tokens.values()] == [q.size for q in b.holding(MARKET).tokens.values()]
    for p in (a, b):  # whatever the same shares are worth now, the account is worth the same
        p.mark(MARKET, 12_345)
    assert a.equity() == b.equity()


facts = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(list(T))), max_size=40)


@given(facts)
def test_any_order_of_words_ends_in_the_money_of_the_trades_that_stand(sequence):
    engine = engine_with(place(size="40"))
    for now, (trade, settlement) in enumerate(sequence, 2):
        engine.step(now, [told(settlement, trade=trade)])
    record = engine.oms.get("o1")
    stand = [t for t in record.trades.values() if t.settlement is not T.FAILED]
    assert record.filled == sum(t.size for t in stand) == engine.portfolio.net(MARKET)
    assert record.fees == engine.portfolio.fees == 7 * len(stand)
    assert engine.portfolio.cash == to_units("1000") - (2 * SCALE + 7) * len(stand)


@pytest.mark.parametrize("end", [T.CONFIRMED, T.FAILED])
@pytest.mark.parametrize("way", [(), (T.MINED,), (T.RETRYING, T.MINED)])
def test_what_was_bought_is_not_sold_before_its_trade_has_settled(way, end):
    oms, record = with_fill(S.OPEN)
    token = record.command.token
    assert oms.unsettled[token] == 4 * SCALE
    for settlement in way:
        oms.apply(5, told(settlement))
        assert oms.unsettled[token] == 4 * SCALE
    oms.apply(6, told(end))
    assert oms.unsettled[token] == 0
    oms.apply(7, told(end))
    assert oms.unsettled[token] == 0


def test_the_gate_and_the_view_leave_out_shares_that_have_not_settled():
    engine = engine_with(place())
    engine.step(2, [OrderAccepted("o1", "v", 2), told(T.MATCHED, SIZE)])
    view = engine.coordinator.view(3, MARKET, place().strategy)
    assert (view.yes_size, view.yes_settled) == (SIZE, 0)
    engine.step(4, [told(T.CONFIRMED, SIZE)])
    assert engine.coordinator.view(5, MARKET, place().strategy).yes_settled == SIZE
