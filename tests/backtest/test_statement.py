"""A statement adds up to the account to the last 10⁻⁶, over restarts and midnights, whoever decided what."""

from __future__ import annotations

import sqlite3
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.backtest.statement import DAY_NS, PERIODS, Span, day_of
from agbot.backtest.table import attributed
from agbot.core.portfolio import CarriedPosition
from agbot.core.step import Decision
from agbot.errors import NotFoundError
from agbot.model.commands import CancelAll, CancelOrder
from agbot.model.events import (
    BookTrust,
    DifferenceAccepted,
    Doubt,
    HeartbeatLost,
    KillSwitchSet,
    LinkDown,
    MarketResolved,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderType, Settlement, Side
from agbot.store.carry import carry_from
from agbot.store.journal import Journal
from agbot.testing.builders import place
from agbot.units import NS_PER_S, SCALE, to_units
from tests.backtest.written import CAPITAL, MARKETS, MIDNIGHT_NS, Written, adds_up, statement

# ---------------------------------------------------------------- any history adds up

cents = st.integers(1, 98).map(lambda cent: f"{cent / 100:.2f}")
lots = st.sampled_from(["1", "7.5", "33.333333"])
acts = st.one_of(
    st.tuples(st.just("fill"), st.sampled_from(["s1", "s2", "flatten"]), st.integers(0, 1),
              st.sampled_from(list(Side)), cents, lots, st.booleans(), st.integers(0, 99)),
    st.tuples(st.just("book"), st.integers(0, 1), cents),
    st.tuples(st.just("void"), st.integers(0, 1)),
    st.tuples(st.just("cash"), st.integers(-50, 50)),
    st.tuples(st.just("shares"), st.integers(0, 1), st.integers(-9, 9)),
    st.tuples(st.just("resolve"), st.integers(0, 1)),
    st.tuples(st.just("restart"), st.booleans()),
    st.tuples(st.just("day")),
)  # fmt: skip


def act(run, number, said):
    kind, *more = said
    if kind == "fill":
        strategy, at, side, price, size, yes, fee = more
        token = MARKETS[at].yes if yes else MARKETS[at].no
        run.fill(number, MARKETS[at], strategy, side, price, size, fee, token=token)
    elif kind == "book":
        run.book(MARKETS[more[0]], more[1], f"{float(more[1]) + 0.01:.2f}")
    elif kind == "void":
        order = f"{run.path.stem}-{number}"
        run.fill(number, MARKETS[more[0]], settlement=Settlement.MATCHED)
        run.hear(OrderFilled(order, f"t{order}", to_units("0.5"), 10 * SCALE, 0, Liquidity.MAKER, run.now_ns,
                             settlement=Settlement.FAILED))  # fmt: skip
    elif kind == "cash":
        run.hear(DifferenceAccepted("", "", more[0] * SCALE, 0, 0, "me", "found", "venue", run.now_ns))
    elif kind == "shares":
        market = MARKETS[more[0]]
        run.hear(DifferenceAccepted(market.id, "YES", more[1] * SCALE, 0, 300_000, "me", "found", "venue", run.now_ns))
    elif kind == "resolve":
        run.hear(MarketResolved(MARKETS[more[0]].id, MARKETS[more[0]].yes, run.now_ns))
    elif kind == "day":
        run.at(run.now_ns + DAY_NS)


@given(told=st.lists(acts, max_size=14), outside=st.integers(-5, 5))
@settings(max_examples=30, deadline=None)
def test_any_history_adds_up(tmp_path_factory, told, outside):
    folder = tmp_path_factory.mktemp("runs")
    run = Written(folder, MIDNIGHT_NS - DAY_NS // 2)
    brought = 0
    for number, said in enumerate(told):
        if said[0] == "restart":
            left = carry_from(run.end(in_order=said[1]))
            brought += outside * SCALE
            run = Written(folder, run.now_ns + 1, capital=left.cash + outside * SCALE, carried=left.positions)
        else:
            act(run, number, said)
            brought += said[1] * SCALE if said[0] == "cash" else 0
    carried = carry_from(run.end())
    month = adds_up(statement(folder, "month", MIDNIGHT_NS + 15 * DAY_NS))
    assert month.opening == CAPITAL
    if not any(said[0] == "shares" for said in told):
        assert month.brought == brought
    cost = sum(position.cost for position in carried.positions)
    assert month.closing - month.unrealised == carried.cash + cost
    week = adds_up(statement(folder, "week", MIDNIGHT_NS + 5 * DAY_NS))
    assert week.days == month.days[-17:-10]


# ---------------------------------------------------------------- what a trader sees


def test_a_position_over_a_restart_is_made_once(tmp_path):
    first = Written(tmp_path, MIDNIGHT_NS - 100 * NS_PER_S).fill(1).book(MARKETS[0], "0.60", "0.62")
    left = carry_from(first.end())
    second = Written(tmp_path, MIDNIGHT_NS + 100 * NS_PER_S, capital=left.cash, carried=left.positions)
    second.book(MARKETS[0], "0.70", "0.72").end()
    before = adds_up(statement(tmp_path, last_ns=MIDNIGHT_NS - 1))
    day = adds_up(statement(tmp_path))
    assert (before.pnl, day.pnl, day.brought) == (SCALE, SCALE, 0)  # 10 shares: 0.50 to 0.60, then to 0.70
    assert (day.opening, day.closing, day.unrealised) == (CAPITAL + SCALE, CAPITAL + 2 * SCALE, 2 * SCALE)
    week = adds_up(statement(tmp_path, "week"))
    assert [d.pnl for d in week.days] == [0, 0, 0, 0, 0, SCALE, SCALE]
    assert week.runs == (first.path.stem, second.path.stem)
    assert day.runs == (second.path.stem,)


def test_what_is_shown_adds_up_where_cents_are_rounded(tmp_path):
    run = Written(tmp_path, MIDNIGHT_NS)
    for number, (strategy, market) in enumerate([(s, m) for s in ("s1", "s2") for m in MARKETS]):
        run.fill(number, market, strategy, fee=184_999 + number)  # each is 0.18 or 0.19, all together 0.74
    run.end()
    day = adds_up(statement(tmp_path))
    shown = attributed(day.attribution(), day.strategies)
    assert [row["fees usd"] for row in shown[-3:]] == ["0.36", "0.38", "0.74"]
    assert sorted(row["PnL usd"] for row in shown[:4]) == ["-0.18", "-0.18", "-0.19", "-0.19"]


def test_what_the_flattener_sold_stands_under_who_held_it_fees_as_well(tmp_path):
    run = Written(tmp_path, MIDNIGHT_NS).fill(1, size="10").fill(2, strategy="s2", size="5")
    sale = {"strategy": "flatten", "side": Side.SELL, "price": "0.4"}
    run.fill(3, **sale, size="12", fee=1_000_000)  # s1 holds most: 10 of it, 2 of s2
    run.fill(4, **sale, size="2", fee=7, settlement=Settlement.MATCHED)
    order = f"{run.path.stem}-4"
    run.hear(OrderFilled(order, f"t{order}", to_units("0.4"), 2 * SCALE, 7, Liquidity.MAKER, run.now_ns,
                         settlement=Settlement.FAILED))  # fmt: skip
    run.end()
    day = adds_up(statement(tmp_path))
    told = {(row.strategy, row.fills, row.shares, row.turnover, row.fees) for row in day.rows}
    assert told == {
        ("s1", 2, 20 * SCALE, 9 * SCALE, 833_333),
        ("s2", 1, 7 * SCALE, 3_300_000, 166_667),
    }
    assert (day.fills, day.fees, day.turnover) == (3, SCALE, 7_500_000 + 4_800_000)
    assert sum(row.pnl for row in day.rows if row.strategy == "s1") == -SCALE - 833_333


def test_money_from_outside_is_not_made(tmp_path):
    left = carry_from(Written(tmp_path, MIDNIGHT_NS).fill(1, fee=30_000).end())
    Written(tmp_path, MIDNIGHT_NS + DAY_NS // 2, capital=left.cash + 5 * SCALE, carried=left.positions).end()
    day = adds_up(statement(tmp_path))
    assert (day.pnl, day.fees, day.brought) == (-30_000, 30_000, 5 * SCALE)


def test_positions_that_the_next_run_does_not_list_are_worth_their_cost(tmp_path):
    held = CarriedPosition("gone", Outcome.YES, 10 * SCALE, 4 * SCALE, "s1")
    Written(tmp_path, MIDNIGHT_NS, carried=[held]).end()
    day = adds_up(statement(tmp_path))
    assert (day.opening, day.closing, day.pnl) == (CAPITAL + 4 * SCALE, CAPITAL + 4 * SCALE, 0)


def denied(strategy, *rules):
    fields = dict.fromkeys(Decision.__struct_fields__, "")
    values = {
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "price": 500_000,
        "size": SCALE,
        "market": "m1",
        "token": "m1-yes",
    }
    fields |= {**values, "strategy": strategy, "allowed": not rules, "violated": rules, "client_order_id": "o"}
    return Decision(**fields)


def test_denials_incidents_and_what_became_of_orders(tmp_path):
    now = MIDNIGHT_NS
    run = Written(tmp_path, now)
    run.send(decisions=(denied("s1", "PositionLimit", "DayCap"), denied("s1", "DayCap"), denied("s2")))
    run.send(place("o1", strategy="s1"), place("o2", strategy="s1"), CancelOrder("o1", "why"), CancelAll("end"))
    run.hear(OrderUnknown("o1", "timeout", now), OrderRejected("o2", "no", now))
    run.hear(OrderFilled("o2", "t", 500_000, SCALE, 0, Liquidity.TAKER, now))
    run.hear(OrderCancelled("never", "x", now))
    run.hear(KillSwitchSet(True, "fire", "me", now), KillSwitchSet(True, "x", "agbot", now, "strategy", "s1"))
    run.hear(
        KillSwitchSet(True, "fire", "latch file", now), KillSwitchSet(True, "x", "latch file", now, "strategy", "s1")
    )
    run.hear(BookTrust("m1-yes", Doubt.GAP, now), BookTrust("m2-yes", Doubt.GAP, now), BookTrust("m1-yes", "", now))
    run.hear(LinkDown("polymarket", "reset", now), HeartbeatLost(3 * NS_PER_S, now))
    run.hear(DifferenceAccepted("", "", SCALE, 0, 0, "me", "deposit", "venue", now))
    run.hear(KillSwitchSet(False, "", "me", now))
    run.hear(KillSwitchSet(True, "flood", "ann", now), KillSwitchSet(True, "flood", "latch file", now))
    run.end(in_order=False)
    Written(tmp_path, run.now_ns + 1, capital=CAPITAL + SCALE).end()
    day = adds_up(statement(tmp_path))
    assert [(d.rule, d.strategy, d.times) for d in day.denials] == [("DayCap", "s1", 2), ("PositionLimit", "s1", 1)]
    met = {incident.kind: incident for incident in day.incidents}
    assert {kind: incident.times for kind, incident in met.items()} == {
        "order unknown": 1,
        "contradiction": 2,
        "kill switch": 2,
        "kill switch strategy s1": 1,
        "book doubted: the link was lost": 2,
        "feed lost: polymarket": 1,
        "heartbeat lost": 1,
        "difference accepted": 1,
        "run cut off": 1,
    }
    assert met["kill switch"].words == "flood (by ann)"
    assert met["run cut off"].words == run.path.stem
    assert (day.orders, day.cancels, day.rejected, day.unknown, day.brought) == (2, 1, 1, 1, SCALE)
    assert [i.first_ns for i in day.incidents] == sorted(i.first_ns for i in day.incidents)
    assert statement(tmp_path, last_ns=MIDNIGHT_NS + DAY_NS).incidents == ()


def test_what_was_bought_yesterday_is_judged_when_its_market_ends(tmp_path):
    run = Written(tmp_path, MIDNIGHT_NS - 100 * NS_PER_S).fill(1, price="0.3")
    run.at(MIDNIGHT_NS).hear(MarketResolved("m1", "m1-yes", MIDNIGHT_NS)).end()
    day = adds_up(statement(tmp_path))
    assert day.pnl == 7 * SCALE
    assert [(b.price, b.paid) for b in day.calibration.buckets] == [(0.3, 1.0)]
    assert day.fills == 0
    assert statement(tmp_path, last_ns=MIDNIGHT_NS - 1).calibration is None


def test_markouts_are_of_fills_in_the_period(tmp_path):
    run = Written(tmp_path, MIDNIGHT_NS - 100 * NS_PER_S).book(MARKETS[0], "0.49", "0.51").fill(1)
    run.at(MIDNIGHT_NS).fill(2, price="0.48").book(MARKETS[0], "0.59", "0.61").book(MARKETS[0], "0.59", "0.61").end()
    by_horizon = {m.after_ns: m for m in statement(tmp_path).markouts}
    assert (by_horizon[0].fills, by_horizon[0].usd) == (1, 200_000)
    assert (by_horizon[NS_PER_S].fills, by_horizon[NS_PER_S].usd) == (1, 1_200_000)


def test_what_nobody_saw_because_the_bot_was_down_is_no_markout(tmp_path):
    run = Written(tmp_path, MIDNIGHT_NS).book(MARKETS[0], "0.49", "0.51").fill(1)
    left = carry_from(run.end())
    later = Written(tmp_path, run.now_ns + 10 * NS_PER_S, capital=left.cash, carried=left.positions)
    later.book(MARKETS[0], "0.59", "0.61").end()
    assert [(m.fills, m.unseen) for m in statement(tmp_path).markouts] == [(1, 0), (0, 1), (0, 1), (0, 1)]


def test_other_modes_are_other_accounts(tmp_path):
    Written(tmp_path, MIDNIGHT_NS, mode="LIVE", capital=7 * SCALE).end()
    Written(tmp_path, MIDNIGHT_NS + NS_PER_S).end()
    assert statement(tmp_path).opening == CAPITAL
    assert statement(tmp_path, mode="LIVE").closing == 7 * SCALE
    with pytest.raises(NotFoundError) as e:
        statement(tmp_path, mode="DEMO")
    assert e.value.id == "AGB-926"


def test_a_journal_without_a_header_is_left_out_and_a_damaged_one_is_told(tmp_path):
    Journal(tmp_path / "0-paper.agj", durable=False).close()
    run = Written(tmp_path, MIDNIGHT_NS).fill(1)
    path = run.end()
    assert len(statement(tmp_path).runs) == 1
    with sqlite3.connect(path) as db:
        db.execute("update record set crc = 0 where seq = 5")
    db.close()
    (met,) = statement(tmp_path).incidents
    assert (met.kind, "checksum" in met.words) == ("journal damaged", True)


def test_before_the_first_run_there_is_nothing(tmp_path):
    Written(tmp_path, MIDNIGHT_NS).end()
    with pytest.raises(NotFoundError):
        statement(tmp_path, last_ns=MIDNIGHT_NS - DAY_NS)
    later = adds_up(statement(tmp_path, "week", MIDNIGHT_NS + 30 * DAY_NS))
    assert (later.runs, later.opening, later.pnl) == ((), CAPITAL, 0)


def test_spans():
    for period, days in PERIODS.items():
        span = Span.ending(period, date(2024, 3, 1))
        assert len(span.midnights) == days + 1
        assert day_of(span.end_ns - 1) == date(2024, 3, 1)
        assert (span.end_ns in span, span.end_ns - 1 in span, span.start_ns in span) == (False, True, True)
