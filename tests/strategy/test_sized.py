"""Sizes: never more than the strategy wished, exits whole, each type by its own figures, what is left out is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.core.view import Cancel, Intent, OwnOrder, Place, View
from agbot.errors import ConfigError
from agbot.located import loads
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.model.order import OrderState, OrderType, Side, TimeInForce
from agbot.strategy.lifecycle import Lifecycle
from agbot.strategy.maker import Maker
from agbot.strategy.sized import SIZINGS, Sized, parse_sizing, sized
from agbot.strategy.sizing import FixedFractional, Kelly, Sizing, VolTarget, at_risk
from agbot.strategy.weighting import MaxDiversification, RiskParity, Weighted
from agbot.testing.builders import levels, make_market, shares
from agbot.units import NS_PER_S, SCALE, notional, to_text, to_units
from tests.strategy.test_quoter import own, view_of

EQUITY = shares(10_000)


class Says(Lifecycle):
    """Wishes what it was given."""

    def __init__(self, *wishes: Intent) -> None:
        super().__init__(name="says")
        self.wishes = list(wishes)

    def on_market_tick(self, view: View) -> Sequence[Intent]:
        return self.wishes


@attrs.define
class Around:
    """The same instant in other markets, and the equity."""

    views: list[View]
    equity: int = EQUITY

    @property
    def markets(self) -> Sequence[Market]:
        return [view.market for view in self.views]

    def see(self, market: MarketId) -> View | None:
        return next((view for view in self.views if view.market.id == market), None)


def together(views: list[View]) -> list[View]:
    """Return the views with each other around them."""
    around = Around([])
    around.views = [attrs.evolve(view, around=around) for view in views]
    return around.views


def seen(*, equity: int = EQUITY, **changes: Any) -> View:
    shown = {key: changes.pop(key) for key in ("bids", "asks", "orders", "market") if key in changes}
    view = view_of(**shown)
    return attrs.evolve(view, around=Around([view], equity), **changes)


def wish(size: str = "1000", price: str = "0.50", fair: str = "0", token: str = "m1-yes", **changes: Any) -> Place:
    fields = {"side": Side.BUY, "post_only": True, "why": "a test", **changes}
    return Place(token=TokenId(token), price=to_units(price), size=to_units(size), fair=to_units(fair), **fields)


def sizes(sizing: Sizing, view: View, *wishes: Intent) -> list[str]:
    return [to_text(i.size) for i in Sized(Says(*wishes), sizing).decide(view) if isinstance(i, Place)]


# Kelly


@pytest.mark.parametrize(
    ("params", "place", "expected"),
    [
        # (0.55 − 0.50)/0.50 = 10 % of 10,000 is 1000 usd, 2000 shares; a quarter of it 500; capped at 1 %: 100 usd.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55"), ["2000"]),
        ({"fraction": "0.25", "cap": 1}, wish("5000", fair="0.55"), ["500"]),
        ({"fraction": 1, "cap": "0.01"}, wish("5000", fair="0.55"), ["200"]),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.55"), ["300"]),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.50"), []),
        ({"fraction": 1, "cap": 1}, wish("300", fair="0.40"), []),
        ({"fraction": 1, "cap": 1}, wish("300"), []),
        # A sale at 0.50 of what is worth 0.45 is a purchase of the other at 0.50, worth 0.55.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.45", side=Side.SELL), ["2000"]),
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55", token="m1-no"), ["2000"]),
        # A taker's share costs 0.50 + 4 % of a quarter: (0.55 − 0.51)/0.49 = 8.16 % over 0.51.
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.55", post_only=False), ["1600.64"]),
        ({"fraction": 1, "cap": 1}, wish("5000", fair="0.505", post_only=False), []),
    ],
)
def test_kelly_bets_the_edge_after_fees(params: Mapping[str, Any], place: Place, expected: list[str]) -> None:
    view = seen(market=make_market(fee_rate=40_000))
    assert sizes(Kelly(**params), view, place) == expected


@given(
    fair=st.integers(1, SCALE - 1), more=st.integers(0, 50_000), price=st.integers(1, 99), side=st.sampled_from(Side)
)
def test_kelly_grows_with_the_edge_and_asks_for_one(fair: int, more: int, price: int, side: Side) -> None:
    view, kelly = seen(), Kelly()
    better = min(max(fair + side.sign * more, 1), SCALE - 1)
    here, there = (
        kelly.most(view, wish("1", to_text(price * 10_000), to_text(worth), side=side)).shares
        for worth in (fair, better)
    )
    assert there >= here >= 0
    assert (here > 0) == ((fair - price * 10_000) * side.sign > 0)
    assert notional(at_risk(view, wish("1", to_text(price * 10_000), side=side)), here) <= EQUITY * 0.05 + 1


def test_what_is_held_and_what_rests_count_to_the_position() -> None:
    kelly, place = Kelly(fraction=1, cap=1), wish("5000", fair="0.55")  # the position may be 2000
    assert sizes(kelly, seen(own_yes=shares(500)), place) == ["1500"]
    resting = own("a", remaining="700")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), place) == ["800"]
    gone = Cancel(client_order_id=ClientOrderId("a"), why="moved")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), gone, place) == ["1500"]
    assert sizes(kelly, seen(own_yes=shares(500), orders=[resting]), attrs.evolve(place, replaces="a")) == ["1500"]
    other = own("a", price="0.48", remaining="700", token="m1-no")
    assert sizes(kelly, seen(own_yes=shares(500), orders=[other]), place) == ["1500"]
    assert sizes(kelly, seen(), wish("1200", fair="0.55"), wish("1200", fair="0.55")) == ["1200", "800"]
    assert sizes(kelly, seen(own_yes=shares(2000)), place) == []


# Fixed fractional


@pytest.mark.parametrize(
    ("price", "side", "expected"),
    [("0.50", Side.BUY, "200"), ("0.20", Side.BUY, "500"), ("0.20", Side.SELL, "125"), ("0.33", Side.BUY, "303.03")],
)
def test_a_fixed_part_of_the_equity_is_lost_at_most(price: str, side: Side, expected: str) -> None:
    sizing = FixedFractional(risk="0.01")
    assert sizes(sizing, seen(), wish(price=price, side=side)) == [expected]
    # Each order by itself: what is held or rests does not count.
    assert sizes(sizing, seen(own_yes=shares(99) * side.sign), wish(price=price, side=side)) == [expected]


# Volatility


def watched(sizing: Sizing, *, seconds: int, swing: str = "0.01", markets: int = 1) -> View:
    """Return a view after seconds in which each market's mid jumped up and down by twice the swing."""
    view = seen()
    for second in range(seconds):
        views = []
        for n in range(markets):
            move = to_units(swing) * (1 if (second >> n) % 2 else -1)
            bids, asks = [(480_000 + move, shares(9))], [(520_000 + move, shares(9))]
            now = attrs.evolve(view_of(bids, asks, market=make_market(f"m{n + 1}")), now_ns=10**18 + second * NS_PER_S)
            views.append(attrs.evolve(now, second=True))
        views = together(views)
        for each in views:
            sizing.watch(each)
        view = attrs.evolve(views[0], second=False)
    return view


def test_a_position_moves_by_the_target_at_most() -> None:
    sizing = VolTarget(target="10", leverage=1, period=100)
    early = VolTarget(target="10", leverage=1, period=100)
    assert sizes(early, watched(early, seconds=100), wish("99999")) == []
    view = watched(sizing, seconds=101)
    # 0.08 of a logit a second is 449 for a √year; 10,000 · 10 / (449 · ¼)
    (size,) = sizes(sizing, view, wish("99999"))
    vol = sizing.metadata()["logit_vols"]["m1"]
    assert vol == pytest.approx(0.08 * (365 * 86_400) ** 0.5, rel=0.01)
    assert float(size) * vol * 0.25 == pytest.approx(100_000, rel=0.001)
    two = VolTarget(target="10", leverage=1, period=100)
    assert float(sizes(two, watched(two, seconds=101, markets=2), wish("99999"))[0]) == pytest.approx(
        float(size) / 2, abs=0.01
    )


def test_a_price_that_does_not_move_is_bounded_by_what_it_costs() -> None:
    sizing = VolTarget(target="10", leverage="0.5", period=10)
    view = watched(sizing, seconds=20, swing="0")
    assert sizes(sizing, view, wish("99999")) == ["10000"]
    assert sizes(sizing, view, wish("99999", price="0.2", side=Side.SELL)) == ["6250"]


# Weights


@pytest.mark.parametrize("kind", [RiskParity, MaxDiversification])
def test_weights_are_equal_until_enough_is_known(kind: type[Weighted]) -> None:
    sizing = kind(capital="0.1", least=30, window=40)
    assert sizes(sizing, seen(), wish("99999")) == ["2000"]
    assert sizes(sizing, watched(sizing, seconds=30, markets=2), wish("99999")) == ["1000"]
    assert not sizing.metadata()["known"]
    still = kind(capital="0.1", least=30, window=40)
    watched(still, seconds=65, markets=2, swing="0")
    assert not still.metadata()["known"]


@pytest.mark.parametrize("kind", [RiskParity, MaxDiversification])
def test_a_market_that_moves_less_gets_more_and_all_is_within_the_capital(kind: type[Weighted]) -> None:
    sizing = kind(capital="0.1", least=30, window=120)
    wild, calm, gone = (make_market(name, tick=1_000) for name in ("m1", "m2", "m3"))
    for second in range(125):
        up, over = (1 if second % 2 else -1), (1 if second // 2 % 2 else -1)
        views = []
        for market, move in ((wild, 20_000 * up), (calm, 5_000 * over), (gone, 0)):
            book = view_of([(480_000 + move, 9)], [(520_000 + move, 9)], market=market, trusted=market is not gone)
            views.append(attrs.evolve(book, now_ns=10**18 + second * NS_PER_S, second=True))
        views = together(views)
        for each in views:
            sizing.watch(each)
    told = sizing.metadata()
    assert told["known"]
    assert set(told["parts"]) == {"m1", "m2"}
    # Four times the move and twice as often: √2·4 for both, a little less for Ledoit and Wolf's shrinkage.
    assert 5.2 < told["parts"]["m2"] / told["parts"]["m1"] < 5.66
    placed = [
        place
        for token in ("m1-yes", "m2-yes", "m3-yes")
        for place in Sized(Says(wish("99999", token=token)), sizing).decide(views[1])
        if isinstance(place, Place)
    ]
    assert [place.token for place in placed] == ["m1-yes", "m2-yes"]
    assert sum(notional(place.price, place.size) for place in placed) == pytest.approx(EQUITY // 10, abs=10_000)


def test_weights_are_taken_now_and_then() -> None:
    sizing, taken = RiskParity(least=5, window=10, every_s=20), []
    for seconds in (1, 15, 20, 25, 45):
        fresh = RiskParity(least=5, window=10, every_s=20)
        watched(fresh, seconds=seconds, markets=2)
        taken.append(fresh.metadata()["known"])
    assert taken == [False, False, False, True, True]
    with pytest.raises(ValueError, match="least is at most window"):
        RiskParity(least=20, window=10)
    assert sizing.metadata()["parts"] == {}


# The wrapper


ALL = [
    Kelly(fraction=1, cap="0.001"),
    FixedFractional(risk="0.001"),
    VolTarget(period=5),
    RiskParity(capital="0.001"),
    MaxDiversification(capital="0.001"),
]


@pytest.mark.parametrize("sizing", ALL, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("held", "place", "expected"),
    [
        (100, wish("100", side=Side.SELL), "100"),
        (100, wish("100", token="m1-no"), "100"),
        (-100, wish("100"), "100"),
        (100, wish("7.123456", side=Side.SELL), "7.123456"),
        (0.5, wish("0.5", side=Side.SELL), "0.5"),
    ],
    ids=["sells", "buys the other", "buys back", "off the lot", "under the minimum"],
)
def test_an_exit_is_never_shrunk(sizing: Sizing, held: float, place: Place, expected: str) -> None:
    amount = int(held * SCALE)
    assert sizes(sizing, seen(own_yes=max(amount, 0), own_no=max(-amount, 0)), place) == [expected]


def test_an_order_that_closes_and_opens_is_shrunk_in_what_it_opens() -> None:
    view = seen(own_yes=shares(100))
    assert sizes(FixedFractional(risk="0.001"), view, wish("150", side=Side.SELL)) == ["120"]
    assert sizes(Kelly(fraction=1, cap=1), view, wish("150", side=Side.SELL)) == ["100"]
    # What already offers the position closes it first.
    resting = own("a", Side.SELL, "0.6", "90")
    view = attrs.evolve(view, orders=[resting])
    assert sizes(FixedFractional(risk="0.001"), view, wish("150", side=Side.SELL)) == ["30"]


def test_cancels_pass_and_what_is_left_out_is_told_once() -> None:
    says = Says(Cancel(client_order_id=ClientOrderId("a"), why="old"), wish("100", fair="0.4"))
    strategy = Sized(says, Kelly())
    for _ in range(3):
        assert strategy.decide(seen()) == says.wishes[:1]
    told = strategy.metadata()
    assert told["strategy"] == "Says"
    assert told["sizing"] == {
        "type": "Kelly",
        "fraction": 0.25,
        "cap": 0.05,
        "shrunk": 0,
        "not_placed": 3,
        "last_not_placed": "BUY YES in m1: Kelly: no edge, worth 0.4, costs 0.5",
    }
    says.wishes = [wish("10", fair="0.6"), wish("999", fair="0.6")]
    first, second = strategy.decide(seen())
    assert first.why == f"a test; 3 before it not placed, the last: {told['sizing']['last_not_placed']}"
    assert second.why == "a test; 990 of 999: Kelly: worth 0.6, costs 0.5, 5.00% of the equity"
    assert strategy.metadata()["sizing"]["shrunk"] == 1


def test_sizes_are_whole_lots_and_never_under_the_minimum() -> None:
    fixed = FixedFractional(risk="0.001")
    assert sizes(fixed, seen(market=make_market(size_step=SCALE)), wish(price="0.33")) == ["30"]
    assert sizes(fixed, seen(market=make_market(min_size=shares(30))), wish(price="0.50")) == []
    assert sizes(fixed, seen(market=make_market(min_size=shares(20))), wish(price="0.50")) == ["20"]
    taking = {"post_only": False, "time_in_force": TimeInForce.FAK, "order_type": OrderType.MARKET}
    small = seen(market=make_market(min_size=shares(30)))
    (place,) = Sized(Says(wish("100", **taking, budget=shares(60))), fixed).decide(small)
    assert isinstance(place, Place)
    assert (place.size, place.budget) == (shares(20), shares(12))


@pytest.mark.parametrize("equity", [0, -1])
def test_without_equity_nothing_opens(equity: int) -> None:
    strategy = Sized(Says(wish(fair="0.9")), Kelly())
    assert strategy.decide(seen(equity=equity)) == []
    assert "equity" in strategy.metadata()["sizing"]["last_not_placed"]


def test_an_order_for_another_market_is_sized_there() -> None:
    here, there = view_of(), attrs.evolve(view_of(market=make_market("m2")), own_yes=shares(100))
    view, _ = together([here, there])
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m2-yes", side=Side.SELL)) == ["100"]
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m2-yes")) == ["20"]
    assert sizes(FixedFractional(risk="0.001"), view, wish("100", token="m9-yes")) == ["100"]  # the gate denies it


def test_the_wrapped_strategy_keeps_its_name_and_its_markets() -> None:
    class Only:
        id = StrategyId("only")
        only_in = ("m1",)

        def decide(self, view: View) -> Sequence[Intent]:
            return ()

    strategy = sized(Only(), {"type": "Kelly"})
    assert (strategy.id, strategy.only_in) == ("only", ("m1",))  # type: ignore[attr-defined]
    assert strategy.metadata()["sizing"]["type"] == "Kelly"  # type: ignore[attr-defined]


@st.composite
def wishes(draw: st.DrawFn) -> Place:
    return Place(
        token=TokenId(draw(st.sampled_from(["m1-yes", "m1-no"]))),
        side=draw(st.sampled_from(Side)),
        price=draw(st.integers(1, 99)) * 10_000,
        size=draw(st.integers(1, shares(500))),
        why="a property",
        post_only=draw(st.booleans()),
        fair=draw(st.integers(0, SCALE - 1)),
    )


RESTING = st.builds(
    OwnOrder,
    client_order_id=st.uuids().map(lambda u: ClientOrderId(str(u))),
    token=st.sampled_from([TokenId("m1-yes"), TokenId("m1-no")]),
    side=st.sampled_from(Side),
    price=st.integers(1, 99).map(lambda n: n * 10_000),
    remaining=st.integers(1, shares(100)),
    state=st.sampled_from([OrderState.OPEN, OrderState.PENDING_CANCEL]),
)


@pytest.mark.parametrize("sizing", ALL, ids=lambda s: type(s).__name__)
@settings(max_examples=40)
@given(asked=st.lists(wishes(), max_size=4), resting=st.lists(RESTING, max_size=3), held=st.integers(-(10**9), 10**9))
def test_no_sizing_makes_a_wish_larger_or_another(
    sizing: Sizing, asked: list[Place], resting: list[OwnOrder], held: int
) -> None:
    view = seen(own_yes=max(held, 0), own_no=max(-held, 0), orders=resting)
    strategy = Sized(Says(*asked), sizing)
    given_back = [place for place in strategy.decide(view) if isinstance(place, Place)]
    left = list(asked)
    for place in given_back:
        origin = next(w for w in left if (w.token, w.side, w.price) == (place.token, place.side, place.price))
        del left[: left.index(origin) + 1]
        assert 0 < place.size <= origin.size
        assert place.size == origin.size or (place.size % 10_000 == 0 and place.size >= view.market.min_size)
        assert place.why.startswith(origin.why)
    assert strategy.metadata()["sizing"]["not_placed"] == len(asked) - len(given_back)


@settings(max_examples=40)
@given(asked=st.lists(wishes(), max_size=5))
def test_kelly_never_has_more_at_risk_than_its_cap(asked: list[Place]) -> None:
    for way in (1, -1):
        wanted = [w for w in asked if (w.side is Side.BUY) == ((w.token == "m1-yes") == (way > 0))]
        placed = Sized(Says(*wanted), Kelly(fraction=1, cap="0.001")).decide(seen())
        cheapest = min((at_risk(seen(), w) for w in wanted), default=SCALE)
        assert sum(p.size for p in placed if isinstance(p, Place)) <= EQUITY * 0.001 / cheapest * SCALE + 1


def test_a_maker_may_be_sized() -> None:
    strategy = sized(Maker(), {"type": "FixedFractional", "risk": "0.0004"})
    places = strategy.decide(seen(bids=levels(("0.47", "100")), asks=levels(("0.53", "100"))))
    assert [to_text(p.size) for p in places if isinstance(p, Place)] == ["8.33", "8.33"]


# Configuration


@pytest.mark.parametrize("name", SIZINGS)
def test_every_type_is_made_from_its_name(name: str) -> None:
    assert type(parse_sizing({"type": name})).__name__ == name
    assert type(parse_sizing(loads(f"type: {name}", "a.yaml"))).__name__ == name


@pytest.mark.parametrize(
    ("text", "id_", "words"),
    [
        ("[Kelly]", "AGB-624", ["a.yaml:1", "expected a mapping"]),
        ("fraction: 1", "AGB-624", ["a.yaml:1", "a sizing names its type", "one of Kelly"]),
        ("type: Kely", "AGB-624", ["a.yaml:1", "type", "there is no sizing 'Kely'", "did you mean 'Kelly'?"]),
        ("type: 7", "AGB-624", ["a.yaml:1", "there is no sizing"]),
        ("type: Kelly\nfractoin: 1", "AGB-625", ["a.yaml:2", "Kelly has no such parameter", "'fraction'"]),
        ("type: Kelly\nfraction: 0", "AGB-625", ["a.yaml:2", "fraction", "must be > 0"]),
        ("type: Kelly\nfraction: '2'", "AGB-625", ["a.yaml:2", "must be <= 1:"]),
        ("type: Kelly\ncap: much", "AGB-625", ["a.yaml:2", "'much' is not a number"]),
        ("type: Kelly\ncap: [1]", "AGB-625", ["a.yaml:2", "cap"]),
        ("type: VolTarget\nperiod: 1.5", "AGB-625", ["a.yaml:2", "1.5 is not a whole number"]),
        ("type: RiskParity\nwindow: 20\nleast: 30", "AGB-625", ["a.yaml:2", "window", "least is at most window"]),
        ("type: RiskParity\n_parts: {}", "AGB-625", ["a.yaml:2", "no such parameter"]),
    ],
)
def test_what_cannot_be_says_where_and_why(text: str, id_: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_sizing(loads(text, "a.yaml"))
    assert caught.value.id == id_
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_mapping_without_a_file_is_named_by_its_keys() -> None:
    with pytest.raises(ConfigError, match=r"sizing\.cap: impossible parameter"):
        parse_sizing({"type": "Kelly", "cap": Decimal(2)})
    with pytest.raises(ConfigError, match=r"sizing\.window: impossible parameter: least is at most window"):
        parse_sizing({"type": "RiskParity", "window": 20, "least": 30})
