"""Policies on one order: what each lets pass at its limit and denies beyond."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.rules.orders import (
    FatFinger,
    MinEdge,
    OrderRate,
    PriceBand,
    SelfTrade,
    SlippageGuard,
    Staleness,
    Universe,
)
from agbot.core.view import Place
from agbot.model.market import Outcome
from agbot.model.order import Side, TimeInForce
from agbot.quant.costs import Guard, guarded
from agbot.testing.account import Account
from agbot.testing.builders import make_market
from agbot.units import NS_PER_S
from agbot.units import to_units as usd

YES, NO = Outcome.YES, Outcome.NO
ONE, TWO = make_market("one"), make_market("two")
CENT = 10_000
FEE = {"fee_rate": usd("0.04")}


def denied(account, *names, **wish):
    assert account.wish(**wish) == names


def passes(account, **wish):
    found = account.wish(**wish)
    assert isinstance(found, str), found


def test_shares_and_usd_of_one_order():
    account = Account(FatFinger(max_size=usd("100"), max_usd=usd("40")), markets=[ONE])
    passes(account, price="0.40", size="100")
    denied(account, "FatFinger", price="0.05", size="101")
    denied(account, "FatFinger", price="0.50", size="81")


def test_orders_within_a_time():
    account = Account(OrderRate(2, NS_PER_S), markets=[ONE])
    passes(account)
    passes(account)
    denied(account, "OrderRate")
    account.now += NS_PER_S
    passes(account)


def test_a_price_beyond_the_mid():
    account = Account(PriceBand(usd("0.05")), markets=[ONE], held={("one", YES): ("100", "45")})
    passes(account, price="0.55", post_only=True)
    denied(account, "PriceBand", price="0.56")
    passes(account, price="0.01", post_only=True)
    denied(account, "PriceBand", side=Side.SELL, price="0.44")
    account.quote(ONE, "", "0.60")
    denied(account, "PriceBand", price="0.66")
    account.quote(ONE, "", "")
    denied(account, "PriceBand", price="0.50")


def test_a_book_nothing_was_heard_of():
    account = Account(Staleness(5 * NS_PER_S), markets=[ONE], held={("one", YES): ("100", "45")})
    account.now += 5 * NS_PER_S - 10
    passes(account, price="0.40", post_only=True)
    account.now += NS_PER_S
    denied(account, "Staleness", price="0.40")
    passes(account, side=Side.SELL, price="0.45", size="50")


@pytest.mark.parametrize(
    ("rests", "wish", "meets"),
    [
        ({"side": Side.SELL, "price": "0.50"}, {"price": "0.50"}, True),
        ({"side": Side.SELL, "price": "0.50"}, {"price": "0.49"}, False),
        ({"price": "0.50"}, {"side": Side.SELL, "price": "0.50"}, True),
        ({"price": "0.50"}, {"outcome": NO, "price": "0.50"}, True),
        ({"price": "0.50"}, {"outcome": NO, "price": "0.49"}, False),
        ({"side": Side.SELL, "price": "0.50"}, {"outcome": NO, "side": Side.SELL, "price": "0.50"}, True),
        ({"side": Side.SELL, "price": "0.51"}, {"outcome": NO, "side": Side.SELL, "price": "0.50"}, False),
        ({"price": "0.50"}, {"outcome": NO, "side": Side.SELL, "price": "0.40"}, False),
        ({"price": "0.50"}, {"price": "0.50"}, False),
    ],
)
def test_an_order_that_would_meet_ours(rests, wish, meets):
    held = {("one", YES): ("100", "45"), ("one", NO): ("100", "45")}
    account = Account(SelfTrade(), markets=[ONE], held=held)
    passes(account, **rests)
    found = account.wish(**wish)
    assert (found == ("SelfTrade",)) == meets


def test_approved_markets():
    account = Account(Universe(("ONE", "red")), markets=[ONE, TWO], held={("two", YES): ("10", "4")})
    passes(account)
    denied(account, "Universe", market=TWO)
    passes(account, market=TWO, side=Side.SELL, price="0.45", size="10")


def test_an_edge_after_fees():
    paying = make_market("one", **FEE)
    account = Account(MinEdge(usd("0.05")), markets=[paying], held={("one", YES): ("10", "4")})
    passes(account, price="0.50", fair="0.55", post_only=True)
    denied(account, "MinEdge", price="0.50", fair="0.549999", post_only=True)
    denied(account, "MinEdge", price="0.55", fair="0.60")  # it takes: 0.04 · 0.55 · 0.45 a share
    passes(account, price="0.55", fair="0.6099")
    denied(account, "MinEdge", price="0.40")
    passes(account, side=Side.SELL, price="0.45", size="10")


def test_half_of_the_edge_may_be_paid_away():
    account = Account(SlippageGuard(), markets=[ONE])
    account.quote(ONE, "0.45", "0.50", size="100")
    passes(account, price="0.50", size="100", fair="0.55")
    passes(account, price="0.40", size="500", post_only=True)  # it does not take
    denied(account, "SlippageGuard", price="0.50", size="10")  # nobody said what it is worth
    denied(account, "SlippageGuard", price="0.50", size="101", fair="0.55", time_in_force=TimeInForce.FOK)
    assert Account(SlippageGuard(max_slippage=0), markets=[ONE]).wish(price="0.55")[0] == "r"


def test_slippage_at_the_guard_passes_and_beyond_it_does_not():
    def account(last):
        found = Account(SlippageGuard(), markets=[ONE])
        token, other = ONE.yes, ONE.no
        for book in (found.engine.books[token], found.engine.books[other]):
            book.snapshot((), ((usd("0.50"), usd("50")), (usd(last), usd("50"))), found.now)
        return found

    passes(account("0.54"), price="0.60", size="100", fair="0.54")  # 0.02 on average, half of 0.04
    denied(account("0.55"), "SlippageGuard", price="0.60", size="100", fair="0.54")


LADDERS = st.lists(
    st.tuples(st.integers(2, 98), st.integers(1, 60)), min_size=1, max_size=4, unique_by=lambda row: row[0]
)


@given(
    LADDERS, st.sampled_from(list(Side)), st.integers(5, 120), st.integers(1, 99), st.sampled_from(["0", "0.5", "1"])
)
def test_it_says_what_the_published_guard_says(ladder, side, size, fair, part):
    """`agbot.quant.costs.guarded` has the vectors; a walk of an order that is not bounded by its price."""
    ladder = sorted(ladder, reverse=side is Side.SELL)
    account = Account(SlippageGuard(usd(part)), markets=[ONE], held={("one", YES): ("200", "80")}, capital=10_000)
    rows = tuple((cents * CENT, shares * 100 * CENT) for cents, shares in ladder)
    account.engine.books[ONE.yes].snapshot(*((rows, ()) if side is Side.SELL else ((), rows)), account.now)
    best = Fraction(ladder[0][0], 100)
    edge = side.sign * (Fraction(fair, 100) - best)
    levels = [(Fraction(cents, 100), Fraction(shares)) for cents, shares in ladder]
    walk = guarded(side.sign, levels, Fraction(size), Guard(reference=best, edge=edge, part=Fraction(part)))
    place = Place(
        token=ONE.yes,
        side=side,
        price=99 * CENT if side is Side.BUY else CENT,
        size=size * 100 * CENT,
        why="",
        time_in_force=TimeInForce.FOK,
        fair=fair * CENT,
    )
    (rule,) = account.engine.state.gate.rules
    assert rule.violated(account.engine.admission.exposure(account.now, ONE, place)) == bool(walk.reason)
