"""Our orders at the venue: any source, any order, more than once, and each fact is told once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.oms import Oms
from agbot.model.events import OrderAccepted, OrderCancelled, OrderExpired, OrderFilled, OrderUnknown
from agbot.model.order import Liquidity, OrderState, OrderType, Settlement, Side, TimeInForce
from agbot.testing.builders import make_order, place
from agbot.units import NS_PER_S, SCALE
from agbot.venue.polymarket.ledger import HELD_MAX, Ledger
from agbot.venue.polymarket.own import OwnOrder, Stage
from agbot.venue.polymarket.wire.rest import MakerOrder, OpenOrder, Trade
from agbot.venue.polymarket.wire.user import OrderUpdate

S, T = OrderState, Settlement
TOKEN, OTHER = "m1-yes", "m1-no"
START = 1_000 * NS_PER_S


class Bench:
    """A ledger with a clock, orders of 10 shares at 0.50, and the venue's ways to speak of them."""

    def __init__(self):
        self.now = START
        self.dice = 0.5
        self.ledger = Ledger(lambda: self.now, lambda: self.dice)

    def order(self, name="o", *, stage=Stage.PLACED, budget=0, asked=None, shares=10 * SCALE, **changes):
        order = make_order(name, token=TOKEN, **changes)
        asked = (0 if budget else shares) if asked is None else asked
        own = OwnOrder(order=order, order_id=f"0x{name}", body=b"{}", asked=asked, shares=shares, sent_ns=self.now)
        own.budget, own.offered, own.fee_rate = budget, budget or 5 * SCALE, 50_000
        self.ledger.add(own)
        if stage is Stage.PLACED:
            self.ledger.accepted(own)
        elif stage is Stage.UNRESOLVED:
            self.ledger.unresolved(own, "no answer")
        return own

    def hear(self, *events):
        return [evidence for event in events for evidence in self.ledger.hear(event)]


def update(order_id="0xo", kind="UPDATE", status="LIVE", matched=0, size=10, reason="", ts_ns=START):
    return OrderUpdate(
        id=order_id,
        kind=kind,
        status=status,
        market="m1",
        token=TOKEN,
        side=Side.BUY,
        price=500_000,
        original_size=size * SCALE,
        size_matched=matched * SCALE,
        ts_ns=ts_ns,
        owner="me",
        order_type="GTC",
        reason=reason,
    )


def record(order_id="0xo", status="LIVE", matched=0, size=10):
    return OpenOrder(
        id=order_id,
        market="m1",
        token=TOKEN,
        owner="me",
        maker_address="0xme",
        side=Side.BUY,
        price=500_000,
        original_size=size * SCALE,
        size_matched=matched * SCALE,
        outcome="Yes",
        order_type="GTC",
        status=status,
        created_ns=START,
    )


def maker(order_id, shares, price=500_000, token=TOKEN, side=Side.BUY):
    return MakerOrder(order_id, "me", "0xme", int(shares * SCALE), price, token, "Yes", side)


def trade(name="t", taker="0xtheirs", makers=(), *, size=None, price=500_000, status=T.MATCHED, token=TOKEN, **changes):
    shares = sum(m.matched for m in makers) if size is None else int(size * SCALE)
    return Trade(name, taker, "m1", token, Side.BUY, shares, price, status, START, START, "x", "0xx",
                 maker_orders=tuple(makers), **changes)  # fmt: skip


@pytest.fixture
def bench():
    return Bench()


# ---------------------------------------------------------------- whose fill, which side, which price


def test_a_maker_trades_at_its_own_price_and_pays_no_fee(bench):
    bench.order()
    (fill,) = bench.hear(trade(price=510_000, makers=[maker("0xo", 4), maker("0xother", 3)]))
    assert (fill.client_order_id, fill.trade_id, fill.size, fill.price) == ("o", "t", 4 * SCALE, 500_000)
    assert (fill.fee, fill.liquidity, fill.settlement, fill.match) == (0, Liquidity.MAKER, T.MATCHED, "normal")


def test_a_bid_that_a_bid_for_the_other_outcome_hit_is_still_a_bid_of_ours(bench):
    """The taker bought NO at 0.50: together they are a new pair. Side and price are our order's, not the trade's."""
    bench.order()
    (fill,) = bench.hear(trade(token=OTHER, makers=[maker("0xo", 4)]))
    assert (fill.price, fill.size, fill.match) == (500_000, 4 * SCALE, "mint")


def test_a_taker_pays_the_makers_prices_and_the_markets_fee(bench):
    bench.order(price="0.60")
    makers = [maker("0xa", 6, 550_000, side=Side.SELL), maker("0xb", 4, 450_000, OTHER)]  # 0.45 for NO is 0.55 for YES
    (fill,) = bench.hear(trade(taker="0xo", makers=makers, price=600_000))
    assert (fill.price, fill.size, fill.liquidity) == (550_000, 10 * SCALE, Liquidity.TAKER)
    assert fill.fee == 123_750  # 10 · 0.05 · 0.55 · 0.45


def test_a_taker_whose_makers_do_not_add_up_pays_the_trades_price(bench):
    bench.order()
    (fill,) = bench.hear(trade(taker="0xo", makers=[maker("0xa", 1, 400_000)], size=2, price=480_000))
    assert (fill.price, fill.size) == (480_000, 2 * SCALE)


def test_one_trade_hits_two_orders_of_ours(bench):
    bench.order("a"), bench.order("b")
    fills = bench.hear(trade(makers=[maker("0xa", 1), maker("0xb", 2)]))
    assert [(f.client_order_id, f.trade_id, f.size) for f in fills] == [("a", "t", SCALE), ("b", "t", 2 * SCALE)]


def test_an_order_twice_in_one_trade_is_one_fill(bench):
    bench.order()
    (fill,) = bench.hear(trade(makers=[maker("0xo", 1), maker("0xo", 2)]))
    assert fill.size == 3 * SCALE


def test_what_is_not_ours_is_counted_only(bench):
    assert bench.hear(trade(makers=[maker("0xz", 1)]), update("0xz")) == []
    assert bench.ledger.foreign == 2


# ---------------------------------------------------------------- settlement


def test_a_trade_is_told_once_per_word_and_never_goes_back(bench):
    own = bench.order()
    words = [T.MATCHED, T.MATCHED, T.MINED, T.RETRYING, T.MINED, T.MATCHED, T.CONFIRMED, T.MINED, T.CONFIRMED]
    heard = bench.hear(*(trade(makers=[maker("0xo", 4)], status=word) for word in words))
    assert [f.settlement for f in heard] == [T.MATCHED, T.MINED, T.RETRYING, T.MINED, T.CONFIRMED]
    assert (own.filled, own.provisional) == (4 * SCALE, False)


def test_a_failed_trade_no_longer_counts_but_was_heard(bench):
    own = bench.order()
    bench.hear(trade(makers=[maker("0xo", 4)]), trade(makers=[maker("0xo", 4)], status=T.FAILED))
    assert (own.filled, own.heard) == (0, 4 * SCALE)


def test_an_order_whose_trade_failed_ends_as_cancelled_and_the_core_agrees(bench):
    bench.order()
    said = bench.hear(trade(makers=[maker("0xo", 10)]), trade(makers=[maker("0xo", 10)], status=T.FAILED))
    assert [type(e) for e in said] == [OrderFilled, OrderFilled]
    oms = Oms()
    oms.begin(1, place("o"))
    for evidence in said:
        oms.apply(2, evidence)
    assert (oms.get("o").state, oms.get("o").filled) == (S.CANCELLED, 0)


def test_a_fill_that_does_not_settle_is_asked_about(bench):
    own = bench.order()
    bench.hear(trade(makers=[maker("0xo", 10)]))
    assert own.stage is Stage.ENDED
    assert bench.ledger.due(START + 29 * NS_PER_S) == []
    assert bench.ledger.due(START + 30 * NS_PER_S) == [own]
    bench.hear(trade(makers=[maker("0xo", 10)], status=T.CONFIRMED))
    assert bench.ledger.next_due() is None


# ---------------------------------------------------------------- how orders end


CANCELLATIONS = {
    "plain": update(kind="CANCELLATION", status="CANCELED"),
    "odd status": update(kind="CANCELLATION", status="LIVE"),
    "invalid": update(kind="CANCELLATION", status="INVALID"),
    "no status": update(kind="CANCELLATION", status=""),
    "a kill's sentence": update(kind="CANCELLATION", status="CANCELED", reason="order couldn't be fully filled."),
    "the market ended": update(kind="CANCELLATION", status="CANCELED_MARKET_RESOLVED"),
    "an update that says canceled": update(kind="UPDATE", status="CANCELED"),
    "the record": record(status="CANCELED"),
}


@pytest.mark.parametrize("told", CANCELLATIONS.values(), ids=CANCELLATIONS)
def test_a_cancellation_is_one_whatever_its_words(told, bench):
    own = bench.order()
    said = bench.ledger.found(own, told) if isinstance(told, OpenOrder) else bench.hear(told)
    assert [type(e) for e in said] == [OrderCancelled]
    assert said[0].reason
    assert (own.stage, own.state) == (Stage.ENDED, S.CANCELLED)
    assert bench.hear(update(kind="CANCELLATION", status="CANCELED")) == []


def test_a_trade_after_the_end_changes_quantities_and_revives_nothing(bench):
    own = bench.order()
    bench.hear(update(kind="UPDATE", status="CANCELED"))
    (fill,) = bench.hear(trade(makers=[maker("0xo", 4)]), update(status="LIVE", matched=4))
    assert (fill.size, own.stage, own.state) == (4 * SCALE, Stage.ENDED, S.CANCELLED)


def test_an_end_waits_for_the_fills_it_includes(bench):
    own = bench.order()
    assert bench.hear(update(kind="CANCELLATION", status="CANCELED", matched=4)) == []
    assert bench.ledger.due(START + NS_PER_S) == [own]
    said = bench.hear(trade(makers=[maker("0xo", 4)]))
    assert [type(e) for e in said] == [OrderFilled, OrderCancelled]


def test_a_matched_order_ends_with_its_trades_and_says_no_more(bench):
    own = bench.order()
    assert bench.hear(update(status="MATCHED", matched=10)) == []
    said = bench.hear(trade("t1", makers=[maker("0xo", 4)]), trade("t2", makers=[maker("0xo", 6)]))
    assert [type(e) for e in said] == [OrderFilled, OrderFilled]
    assert (own.stage, own.state) == (Stage.ENDED, S.FILLED)


def test_a_part_that_the_venue_could_not_take_ends_as_cancelled(bench):
    bench.order(asked=10 * SCALE + 5_000)
    said = bench.hear(trade(makers=[maker("0xo", 10)]))
    assert [type(e) for e in said] == [OrderFilled, OrderCancelled]


@pytest.mark.parametrize(("ts_s", "kind"), [(1_299, OrderExpired), (1_290, OrderCancelled)])
def test_the_end_of_a_gtd_order_is_an_expiry(ts_s, kind, bench):
    bench.order(time_in_force=TimeInForce.GTD, expire_ns=1_300 * NS_PER_S)
    (said,) = bench.hear(update(kind="CANCELLATION", status="CANCELED", ts_ns=ts_s * NS_PER_S))
    assert type(said) is kind


def test_our_own_cancel_of_a_gtd_order_is_no_expiry(bench):
    own = bench.order(time_in_force=TimeInForce.GTD, expire_ns=1_300 * NS_PER_S)
    own.unwanted = True
    (said,) = bench.hear(update(kind="CANCELLATION", status="CANCELED", ts_ns=1_400 * NS_PER_S))
    assert type(said) is OrderCancelled


def market_buy(bench, **changes):
    return bench.order(
        budget=11 * SCALE,
        shares=18 * SCALE,
        price="0.60",
        order_type=OrderType.MARKET,
        size="11",
        time_in_force=TimeInForce.FAK,
        **changes,
    )


def test_a_market_buy_ends_with_its_last_fill_marked_final(bench):
    own = market_buy(bench, stage=Stage.SENDING)
    assert bench.hear(trade("t1", "0xo", [maker("0xa", 12, 550_000)], price=550_000)) == []
    (first,) = bench.ledger.accepted(own, matched=20 * SCALE, closed=S.FILLED)
    (last,) = bench.hear(trade("t2", "0xo", [maker("0xa", 8, 550_000)], price=550_000))
    assert (first.final, last.final, own.state) == (False, True, S.FILLED)


def test_a_market_buy_that_found_too_little_ends_as_cancelled(bench):
    own = market_buy(bench, stage=Stage.SENDING)
    assert bench.ledger.accepted(own, matched=5 * SCALE, closed=S.CANCELLED) == []
    said = bench.hear(trade("t1", "0xo", [maker("0xa", 5, 550_000)]))
    assert [type(e) for e in said] == [OrderFilled, OrderCancelled]


# ---------------------------------------------------------------- doubt


def test_what_is_said_while_the_post_is_under_way_waits_for_the_reply(bench):
    own = bench.order(stage=Stage.SENDING)
    assert bench.hear(update(kind="PLACEMENT"), trade(makers=[maker("0xo", 4)])) == []
    assert [type(e) for e in bench.ledger.accepted(own)] == [OrderFilled]


def test_after_a_lost_reply_the_caller_hears_of_the_doubt_first(bench):
    own = bench.order(stage=Stage.SENDING)
    bench.hear(update(kind="PLACEMENT"))
    bench.ledger.unresolved(own, "no answer")  # the caller says UNKNOWN now
    said = bench.ledger.release(own)
    assert [type(e) for e in said] == [OrderAccepted]


def test_too_many_messages_are_asked_for_instead(bench):
    own = bench.order(stage=Stage.SENDING)
    bench.hear(*[update()] * (HELD_MAX + 1))
    bench.ledger.accepted(own, doubtful=own.doubtful)
    assert bench.ledger.due(START + NS_PER_S) == [own]


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (update(kind="PLACEMENT"), [OrderAccepted]),
        (trade(makers=[maker("0xo", 4)]), [OrderAccepted, OrderFilled]),
        (trade(taker="0xo", makers=[maker("0xa", 10)]), [OrderAccepted, OrderFilled]),
        (update(kind="CANCELLATION", status="CANCELED"), [OrderAccepted, OrderCancelled]),
    ],
)
def test_any_sign_of_life_settles_a_doubt(evidence, expected, bench):
    own = bench.order(stage=Stage.UNRESOLVED)
    said = bench.hear(evidence)
    assert [type(e) for e in said] == expected
    oms = Oms()
    oms.begin(1, place("o"))
    oms.apply(2, OrderUnknown("o", "", 2))
    for fact in said:
        oms.apply(3, fact)
    assert oms.get("o").state is not S.UNKNOWN
    assert own.stage is not Stage.UNRESOLVED


@pytest.mark.parametrize("dice", [0.0, 0.5, 0.9])
def test_a_doubt_is_asked_about_at_growing_intervals_and_never_ended_by_time(bench, dice):
    bench.dice = dice
    own = bench.order(stage=Stage.UNRESOLVED)
    gaps = []
    for _ in range(9):
        gaps.append((bench.ledger.next_due() - bench.now) / NS_PER_S)
        bench.now = bench.ledger.next_due()
        assert bench.ledger.due(bench.now) == [own]
        bench.ledger.asked(own)
    jitter = 0.5 + dice / 2
    assert gaps == pytest.approx([whole_s * jitter for whole_s in (1, 2, 4, 8, 16, 32, 60, 60, 60)])
    bench.now += 10**6 * NS_PER_S
    assert own.stage is Stage.UNRESOLVED


def test_that_it_exists_is_said_again_to_a_caller_who_was_told_otherwise(bench):
    own = bench.order()
    bench.ledger.doubt(own, told_unknown=True)
    assert [type(e) for e in bench.ledger.found(own, record())] == [OrderAccepted]
    assert bench.ledger.found(own, record()) == []
    told = trade(makers=(maker("0xo", 4),))
    assert [type(e) for e in bench.hear(told, told)] == [OrderFilled]
    bench.ledger.doubt(own, told_unknown=True)
    assert [type(e) for e in bench.hear(told, told)] == [OrderAccepted]


def test_an_order_written_off_that_rests_all_the_same_is_an_orphan(bench):
    own = bench.order(stage=Stage.UNRESOLVED)
    assert [type(e) for e in bench.ledger.write_off(own, "asked 3 times")] == [OrderCancelled]
    assert bench.hear(update(kind="PLACEMENT")) == []
    assert bench.ledger.orphans == [own]
    bench.ledger.orphans.clear()
    (fill,) = bench.hear(trade(makers=[maker("0xo", 10)]))  # money is money
    assert (fill.size, bench.ledger.orphans) == (10 * SCALE, [own])


def test_the_ledger_is_bounded_and_keeps_what_is_live(bench, monkeypatch):
    monkeypatch.setattr("agbot.venue.polymarket.ledger.KEPT_MAX", 3)
    bench.order("live")
    for n in range(5):
        bench.ledger.gone(bench.order(f"e{n}"), S.CANCELLED, "x", counted=True)
    assert len(bench.ledger) == 3
    assert bench.ledger.get("live") is bench.ledger.get("0xlive") is not None
    assert bench.ledger.get("e0") is bench.ledger.get("0xe0") is None


# ---------------------------------------------------------------- any order of the same facts


PARTS = [Decimal(1), Decimal(4), Decimal(5)]
WORDS = (T.MATCHED, T.MINED, T.CONFIRMED)
FACTS = [trade(f"t{n}", makers=[maker("0xo", part)], status=w) for n, part in enumerate(PARTS) for w in WORDS]
FACTS += [update(kind="PLACEMENT"), update(matched=5), update(status="MATCHED", matched=10)]


@given(st.permutations(FACTS), st.integers(0, len(FACTS)), st.sampled_from([Stage.PLACED, Stage.UNRESOLVED]))
def test_the_same_facts_in_any_order_end_the_same(facts, again, stage):
    bench = Bench()
    own = bench.order(stage=stage)
    said = bench.hear(*facts, *facts[:again])
    oms = Oms()
    oms.begin(1, place("o"))
    if stage is Stage.UNRESOLVED:
        oms.apply(1, OrderUnknown("o", "", 1))
    for evidence in said:
        oms.apply(2, evidence)  # raises on a contradiction
    record_ = oms.get("o")
    assert (record_.state, record_.filled, own.state) == (S.FILLED, 10 * SCALE, S.FILLED)
    assert {t.settlement for t in record_.trades.values()} == {T.CONFIRMED}
    assert [type(e) for e in said].count(OrderAccepted) == (stage is Stage.UNRESOLVED)
