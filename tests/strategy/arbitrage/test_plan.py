"""The leg-failure plan: every state of every leg, and what is done about it."""

from __future__ import annotations

from itertools import pairwise, product

import attrs
import pytest

from agbot.model.order import Side
from agbot.strategy.arbitrage import Arbitrage
from agbot.strategy.arbitrage.baskets import complete_set, of_event
from agbot.strategy.arbitrage.params import ArbitrageParams
from agbot.strategy.arbitrage.plan import FRUITLESS_MAX, LegNow, Phase, Plan
from agbot.strategy.registry import Called, OnlyIn
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_units

PARAMS = ArbitrageParams(max_leg_loss="1", patience_ms="5000", retry_ms="250")
GIVING = ArbitrageParams(max_leg_loss="1", patience_ms="5000", retry_ms="250", max_concession="1")
TEN = to_units("10")
ASKS, BIDS = levels(("0.31", "100")), levels(("0.29", "100"))
MARKETS = [make_market(f"m{i}", event_id="e", neg_risk=True, min_size=SCALE, size_step=10_000) for i in range(3)]
EVENT = of_event([m.id for m in MARKETS], exhaustive=True)[0]


def leg(index=0, got="0", **changes):
    market = MARKETS[index]
    fields = {"market": market, "token": market.yes, "got": to_units(got), "asks": ASKS, "bids": BIDS}
    return LegNow(**{**fields, "sellable": max(0, to_units(got)), **changes})


def plan(spent="0", **changes):
    """A plan whose legs were told of all they traded."""
    made = Plan(basket=EVENT, before=[0] * 3, limits=[300_000] * 3, started_ns=0, why="a proof", **changes)
    made.spent = to_units(spent)
    return made


def told(made, legs):
    made.told = [each.got for each in legs]
    return made


def after(legs, repairs):
    """Return what the legs would have when the orders fill."""
    got = [each.got for each in legs]
    for repair in repairs:
        got[repair.leg] += repair.size if repair.forth else -repair.size
    return got


# ---------------------------------------------------------------- states × events

GOT = ("0", "4", "10", "10.5", "12")
NOW = {
    "quiet": {},
    "live": {"live": True},
    "unknown": {"live": True, "unknown": True},
    "settling": {"settling": True, "sellable": 0},
    "blind": {"asks": (), "bids": ()},
    "over": {"over": True, "asks": (), "bids": ()},
}


def expected(before, legs):
    """Say it again in other words than the plan does."""
    names = {name for name, _ in legs}
    got = [to_units(size) for _, size in legs]
    even = max(got) - min(got) < SCALE
    if "unknown" in names:
        return {Phase.UNKNOWN}
    if "live" in names:
        return {before}
    if "over" in names:
        return {Phase.DONE}
    if even:
        return {Phase.SETTLING} if "settling" in names and any(got) else {Phase.DONE}
    if "blind" in names or "settling" in names:
        return {Phase.WAITING, Phase.COMPLETING, Phase.UNWINDING}
    return {Phase.COMPLETING, Phase.UNWINDING}


@pytest.mark.parametrize("before", [phase for phase in Phase if phase is not Phase.DONE])
def test_every_state_of_two_legs(before):
    for rows in product(product(NOW, GOT), repeat=2):
        legs = [leg(i, got, **NOW[name]) for i, (name, got) in enumerate([*rows, rows[1]])]
        made = told(plan(phase=before, found=True), legs)
        repairs = made.step(NS_PER_S, legs, PARAMS)
        assert made.phase in expected(before, rows), (before, rows, made.phase)
        assert bool(repairs) is (made.phase in (Phase.COMPLETING, Phase.UNWINDING) and not any(x.live for x in legs))
        assert made.reason or made.phase is before
        for repair in repairs:
            fresh = legs[repair.leg]
            assert repair.size <= (fresh.sellable if repair.side is Side.SELL else TEN * 10)
            assert not fresh.over
        if repairs and not any(name in ("blind", "settling") for name, _ in rows):
            ended = after(legs, repairs)
            assert max(ended) - min(ended) < SCALE, (rows, ended)


# ---------------------------------------------------------------- which way


@pytest.mark.parametrize(
    ("ask", "phase", "sides"),
    [
        ("0.31", Phase.COMPLETING, {Side.BUY}),  # 1 − 0.31 beats 0.58 for the two others
        ("0.42", Phase.COMPLETING, {Side.BUY}),
        ("0.43", Phase.UNWINDING, {Side.SELL}),
    ],
)
def test_what_is_worth_more_from_here_on_is_done(ask, phase, sides):
    legs = [leg(0, "10"), leg(1, "10"), leg(2, "0", asks=levels((ask, "100")))]
    made = told(plan(spent="6"), legs)
    repairs = made.step(0, legs, PARAMS)
    assert made.phase is phase
    assert {r.side for r in repairs} == sides
    assert len(set(after(legs, repairs))) == 1


def test_a_loss_beyond_the_bound_waits_while_patience_lasts():
    legs = [leg(0, "10", bids=levels(("0.10", "100"))), leg(1, "10"), leg(2, "0", asks=levels(("0.60", "100")))]
    made = told(plan(spent="6"), legs)
    assert made.step(NS_PER_S, legs, PARAMS) == ()
    assert (made.phase, made.reason) == (Phase.WAITING, "mending it now loses 2.00")
    better = [*legs[:2], leg(2, "0", asks=levels(("0.50", "100")))]
    assert made.step(2 * NS_PER_S, better, PARAMS)  # −1.00: within the bound
    narrow = [legs[0], legs[1], attrs.evolve(legs[2], bids=levels(("0.50", "100")))]
    made = told(plan(spent="6"), narrow)
    assert made.step(5 * NS_PER_S, narrow, PARAMS)
    assert made.phase is Phase.COMPLETING


@pytest.mark.parametrize("found", [False, True])
def test_whatever_it_loses_no_share_is_given_away_far_from_the_middle_of_its_book(found):
    gone = {"bids": levels(("0.01", "100")), "asks": levels(("0.60", "100"))}
    legs = [leg(0, "10", **gone), leg(1, "0", asks=()), leg(2, "0", asks=())]
    made = told(plan(spent="3", found=found), legs)
    if not found:
        assert made.step(0, legs, PARAMS) == ()
        assert made.reason == "mending it now loses 2.90"
    assert made.step(5 * NS_PER_S, legs, PARAMS) == ()
    assert (made.phase, made.reason) == (Phase.WAITING, "mending it now loses 2.90, far from the middle of a book")
    assert made.far == "m0"
    made = told(plan(spent="3", found=found), legs)
    assert made.step(5 * NS_PER_S, legs, GIVING), "who asks nothing sells"
    back = [attrs.evolve(legs[0], bids=levels(("0.15", "100")), asks=levels(("0.35", "100"))), *legs[1:]]
    (repair,) = made.step(20 * NS_PER_S, back, PARAMS)
    assert (repair.side, repair.price, repair.off) == (Side.SELL, to_units("0.15"), to_units("0.10"))


def test_within_the_bound_a_loss_is_taken_however_wide_the_book_is():
    legs = [leg(0, "1", bids=levels(("0.01", "100")), asks=()), leg(1, "0", asks=()), leg(2, "0", asks=())]
    made = told(plan(spent="0.3"), legs)
    assert [r.price for r in made.step(0, legs, PARAMS)] == [to_units("0.01")]


def test_what_was_not_told_yet_counts_at_its_limit():
    legs = [leg(0, "10"), leg(1, "10"), leg(2)]
    made = plan()
    assert made.sunk(legs) == to_units("6")
    made.hear(0, Side.BUY, TEN, to_units("2.8"), to_units("0.01"), voided=False)
    assert made.sunk(legs) == to_units("5.81")
    made.hear(0, Side.BUY, TEN, to_units("2.8"), to_units("0.01"), voided=True)
    assert made.sunk(legs) == to_units("6")
    made.hear(1, Side.SELL, TEN, to_units("2"), 0, voided=False)
    assert made.told == [0, -TEN, 0]


def test_bought_shares_are_not_sold_before_they_have_settled():
    legs = [leg(0, "10", settling=True, sellable=0), leg(1, "0", asks=()), leg(2, "0", asks=())]
    made = told(plan(spent="3"), legs)
    assert made.step(0, legs, PARAMS) == ()
    assert made.phase is Phase.WAITING
    assert "has not settled" in made.reason
    settled = [leg(0, "10"), *legs[1:]]
    (repair,) = made.step(1, settled, PARAMS)
    assert (repair.side, repair.size, made.phase) == (Side.SELL, TEN, Phase.UNWINDING)


def test_a_trade_that_is_taken_back_opens_its_leg_again():
    legs = [leg(i, "10", settling=True) for i in range(3)]
    made = told(plan(spent="9"), legs)
    assert made.step(0, legs, PARAMS) == ()
    assert made.phase is Phase.SETTLING
    voided = [leg(0, "0"), *legs[1:]]
    made.hear(0, Side.BUY, TEN, to_units("3"), 0, voided=True)
    (repair,) = made.step(1, voided, PARAMS)
    assert (repair.leg, repair.side, repair.size) == (0, Side.BUY, TEN)


def test_a_thin_book_takes_what_it_can():
    thin = {"bids": levels(("0.29", "3"))}
    legs = [leg(0, "10", **thin), leg(1, "0", asks=()), leg(2, "0", asks=())]
    made = told(plan(spent="3", found=True), legs)
    (repair,) = made.step(0, legs, PARAMS)
    assert (repair.side, repair.size) == (Side.SELL, to_units("3"))


def test_more_shares_than_asked_for_are_given_back():
    legs = [leg(0, "12.5"), leg(1, "10"), leg(2, "10")]
    made = told(plan(spent="9"), legs)
    repairs = made.step(0, legs, PARAMS)
    assert [(r.leg, r.side, r.size) for r in repairs] == [(0, Side.SELL, to_units("2.5"))]


def test_tries_that_bring_nothing_are_slower_each_time_and_then_go_the_other_way():
    legs = [leg(0, "10"), leg(1, "10"), leg(2, "0")]
    made, looks = told(plan(spent="6"), legs), range(0, 20 * NS_PER_S, 50 * NS_PER_MS)
    tried = [(now // NS_PER_MS, made.phase) for now in looks if made.step(now, legs, PARAMS)]
    assert [phase for _, phase in tried[: FRUITLESS_MAX + 1]] == [Phase.COMPLETING] * FRUITLESS_MAX + [Phase.UNWINDING]
    pauses = [b[0] - a[0] for a, b in pairwise(tried)]
    assert pauses[:3] == [500, 1000, 2000]
    assert pauses == sorted(pauses)


def test_a_try_that_brought_something_makes_the_next_ones_fresh():
    legs = [leg(0, "10"), leg(1, "10"), leg(2, "0")]
    made = told(plan(spent="6"), legs)
    assert made.step(0, legs, PARAMS)
    more = [*legs[:2], leg(2, "5")]
    assert made.step(200 * NS_PER_MS, more, PARAMS) == ()
    (repair,) = made.step(250 * NS_PER_MS, more, PARAMS)
    assert repair.size == to_units("5")


def test_too_little_for_the_venue_is_no_way_to_complete():
    legs = [leg(0, "3"), leg(1, "3"), leg(2, "0")]
    made = told(plan(spent="1.8"), legs)
    repairs = made.step(0, legs, PARAMS)
    assert {repair.side for repair in repairs} == {Side.SELL}


def test_sold_legs_are_mended_like_bought_ones():
    market = make_market(min_size=SCALE, size_step=10_000)
    basket = complete_set(market.id, Side.SELL)
    made = Plan(basket=basket, before=[TEN, TEN], limits=[500_000, 480_000], started_ns=0, why="a proof", found=True)
    legs = [
        LegNow(market=market, token=market.yes, got=TEN, asks=levels(("0.60", "50")), bids=levels(("0.55", "50"))),
        LegNow(
            market=market,
            token=market.no,
            got=0,
            asks=levels(("0.50", "50")),
            bids=levels(("0.44", "50")),
            sellable=TEN,
        ),
    ]
    (repair,) = made.step(0, legs, PARAMS)
    assert (repair.leg, repair.side, made.phase) == (1, Side.SELL, Phase.COMPLETING)
    worse = [legs[0], attrs.evolve(legs[1], bids=levels(("0.39", "50")))]
    made = Plan(basket=basket, before=[TEN, TEN], limits=[500_000, 480_000], started_ns=0, why="a proof", found=True)
    (repair,) = made.step(0, worse, PARAMS)
    assert (repair.leg, repair.side, made.phase) == (0, Side.BUY, Phase.UNWINDING)


def test_a_leg_that_waits_for_a_person_is_said_as_long_as_its_attempt_is_open():
    strategy = Arbitrage()
    wrapped = OnlyIn(Called(strategy, "arb"), ["m0"])
    made = plan()
    strategy._keep(made, None)
    assert wrapped.waits() == {}
    made.far, made.reason = "m0", "mending it now loses 2.90, far from the middle of a book"
    (text,) = wrapped.waits().values()
    assert text == (
        "a leg is open until the book is nearer, or you sell it or raise max_concession: "
        "m0, mending it now loses 2.90, far from the middle of a book (a proof)"
    )
    assert wrapped.metadata()["open"][0]["phase"] == Phase.SENT
    strategy._close(1, made, None)
    assert wrapped.waits() == {}
