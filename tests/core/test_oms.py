"""The lifecycle table: every (state, evidence) pair, legal or not, and what fills do to it."""

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.lifecycle import LIVE, NEXT, Evidence
from agbot.core.oms import IllegalTransition, Oms
from agbot.model.commands import PlaceOrder
from agbot.model.events import (
    CancelRejected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.order import Liquidity, OrderState, OrderType, Side, TimeInForce

S, E = OrderState, Evidence
SIZE = 10_000_000


def command(order_id="o", *, size=SIZE, side=Side.BUY, budget=0):
    return PlaceOrder(
        client_order_id=order_id,
        venue="paper",
        market="m",
        token="yes",
        side=side,
        order_type=OrderType.LIMIT,
        price=500_000,
        size=size,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        expire_ns=0,
        budget=budget,
        strategy="s",
        why="",
    )


def fill(size, trade="t", *, final=False):
    return OrderFilled("o", trade, 500_000, size, 0, Liquidity.MAKER, 9, final=final)


EVENTS = {
    E.ACCEPTED: OrderAccepted("o", "v", 9),
    E.REJECTED: OrderRejected("o", "no", 9),
    E.PART_FILL: fill(1_000_000, "new"),
    E.CANCEL_REFUSED: CancelRejected("o", "no", 9),
    E.CANCELLED: OrderCancelled("o", "", 9),
    E.EXPIRED: OrderExpired("o", 9),
    E.SILENCE: OrderUnknown("o", "", 9),
}


def in_state(state, *, filled=0):
    """An order brought to `state` through legal evidence only."""
    oms = Oms()
    oms.begin(1, command(), denied="Policy" if state is S.DENIED else "")
    if filled:
        oms.apply(2, fill(filled, "early"))
    steps = {
        S.OPEN: [EVENTS[E.ACCEPTED]],
        S.PARTIALLY_FILLED: [fill(1_000_000, "part")],
        S.FILLED: [fill(SIZE, "all")],
        S.CANCELLED: [EVENTS[E.CANCELLED]],
        S.REJECTED: [EVENTS[E.REJECTED]],
        S.EXPIRED: [EVENTS[E.EXPIRED]],
        S.UNKNOWN: [EVENTS[E.SILENCE]],
    }
    for event in steps.get(state, []):
        oms.apply(2, event)
    if state is S.PENDING_CANCEL:
        oms.cancelling(2, "o")
    assert oms.get("o").state is state
    return oms


def snapshot(record):
    return (
        record.state,
        record.filled,
        record.spent,
        record.fees,
        record.reason,
        record.changed_ns,
        dict(record.trades),
    )


# A failed settlement needs a fill that counted: tests/core/test_settlement.py has its table.
@pytest.mark.parametrize(("state", "evidence"), list(itertools.product(S, [e for e in E if e is not E.VOIDED])))
def test_every_pair(state, evidence):
    oms = in_state(state)
    record = oms.get("o")
    before = snapshot(record)
    after = NEXT[state].get(evidence)
    event = EVENTS.get(evidence) or fill(SIZE - record.filled or 1, "last")
    if evidence is E.CANCEL_SENT:
        sent = oms.cancelling(9, "o")
        assert (sent is not None) == (after is not None and state is not S.PENDING_CANCEL)
        assert record.state is (after or state)
        return
    if after is None or (evidence in (E.PART_FILL, E.FULL_FILL) and record.filled == SIZE):  # more than was ordered
        with pytest.raises(IllegalTransition):
            oms.apply(9, event)
        assert snapshot(record) == before
        return
    oms.apply(9, event)
    known = state is S.OPEN or evidence is E.ACCEPTED
    live = S.PARTIALLY_FILLED if record.filled else S.OPEN if known else S.PENDING_NEW
    expected = live if after is LIVE else after
    assert record.state is expected


@pytest.mark.parametrize("state", [s for s in S if s.terminal])
def test_nothing_revives_an_ended_order(state):
    assert all(after.terminal for after in NEXT[state].values())


@pytest.mark.parametrize("state", [S.CANCELLED, S.EXPIRED])
def test_a_late_fill_counts_but_does_not_revive(state):
    oms = in_state(state)
    oms.apply(9, fill(3_000_000, "late"))
    record = oms.get("o")
    assert (record.state, record.filled, record.remaining) == (state, 3_000_000, 0)


def test_a_fill_may_overtake_the_acknowledgement():
    oms = in_state(S.PENDING_NEW)
    oms.apply(2, fill(4_000_000))
    oms.apply(3, EVENTS[E.ACCEPTED])
    record = oms.get("o")
    assert (record.state, record.venue_order_id, record.remaining) == (S.PARTIALLY_FILLED, "v", 6_000_000)


def test_a_repeated_fill_is_not_summed():
    oms = in_state(S.OPEN)
    assert oms.apply(2, fill(4_000_000)) is not None
    assert oms.apply(3, fill(4_000_000)) is None
    assert oms.get("o").filled == 4_000_000


def test_an_overfill_is_an_error_and_changes_nothing():
    oms = in_state(S.OPEN)
    before = snapshot(oms.get("o"))
    with pytest.raises(IllegalTransition, match="more than was ordered"):
        oms.apply(2, fill(SIZE + 1))
    assert snapshot(oms.get("o")) == before


def test_a_cancel_refused_before_the_rejection_arrives_does_not_hide_it():
    oms = in_state(S.PENDING_CANCEL)
    oms.apply(3, EVENTS[E.CANCEL_REFUSED])
    assert oms.get("o").state is S.PENDING_NEW
    oms.apply(4, EVENTS[E.REJECTED])
    assert oms.get("o").state is S.REJECTED


def test_a_refused_cancel_returns_to_what_the_order_was():
    oms = in_state(S.PENDING_CANCEL, filled=2_000_000)
    oms.apply(3, EVENTS[E.CANCEL_REFUSED])
    assert oms.get("o").state is S.PARTIALLY_FILLED


def test_evidence_for_a_foreign_order_is_an_error():
    with pytest.raises(IllegalTransition, match="not an order of ours"):
        Oms().apply(1, OrderAccepted("theirs", "v", 1))


def test_a_budget_order_ends_with_its_final_fill():
    oms = Oms()
    oms.begin(1, command(budget=5_000_000))
    oms.apply(2, fill(12_000_000, "a"))
    record = oms.get("o")
    assert record.state is S.PARTIALLY_FILLED
    oms.apply(3, fill(1_000_000, "b", final=True))
    assert record.state is S.FILLED
    assert record.filled == 13_000_000


def test_an_order_id_is_used_once():
    oms = in_state(S.OPEN)
    with pytest.raises(AssertionError):
        oms.begin(2, command())


def test_reserved_cash_follows_the_rest():
    oms = in_state(S.OPEN)
    record = oms.get("o")
    assert record.reserved_usd == 5_000_000
    oms.apply(2, fill(4_000_000))
    assert record.reserved_usd == 3_000_000
    oms.apply(3, EVENTS[E.CANCELLED])
    assert record.reserved_usd == 0


events = st.one_of(
    st.sampled_from([EVENTS[e] for e in (E.ACCEPTED, E.REJECTED, E.CANCEL_REFUSED, E.CANCELLED, E.EXPIRED, E.SILENCE)]),
    st.builds(fill, st.integers(1, SIZE), st.sampled_from("abcdef")),
    st.just("cancel"),
)


@given(st.lists(events, max_size=30))
def test_any_sequence_keeps_the_invariants(sequence):
    oms = Oms()
    record = oms.begin(1, command())
    ended = False
    for now, event in enumerate(sequence, 2):
        before = snapshot(record)
        try:
            oms.cancelling(now, "o") if event == "cancel" else oms.apply(now, event)
        except IllegalTransition:
            assert snapshot(record) == before
        assert 0 <= record.filled <= SIZE
        assert record.filled == sum(t.size for t in record.trades.values())
        assert not (ended and not record.state.terminal)
        ended = record.state.terminal
        assert (record in list(oms.all_live())) == (not ended)
        assert oms.in_flight == (record.state in (S.PENDING_NEW, S.PENDING_CANCEL))
        assert +oms.ended == ({record.state: 1} if ended else {})


def immediate(side):
    oms = Oms()
    oms.begin(1, msgspec.structs.replace(command(), side=side, time_in_force=TimeInForce.FAK))
    return oms


def test_a_buy_that_never_rests_may_get_more_shares_for_its_usd():
    oms = immediate(Side.BUY)
    limit = oms.get("o").command.price
    assert oms.apply(2, msgspec.structs.replace(fill(SIZE, "a"), price=limit // 2)).state is S.FILLED
    more = oms.apply(3, msgspec.structs.replace(fill(SIZE // 2, "b"), price=limit // 2))
    assert (more.state, more.filled) == (S.FILLED, SIZE + SIZE // 2)
    with pytest.raises(IllegalTransition):  # that would be more usd than it may spend
        oms.apply(4, msgspec.structs.replace(fill(SIZE, "c"), price=limit))


def test_a_sell_that_never_rests_may_not():
    oms = immediate(Side.SELL)
    oms.apply(2, fill(SIZE, "a"))
    with pytest.raises(IllegalTransition):
        oms.apply(3, fill(1, "b"))
