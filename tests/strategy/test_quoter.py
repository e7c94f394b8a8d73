"""The quoter by example and by property: on tick, never crossing, within inventory and money, no churn."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.order import OrderState, Side
from agbot.strategy.quoter import Quoter, QuoterParams
from agbot.testing.builders import levels, make_market, shares
from agbot.testing.strategies import view_of
from agbot.units import SCALE, TICKS, notional, on_tick, to_text, to_units

LIVE = [state for state in OrderState if not state.terminal]


def own(
    name: str = "a",
    side: Side = Side.BUY,
    price: str = "0.48",
    remaining: str = "20",
    *,
    token: str = "m1-yes",
    state: OrderState = OrderState.OPEN,
) -> OwnOrder:
    return OwnOrder(
        client_order_id=ClientOrderId(name),
        token=TokenId(token),
        side=side,
        price=to_units(price),
        remaining=to_units(remaining),
        state=state,
    )


def shown(intents: Sequence[Intent]) -> list[tuple[str, str, str, str]]:
    """Return (token, side, price, size) of what is placed."""
    return [(i.token, i.side.value, to_text(i.price), to_text(i.size)) for i in intents if isinstance(i, Place)]


def cancelled(intents: Sequence[Intent]) -> list[str]:
    return [i.client_order_id for i in intents if isinstance(i, Cancel)]


@pytest.fixture
def quoter() -> Quoter:
    return Quoter(QuoterParams(size=50, max_position=500, half_spread_ticks=2, skew_ticks=4))


# Where it quotes


def test_a_flat_quoter_bids_for_both_outcomes_around_fair_value(quoter: Quoter) -> None:
    intents = quoter.decide(view_of())
    assert shown(intents) == [("m1-yes", "BUY", "0.48", "50"), ("m1-no", "BUY", "0.48", "50")]
    assert all(isinstance(i, Place) and i.post_only for i in intents)
    assert [i.why for i in intents] == [
        "bid 0.48 ×50: fair 0.5, inventory 0/500 shifts 0 ticks",
        "ask 0.52 ×50: fair 0.5, inventory 0/500 shifts 0 ticks",
    ]


def test_what_is_held_is_sold_before_anything_is_bought(quoter: Quoter) -> None:
    assert shown(quoter.decide(view_of(yes=shares(50), no=shares(50)))) == [
        ("m1-no", "SELL", "0.52", "50"),
        ("m1-yes", "SELL", "0.52", "50"),
    ]
    # One share short of a whole quote: better a whole quote in the other token.
    assert shown(quoter.decide(view_of(yes=shares(49), no=shares(49)))) == [
        ("m1-yes", "BUY", "0.48", "50"),
        ("m1-no", "BUY", "0.48", "50"),
    ]


@pytest.mark.parametrize(
    ("yes", "no", "bid", "ask", "why"),
    [
        (0, 0, "0.48", "0.52", "inventory 0/500 shifts 0 ticks"),
        (125, 0, "0.47", "0.51", "inventory +125/500 shifts −1 tick"),
        (250, 0, "0.46", "0.5", "inventory +250/500 shifts −2 ticks"),
        (0, 125, "0.49", "0.53", "inventory −125/500 shifts 1 tick"),
        (0, 187, "0.49", "0.54", "inventory −187/500 shifts 1.4 ticks"),
        (300, 300, "0.48", "0.52", "inventory 0/500 shifts 0 ticks"),
    ],
)
def test_inventory_leans_the_quotes_against_itself(
    quoter: Quoter, yes: int, no: int, bid: str, ask: str, why: str
) -> None:
    view = view_of(yes=shares(yes), no=shares(no))
    places = [i for i in quoter.decide(view) if isinstance(i, Place)]
    assert [to_text(view.market.yes_price(p.token, p.price)) for p in places] == [bid, ask]
    assert all(place.why.endswith(why) for place in places)


def test_fair_value_follows_the_thin_side(quoter: Quoter) -> None:
    # 900 bid against 100 asked: the next trade is more likely at the ask.
    view = view_of(bids=levels(("0.47", "900")), asks=levels(("0.53", "100")))
    assert next(i.why for i in quoter.decide(view)) == "bid 0.5 ×50: fair 0.524, inventory 0/500 shifts 0 ticks"


def test_a_tight_book_is_joined_and_never_crossed() -> None:
    quoter = Quoter(QuoterParams(size=50, half_spread_ticks=1, edge=0, skew_ticks=10))
    tight = {"bids": levels(("0.49", "100")), "asks": levels(("0.50", "100"))}
    long = quoter.decide(view_of(**tight, yes=shares(150)))
    assert shown(long)[1] == ("m1-yes", "SELL", "0.5", "50")
    short = quoter.decide(view_of(**tight, no=shares(150)))
    assert shown(short)[0] == ("m1-no", "SELL", "0.51", "50")


def test_the_edge_holds_where_ticks_are_fine() -> None:
    quoter = Quoter(QuoterParams(size=50, half_spread_ticks=1, edge=Decimal("0.01")))
    view = view_of(market=make_market(tick=1_000), bids=levels(("0.499", "9")), asks=levels(("0.501", "9")))
    assert shown(quoter.decide(view)) == [("m1-yes", "BUY", "0.49", "50"), ("m1-no", "BUY", "0.49", "50")]


@pytest.mark.parametrize(
    ("bids", "asks", "side"),
    [(("0.01", "9"), ("0.03", "9"), Side.SELL), (("0.97", "9"), ("0.99", "9"), Side.BUY)],
)
def test_a_quote_that_would_fall_off_the_grid_is_left_out(
    bids: tuple[str, str], asks: tuple[str, str], side: Side
) -> None:
    quoter = Quoter(QuoterParams(half_spread_ticks=2, low=0, high=1))
    view = view_of(bids=levels(bids), asks=levels(asks))
    (place,) = quoter.decide(view)
    assert isinstance(place, Place)
    assert yes_side(view, place) is side


# When it does not


@pytest.mark.parametrize(
    ("view", "why"),
    [
        (view_of(trusted=False), "the book is not trusted"),
        (view_of(bids=(), asks=()), "the book is empty, locked or crossed"),
        (view_of(bids=()), "one side of the book has nobody else"),
        (view_of(asks=()), "one side of the book has nobody else"),
        (view_of(bids=levels(("0.53", "1"))), "the book is empty, locked or crossed"),
        (view_of(bids=levels(("0.54", "1"))), "the book is empty, locked or crossed"),
        (view_of(bids=levels(("0.02", "1")), asks=levels(("0.03", "1"))), "fair 0.025 is outside 0.05–0.95"),
        (view_of(bids=levels(("0.97", "1")), asks=levels(("0.98", "1"))), "fair 0.975 is outside 0.05–0.95"),
    ],
    ids=["untrusted", "empty", "no bids", "no asks", "locked", "crossed", "low", "high"],
)
def test_quotes_are_pulled(quoter: Quoter, view: View, why: str) -> None:
    resting = [own("a"), own("b", price="0.45", token="m1-no")]
    intents = quoter.decide(attrs.evolve(view, orders=resting))
    assert shown(intents) == []
    assert cancelled(intents) == ["a", "b"]
    assert [i.why for i in intents] == [f"no bid now: {why}", f"no ask now: {why}"]


@pytest.mark.parametrize(
    ("yes", "no", "sides"),
    [(500, 0, ["ask"]), (0, 500, ["bid"]), (496, 0, ["ask"]), (495, 0, ["bid", "ask"]), (600, 0, ["ask"])],
)
def test_a_full_inventory_is_not_added_to(quoter: Quoter, yes: int, no: int, sides: list[str]) -> None:
    places = [i for i in quoter.decide(view_of(yes=shares(yes), no=shares(no))) if isinstance(i, Place)]
    assert [place.why.split()[0] for place in places] == sides


def test_money_limits_what_is_bought(quoter: Quoter) -> None:
    # 30 usd: the bid takes 24 of it, 6 are left for 12.49 NO (one micro is kept for rounding).
    assert shown(quoter.decide(view_of(cash=shares(30)))) == [
        ("m1-yes", "BUY", "0.48", "50"),
        ("m1-no", "BUY", "0.48", "12.49"),
    ]
    assert shown(quoter.decide(view_of(cash=shares(2)))) == []
    assert shown(quoter.decide(view_of(cash=0, yes=shares(50)))) == [("m1-yes", "SELL", "0.52", "50")]


# What it keeps


def test_quotes_within_tolerance_keep_their_place(quoter: Quoter) -> None:
    for price in ("0.47", "0.48", "0.49"):
        assert quoter.decide(view_of(orders=[own(price=price), own("b", price="0.48", token="m1-no")])) == []


def test_the_token_may_be_either_as_long_as_the_price_is_right(quoter: Quoter) -> None:
    resting = [own("a", price="0.48"), own("b", price="0.48", token="m1-no")]
    assert quoter.decide(view_of(yes=shares(60), no=shares(60), orders=resting)) == []


def test_a_wrong_quote_is_cancelled_and_its_side_waits(quoter: Quoter) -> None:
    intents = quoter.decide(view_of(orders=[own(price="0.46")]))
    assert cancelled(intents) == ["a"]
    assert next(i.why for i in intents).startswith("2 ticks from 0.48: fair 0.5")
    assert shown(intents) == [("m1-no", "BUY", "0.48", "50")]


@pytest.mark.parametrize("state", [s for s in LIVE if s not in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)])
def test_orders_on_their_way_are_neither_cancelled_again_nor_doubled(quoter: Quoter, state: OrderState) -> None:
    resting = [own("a", price="0.40", state=state), own("b", price="0.40", token="m1-no", state=state)]
    assert quoter.decide(view_of(orders=resting)) == []


def test_a_quote_does_not_meet_an_own_order_still_being_cancelled(quoter: Quoter) -> None:
    dying = own("b", Side.SELL, "0.48", state=OrderState.PENDING_CANCEL)
    assert quoter.decide(view_of(orders=[dying])) == []


def test_a_small_rest_is_replaced_by_a_whole_quote(quoter: Quoter) -> None:
    intents = quoter.decide(view_of(orders=[own(remaining="4.99", state=OrderState.PARTIALLY_FILLED)]))
    assert cancelled(intents) == ["a"]
    assert next(i.why for i in intents).startswith("only 4.99 left: fair")


def test_an_order_larger_than_the_room_goes(quoter: Quoter) -> None:
    intents = quoter.decide(view_of(yes=shares(485), orders=[own(price="0.45", remaining="20")]))
    assert cancelled(intents) == ["a"]
    assert next(i.why for i in intents).startswith("more than the room for inventory")


# Properties


@st.composite
def params(draw: st.DrawFn) -> QuoterParams:
    return QuoterParams(
        size=draw(st.integers(1, 100)),
        max_position=draw(st.integers(1, 300)),
        half_spread_ticks=draw(st.integers(1, 5)),
        edge=Decimal(draw(st.integers(0, 30_000))) / SCALE,
        skew_ticks=draw(st.integers(0, 20)),
        tolerance_ticks=draw(st.integers(0, 3)),
        low=Decimal(draw(st.integers(0, 300_000))) / SCALE,
        high=Decimal(draw(st.integers(600_000, SCALE))) / SCALE,
    )


@st.composite
def views(draw: st.DrawFn, with_orders: bool = True) -> View:
    tick = draw(st.sampled_from(TICKS))
    last = SCALE // tick - 1
    bid = draw(st.integers(1, last))
    ask = draw(st.integers(bid, min(last, bid + draw(st.sampled_from([0, 1, 2, 5, 50])))))
    market = make_market(tick=tick, min_size=draw(st.sampled_from([0, shares(5), shares(20)])))
    sizes = st.integers(1, shares(300))
    orders = st.builds(
        OwnOrder,
        client_order_id=st.uuids().map(lambda u: ClientOrderId(str(u))),
        token=st.sampled_from([market.yes, market.no]),
        side=st.sampled_from(Side),
        price=st.integers(max(1, bid - 5), min(last, ask + 5)).map(lambda n: n * tick),
        remaining=sizes,
        state=st.sampled_from(LIVE),
    )
    return view_of(
        [(bid * tick, draw(sizes))],
        [(ask * tick, draw(sizes))],
        market=market,
        yes=draw(st.one_of(st.just(0), sizes)),
        no=draw(st.one_of(st.just(0), sizes)),
        cash=draw(st.integers(0, shares(100))),
        orders=draw(st.lists(orders, max_size=4)) if with_orders else (),
    )


def yes_price(view: View, item: Place | OwnOrder) -> int:
    return view.market.yes_price(item.token, item.price)


def yes_side(view: View, item: Place | OwnOrder) -> Side:
    return item.side if item.token == view.market.yes else item.side.other


@given(params(), views())
def test_every_intent_is_one_the_venue_and_the_inventory_can_take(rules: QuoterParams, view: View) -> None:
    intents = Quoter(rules).decide(view)
    places = [i for i in intents if isinstance(i, Place)]
    for place in places:
        side, price = yes_side(view, place), yes_price(view, place)
        assert on_tick(place.price, view.market.tick)
        assert rules.low <= price <= rules.high
        assert price < view.book.best_ask if side is Side.BUY else price > view.book.best_bid
        assert view.market.min_size <= place.size <= rules.size
        assert place.post_only
        assert place.why
        assert abs(view.net_size + side.sign * place.size) <= max(rules.max_position, abs(view.net_size))
        for order in view.orders:
            assert yes_side(view, order) is not side, "a side never rests twice"
            assert (price - yes_price(view, order)) * side.sign < 0, "our own orders never meet"
        if place.side is Side.SELL:
            held = view.yes_size if place.token == view.market.yes else view.no_size
            assert place.size <= held
    assert sum(notional(p.price, p.size) for p in places if p.side is Side.BUY) <= view.cash
    assert len({yes_side(view, place) for place in places}) == len(places) <= 2
    movable = {o.client_order_id for o in view.orders if o.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)}
    gone = cancelled(intents)
    assert len(gone) == len(set(gone))
    assert set(gone) <= movable


@given(params(), views())
def test_nothing_is_added_to_a_full_inventory(rules: QuoterParams, view: View) -> None:
    full = attrs.evolve(view, yes_size=view.no_size + rules.max_position)
    assert all(yes_side(full, i) is Side.SELL for i in Quoter(rules).decide(full) if isinstance(i, Place))
    short = attrs.evolve(view, no_size=view.yes_size + rules.max_position)
    assert all(yes_side(short, i) is Side.BUY for i in Quoter(rules).decide(short) if isinstance(i, Place))


@given(params(), views(with_orders=False))
def test_what_was_just_placed_is_left_alone(rules: QuoterParams, view: View) -> None:
    quoter = Quoter(rules)
    placed = [
        OwnOrder(
            client_order_id=ClientOrderId(str(n)),
            token=place.token,
            side=place.side,
            price=place.price,
            remaining=place.size,
            state=OrderState.OPEN,
        )
        for n, place in enumerate(quoter.decide(view))
        if isinstance(place, Place)
    ]
    reserved = sum(notional(o.price, o.remaining) + 1 for o in placed if o.side is Side.BUY)
    again = quoter.decide(attrs.evolve(view, orders=placed, cash=view.cash - reserved))
    assert cancelled(again) == []
    assert len(shown(again)) + len(placed) <= 2


@given(params(), views())
def test_the_same_view_gives_the_same_intents(rules: QuoterParams, view: View) -> None:
    quoter = Quoter(rules)
    assert quoter.decide(view) == quoter.decide(view) == Quoter(rules).decide(view)
